// IN OUT INS OUTS: privilege (IOPL, then the TSS's bitmap), port breakpoints, and one bus access per execution. A repeated INS or
// OUTS runs and retires one element at a time, so that interrupts, replies and single steps fall between elements.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/system.h"
#include "hwmodel/exec/task_state.h"

namespace ringside::hw {
namespace {

bool port_allowed(Cpu& cpu, uint16_t port, unsigned size) {
  const bool by_privilege = cpu.in_real_mode() || (!cpu.in_v86_mode() && cpu.cpl <= cpu.iopl());
  return by_privilege || check_port_bitmap(cpu, port, size);
}

enum class PortFrom : uint8_t { kDx, kImmediate };
template <PortFrom kFrom>
uint16_t port_of(const Cpu& cpu, const Uop* op) {
  return kFrom == PortFrom::kDx ? reg<uint16_t>(cpu, kRdx) : static_cast<uint8_t>(op->imm);
}

template <PortFrom kFrom>
struct In {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const uint16_t port = port_of<kFrom>(cpu, op);
    uint32_t value;
    if (!port_allowed(cpu, port, sizeof(T)) || !port_in(cpu, port, sizeof(T), value)) return fault(cpu, op);
    set_reg<T>(cpu, kRax, static_cast<T>(value));
    note_port_breakpoint(cpu, port, sizeof(T));
    return leave_next(cpu, op);
  }
};
template <PortFrom kFrom>
struct Out {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const uint16_t port = port_of<kFrom>(cpu, op);
    if (!port_allowed(cpu, port, sizeof(T)) || !port_out(cpu, port, sizeof(T), reg<T>(cpu, kRax))) return fault(cpu, op);
    note_port_breakpoint(cpu, port, sizeof(T));
    return leave_next(cpu, op);
  }
};

Handler port_size(Handler one, Handler two, Handler four, unsigned bytes) { return bytes == 1 ? one : bytes == 2 ? two : four; }
template <template <PortFrom> class Form, unsigned kRegisterOperand>
bool bind_port(const Decoded& d, Uop& uop) {
  const unsigned size = d.size(kRegisterOperand);   // of AL, AX or EAX
  using Dx = Form<PortFrom::kDx>;
  using Imm = Form<PortFrom::kImmediate>;
  if (d.is_imm(1 - kRegisterOperand)) {
    return bind_to(uop, port_size(&Imm::template run<uint8_t>, &Imm::template run<uint16_t>, &Imm::template run<uint32_t>, size));
  }
  return bind_to(uop, port_size(&Dx::template run<uint8_t>, &Dx::template run<uint16_t>, &Dx::template run<uint32_t>, size));
}

// --- strings ----------------------------------------------------------------------------------------------------------------------

uint64_t sized(uint64_t value, unsigned bytes) {
  return bytes == 8 ? value : bytes == 4 ? static_cast<uint32_t>(value) : static_cast<uint16_t>(value);
}
void set_sized(Cpu& cpu, unsigned n, uint64_t value, unsigned bytes) {
  if (bytes == 8) cpu.gpr[n] = value;
  else if (bytes == 4) set_reg<uint32_t>(cpu, n, static_cast<uint32_t>(value));
  else set_reg<uint16_t>(cpu, n, static_cast<uint16_t>(value));
}

bool repeats(const Uop* op) { return op->flags & (kRep | kRepne); }
bool nothing_left(const Cpu& cpu, const Uop* op) { return repeats(op) && sized(cpu.gpr[kRcx], op->address_size) == 0; }

// The element is done: the index moves, and a repeated instruction with more to do is its own successor.
const Uop* element_done(Cpu& cpu, const Uop* op, unsigned index, unsigned size) {
  const uint64_t step = cpu.system_flags & rflags::kDf ? uint64_t{0} - size : size;
  set_sized(cpu, index, cpu.gpr[index] + step, op->address_size);
  if (!repeats(op)) return leave_next(cpu, op);
  set_sized(cpu, kRcx, cpu.gpr[kRcx] - 1, op->address_size);
  if (nothing_left(cpu, op)) return leave_next(cpu, op);
  cpu.rip = cpu.rip_of(op);
  return leave(cpu, op);
}

