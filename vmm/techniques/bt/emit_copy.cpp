// Instructions that stay what they are: copied, or copied with their RIP-relative operand addressed absolutely or
// through a register.
#include <cassert>

#include "vmm/techniques/bt/emitter.h"

namespace ringside::vmm::bt {
namespace {

uint64_t rip_relative_address(const GuestInstruction& g) {
  const auto& operand = g.d.ops[rip_relative_operand(g.d)];
  return g.next() + static_cast<uint64_t>(operand.mem.disp.value);
}

// The instruction's bytes up to ModRM with REX.X and REX.B cleared, then ModRM (and SIB) as given, then what follows
// the displacement.
void emit_with_modrm(Emitter& e, const GuestInstruction& g, uint8_t modrm) {
  const auto& raw = g.d.insn.raw;
  for (unsigned i = 0; i < raw.modrm.offset; ++i) {
    const bool rex = raw.rex.offset == i && g.d.insn.attributes & ZYDIS_ATTRIB_HAS_REX;
    e.db(rex ? g.bytes[i] & 0xfc : g.bytes[i]);
  }
  e.db(modrm);
}
void emit_tail(Emitter& e, const GuestInstruction& g) {
  const unsigned after = g.d.insn.raw.disp.offset + g.d.insn.raw.disp.size / 8u;
  for (unsigned i = after; i < g.d.insn.length; ++i) e.db(g.bytes[i]);
}

}  // namespace

void emit_copy(Emitter& e, const GuestInstruction& g) {
  for (unsigned i = 0; i < g.d.insn.length; ++i) e.db(g.bytes[i]);
}

void emit_rebased(Emitter& e, const GuestInstruction& g) {
  const uint64_t address = rip_relative_address(g);
  const uint8_t reg_field = g.bytes[g.d.insn.raw.modrm.offset] & 0x38;
  if (fits_32(address)) {  // [disp32] without base or index: SIB 25
    emit_with_modrm(e, g, reg_field | 4);
    e.db(0x25);
    e.dd(static_cast<uint32_t>(address));
    emit_tail(e, g);
    return;
  }
  const unsigned temp = free_register(g.d);
  e.spill(temp);
  e.within(e.current, bit_of(temp));
  e.mov(Emitter::r64(temp), address);
  emit_with_modrm(e, g, static_cast<uint8_t>(reg_field | temp));
  emit_tail(e, g);
  e.beyond(g.next(), bit_of(temp));
  e.reload(temp);
}

void emit_load_address(Emitter& e, const GuestInstruction& g) {
  const uint64_t address = rip_relative_address(g);
  const unsigned n = static_cast<unsigned>(ZydisRegisterGetId(g.d.ops[0].reg.value));
  switch (g.d.ops[0].size) {
    case 16:
      e.mov(Xbyak::Reg16(static_cast<int>(n)), static_cast<uint16_t>(address));
      break;
    case 32:
      e.mov(Xbyak::Reg32(static_cast<int>(n)), static_cast<uint32_t>(address));
      break;
    default:
      e.mov(Emitter::r64(n), address);
  }
}

void emit_call_out(Emitter& e, const GuestInstruction&) {
  Position& p = e.before(e.current);
  p.trap = Trap::kCallOut;
  e.trap();
}

bool operand_needs_register(const GuestInstruction& g) {
  return rip_relative_operand(g.d) >= 0 && !fits_32(rip_relative_address(g));
}

Xbyak::Address guest_operand(Emitter& e, const GuestInstruction& g, unsigned operand, unsigned bits, unsigned temp) {
  const auto& m = g.d.ops[operand].mem;
  const auto& frame = bits == 16 ? e.word : bits == 32 ? e.dword : e.qword;
  if (m.segment == ZYDIS_REGISTER_FS || m.segment == ZYDIS_REGISTER_GS)
    e.db(m.segment == ZYDIS_REGISTER_FS ? 0x64 : 0x65);
  if (m.base == ZYDIS_REGISTER_RIP) {
    const uint64_t address = rip_relative_address(g);
    if (fits_32(address)) return frame[Xbyak::RegExp(static_cast<size_t>(address))];
    return frame[Emitter::r64(temp)];  // the caller has loaded it
  }
  const auto reg = [](ZydisRegister r) {
    const int n = ZydisRegisterGetId(r);
    return ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_GPR32 ? Xbyak::Reg(Xbyak::Reg32(n)) : Xbyak::Reg(Xbyak::Reg64(n));
  };
  Xbyak::RegExp expression(static_cast<size_t>(m.disp.has_displacement ? m.disp.value : 0));
  if (m.base != ZYDIS_REGISTER_NONE) expression = expression + reg(m.base);
  if (m.index != ZYDIS_REGISTER_NONE) expression = expression + Xbyak::RegExp(reg(m.index), m.scale);
  return frame[expression];
}

}  // namespace ringside::vmm::bt
