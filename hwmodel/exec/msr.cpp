#include "hwmodel/exec/msr.h"

#include <algorithm>

#include "hwmodel/exec/segmentation.h"
#include "hwmodel/exec/system_registers.h"
#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/chipset.h"

namespace ringside::hw {
namespace {

// --- kinds of register --------------------------------------------------------------------------------------------------------------

template <uint64_t kValue>
bool constant(Cpu&, const Uop*, uint64_t& value) {
  value = kValue;
  return true;
}
bool ignored(Cpu&, const Uop*, uint64_t) { return true; }
bool only_zero(Cpu&, const Uop*, uint64_t value) { return value == 0; }

template <auto kField>
bool get(Cpu& cpu, const Uop*, uint64_t& value) {
  value = cpu.msr.*kField;
  return true;
}
template <auto kField, uint64_t kAllowed = ~0ull>
bool set(Cpu& cpu, const Uop*, uint64_t value) {
  if (value & ~kAllowed) return false;
  cpu.msr.*kField = value;
  return true;
}
template <auto kField>
bool set_address(Cpu& cpu, const Uop*, uint64_t value) {
  if (!canonical(value)) return false;
  cpu.msr.*kField = value;
  return true;
}

template <SegmentName kName>
bool get_base(Cpu& cpu, const Uop*, uint64_t& value) {
  value = cpu.segment[kName].base;
  return true;
}
template <SegmentName kName>
bool set_base(Cpu& cpu, const Uop*, uint64_t value) {
  if (!canonical(value)) return false;
  cpu.segment[kName].base = value;
  return true;
}

// --- time ------------------------------------------------------------------------------------------------------------------------------

bool get_tsc(Cpu& cpu, const Uop* op, uint64_t& value) {
  value = read_tsc(cpu, op);
  return true;
}
// Writing the counter and writing its adjustment are the same thing seen twice [SDM 3B 18.17.3 "Time-Stamp Counter Adjustment"].
bool set_tsc(Cpu& cpu, const Uop* op, uint64_t value) {
  cpu.msr.tsc_offset = value - cpu.now(op).value;
  return true;
}

constexpr uint32_t kApicBase = 0x1b, kTscDeadline = 0x6e0, kX2apicFirst = 0x800, kX2apicLast = 0x8ff;

bool get_apic_base(Cpu& cpu, const Uop*, uint64_t& value) {
  if (cpu.chipset) return cpu.chipset->read_msr(cpu.id, kApicBase, value);
  value = cpu.msr.apic_base;
  return true;
}
bool set_apic_base(Cpu& cpu, const Uop*, uint64_t value) { return cpu.chipset && cpu.chipset->write_msr(cpu.id, kApicBase, value); }

// The controller counts modelled time; the guest's deadline is in its TSC, which may be offset from it. 0 disarms.
bool get_deadline(Cpu& cpu, const Uop*, uint64_t& value) {
  if (!cpu.chipset || !cpu.chipset->read_msr(cpu.id, kTscDeadline, value)) return false;
  if (value) value += cpu.msr.tsc_offset;
  return true;
}
bool set_deadline(Cpu& cpu, const Uop* op, uint64_t value) {
  if (!cpu.chipset) return false;
  if (value == 0) return cpu.chipset->write_msr(cpu.id, kTscDeadline, 0);
  const auto ahead = static_cast<int64_t>(value - read_tsc(cpu, op));
  const uint64_t now = cpu.now(op).value;
  const uint64_t when = ahead > 0 && now + static_cast<uint64_t>(ahead) < now ? ~0ull : now + static_cast<uint64_t>(std::max<int64_t>(ahead, 0));
  return cpu.chipset->write_msr(cpu.id, kTscDeadline, std::max<uint64_t>(when, 1));
}

// --- mode and memory types ----------------------------------------------------------------------------------------------------------------

bool get_efer(Cpu& cpu, const Uop*, uint64_t& value) {
  value = cpu.efer;
  return true;
}
bool set_efer(Cpu& cpu, const Uop*, uint64_t value) { return write_efer(cpu, value); }

// Memory types [SDM 3A table 11-2]: UC 0, WC 1, WT 4, WP 5, WB 6; UC- 7 exists in the PAT only.
constexpr bool is_memory_type(uint8_t type) { return type == 0 || type == 1 || (type >= 4 && type <= 6); }

bool set_pat(Cpu& cpu, const Uop*, uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) {
    const auto type = static_cast<uint8_t>(value >> (8 * i));
    if (!is_memory_type(type) && type != 7) return false;
  }
  cpu.msr.pat = value;
  return true;
}

bool set_mtrr_default(Cpu& cpu, const Uop*, uint64_t value) {
  constexpr uint64_t kEnables = 3 << 10;
  if ((value & ~(kEnables | 0xff)) || !is_memory_type(static_cast<uint8_t>(value))) return false;
  cpu.msr.mtrr_def_type = value;
  return true;
}

template <unsigned kIndex>
bool get_fixed(Cpu& cpu, const Uop*, uint64_t& value) {
  value = cpu.msr.mtrr_fixed[kIndex];
  return true;
}
template <unsigned kIndex>
bool set_fixed(Cpu& cpu, const Uop*, uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) {
    if (!is_memory_type(static_cast<uint8_t>(value >> (8 * i)))) return false;
  }
  cpu.msr.mtrr_fixed[kIndex] = value;
  return true;
}

