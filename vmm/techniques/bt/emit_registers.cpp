// Instructions that show a control register or a selector: the virtual processor's, from the state page.
#include "vmm/techniques/bt/emitter.h"

namespace ringside::vmm::bt {
namespace {

unsigned id_of(const hw::Decoded& d, unsigned operand) {
  return static_cast<unsigned>(ZydisRegisterGetId(d.ops[operand].reg.value));
}
size_t selector(unsigned segment) { return offsetof(StatePage, selector) + 8 * segment; }

size_t control_register(unsigned n) {
  switch (n) {
    case 0:
      return offsetof(StatePage, cr0);
    case 2:
      return offsetof(StatePage, cr2);
    case 3:
      return offsetof(StatePage, cr3);
    case 4:
      return offsetof(StatePage, cr4);
    default:
      return offsetof(StatePage, cr8);
  }
}

// The low 16 bits of a word of the state page to the memory operand.
void store_word(Emitter& e, const GuestInstruction& g, size_t member) {
  const unsigned temp = free_register(g.d), pointer = free_register(g.d, bit_of(temp));
  uint16_t used = bit_of(temp);
  e.spill(temp);
  if (operand_needs_register(g)) {
    used |= bit_of(pointer);
    e.spill(pointer);
  }
  e.within(e.current, used);
  if (operand_needs_register(g))
    e.mov(Emitter::r64(pointer), g.next() + static_cast<uint64_t>(g.d.ops[0].mem.disp.value));
  e.movzx(Xbyak::Reg32(static_cast<int>(temp)), e.word[e.state(member)]);
  e.mov(guest_operand(e, g, 0, 16, pointer), Xbyak::Reg16(static_cast<int>(temp)));
  e.beyond(g.next(), used);
  if (used & bit_of(pointer)) e.reload(pointer);
  e.reload(temp);
}

// A selector to a general register: wider ones are zero-extended.
void load_selector(Emitter& e, const hw::Decoded& d, size_t member) {
  const int to = static_cast<int>(id_of(d, 0));
  if (d.ops[0].size == 16)
    e.mov(Xbyak::Reg16(to), e.word[e.state(member)]);
  else
    e.movzx(Xbyak::Reg32(to), e.word[e.state(member)]);
}

}  // namespace

void emit_read_control(Emitter& e, const GuestInstruction& g) {
  e.mov(Emitter::r64(id_of(g.d, 0)), e.qword[e.state(control_register(id_of(g.d, 1)))]);
}

void emit_read_selector(Emitter& e, const GuestInstruction& g) {
  const size_t member = selector(id_of(g.d, 1));
  if (g.d.is_mem(0))
    store_word(e, g, member);
  else
    load_selector(e, g.d, member);
}

void emit_push_selector(Emitter& e, const GuestInstruction& g) { e.push(e.qword[e.state(selector(id_of(g.d, 0)))]); }

void emit_machine_status(Emitter& e, const GuestInstruction& g) {
  const bool smsw = g.d.insn.mnemonic == ZYDIS_MNEMONIC_SMSW;
  const size_t member = smsw                                      ? offsetof(StatePage, cr0)
                        : g.d.insn.mnemonic == ZYDIS_MNEMONIC_STR ? offsetof(StatePage, tr)
                                                                  : offsetof(StatePage, ldtr);
  if (g.d.is_mem(0)) return store_word(e, g, member);
  if (!smsw) return load_selector(e, g.d, member);
  const int to = static_cast<int>(id_of(g.d, 0));
  switch (g.d.ops[0].size) {
    case 16:
      e.mov(Xbyak::Reg16(to), e.word[e.state(member)]);
      break;
    case 32:
      e.mov(Xbyak::Reg32(to), e.dword[e.state(member)]);
      break;
    default:
      e.mov(Xbyak::Reg64(to), e.qword[e.state(member)]);
  }
}

}  // namespace ringside::vmm::bt
