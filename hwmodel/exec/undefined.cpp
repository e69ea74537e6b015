#include "hwmodel/exec/undefined.h"

#include "hwmodel/exec/run.h"
#include "hwmodel/isa/decoder.h"
#include "hwmodel/machine/cpu.h"

namespace ringside::hw {

const Uop* undefined_instruction(Cpu& cpu, const Uop* op) { return raise(cpu, op, Vector::kUD); }

const Uop* too_long_instruction(Cpu& cpu, const Uop* op) { return raise(cpu, op, Vector::kGP, 0); }

const Uop* unimplemented_instruction(Cpu& cpu, const Uop* op) {
  ++cpu.counters.unimplemented;
  if (cpu.observer) {
    const uint64_t rip = cpu.rip_of(op);
    uint8_t bytes[15];
    const unsigned got = peek_code(cpu, cpu.segment[kCs].base + rip, bytes);
    unsigned length = 0;
    cpu.observer->on_unimplemented(disassemble({bytes, got}, op->code_size, rip, length), rip);
  }
  return raise(cpu, op, Vector::kUD);
}

}  // namespace ringside::hw