template <unsigned kIndex>
bool get_mtrr_base(Cpu& cpu, const Uop*, uint64_t& value) {
  value = cpu.msr.mtrr_base[kIndex];
  return true;
}
template <unsigned kIndex>
bool set_mtrr_base(Cpu& cpu, const Uop*, uint64_t value) {
  if ((value & ~(bit_range(kPhysicalAddressBits - 1, 12) | 0xff)) || !is_memory_type(static_cast<uint8_t>(value))) return false;
  cpu.msr.mtrr_base[kIndex] = value;
  return true;
}
template <unsigned kIndex>
bool get_mtrr_mask(Cpu& cpu, const Uop*, uint64_t& value) {
  value = cpu.msr.mtrr_mask[kIndex];
  return true;
}
template <unsigned kIndex>
bool set_mtrr_mask(Cpu& cpu, const Uop*, uint64_t value) {
  constexpr uint64_t kValid = 1 << 11;
  if (value & ~(bit_range(kPhysicalAddressBits - 1, 12) | kValid)) return false;
  cpu.msr.mtrr_mask[kIndex] = value;
  return true;
}

// --- odds ---------------------------------------------------------------------------------------------------------------------------------

// IA32_MISC_ENABLE: only the fast-strings bit is kept; branch trace and PEBS are unavailable.
bool get_misc_enable(Cpu& cpu, const Uop*, uint64_t& value) {
  constexpr uint64_t kBtsUnavailable = 1 << 11, kPebsUnavailable = 1 << 12;
  value = cpu.msr.misc_enable | kBtsUnavailable | kPebsUnavailable;
  return true;
}
bool set_misc_enable(Cpu& cpu, const Uop*, uint64_t value) {
  cpu.msr.misc_enable = value & 1;
  return true;
}

constexpr uint64_t kIbrs = 1, kStibp = 2, kSsbd = 4, kBhiDisS = 1 << 10, kIbpb = 1;
bool set_pred_cmd(Cpu&, const Uop*, uint64_t value) { return (value & ~kIbpb) == 0; }

// IA32_DEBUGCTL. MODEL: LBR and BTF are accepted and do nothing, and read as 0.
bool set_debugctl(Cpu&, const Uop*, uint64_t value) { return (value & ~3ull) == 0; }

constexpr uint64_t kMtrrCapabilities = 8 | 1 << 8 | 1 << 10;   // 8 variable ranges, fixed ranges, write-combining
constexpr uint64_t kPlatformInfo = 10ull << 8 | 10ull << 40;   // 1 GHz in units of 100 MHz, at most and at least
constexpr uint64_t kMicrocodeRevision = 1ull << 32;

