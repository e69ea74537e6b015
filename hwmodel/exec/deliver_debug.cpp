// Debug exceptions: single step, instruction, data and port breakpoints [SDM 3B 18.3]. Declared in deliver.h, called by the run loop.
#include "hwmodel/exec/deliver.h"

namespace ringside::hw {
namespace {

// cpu.debug_hits bit, beside the four breakpoint bits: see trap_on_new_flags().
constexpr uint8_t kNewFlagsDecide = 0x80;

enum class Watch : uint8_t { kExecute = 0, kPort = 2 };

bool enabled(uint64_t control, unsigned i) { return control >> (2 * i) & 3; }
Watch kind_of(uint64_t control, unsigned i) { return static_cast<Watch>(control >> (16 + 4 * i) & 3); }
// LENn: 00 one byte, 01 two, 11 four, 10 eight.
uint64_t length_of(uint64_t control, unsigned i) {
  const unsigned code = control >> (18 + 4 * i) & 3;
  return code == 2 ? 8 : code + 1;
}

}  // namespace

bool raise_debug(Cpu& cpu, uint64_t dr6_bits) {
  cpu.raise(Vector::kDB);
  cpu.pending.cr2 = dr6_bits;
  return false;
}

// Instruction breakpoints are faults: #DB comes instead of the instruction, unless RFLAGS.RF says that it has come already.
bool code_breakpoint(Cpu& cpu) {
  if (cpu.replies.count) return false;   // the instruction is being re-executed with a monitor's answer
  if (cpu.system_flags & rflags::kRf) {
    cpu.system_flags &= ~rflags::kRf;
    return false;
  }
  const uint64_t linear = cpu.in_64bit_mode() ? cpu.rip : static_cast<uint32_t>(cpu.segment[kCs].base + cpu.rip);
  uint64_t hits = 0;
  for (unsigned i = 0; i < 4; ++i) {
    if (enabled(cpu.dr7, i) && kind_of(cpu.dr7, i) == Watch::kExecute && cpu.dr[i] == linear) hits |= 1u << i;
  }
  if (!hits) return false;
  raise_debug(cpu, hits);
  return true;
}

void after_single(Cpu& cpu, bool trap, uint8_t /*shadow*/) {
  const bool new_flags_decide = cpu.debug_hits & kNewFlagsDecide;
  uint64_t bits = cpu.debug_hits & dr6::kBreakpoints;
  cpu.debug_hits = 0;
  if (cpu.pending.valid) return;
  if (cpu.interrupt_shadow == kShadowMovSs) {   // held off until after the next instruction, which traps for both
    cpu.debug_hits = static_cast<uint8_t>(bits);
    return;
  }
  if (new_flags_decide ? (cpu.system_flags & rflags::kTf) != 0 : trap) bits |= dr6::kBs;
  if (bits) raise_debug(cpu, bits);
}

void trap_on_new_flags(Cpu& cpu) {
  // Without single step or breakpoints nobody calls after_single(), and the note would outlive its instruction.
  if ((cpu.system_flags & rflags::kTf) || (cpu.dr7 & dr7::kEnabled)) cpu.debug_hits |= kNewFlagsDecide;
}

void note_port_breakpoint(Cpu& cpu, uint16_t port, unsigned size) {
  if (!(cpu.dr7 & dr7::kEnabled) || !(cpu.cr4 & cr4::kDe)) return;
  for (unsigned i = 0; i < 4; ++i) {
    if (!enabled(cpu.dr7, i) || kind_of(cpu.dr7, i) != Watch::kPort) continue;
    const uint64_t length = length_of(cpu.dr7, i), first = cpu.dr[i] & ~(length - 1);
    if (port < first + length && first < uint64_t{port} + size) cpu.debug_hits |= static_cast<uint8_t>(1u << i);
  }
}

}  // namespace ringside::hw
