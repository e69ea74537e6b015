// The list of the PC's devices and where they are plugged in (ports: hwmodel/platform/ports.h).
#include "vmm/devices/pc_devices.h"

#include "hwmodel/platform/acpi_pm.h"
#include "hwmodel/platform/debug_ports.h"
#include "hwmodel/platform/fast_a20.h"
#include "hwmodel/platform/keyboard_controller.h"
#include "hwmodel/platform/pci_config.h"
#include "hwmodel/platform/ports.h"
#include "hwmodel/platform/rtc.h"
#include "hwmodel/platform/uart16550.h"
#include "hwmodel/platform/vga_registers.h"
#include "vmm/devices/pc_facts.h"
#include "vmm/devices/pio_block.h"

namespace ringside::vmm {

namespace {

std::function<void(uint8_t)> or_nothing(const std::function<void(uint8_t)>& sink) {
  return sink ? sink : [](uint8_t) {};
}

}  // namespace

struct PcDevices::Parts {
  Parts(Machine& m, DeviceRequests& r, const PcOptions& o)
      : serial(m.irq_line(hw::irq::kCom1), or_nothing(o.serial_output)),
        rtc(m.clock(), m.irq_line(hw::irq::kRtc), o.epoch_seconds, m.memory().size()),
        acpi(m.clock(), m.irq_line(hw::irq::kSci), kPmTimerWidth, [&r] { r.ask(RequestKind::kPowerOff); }),
        debug_console(or_nothing(o.debug_console_output)),
        debug_exit([&r](uint32_t value) { r.ask(RequestKind::kDebugExit, value); }),
        marker([&r](uint32_t value) { r.mark(value); }),
        keyboard([&r] { r.ask(RequestKind::kReset); }),
        keyboard_command(keyboard),
        control_a([&r] { r.ask(RequestKind::kReset); }),
        pci([&r] { r.ask(RequestKind::kReset); }),
        disk(kDefaultDiskSectors),
        block(disk) {}

  Result<void> plug_into(hw::Bus& bus) {
    const auto plug = [&](hw::PortRange range, hw::Device& device) { return bus.claim_ports(range.first, range.count, device); };
    BOOST_OUTCOME_TRY(plug(hw::ports::kCom1, serial));
    BOOST_OUTCOME_TRY(plug(hw::ports::kCmos, rtc));
    BOOST_OUTCOME_TRY(plug(hw::ports::kAcpiPm, acpi));
    BOOST_OUTCOME_TRY(plug(hw::ports::kDebugConsole, debug_console));
    BOOST_OUTCOME_TRY(plug(hw::ports::kDebugExit, debug_exit));
    BOOST_OUTCOME_TRY(plug(hw::ports::kMarker, marker));
    BOOST_OUTCOME_TRY(plug(hw::ports::kKeyboard, keyboard));
    BOOST_OUTCOME_TRY(plug(hw::ports::kKeyboardCommand, keyboard_command));
    BOOST_OUTCOME_TRY(plug(hw::ports::kSystemControlA, control_a));
    BOOST_OUTCOME_TRY(plug(hw::ports::kPciConfig, pci));
    BOOST_OUTCOME_TRY(plug(hw::ports::kPioBlock, block));
    return plug(hw::ports::kVga, vga);
  }

  hw::Uart16550 serial;
  hw::Rtc rtc;
  hw::AcpiPm acpi;
  hw::DebugConsole debug_console;
  hw::DebugExit debug_exit;
  hw::MarkerPort marker;
  hw::KeyboardController keyboard;
  hw::KeyboardCommandPort keyboard_command;
  hw::FastA20 control_a;
  hw::PciConfig pci;
  hw::VgaRegisters vga;
  RamDisk disk;
  PioBlock block;
};

PcDevices::PcDevices(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PcDevices::~PcDevices() = default;

Result<std::unique_ptr<PcDevices>> PcDevices::create(Machine& machine, DeviceRequests& requests, const PcOptions& options) {
  auto parts = std::make_unique<Parts>(machine, requests, options);
  BOOST_OUTCOME_TRY(parts->plug_into(machine.bus()));
  return std::unique_ptr<PcDevices>(new PcDevices(std::move(parts)));
}

hw::Uart16550& PcDevices::serial() { return parts_->serial; }
hw::AcpiPm& PcDevices::acpi() { return parts_->acpi; }
const hw::VgaRegisters& PcDevices::vga() const { return parts_->vga; }

}  // namespace ringside::vmm
