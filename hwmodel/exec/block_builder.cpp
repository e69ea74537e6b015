#include "hwmodel/exec/block_builder.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/exec/run.h"
#include "hwmodel/isa/decoder.h"
#include "hwmodel/vmx/non_root.h"

namespace ringside::hw {
namespace {

constexpr unsigned kMaxInstructionBytes = 15;

// The micro-op after the last instruction: falls through to the next block.
const Uop* lead_out(Cpu& cpu, const Uop* op) {
  const uint64_t rip = cpu.block_rip() + op->offset;
  cpu.rip = op->code_size == 64 ? rip : op->code_size == 32 ? static_cast<uint32_t>(rip) : static_cast<uint16_t>(rip);
  if (cpu.replies.count) cpu.replies.clear();
  return nullptr;
}

// Cycles of an instruction, by its class. REP costs a cycle by itself; its iterations are charged as they are made.
uint32_t cycles_of(const CostTable& costs, const DecodeResult& decoded, const Uop& uop) {
  if (decoded.cost == CostClass::kString && (uop.flags & (kRep | kRepne))) return 1 + costs.each_instruction;
  return costs.of(uop.flags & kLock ? CostClass::kLocked : decoded.cost) + costs.each_instruction +
         decoded.memory_operands * costs.each_memory_operand;
}

// Decodes the instruction at the start of `bytes` as number `count` of a block: its gates, if it has any, then itself.
struct Placed {
  DecodeResult decoded;
  unsigned uops = 1;
  unsigned bytes = 0;
  uint32_t cycles = 0;
};
Placed place(std::span<const uint8_t> bytes, DecodeMode mode, const CostTable& costs, unsigned offset, unsigned count, Uop* out) {
  Uop instruction;
  Gates gates;
  Placed placed{.decoded = decode(bytes, mode, offset, instruction, &gates)};
  instruction.index_in_block = static_cast<uint8_t>(count);
  placed.bytes = instruction.length;
  placed.cycles = cycles_of(costs, placed.decoded, instruction);
  for (unsigned i = 0; i < placed.decoded.gates; ++i) {
    out[i] = gates[i];
    out[i].index_in_block = instruction.index_in_block;
  }
  out[placed.decoded.gates] = instruction;
  placed.uops = placed.decoded.gates + 1u;
  return placed;
}

bool is_canonical(uint64_t linear) { return static_cast<uint64_t>(static_cast<int64_t>(linear << 16) >> 16) == linear; }

struct Fetch {
  const uint8_t* host = nullptr;  // of the page, or null: outside RAM
};

// Where the page of `linear` is in RAM. False with the fault pending.
bool fetch_page(Cpu& cpu, uint64_t linear, Fetch& out) {
  if (!is_canonical(linear)) return cpu.raise(Vector::kGP, 0);
  const Translation t = cpu.mmu.translate(linear, AccessKind::kFetch, cpu.cpl == 3);
  if (!t.ok) return t.outcome == WalkOutcome::kPageFault ? cpu.raise_page_fault(linear, t.error_code) : vmx::nested_violation(cpu, linear);
  out.host = cpu.memory.host(GuestPhysical(t.physical.value & ~uint64_t{kPageSize - 1}));
  return true;
}

// Code outside RAM (MMIO space, ROM holes) reads as all ones, which is no instruction: one #UD block.
Block* block_outside_ram(Cpu& cpu) {
  static constexpr uint8_t kOnes[kMaxInstructionBytes] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Block& block = cpu.straddle_block();
  std::memset(cpu.straddle_bytes, 0, sizeof cpu.straddle_bytes);
  const Placed placed = place(kOnes, cpu.decode_mode, cpu.time.costs(), 0, 0, block.uops.get());
  block.count = 1;
  block.cycles_before[1] = placed.cycles;
  block.mode_key = 0;   // never taken for a remembered straddling instruction
  finish_block(block, placed.uops, placed.bytes);
  block.bytes = 0;
  return &block;
}

// One instruction whose bytes continue on the next page. Not cached: both pages may change independently.
Block* straddling_block(Cpu& cpu, const uint8_t* first_page, unsigned offset, uint64_t linear) {
  Fetch second;
  const unsigned head = kPageSize - offset;
  if (!fetch_page(cpu, linear + head, second)) return nullptr;
  uint8_t bytes[kMaxInstructionBytes];
  std::memcpy(bytes, first_page + offset, head);
  if (second.host) std::memcpy(bytes + head, second.host, kMaxInstructionBytes - head);
  else std::memset(bytes + head, 0xff, kMaxInstructionBytes - head);
  Block& block = cpu.straddle_block();
  if (block.count == 1 && block.mode_key == cpu.decode_mode.key() && std::memcmp(cpu.straddle_bytes, bytes, sizeof bytes) == 0) return &block;
  std::memcpy(cpu.straddle_bytes, bytes, sizeof bytes);
  const Placed placed = place(bytes, cpu.decode_mode, cpu.time.costs(), 0, 0, block.uops.get());
  block.count = 1;
  block.cycles_before[1] = placed.cycles;
  block.mode_key = cpu.decode_mode.key();
  finish_block(block, placed.uops, placed.bytes);
  block.bytes = 0;
  return &block;
}

// Decodes from `offset` to the first instruction that ends a block, the page's end, or the longest block.
// Null: the first instruction already straddles.
std::unique_ptr<Block> build(const uint8_t* page, unsigned offset, DecodeMode mode, const CostTable& costs) {
  Uop uops[Block::kMaxUops];
  uint32_t cycles_before[Block::kMaxInstructions + 1] = {};
  unsigned count = 0, slots = 0, at = 0, looked_at = 0;
  while (count < Block::kMaxInstructions) {
    const unsigned left = kPageSize - (offset + at);
    if (left == 0) break;
    const Placed placed = place({page + offset + at, std::min(left, kMaxInstructionBytes)}, mode, costs, at, count, uops + slots);
    if (placed.decoded.outcome == DecodeOutcome::kTruncated) break;
    // What is no instruction may become one by a change of any byte the decoder saw.
    looked_at = at + (placed.decoded.outcome == DecodeOutcome::kInvalid ? std::min(left, kMaxInstructionBytes) : placed.bytes);
    at += placed.bytes;
    slots += placed.uops;
    cycles_before[count + 1] = cycles_before[count] + placed.cycles;
    ++count;
    if (placed.decoded.ends_block || placed.decoded.outcome != DecodeOutcome::kOk) break;
  }
  if (count == 0) return nullptr;
  auto block = std::make_unique<Block>();
  block->uops = std::make_unique<Uop[]>(slots + 1);
  std::copy_n(uops, slots, block->uops.get());
  block->cycles_before = std::make_unique<uint32_t[]>(count + 1);
  std::copy_n(cycles_before, count + 1, block->cycles_before.get());
  block->count = static_cast<uint16_t>(count);
  block->page_offset = static_cast<uint16_t>(offset);
  block->mode_key = mode.key();
  block->looked_at = static_cast<uint16_t>(looked_at);
  finish_block(*block, slots, at);
  return block;
}

}  // namespace

void finish_block(Block& block, unsigned slots, unsigned bytes) {
  block.bytes = static_cast<uint16_t>(bytes);
  Uop& last = block.uops[slots];
  last = Uop{};
  last.fn = lead_out;
  last.offset = static_cast<uint16_t>(bytes);
  last.index_in_block = static_cast<uint8_t>(block.count);
  last.code_size = block.uops[0].code_size;
}

Block* find_block(Cpu& cpu) {
  if (cpu.decode_mode.code_size != 64 && cpu.rip > cpu.segment[kCs].limit) return cpu.raise(Vector::kGP, 0), nullptr;
  const uint64_t linear = cpu.decode_mode.code_size == 64 ? cpu.rip : static_cast<uint32_t>(cpu.segment[kCs].base + cpu.rip);
  const uint64_t linear_page = linear & ~uint64_t{kPageSize - 1};
  const unsigned offset = static_cast<unsigned>(linear & (kPageSize - 1));
  FetchMap::Slot& slot = cpu.fetch_map->at(linear);
  if (slot.linear_page != linear_page || slot.generation != cpu.mmu.fetch_generation() || slot.fetch_key != cpu.fetch_key) {
    Fetch fetch;
    if (!fetch_page(cpu, linear, fetch)) return nullptr;
    if (!fetch.host) return block_outside_ram(cpu);
    slot = {linear_page, cpu.mmu.fetch_generation(), &cpu.code.page(fetch.host), fetch.host, cpu.fetch_key};
  }
  if (Block* block = slot.page->find(offset, cpu.decode_mode.key())) return block;
  auto built = build(slot.host, offset, cpu.decode_mode, cpu.time.costs());
  if (!built) return straddling_block(cpu, slot.host, offset, linear);
  return cpu.code.add(*slot.page, std::move(built));
}

unsigned peek_code(const Cpu& cpu, uint64_t linear, std::span<uint8_t, 15> out) {
  unsigned got = 0;
  while (got < out.size()) {
    const Translation t = cpu.mmu.peek(linear + got, AccessKind::kFetch, false);
    const uint8_t* host = t.ok ? cpu.memory.host(t.physical) : nullptr;
    if (!host) break;
    const auto count = std::min<uint64_t>(out.size() - got, kPageSize - ((linear + got) & (kPageSize - 1)));
    std::memcpy(out.data() + got, host, count);
    got += static_cast<unsigned>(count);
  }
  return got;
}

}  // namespace ringside::hw
