// A small guest in 4-level paging under a paging of the monitor, for tests of one rule at a time: tables made by hand,
// and a window through which the guest's kernel writes any page of its RAM. Only tests include it.
#pragma once

#include <memory>
#include <string>

#include "hwmodel/mmu/testing/tables.h"
#include "vmm/testing/paging_twin.h"

namespace ringside::vmm::testing {

namespace bit = hw::testing::bit;
constexpr uint64_t kUserRw = bit::kP | bit::kRw | bit::kUs;
constexpr uint64_t kKernelRw = bit::kP | bit::kRw;

template <class Paging>
class PagedGuest : public PagingTwin {
 public:
  static constexpr uint64_t kRam = 16 << 20;
  static constexpr uint64_t kWindow = 0xffff'8000'0000'0000;
  static constexpr hw::AccessKind kRead = hw::AccessKind::kRead, kWrite = hw::AccessKind::kWrite,
                                  kFetch = hw::AccessKind::kFetch;
  static constexpr hw::AccessMode kUser = hw::AccessMode::kUser, kKernel = hw::AccessMode::kSupervisor;

  template <class... Options>
  explicit PagedGuest(const char* tlb, const Options&... options)
      : PagingTwin(kRam, 8 << 20, tlb), tables(guest.memory, hw::PagingMode::kFourLevel, next_table) {
    paging = std::move(Paging::create(monitor, options...).value());
    for (uint64_t at = 0; at < kRam; at += kPageSize) tables.map(kWindow + at, 1, at, kKernelRw | bit::kG);
  }
  void start() {
    std::memcpy(native.memory.base(), guest.memory.base(), kRam);
    set_mode([&](hw::CpuState& cpu) {
      hw::testing::enter(cpu, hw::PagingMode::kFourLevel);
      cpu.cr0 |= hw::cr0::kWp;
      cpu.cr4 |= hw::cr4::kPge;
      cpu.efer |= hw::efer::kNxe;
      cpu.cr3 = tables.root();
    });
  }
  Paging& monitor_paging() { return static_cast<Paging&>(*paging); }

  // The same access on both machines; what the guest saw.
  Outcome access(uint64_t linear, hw::AccessKind kind = kRead, hw::AccessMode mode = kKernel) {
    const Outcome expected = access_native(linear, kind, mode), got = access_guest(linear, kind, mode);
    agree = agree && expected == got && same_memory();
    return got;
  }
  // The guest's kernel stores a word, through the window.
  void store(uint64_t physical, uint64_t word) {
    const Outcome expected = access_native(kWindow + physical, kWrite, kKernel);
    std::memcpy(native.memory.host(GuestPhysical(physical)), &word, sizeof word);
    agree = agree && access_guest(kWindow + physical, kWrite, kKernel, &word) == expected && same_memory();
  }
  uint64_t word(uint64_t physical) {
    uint64_t value;
    std::memcpy(&value, guest.memory.host(GuestPhysical(physical)), sizeof value);
    return value;
  }
  // Page of the table that holds the entry of `linear` at `level`.
  uint64_t table_of(uint64_t linear, unsigned level) { return page_of(tables.entry_address(linear, level, kUserRw | bit::kA)); }
  uint64_t entry_of(uint64_t linear, unsigned level) { return tables.entry_address(linear, level, kUserRw | bit::kA); }
  static uint64_t page_of(uint64_t address) { return address & ~(kPageSize - 1); }

  uint64_t count(const std::string& name) const {
    for (const NamedCounter& c : paging->counters()) {
      if (c.name == name) return c.value;
    }
    return ~uint64_t{0};
  }
  // References of the walk an access makes, nothing cached.
  unsigned references(uint64_t linear, hw::AccessKind kind = kRead, hw::AccessMode mode = kKernel) {
    hw::WalkResult walk;
    guest.cpu.mmu.peek_walk(linear, kind, mode, walk);
    return walk.outcome == hw::WalkOutcome::kTranslated ? walk.references() : 0;
  }

  uint64_t next_table = 0x100000;
  hw::testing::TableBuilder tables;
  bool agree = true;  // with native, so far
};

}  // namespace ringside::vmm::testing
