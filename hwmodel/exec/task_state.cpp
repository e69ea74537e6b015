#include "hwmodel/exec/task_state.h"

#include "hwmodel/exec/access.h"
#include "hwmodel/exec/segmentation.h"

namespace ringside::hw {
namespace {

constexpr unsigned kIoMapBase = 102, kFirstRingStack16 = 2, kFirstRingStack32 = 4, kFirstIst = 36, kRedirectionBytes = 32;

bool is_32bit(const Segment& tss) { return tss.type() & 8; }

bool read_tss(Cpu& cpu, uint64_t offset, void* out, unsigned size) {
  const uint64_t linear = cpu.tr.base + offset;
  return load_system(cpu, cpu.in_long_mode() ? linear : static_cast<uint32_t>(linear), out, size);
}

bool beyond_limit(Cpu& cpu) { return cpu.raise(Vector::kTS, selector_error(cpu.tr.selector)); }

// Base of the I/O permission bitmap; false without a fault: the TSS has none.
enum class MapBase : uint8_t { kThere, kNone, kFault };
MapBase io_map_base(Cpu& cpu, uint16_t& base) {
  if (!cpu.tr.usable() || !is_32bit(cpu.tr) || cpu.tr.limit < kIoMapBase + 1) return MapBase::kNone;
  return read_tss(cpu, kIoMapBase, &base, 2) ? MapBase::kThere : MapBase::kFault;
}

}  // namespace

bool ring_stack(Cpu& cpu, unsigned cpl, RingStack& out) {
  if (is_32bit(cpu.tr)) {
    const unsigned at = kFirstRingStack32 + 8 * cpl;
    struct { uint32_t esp; uint16_t ss; } entry;
    if (at + 5 > cpu.tr.limit) return beyond_limit(cpu);
    if (!read_tss(cpu, at, &entry, 6)) return false;
    out = {entry.ss, entry.esp};
  } else {
    const unsigned at = kFirstRingStack16 + 4 * cpl;
    uint16_t entry[2];   // SP, SS
    if (at + 3 > cpu.tr.limit) return beyond_limit(cpu);
    if (!read_tss(cpu, at, entry, 4)) return false;
    out = {entry[1], entry[0]};
  }
  return true;
}

bool long_mode_stack_pointer(Cpu& cpu, unsigned ist, unsigned cpl, uint64_t& rsp) {
  const unsigned at = ist ? kFirstIst + 8 * (ist - 1) : kFirstRingStack32 + 8 * cpl;
  if (at + 7 > cpu.tr.limit) return beyond_limit(cpu);
  if (!read_tss(cpu, at, &rsp, 8)) return false;
  return canonical(rsp) ? true : cpu.raise(Vector::kSS, 0);
}

bool check_port_bitmap(Cpu& cpu, uint16_t port, unsigned size) {
  uint16_t base, bits;
  const MapBase map = io_map_base(cpu, base);
  if (map == MapBase::kFault) return false;
  // Always two bytes are read, so the map needs a byte of ones behind its last one.
  const uint64_t at = uint64_t{base} + port / 8;
  if (map == MapBase::kNone || at + 1 > cpu.tr.limit) return cpu.raise(Vector::kGP, 0);
  if (!read_tss(cpu, at, &bits, 2)) return false;
  const unsigned mask = ((1u << size) - 1) << (port & 7);
  return bits & mask ? cpu.raise(Vector::kGP, 0) : true;
}

bool redirection_bit(Cpu& cpu, uint8_t vector, bool& set) {
  uint16_t base;
  uint8_t byte;
  const MapBase map = io_map_base(cpu, base);
  if (map == MapBase::kFault) return false;
  const uint64_t at = uint64_t{base} - kRedirectionBytes + vector / 8u;
  if (map == MapBase::kNone || base < kRedirectionBytes || at > cpu.tr.limit) return cpu.raise(Vector::kGP, 0);
  if (!read_tss(cpu, at, &byte, 1)) return false;
  set = byte >> (vector & 7) & 1;
  return true;
}

}  // namespace ringside::hw
