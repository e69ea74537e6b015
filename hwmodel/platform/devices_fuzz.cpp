// Fuzz target: a whole platform (chipset for two CPUs, every device on a bus, one clock) under arbitrary accesses,
// interrupt lines and passing time. Nothing may crash, hang or answer more bits than were asked for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hwmodel/platform/acpi_pm.h"
#include "hwmodel/platform/bus.h"
#include "hwmodel/platform/chipset.h"
#include "hwmodel/platform/debug_ports.h"
#include "hwmodel/platform/fast_a20.h"
#include "hwmodel/platform/keyboard_controller.h"
#include "hwmodel/platform/manual_clock.h"
#include "hwmodel/platform/pci_config.h"
#include "hwmodel/platform/ports.h"
#include "hwmodel/platform/register_access.h"
#include "hwmodel/platform/rtc.h"
#include "hwmodel/platform/uart16550.h"
#include "hwmodel/platform/vga_registers.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

constexpr unsigned kCpus = 2;
constexpr unsigned kMostSteps = 600;           // keeps one input well below a second
constexpr uint64_t kLongestAdvance = 200'000;  // cycles, stopping at every timer on the way

void require(bool holds) {
  if (!holds) std::abort();
}

// The input as a stream of numbers; zero when it is used up.
class Stream {
 public:
  Stream(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  uint64_t take(unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && size_; ++i, --size_) value |= uint64_t{*data_++} << (8 * i);
    return value;
  }
  std::string_view text(size_t most) {
    const size_t n = most < size_ ? most : size_;
    const std::string_view view(reinterpret_cast<const char*>(data_), n);
    data_ += n;
    size_ -= n;
    return view;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

struct Platform {
  ManualClock clock;
  unsigned requests = 0;
  Chipset chipset{clock.queue, kCpus, [](unsigned cpu) { require(cpu < kCpus); }};
  Uart16550 uart{chipset.line(irq::kCom1), [this](uint8_t) { ++requests; }};
  Rtc rtc{clock.queue, chipset.line(irq::kRtc), 1'600'000'000, 64 << 20};
  AcpiPm pm{clock.queue, chipset.line(irq::kSci), AcpiPm::TimerWidth::k24Bit, [this] { ++requests; }};
  PciConfig pci{[this] { ++requests; }};
  KeyboardController keyboard{[this] { ++requests; }};
  KeyboardCommandPort keyboard_command{keyboard};
  FastA20 a20{[this] { ++requests; }};
  DebugConsole console{[this](uint8_t) { ++requests; }};
  DebugExit exit{[this](uint32_t) { ++requests; }};
  MarkerPort marker{[this](uint32_t) { ++requests; }};
  VgaRegisters vga;
  Bus bus;

  Platform() {
    plug(ports::kCom1, uart);
    plug(ports::kCmos, rtc);
    plug(ports::kAcpiPm, pm);
    plug(ports::kPciConfig, pci);
    plug(ports::kKeyboard, keyboard);
    plug(ports::kKeyboardCommand, keyboard_command);
    plug(ports::kSystemControlA, a20);
    plug(ports::kDebugConsole, console);
    plug(ports::kDebugExit, exit);
    plug(ports::kMarker, marker);
    plug(ports::kVga, vga);
  }
  void plug(PortRange range, Device& device) { require(bus.claim_ports(range.first, range.count, device).has_value()); }
};

// Ports worth hitting; any other number is taken as it is.
constexpr PortRange kTargets[] = {ports::kMasterPic,
                                  ports::kSlavePic,
                                  ports::kElcr,
                                  ports::kPit,
                                  ports::kSystemControlB,
                                  ports::kKeyboard,
                                  ports::kKeyboardCommand,
                                  ports::kCmos,
                                  ports::kSystemControlA,
                                  ports::kCom1,
                                  ports::kVga,
                                  ports::kPciConfig,
                                  ports::kDebugConsole,
                                  ports::kDebugExit,
                                  ports::kMarker,
                                  ports::kAcpiPm};
constexpr unsigned kTargetCount = sizeof kTargets / sizeof *kTargets;

uint16_t pick_port(Stream& in) {
  const auto which = static_cast<unsigned>(in.take(1));
  if (which >= 0xf0) return static_cast<uint16_t>(in.take(2));
  const PortRange range = kTargets[which % kTargetCount];
  return static_cast<uint16_t>(range.first + in.take(1) % range.count);
}

GuestPhysical pick_mmio(Stream& in) {
  const auto which = in.take(1);
  if (which >= 0xf0) return GuestPhysical(in.take(8));
  return GuestPhysical((which & 1 ? mmio::kIoApic : mmio::kLocalApic) + in.take(2) % mmio::kControllerBytes);
}

void port_access(Platform& p, Stream& in, bool write) {
  const uint16_t port = pick_port(in);
  const unsigned size = 1u << in.take(1) % 3;
  uint32_t value = write ? static_cast<uint32_t>(in.take(size)) : 0;
  if (write ? p.chipset.port_write(port, size, value) : p.chipset.port_read(port, size, value)) {
    require((value & ~value_mask(size)) == 0);
    return;
  }
  const BusTarget target = p.bus.find_port(port);
  if (!target.device) return;
  if (write)
    target.device->write(target.offset, size, value);
  else
    require((target.device->read(target.offset, size) & ~value_mask(size)) == 0);
}

void mmio_access(Platform& p, Stream& in, bool write) {
  const auto cpu = static_cast<unsigned>(in.take(1) % kCpus);
  const GuestPhysical address = pick_mmio(in);
  const unsigned size = 1u << in.take(1) % 4;
  uint64_t value = write ? in.take(size) : 0;
  const bool owned = p.chipset.owns_mmio(cpu, address);
  const bool answered =
      write ? p.chipset.mmio_write(cpu, address, size, value) : p.chipset.mmio_read(cpu, address, size, value);
  require(owned == answered);
  require((value & ~value_mask(size)) == 0);
}

void msr_access(Platform& p, Stream& in, bool write) {
  const auto cpu = static_cast<unsigned>(in.take(1) % kCpus);
  const auto which = static_cast<uint32_t>(in.take(1));
  const uint32_t msr = which < 0x40 ? 0x800 + which : which & 1 ? 0x1b : 0x6e0;
  uint64_t value = write ? in.take(8) : 0;
  // Arbitrary bits hardly ever make a valid base address: pick among the modes now and then.
  constexpr uint64_t kBases[] = {0xfee00900, 0xfee00d00, 0xfee00100, 0xd0000900};
  if (write && msr == 0x1b && (value & 0x10)) value = kBases[value & 3];
  if (write)
    p.chipset.write_msr(cpu, msr, value);
  else
    p.chipset.read_msr(cpu, msr, value);
}

void take_interrupts(Platform& p) {
  for (unsigned cpu = 0; cpu < kCpus; ++cpu) {
    if (p.chipset.nmi_pending(cpu)) p.chipset.acknowledge_nmi(cpu);
    if (!p.chipset.interrupt_pending(cpu)) continue;
    const int vector = p.chipset.acknowledge(cpu);
    require(vector >= 0 && vector <= 255);
  }
}

void step(Platform& p, Stream& in) {
  switch (in.take(1) % 11) {
    case 0:
    case 1:
      return port_access(p, in, true);
    case 2:
      return port_access(p, in, false);
    case 3:
    case 4:
      return mmio_access(p, in, true);
    case 5:
      return mmio_access(p, in, false);
    case 6:
      return msr_access(p, in, in.take(1) & 1);
    case 7: {
      const uint64_t irq = in.take(1);
      return p.chipset.set_irq(irq & 0x3f, irq & 0x80);
    }
    case 8:
      return p.clock.advance(in.take(4) % kLongestAdvance);
    case 9: {  // a run loop that comes late, by up to 18 minutes
      p.clock.jump(uint64_t{1} << in.take(1) % 41);
      return p.clock.queue.run_due(p.clock.now());
    }
    default:
      if (in.take(1) & 1)
        p.uart.push_input(in.text(40));
      else
        p.chipset.set_task_priority(0, static_cast<uint8_t>(in.take(1) & 0xf));
      return take_interrupts(p);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Platform platform;
  Stream in(data, size);
  for (unsigned i = 0; i < kMostSteps && !in.empty(); ++i) step(platform, in);
  return 0;
}