using M = MsrState;
constexpr MsrInfo kTable[] = {
    {0x000, "P5_MC_ADDR", constant<0>, only_zero},
    {0x001, "P5_MC_TYPE", constant<0>, only_zero},
    {0x010, "TIME_STAMP_COUNTER", get_tsc, set_tsc},
    {0x017, "PLATFORM_ID", constant<0>, nullptr},
    {0x01b, "APIC_BASE", get_apic_base, set_apic_base},
    {0x02a, "EBL_CR_POWERON", constant<0>, ignored},
    {0x03a, "FEATURE_CONTROL", constant<1>, nullptr},   // locked, VMX off
    {0x03b, "TSC_ADJUST", get<&M::tsc_offset>, set<&M::tsc_offset>},
    {0x048, "SPEC_CTRL", get<&M::spec_ctrl>, set<&M::spec_ctrl, kIbrs | kStibp | kSsbd | kBhiDisS>},
    {0x049, "PRED_CMD", nullptr, set_pred_cmd},
    {0x08b, "BIOS_SIGN_ID", constant<kMicrocodeRevision>, ignored},
    {0x0ce, "MSR_PLATFORM_INFO", constant<kPlatformInfo>, nullptr},
    {0x0fe, "MTRRCAP", constant<kMtrrCapabilities>, nullptr},
    {0x10a, "ARCH_CAPABILITIES", constant<kArchCapabilities>, nullptr},
    {0x174, "SYSENTER_CS", get<&M::sysenter_cs>, set<&M::sysenter_cs>},
    {0x175, "SYSENTER_ESP", get<&M::sysenter_esp>, set_address<&M::sysenter_esp>},
    {0x176, "SYSENTER_EIP", get<&M::sysenter_eip>, set_address<&M::sysenter_eip>},
    {0x179, "MCG_CAP", constant<0>, nullptr},
    {0x17a, "MCG_STATUS", constant<0>, only_zero},
    {0x1a0, "MISC_ENABLE", get_misc_enable, set_misc_enable},
    {0x1d9, "DEBUGCTL", constant<0>, set_debugctl},
    {0x200, "MTRR_PHYSBASE0", get_mtrr_base<0>, set_mtrr_base<0>},
    {0x201, "MTRR_PHYSMASK0", get_mtrr_mask<0>, set_mtrr_mask<0>},
    {0x202, "MTRR_PHYSBASE1", get_mtrr_base<1>, set_mtrr_base<1>},
    {0x203, "MTRR_PHYSMASK1", get_mtrr_mask<1>, set_mtrr_mask<1>},
    {0x204, "MTRR_PHYSBASE2", get_mtrr_base<2>, set_mtrr_base<2>},
    {0x205, "MTRR_PHYSMASK2", get_mtrr_mask<2>, set_mtrr_mask<2>},
    {0x206, "MTRR_PHYSBASE3", get_mtrr_base<3>, set_mtrr_base<3>},
    {0x207, "MTRR_PHYSMASK3", get_mtrr_mask<3>, set_mtrr_mask<3>},
    {0x208, "MTRR_PHYSBASE4", get_mtrr_base<4>, set_mtrr_base<4>},
    {0x209, "MTRR_PHYSMASK4", get_mtrr_mask<4>, set_mtrr_mask<4>},
    {0x20a, "MTRR_PHYSBASE5", get_mtrr_base<5>, set_mtrr_base<5>},
    {0x20b, "MTRR_PHYSMASK5", get_mtrr_mask<5>, set_mtrr_mask<5>},
    {0x20c, "MTRR_PHYSBASE6", get_mtrr_base<6>, set_mtrr_base<6>},
    {0x20d, "MTRR_PHYSMASK6", get_mtrr_mask<6>, set_mtrr_mask<6>},
    {0x20e, "MTRR_PHYSBASE7", get_mtrr_base<7>, set_mtrr_base<7>},
    {0x20f, "MTRR_PHYSMASK7", get_mtrr_mask<7>, set_mtrr_mask<7>},
    {0x250, "MTRR_FIX64K_00000", get_fixed<0>, set_fixed<0>},
    {0x258, "MTRR_FIX16K_80000", get_fixed<1>, set_fixed<1>},
    {0x259, "MTRR_FIX16K_A0000", get_fixed<2>, set_fixed<2>},
    {0x268, "MTRR_FIX4K_C0000", get_fixed<3>, set_fixed<3>},
    {0x269, "MTRR_FIX4K_C8000", get_fixed<4>, set_fixed<4>},
    {0x26a, "MTRR_FIX4K_D0000", get_fixed<5>, set_fixed<5>},
    {0x26b, "MTRR_FIX4K_D8000", get_fixed<6>, set_fixed<6>},
    {0x26c, "MTRR_FIX4K_E0000", get_fixed<7>, set_fixed<7>},
    {0x26d, "MTRR_FIX4K_E8000", get_fixed<8>, set_fixed<8>},
    {0x26e, "MTRR_FIX4K_F0000", get_fixed<9>, set_fixed<9>},
    {0x26f, "MTRR_FIX4K_F8000", get_fixed<10>, set_fixed<10>},
    {0x277, "PAT", get<&M::pat>, set_pat},
    {0x2ff, "MTRR_DEF_TYPE", get<&M::mtrr_def_type>, set_mtrr_default},
    {kTscDeadline, "TSC_DEADLINE", get_deadline, set_deadline},
    {0xc0000080, "EFER", get_efer, set_efer},
    {0xc0000081, "STAR", get<&M::star>, set<&M::star>},
    {0xc0000082, "LSTAR", get<&M::lstar>, set_address<&M::lstar>},
    {0xc0000083, "CSTAR", get<&M::cstar>, set_address<&M::cstar>},
    {0xc0000084, "FMASK", get<&M::fmask>, set<&M::fmask, 0xffffffff>},
    {0xc0000100, "FS_BASE", get_base<kFs>, set_base<kFs>},
    {0xc0000101, "GS_BASE", get_base<kGs>, set_base<kGs>},
    {0xc0000102, "KERNEL_GS_BASE", get<&M::kernel_gs_base>, set_address<&M::kernel_gs_base>},
    {0xc0000103, "TSC_AUX", get<&M::tsc_aux>, set<&M::tsc_aux, 0xffffffff>},
};
static_assert(std::is_sorted(std::begin(kTable), std::end(kTable), [](const MsrInfo& a, const MsrInfo& b) { return a.index < b.index; }));

const MsrInfo* find(uint32_t index) {
  const auto* at = std::lower_bound(std::begin(kTable), std::end(kTable), index, [](const MsrInfo& m, uint32_t i) { return m.index < i; });
  return at != std::end(kTable) && at->index == index ? at : nullptr;
}

bool is_x2apic(uint32_t index) { return index >= kX2apicFirst && index <= kX2apicLast; }

}  // namespace

std::span<const MsrInfo> msr_table() { return kTable; }

bool read_msr(Cpu& cpu, const Uop* op, uint32_t index, uint64_t& value) {
  if (is_x2apic(index)) return cpu.chipset && cpu.chipset->read_msr(cpu.id, index, value);
  const MsrInfo* info = find(index);
  return info && info->read && info->read(cpu, op, value);
}

bool write_msr(Cpu& cpu, const Uop* op, uint32_t index, uint64_t value) {
  if (is_x2apic(index)) return cpu.chipset && cpu.chipset->write_msr(cpu.id, index, value);
  const MsrInfo* info = find(index);
  return info && info->write && info->write(cpu, op, value);
}

uint64_t read_tsc(const Cpu& cpu, const Uop* op) { return cpu.now(op).value + cpu.msr.tsc_offset; }

}  // namespace ringside::hw
