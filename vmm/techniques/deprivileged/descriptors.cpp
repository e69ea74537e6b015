#include "vmm/techniques/deprivileged/descriptors.h"

#include <algorithm>
#include <cstring>

namespace ringside::vmm {

using namespace hw;

namespace {

constexpr uint64_t kCodeOrData = 1ull << 44;  // S of a descriptor [SDM 3A 3.4.5 "Segment Descriptors"]
constexpr unsigned kEntry = sizeof(uint64_t);

// One descriptor of the guest's table, or 0 where its page is not mapped. No side effects.
uint64_t descriptor_at(const Cpu& guest, uint64_t linear) {
  uint64_t word = 0;
  for (unsigned i = 0; i < kEntry;) {
    const Translation t = guest.mmu.peek(linear + i, AccessKind::kRead, AccessMode::kSupervisorImplicit);
    const uint8_t* host = t.ok ? guest.memory.host(t.physical) : nullptr;
    if (!host) return 0;
    const auto count = std::min<uint64_t>(kEntry - i, kPageSize - ((linear + i) & (kPageSize - 1)));
    std::memcpy(reinterpret_cast<uint8_t*>(&word) + i, host, count);
    i += static_cast<unsigned>(count);
  }
  return word;
}

void put(MonitorPart& part, unsigned offset, uint64_t word) { std::memcpy(part.host(ring_layout::kGdt + offset), &word, kEntry); }

}  // namespace

void show_descriptors(const Cpu& guest, MonitorPart& part, TableRegister table, uint16_t& shown) {
  const auto bytes = static_cast<uint16_t>(table.limit ? std::min<unsigned>(table.limit + 1u, ring_layout::kMonitorCode) & ~(kEntry - 1) : 0);
  unsigned at = kEntry;  // the null descriptor stays
  for (; at + kEntry <= bytes; at += kEntry) {
    const uint64_t word = descriptor_at(guest, table.base + at);
    const bool usable = (word & kCodeOrData) != 0;
    put(part, at, usable ? word : 0);
    if (!usable && word && at + 2 * kEntry <= bytes) put(part, at += kEntry, 0);  // system descriptors are two entries long in long mode
  }
  for (; at + kEntry <= shown; at += kEntry) put(part, at, 0);
  shown = bytes;
}

Segment flat_stack_segment(uint16_t selector) {
  using namespace access_rights;
  return {.base = 0, .limit = 0xffffffff, .selector = static_cast<uint16_t>(selector | 3), .rights = kG | kDb | kP | kS | 0x3 | 3u << kDplShift};
}

}  // namespace ringside::vmm
