// Contents of the tables [ACPI 6.4 chapter 5]. Revisions: RSDP 2, FADT 4 (244 bytes), MADT 3, DSDT 2.
#include "vmm/boot/acpi.h"

#include <cassert>
#include <cstring>

#include "hwmodel/platform/acpi_pm.h"
#include "hwmodel/platform/ports.h"
#include "traces/base/text.h"
#include "vmm/boot/acpi_table.h"
#include "vmm/boot/aml.h"
#include "vmm/boot/layout.h"
#include "vmm/devices/pc_facts.h"

namespace ringside::vmm {

namespace {

using Bytes = std::vector<uint8_t>;

// \_S5: what to write to SLP_TYP for power-off [ACPI 7.4.2 "\_Sx"].
Bytes dsdt() {
  const Bytes s5 = aml::integer(hw::AcpiPm::kSleepTypeS5), zero = aml::integer(0);
  return AcpiTable("DSDT", 2).raw(aml::name("\\_S5", aml::package({s5, s5, zero, zero}))).finish();
}

// Firmware control structure: the global lock and the waking vector, both unused here, but every non-reduced ACPI has it.
Bytes facs() { return AcpiTable().text("FACS", 4).u32(64).u32(0).u32(0).u32(0).u32(0).u64(0).u8(2).zeros(31).take(); }

Bytes fadt(GuestPhysical facs_at, GuestPhysical dsdt_at) {
  namespace ports = hw::ports;
  constexpr uint16_t kLegacyDevices = 1 << 0;  // of IA-PC boot flags: there are ISA devices (UART, RTC)
  // Left clear there: 8042, because no keyboard can be attached and probing for one takes a guest long.
  constexpr uint32_t kWbinvd = 1 << 0, kC1 = 1 << 2, kNoSleepButton = 1 << 5, kNoRtcWake = 1 << 6, kTimer32 = 1 << 8, kResetRegister = 1 << 10;
  constexpr uint16_t kNoC2 = 101, kNoC3 = 1001;  // latencies above 100 and 1000 us mean: not supported
  constexpr uint8_t kDesktop = 1, kCenturyInCmos = 0x32;
  constexpr bool k32Bit = kPmTimerWidth == hw::AcpiPm::TimerWidth::k32Bit;

  AcpiTable t("FACP", 4);
  t.u32(facs_at.value).u32(dsdt_at.value).u8(0).u8(kDesktop);
  t.u16(hw::irq::kSci).u32(0).u8(0).u8(0).u8(0).u8(0);          // SCI; no SMI command port: ACPI mode is always on
  t.u32(ports::kPm1aEvent).u32(0).u32(ports::kPm1aControl).u32(0).u32(0).u32(ports::kPmTimer).u32(0).u32(0);
  t.u8(4).u8(2).u8(0).u8(4).u8(0).u8(0).u8(0).u8(0);            // lengths of the blocks above
  t.u16(kNoC2).u16(kNoC3).u16(0).u16(0).u8(0).u8(0).u8(0).u8(0).u8(kCenturyInCmos);
  t.u16(kLegacyDevices).u8(0).u32(kWbinvd | kC1 | kNoSleepButton | kNoRtcWake | (k32Bit ? kTimer32 : 0) | kResetRegister);
  t.port(ports::kResetControl, 8, 1).u8(ports::kResetValue).u16(0).u8(0);
  t.u64(0).u64(dsdt_at.value);                                  // the FACS is named once, or guests find two
  t.port(ports::kPm1aEvent, 32, 2).no_address().port(ports::kPm1aControl, 16, 2).no_address().no_address();
  t.port(ports::kPmTimer, 32, 3).no_address().no_address();
  assert(t.size() == 244);
  return t.finish();
}

Bytes madt(unsigned cpus) {
  constexpr uint32_t kPcatCompatible = 1, kEnabled = 1;
  constexpr uint16_t kAsBus = 0, kLevelHigh = 0xd;  // polarity active high, trigger level
  AcpiTable t("APIC", 3);
  t.u32(hw::mmio::kLocalApic).u32(kPcatCompatible);
  for (unsigned id = 0; id < cpus; ++id) t.u8(0).u8(8).u8(id).u8(id).u32(kEnabled);           // local APIC
  t.u8(1).u8(12).u8(cpus).u8(0).u32(hw::mmio::kIoApic).u32(0);                                // I/O APIC, GSI 0 on
  t.u8(2).u8(10).u8(0).u8(hw::irq::kTimer).u32(hw::irq::gsi(hw::irq::kTimer)).u16(kAsBus);     // override: ISA 0 arrives at GSI 2
  t.u8(2).u8(10).u8(0).u8(hw::irq::kSci).u32(hw::irq::gsi(hw::irq::kSci)).u16(kLevelHigh);     // override: SCI is level-triggered
  t.u8(4).u8(6).u8(0xff).u16(kAsBus).u8(1);                                                   // NMI at LINT1 of every CPU
  return t.finish();
}

Bytes root_table(std::string_view signature, const std::vector<GuestPhysical>& tables, unsigned pointer_bytes) {
  AcpiTable t(signature, 1);
  for (const GuestPhysical at : tables) pointer_bytes == 8 ? t.u64(at.value) : t.u32(at.value);
  return t.finish();
}

Bytes rsdp(GuestPhysical rsdt_at, GuestPhysical xsdt_at) {
  constexpr size_t kFirstPart = 20, kAll = 36;  // the first part is what ACPI 1.0 checks
  AcpiTable t;
  t.text("RSD PTR ", 8).u8(0).text("RNGSDE", 6).u8(2).u32(rsdt_at.value).u32(kAll).u64(xsdt_at.value).u8(0).zeros(3);
  t.set_checksum(8, kFirstPart).set_checksum(32, kAll);
  return t.take();
}

}  // namespace

Bytes acpi_tables(GuestPhysical at, const AcpiOptions& options) {
  assert(at.value % 64 == 0 && options.cpus <= 254);
  constexpr size_t kAlignment = 64;  // the FACS asks for it
  Bytes block(kAlignment);           // room for the RSDP
  const auto place = [&](const Bytes& table) {
    const GuestPhysical where = at + block.size();
    block.insert(block.end(), table.begin(), table.end());
    block.resize((block.size() + kAlignment - 1) / kAlignment * kAlignment);
    return where;
  };
  const GuestPhysical facs_at = place(facs()), dsdt_at = place(dsdt());
  const std::vector<GuestPhysical> tables = {place(fadt(facs_at, dsdt_at)), place(madt(options.cpus))};
  const GuestPhysical rsdt_at = place(root_table("RSDT", tables, 4)), xsdt_at = place(root_table("XSDT", tables, 8));
  const Bytes root = rsdp(rsdt_at, xsdt_at);
  std::copy(root.begin(), root.end(), block.begin());
  return block;
}

Result<GuestPhysical> install_acpi(hw::PhysicalMemory& memory, const AcpiOptions& options) {
  const Bytes block = acpi_tables(layout::kAcpiTables, options);
  if (block.size() > layout::kAcpiTablesBytes || !memory.contains(layout::kAcpiTables, block.size()))
    return fail(ExitCode::kUsage, text::tr("vmm.boot.ram-too-small", memory.size() >> 20));
  std::memcpy(memory.host(layout::kAcpiTables), block.data(), block.size());
  return layout::kAcpiTables;
}

}  // namespace ringside::vmm
