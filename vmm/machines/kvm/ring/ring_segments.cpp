// Descriptors to hidden parts and back.
#include "vmm/machines/kvm/ring/ring_segments.h"

namespace ringside::vmm {

namespace {

namespace rights = hw::access_rights;

constexpr uint32_t kAccessed = 1;
// Present, S, accessed; execute-read code and read-write data.
constexpr uint32_t kCode = rights::kP | rights::kS | 0xb | rights::kL | rights::kG, kData = rights::kP | rights::kS | 0x3 | rights::kDb | rights::kG;
constexpr uint32_t kBusyTss = rights::kP | 0xb;
constexpr uint32_t kFlat = 0xffffffff;

uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t access) {
  if (access & rights::kG) limit >>= 12;
  return (limit & 0xffff) | uint64_t{base & 0xffffff} << 16 | uint64_t{access & 0xff} << 40 | uint64_t{limit >> 16 & 0xf} << 48 |
         uint64_t{access >> 12 & 0xf} << 52 | uint64_t{base >> 24} << 56;
}

}  // namespace

hw::Segment loaded_segment(const RingArea& gdt, uint16_t selector) {
  if ((selector & 0xfffc) == 0) return {.base = 0, .limit = 0, .selector = selector, .rights = rights::kUnusable};
  const uint64_t d = gdt.word(selector & 0xfff8);
  const uint32_t access = static_cast<uint32_t>(d >> 40 & 0xff) | static_cast<uint32_t>(d >> 52 & 0xf) << 12;
  uint32_t limit = static_cast<uint32_t>((d & 0xffff) | (d >> 32 & 0xf0000));
  if (access & rights::kG) limit = limit << 12 | 0xfff;
  const uint64_t base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
  return {.base = base, .limit = limit, .selector = selector, .rights = access | (access & rights::kS ? kAccessed : 0)};
}

bool iret_loads(const RingArea& gdt, const hw::Segment& segment, StackOrCode which, bool wide) {
  constexpr uint16_t kLocal = 4;
  if ((segment.selector & 0xfffc) == 0 || (segment.selector & kLocal) || (segment.selector & 3) != 3) return false;
  const hw::Segment loaded = loaded_segment(gdt, segment.selector);
  if (!loaded.present() || loaded.dpl() != 3 || !(loaded.rights & rights::kS)) return false;
  if (which == StackOrCode::kCode && (loaded.type() & 8) == 0) return false;
  if (which == StackOrCode::kStack && (loaded.type() & 0xa) != 2) return false;
  // In 64-bit mode only the rights that decide about the mode and privilege count; the accessed bit never does.
  constexpr uint32_t kWideRights = rights::kS | rights::kP | rights::kL | rights::kDb | 3u << rights::kDplShift;
  const uint32_t counts = wide ? kWideRights : ~kAccessed;
  if ((loaded.rights ^ segment.rights) & counts) return false;
  return wide || (loaded.base == segment.base && loaded.limit == segment.limit);
}

void write_monitor_descriptors(const RingArea& gdt, uint64_t tss, uint16_t tss_limit) {
  gdt.set_word(ring_layout::kMonitorCode, descriptor(0, kFlat, kCode));
  gdt.set_word(ring_layout::kMonitorStack, descriptor(0, kFlat, kData));
  gdt.set_word(ring_layout::kMonitorTss, descriptor(static_cast<uint32_t>(tss), tss_limit, kBusyTss));
  gdt.set_word(ring_layout::kMonitorTss + 8, tss >> 32);
}

hw::Segment monitor_code() { return {.base = 0, .limit = kFlat, .selector = ring_layout::kMonitorCode, .rights = kCode}; }
hw::Segment monitor_stack() { return {.base = 0, .limit = kFlat, .selector = ring_layout::kMonitorStack, .rights = kData}; }
hw::Segment monitor_tss(uint64_t base, uint16_t limit) {
  return {.base = base, .limit = limit, .selector = ring_layout::kMonitorTss, .rights = kBusyTss};
}

}  // namespace ringside::vmm
