// Decoded code: blocks of micro-ops, found by physical page and offset, dropped when a store touches their bytes.
// A block is a pure function of the bytes and the mode, so cutting or re-decoding it never changes what the guest sees.
// Called by the run loop; the store slow path reports writes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "hwmodel/exec/uop.h"
#include "hwmodel/isa/sensitive.h"
#include "hwmodel/machine/memory.h"

namespace ringside::hw {

class Mmu;  // mmu/mmu.h

// All that decoding depends on besides the bytes. key(), never 0: 6:5 sensitive | 4 non_root | 3:2 code size | 1:0 stack size + 1.
struct DecodeMode {
  uint8_t code_size = 64;   // 16, 32, 64
  uint8_t stack_size = 8;   // bytes
  bool non_root = false;    // with a gate before each instruction that may exit (vmx/non_root.h)
  SensitiveTraps sensitive = SensitiveTraps::kAsBuilt;  // otherwise a gate before each of those (exec/sensitive_gate.h)
  uint8_t key() const {
    return static_cast<uint8_t>(static_cast<unsigned>(sensitive) << 5 | unsigned{non_root} << 4 | (code_size / 32u) << 2 | (stack_size / 4u + 1));
  }
};

struct Block;

// A remembered successor: valid while rip, fetch key and generation still agree.
struct BlockLink {
  uint64_t rip = ~0ull;
  uint64_t generation = 0;
  Block* block = nullptr;
  uint8_t fetch_key = 0;
};

struct Block {
  static constexpr unsigned kMaxInstructions = 64;
  static constexpr unsigned kMaxUops = 3 * kMaxInstructions + 1;  // each may have two gates, and one leads out
  uint16_t count = 0;        // instructions; uops has those, their gates, and one that leads out of the block
  uint16_t bytes = 0;
  uint16_t looked_at = 0;    // bytes that decide what is in it: beyond `bytes` where the last one is no instruction
  uint16_t page_offset = 0;
  uint8_t mode_key = 0;
  uint8_t next_link = 0;
  Block* same_start = nullptr;  // other modes' blocks at the same address
  std::array<BlockLink, 2> link;
  std::unique_ptr<Uop[]> uops;
  // Modelled cycles of the instructions before number i, i from 0 to count, by the cost profile, without stalls: see CpuTime.
  std::unique_ptr<uint32_t[]> cycles_before;
  uint32_t cycles() const { return cycles_before[count]; }
};

// All blocks that start on one physical page.
struct CodePage {
  std::array<uint16_t, kPageSize> first{};     // index + 1 into blocks, 0: none
  std::vector<std::unique_ptr<Block>> blocks;
  std::array<uint64_t, 64> code_bytes{};       // bit per byte: belongs to some block

  Block* find(unsigned offset, uint8_t mode_key) const {
    for (Block* b = first[offset] ? blocks[first[offset] - 1].get() : nullptr; b; b = b->same_start) {
      if (b->mode_key == mode_key) return b;
    }
    return nullptr;
  }
  bool overlaps(unsigned offset, unsigned size) const;
};

class CodeCache {
 public:
  explicit CodeCache(PhysicalMemory& memory);

  // Every processor that runs from this cache: a page that comes to hold code must lose the direct write pointers of all of them.
  void add_processor(Mmu& mmu) { mmus_.push_back(&mmu); }
  void remove_processor(Mmu& mmu) { std::erase(mmus_, &mmu); }

  // Page record of a host page of RAM, created on first use (the page is then flagged kHasCode).
  CodePage& page(const uint8_t* host_page);
  Block* add(CodePage& page, std::unique_ptr<Block> block);
  // True if a store of `size` bytes at `host` (within one page) would change decoded bytes.
  bool would_change_code(const uint8_t* host, unsigned size) const;
  // Drops every block of the page if the bytes written belong to code. The blocks stay readable until free_dropped(), so the block in
  // execution may finish its instruction; the caller sees to it that it is the last.
  void written(const uint8_t* host, unsigned size);
  void clear();
  void free_dropped() { if (!dropped_.empty()) [[unlikely]] dropped_.clear(); }  // between blocks only
  // Bumped when blocks disappear: links made before are void.
  uint64_t generation() const { return generation_; }
  struct Counters { uint64_t decoded_blocks = 0, decoded_instructions = 0, invalidations = 0; } counters;

 private:
  void drop(CodePage& page);
  PhysicalMemory& memory_;
  std::vector<Mmu*> mmus_;
  std::vector<std::unique_ptr<CodePage>> pages_;
  std::vector<std::unique_ptr<Block>> dropped_;
  uint64_t generation_ = 1;
};

}  // namespace ringside::hw