struct Ins {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    if (nothing_left(cpu, op)) return leave_next(cpu, op);
    const auto port = reg<uint16_t>(cpu, kRdx);
    uint64_t linear;
    uint32_t value;
    // The destination is checked first: a port may not be read twice because the store faults.
    if (!port_allowed(cpu, port, sizeof(T)) || !linear_address(cpu, op, kEs, sized(cpu.gpr[kRdi], op->address_size), sizeof(T), true, linear) ||
        !probe_write(cpu, linear, sizeof(T)) || !port_in(cpu, port, sizeof(T), value) || !store_linear(cpu, linear, static_cast<T>(value))) {
      return fault(cpu, op);
    }
    note_port_breakpoint(cpu, port, sizeof(T));
    return element_done(cpu, op, kRdi, sizeof(T));
  }
};
struct Outs {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    if (nothing_left(cpu, op)) return leave_next(cpu, op);
    const auto port = reg<uint16_t>(cpu, kRdx);
    uint64_t linear;
    T value;
    if (!port_allowed(cpu, port, sizeof(T)) ||
        !linear_address(cpu, op, op->segment, sized(cpu.gpr[kRsi], op->address_size), sizeof(T), false, linear) ||
        !load_linear(cpu, linear, value) || !port_out(cpu, port, sizeof(T), value)) {
      return fault(cpu, op);
    }
    note_port_breakpoint(cpu, port, sizeof(T));
    return element_done(cpu, op, kRsi, sizeof(T));
  }
};

// OUTS reads DS:rSI unless a prefix says otherwise; the operand is implicit, so the decoder has not filled the segment.
void set_source_segment(const Decoded& d, Uop& uop) {
  uop.segment = kDs;
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    if (!d.is_mem(i)) continue;
    switch (d.ops[i].mem.segment) {
      case ZYDIS_REGISTER_ES: uop.segment = kEs; break;
      case ZYDIS_REGISTER_CS: uop.segment = kCs; break;
      case ZYDIS_REGISTER_SS: uop.segment = kSs; break;
      case ZYDIS_REGISTER_FS: uop.segment = kFs; break;
      case ZYDIS_REGISTER_GS: uop.segment = kGs; break;
      default: break;
    }
  }
}
template <class Form, class T>
bool bind_string(const Decoded& d, Uop& uop) {
  set_source_segment(d, uop);
  return bind_to(uop, &Form::template run<T>);
}

constexpr auto kIopl = Privilege::kIopl;
constexpr auto kYes = Sensitive::kYes;
constexpr auto kIo = CostClass::kIo;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_IN, kIopl, kYes, kIo, true, "SDM 2A 3.2 IN", bind_port<In, 0>},
    {ZYDIS_MNEMONIC_OUT, kIopl, kYes, kIo, true, "SDM 2B 4.3 OUT", bind_port<Out, 1>},
    {ZYDIS_MNEMONIC_INSB, kIopl, kYes, kIo, true, "SDM 2A 3.2 INS", bind_string<Ins, uint8_t>},
    {ZYDIS_MNEMONIC_INSW, kIopl, kYes, kIo, true, "SDM 2A 3.2 INS", bind_string<Ins, uint16_t>},
    {ZYDIS_MNEMONIC_INSD, kIopl, kYes, kIo, true, "SDM 2A 3.2 INS", bind_string<Ins, uint32_t>},
    {ZYDIS_MNEMONIC_OUTSB, kIopl, kYes, kIo, true, "SDM 2B 4.3 OUTS", bind_string<Outs, uint8_t>},
    {ZYDIS_MNEMONIC_OUTSW, kIopl, kYes, kIo, true, "SDM 2B 4.3 OUTS", bind_string<Outs, uint16_t>},
    {ZYDIS_MNEMONIC_OUTSD, kIopl, kYes, kIo, true, "SDM 2B 4.3 OUTS", bind_string<Outs, uint32_t>},
};

}  // namespace

std::span<const InstructionInfo> port_rows() { return kRows; }

}  // namespace ringside::hw
