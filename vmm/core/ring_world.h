// The smallest world in which a RingCpu can run code at CPL 3: some RAM, page tables in the monitor's part of it, a shadow GDT with flat user
// segments, and the pages a real processor's stub needs. What the stub's probe, its tests and its benchmark put their few instructions into; a real
// monitor makes the same things for a guest (techniques/deprivileged).
//
//   kCode    4 pages, user, execute and read      root, other_root: two top tables that share everything below; the other shows all of
//   kData    16 pages, user, read and write       it again from kAlias and kUpperAlias on
//   kStack   grows down from here; 4 pages        the monitor's part in slot ring_layout::kFirstSlot, supervisor
#pragma once

#include <memory>
#include <span>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/machine/cpu.h"
#include "vmm/core/ring_cpu.h"
#include "vmm/core/ring_layout.h"

namespace ringside::vmm {

class RingWorld {
 public:
  static constexpr uint64_t kCode = 0x400000, kData = 0x500000, kStack = 0x604000, kAlias = 1ull << 39, kUpperAlias = 0xffff800000000000;
  static constexpr unsigned kCodePages = 4, kDataPages = 16, kStackPages = 4;
  // Selectors of the shadow GDT, where Linux has them too: hosts whose own selectors show through are less confusing this way.
  static constexpr uint16_t kCode32 = 0x23, kFlatData = 0x2b, kCode64 = 0x33, kBasedData = 0x3b;
  static constexpr uint64_t kDataBase = kData;  // of kBasedData

  static Result<std::unique_ptr<RingWorld>> create();

  hw::PhysicalMemory& memory() { return memory_; }
  hw::CodeCache& code_cache() { return code_cache_; }
  hw::Cpu& model() { return model_; }  // a processor to be like: its CPUID

  // A guest about to run `code` from kCode, and what it runs under.
  RingContext context(std::span<const uint8_t> code);
  RingContext context32(std::span<const uint8_t> code);
  RingControls controls() const;
  uint64_t root() const { return root_; }
  uint64_t other_root() const { return other_root_; }
  // The monitor's part, by page: where ring_layout::kGdt and kStub lie in machine RAM.
  HostPhysical part_page(uint64_t offset) const;
  // The part moves to another slot of the top tables, which must be free.
  void move_part(unsigned slot);

  // The lowest entry of kCode, kData and kStack's pages. Setting it tells nobody.
  HostPhysical entry_of(uint64_t linear) const;
  uint64_t entry(uint64_t linear) const;
  void set_entry(uint64_t linear, uint64_t value);
  static constexpr uint64_t kPresent = 1, kWritable = 2, kUser = 4, kNoExecute = 1ull << 63;

  // What the guest has at a linear address of kCode, kData or kStack, whatever the tables say now.
  uint8_t* host(uint64_t linear);
  // Machine address of page `index` of the 16 of kData.
  uint64_t data_page(unsigned index) const;

 private:
  RingWorld(hw::PhysicalMemory memory);
  uint64_t allocate();
  void map(uint64_t linear, uint64_t physical, uint64_t flags);
  uint64_t* table(uint64_t physical) { return reinterpret_cast<uint64_t*>(memory_.host(GuestPhysical(physical))); }
  void write_descriptors();

  hw::PhysicalMemory memory_;
  hw::CodeCache code_cache_;
  hw::Cpu model_;
  uint64_t next_;
  uint64_t root_ = 0, other_root_ = 0, part_ = 0;
  unsigned slot_ = ring_layout::kFirstSlot;
};

}  // namespace ringside::vmm
