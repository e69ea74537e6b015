// Helpers for the bind functions of the instruction groups: choose a handler by operand size, fill register fields.
#pragma once

#include "hwmodel/exec/access.h"
#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

// A form is a struct with `template <class T> static const Uop* run(Cpu&, const Uop*)`.
template <class Form>
Handler by_size(unsigned bytes) {
  switch (bytes) {
    case 1: return &Form::template run<uint8_t>;
    case 2: return &Form::template run<uint16_t>;
    case 4: return &Form::template run<uint32_t>;
    case 8: return &Form::template run<uint64_t>;
    default: return nullptr;
  }
}

inline bool bind_to(Uop& uop, Handler fn) {
  uop.fn = fn;
  return fn != nullptr;
}

inline bool is_general(const Decoded& d, unsigned i) {
  if (!d.is_reg(i)) return false;
  const ZydisRegisterClass c = ZydisRegisterGetClass(d.ops[i].reg.value);
  return c == ZYDIS_REGCLASS_GPR8 || c == ZYDIS_REGCLASS_GPR16 || c == ZYDIS_REGCLASS_GPR32 || c == ZYDIS_REGCLASS_GPR64;
}
inline uint8_t number_of(const Decoded& d, unsigned i) { return register_number(d.ops[i].reg.value); }

// Binds the usual two-operand shapes of an operation: Form types for (reg, reg), (reg, mem), (mem, reg), (reg, imm), (mem, imm).
template <class Rr, class Rm, class Mr, class Ri, class Mi>
bool bind_two_operands(const Decoded& d, Uop& uop) {
  const unsigned size = d.size(0);
  if (d.is_reg(0)) {
    if (!is_general(d, 0)) return false;
    uop.dst = number_of(d, 0);
    if (d.is_imm(1)) return bind_to(uop, by_size<Ri>(size));
    if (d.is_mem(1)) return bind_to(uop, by_size<Rm>(size));
    if (!is_general(d, 1)) return false;
    uop.src = number_of(d, 1);
    return bind_to(uop, by_size<Rr>(size));
  }
  if (d.is_imm(1)) return bind_to(uop, by_size<Mi>(size));
  if (!is_general(d, 1)) return false;
  uop.src = number_of(d, 1);
  return bind_to(uop, by_size<Mr>(size));
}

}  // namespace ringside::hw
