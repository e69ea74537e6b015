#include "vmm/techniques/bt/emitter.h"

#include <cassert>

namespace ringside::vmm::bt {

Emitter::Emitter(Buffer& buffer, const Places& places, uint32_t offset, Translation& translation)
    : Xbyak::CodeGenerator(kLongestTranslation, buffer), out(translation), places_(places), offset_(offset) {
  out.offset = offset;
}

Position& Emitter::note(Position p) {
  p.code = at();
  p.instruction = static_cast<uint16_t>(current);
  if (!out.positions.empty() && out.positions.back().code == p.code)
    out.positions.back() = p;
  else
    out.positions.push_back(p);
  return out.positions.back();
}

Position& Emitter::before(unsigned i) { return within(i, 0); }

Position& Emitter::within(unsigned i, uint16_t restore) {
  Position p;
  p.restore = restore;
  p.rip = out.rip + out.instructions[i].guest;
  p.after_sti = after_sti;
  return note(p);
}

Position& Emitter::beyond(uint64_t to, uint16_t restore) {
  Position p;
  p.restore = restore;
  p.rip = to;
  return note(p);
}

Position& Emitter::at_target(uint16_t restore) {
  Position p;
  p.restore = restore;
  p.rip_in_state = true;
  p.site = static_cast<uint16_t>(out.sites.size());
  return note(p);
}

void Emitter::exit_from(uint16_t rel32, uint64_t to) { out.exits.push_back({.jump = rel32, .rip = to}); }

void Emitter::exit_to(uint64_t to) {
  beyond(to);
  db(0xe9);
  exit_from(at(), to);
  dd(0);
}

void Emitter::exit_held(uint64_t to) {
  exit_to(to);
  out.positions.back().after_sti = true;
  out.exits.back().linkable = false;
}

void Emitter::finish_exits() {
  for (size_t i = 0; i < out.exits.size(); ++i) {
    Exit& exit = out.exits[i];
    Position& p = beyond(exit.rip);
    p.trap = Trap::kExit;
    p.site = static_cast<uint16_t>(i);
    p.after_sti = !exit.linkable;
    exit.stub = at();
    rewrite(exit.jump, static_cast<uint32_t>(exit.stub - (exit.jump + 4)), 4);
    trap();
  }
}

Site& Emitter::new_site() {
  out.sites.push_back({.id = next_site++, .instruction = static_cast<uint16_t>(current)});
  return out.sites.back();
}

unsigned free_register(const hw::Decoded& d, uint16_t also_used) {
  uint16_t used = also_used;
  const auto use = [&](ZydisRegister reg) {
    const ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (ZydisRegisterGetClass(wide) == ZYDIS_REGCLASS_GPR64)
      used |= static_cast<uint16_t>(1u << ZydisRegisterGetId(wide));
  };
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    if (d.ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER) use(d.ops[i].reg.value);
    if (d.ops[i].type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
    use(d.ops[i].mem.base);
    use(d.ops[i].mem.index);
  }
  for (const unsigned r : {1u, 2u, 0u, 3u, 6u, 7u}) {
    if (!(used & bit_of(r))) return r;
  }
  assert(false && "an instruction that uses six of the eight low registers and a memory operand");
  return 0;
}

}  // namespace ringside::vmm::bt
