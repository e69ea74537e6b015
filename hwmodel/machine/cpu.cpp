#include "hwmodel/machine/cpu.h"

#include "hwmodel/exec/block_builder.h"

namespace ringside::hw {
namespace {

std::unique_ptr<Block> private_block() {
  auto block = std::make_unique<Block>();
  block->uops = std::make_unique<Uop[]>(Block::kMaxUops);
  block->cycles_before = std::make_unique<uint32_t[]>(Block::kMaxInstructions + 1);
  return block;
}

}  // namespace

Cpu::Cpu(unsigned cpu_id, PhysicalMemory& ram, CodeCache& cache)
    : id(cpu_id), memory(ram), code(cache), mmu(*this, ram), fetch_map(std::make_unique<FetchMap>()), scratch_(private_block()),
      straddle_(private_block()) {
  mmu.time = &time;
  code.add_processor(mmu);
  mode_changed();
}

Cpu::~Cpu() { code.remove_processor(mmu); }

void Cpu::mode_changed() {
  const Segment& cs = segment[kCs];
  if (in_64bit_mode()) {
    decode_mode.code_size = 64;
    decode_mode.stack_size = 8;
  } else {
    decode_mode.code_size = !in_v86_mode() && cs.big() ? 32 : 16;
    decode_mode.stack_size = !in_v86_mode() && segment[kSs].big() ? 4 : 2;
  }
  decode_mode.non_root = non_root_code;
  decode_mode.sensitive = cpl == 0 ? SensitiveTraps::kAsBuilt : sensitive_traps;
  fetch_key = static_cast<uint8_t>(decode_mode.key() | (cpl == 3 ? 0x80 : 0));
  mmu.update_mode();
}

}  // namespace ringside::hw
