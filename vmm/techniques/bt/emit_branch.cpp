// Branches with a target known when they are translated.
#include "vmm/techniques/bt/emitter.h"

namespace ringside::vmm::bt {

void emit_jump(Emitter& e, const GuestInstruction& g) { e.exit_to(g.branch_target()); }

void emit_jump_if(Emitter& e, const GuestInstruction& g) {
  // 70+cc or 0F 80+cc; the condition is the low half of the opcode in both.
  e.db(0x0f);
  e.db(0x80 | (g.d.insn.opcode & 0x0f));
  e.exit_from(e.at(), g.branch_target());
  e.dd(0);
  e.exit_to(g.next());
}

// LOOP, LOOPE, LOOPNE, JECXZ and JRCXZ reach 127 bytes only.
void emit_counter_branch(Emitter& e, const GuestInstruction& g) {
  if (g.d.insn.address_width == 32) e.db(0x67);
  e.db(g.d.insn.opcode);
  e.db(5);
  e.exit_to(g.next());
  e.exit_to(g.branch_target());
}

void emit_call(Emitter& e, const GuestInstruction& g) {
  constexpr unsigned kRcx = 1;
  if (fits_32(g.next())) {
    e.push(static_cast<uint32_t>(g.next()));
  } else {
    e.spill(kRcx);
    e.within(e.current, bit_of(kRcx));
    e.mov(Emitter::r64(kRcx), g.next());
    e.push(Emitter::r64(kRcx));
    e.beyond(g.branch_target(), bit_of(kRcx));
    e.reload(kRcx);
  }
  e.exit_to(g.branch_target());
}

}  // namespace ringside::vmm::bt
