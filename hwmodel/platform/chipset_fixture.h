// A chipset with a clock moved by hand and the accesses a CPU and a kernel make to it, for the tests of the
// controllers.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "hwmodel/platform/chipset.h"
#include "hwmodel/platform/manual_clock.h"
#include "hwmodel/platform/ports.h"

namespace ringside::hw::testing {

inline void require(bool holds) {
  if (!holds) std::abort();  // the access itself was refused: no test goes on from there
}

inline constexpr uint64_t kApic = mmio::kLocalApic, kIoApic = mmio::kIoApic;
enum ApicOffset : uint64_t {
  kId = 0x20,
  kVersion = 0x30,
  kTpr = 0x80,
  kPpr = 0xa0,
  kEoi = 0xb0,
  kLdr = 0xd0,
  kDfr = 0xe0,
  kSvr = 0xf0,
  kIsr = 0x100,
  kTmr = 0x180,
  kIrr = 0x200,
  kEsr = 0x280,
  kIcr = 0x300,
  kIcrHigh = 0x310,
  kLvtTimer = 0x320,
  kLvtLint0 = 0x350,
  kLvtLint1 = 0x360,
  kLvtError = 0x370,
  kInitial = 0x380,
  kCurrent = 0x390,
  kDivide = 0x3e0
};
inline constexpr uint32_t kMasked = 1u << 16, kLevel = 1u << 15, kRemoteIrr = 1u << 14, kLogical = 1u << 11;
inline constexpr uint32_t kPeriodic = 1u << 17, kTscDeadline = 2u << 17;
inline constexpr uint32_t kMsrBase = 0x1b, kMsrDeadline = 0x6e0;
inline constexpr uint64_t kX2apicBase = 0xfee00d00;

struct ChipsetFixture {
  explicit ChipsetFixture(unsigned cpus = 1)
      : chipset(clock.queue, cpus, [this](unsigned cpu) { attention.push_back(cpu); }) {}

  ManualClock clock;
  std::vector<unsigned> attention;
  Chipset chipset;

  uint32_t apic(uint64_t offset, unsigned cpu = 0) {
    uint64_t value = 0;
    require(chipset.mmio_read(cpu, GuestPhysical(kApic + offset), 4, value));
    return static_cast<uint32_t>(value);
  }
  void set_apic(uint64_t offset, uint32_t value, unsigned cpu = 0) {
    require(chipset.mmio_write(cpu, GuestPhysical(kApic + offset), 4, value));
  }
  uint32_t io(uint32_t index) {
    uint64_t value = 0;
    chipset.mmio_write(0, GuestPhysical(kIoApic), 4, index);
    require(chipset.mmio_read(0, GuestPhysical(kIoApic + 0x10), 4, value));
    return static_cast<uint32_t>(value);
  }
  void set_io(uint32_t index, uint32_t value) {
    chipset.mmio_write(0, GuestPhysical(kIoApic), 4, index);
    chipset.mmio_write(0, GuestPhysical(kIoApic + 0x10), 4, value);
  }
  void route(unsigned pin, uint32_t low, uint32_t destination = 0) {
    set_io(0x11 + 2 * pin, destination << 24);
    set_io(0x10 + 2 * pin, low);
  }
  void out(uint16_t port, uint8_t value) { require(chipset.port_write(port, 1, value)); }
  uint8_t in(uint16_t port) {
    uint32_t value = 0;
    require(chipset.port_read(port, 1, value));
    return static_cast<uint8_t>(value);
  }
  void remap_pics() {
    for (const uint16_t port : {0x20, 0xa0}) {
      out(port, 0x11);
      out(port + 1, port == 0x20 ? 0x20 : 0x28);
      out(port + 1, port == 0x20 ? 4 : 2);
      out(port + 1, 1);
      out(port + 1, 0);
    }
  }
  // As Linux's setup_local_APIC without the 8259A.
  void enable_apic(unsigned cpu = 0) {
    set_apic(kSvr, 0x1ff, cpu);
    set_apic(kLvtLint0, kMasked | 0x700, cpu);
  }
  bool pending(unsigned cpu = 0) { return chipset.interrupt_pending(cpu); }
  int take(unsigned cpu = 0) { return chipset.interrupt_pending(cpu) ? chipset.acknowledge(cpu) : -1; }
  uint64_t msr(uint32_t index, unsigned cpu = 0) {
    uint64_t value = 0;
    require(chipset.read_msr(cpu, index, value));
    return value;
  }
};

}  // namespace ringside::hw::testing
