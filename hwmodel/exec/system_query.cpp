// LAR LSL VERR VERW ARPL: asking about descriptors without loading them [SDM 3A 5.10 "Pointer Validation"]. They answer in ZF.
#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/integer_flags.h"
#include "hwmodel/exec/system.h"

namespace ringside::hw {
namespace {

void set_zf(Cpu& cpu, bool zf) { cpu.arithmetic.unpack((cpu.arithmetic.pack() & ~rflags::kZf) | (zf ? rflags::kZf : 0)); }

constexpr unsigned bit(SystemType t) { return 1u << static_cast<unsigned>(t); }

// System descriptors each instruction knows, in long mode only the 64-bit ones [SDM 2A 3.2 tables 3-53, 3-56].
constexpr unsigned kSegmentLike = bit(SystemType::kLdt) | bit(SystemType::kTss32) | bit(SystemType::kTss32Busy);
constexpr unsigned kSegmentLike16 = bit(SystemType::kTss16) | bit(SystemType::kTss16Busy);
struct KnownTypes { unsigned legacy, wide; };
constexpr KnownTypes kLarKnows{kSegmentLike | kSegmentLike16 | bit(SystemType::kCallGate16) | bit(SystemType::kCallGate32) | bit(SystemType::kTaskGate),
                               kSegmentLike | bit(SystemType::kCallGate32)};
constexpr KnownTypes kLslKnows{kSegmentLike | kSegmentLike16, kSegmentLike};

enum class Answer : uint8_t { kVisible, kNot, kFault };

// The descriptor, if the selector names one within its table.
Answer look(Cpu& cpu, uint16_t selector, Descriptor& d) {
  if (is_null(selector) || !find_descriptor(cpu, selector, 8, d.address)) return Answer::kNot;
  return load_system(cpu, d.address, &d.low, 8) ? Answer::kVisible : Answer::kFault;
}

bool reachable(const Cpu& cpu, const Descriptor& d, uint16_t selector) {
  return d.is_conforming_code() || (d.dpl() >= cpu.cpl && d.dpl() >= (selector & kSelectorRpl));
}

Answer look_for_type(Cpu& cpu, uint16_t selector, KnownTypes known, Descriptor& d) {
  const Answer a = look(cpu, selector, d);
  if (a != Answer::kVisible) return a;
  const unsigned types = cpu.in_long_mode() ? known.wide : known.legacy;
  const bool type_ok = d.is_segment() || (types >> d.type() & 1);
  return type_ok && reachable(cpu, d, selector) ? Answer::kVisible : Answer::kNot;
}

struct Lar {
  static constexpr KnownTypes kKnown = kLarKnows;
  static uint32_t result(const Descriptor& d) { return static_cast<uint32_t>(d.low >> 32) & 0x00f0ff00; }
};
struct Lsl {
  static constexpr KnownTypes kKnown = kLslKnows;
  static uint32_t result(const Descriptor& d) { return to_segment(d, 0).limit; }
};

template <class Kind>
const Uop* query(Cpu& cpu, const Uop* op, uint16_t selector) {
  Descriptor d;
  const Answer a = look_for_type(cpu, selector, Kind::kKnown, d);
  if (a == Answer::kFault) return fault(cpu, op);
  if (a == Answer::kVisible) {
    if (op->operand_size == 2) set_reg<uint16_t>(cpu, op->dst, static_cast<uint16_t>(Kind::result(d)));
    else set_reg<uint32_t>(cpu, op->dst, Kind::result(d));
  }
  set_zf(cpu, a == Answer::kVisible);
  return next(cpu, op);
}

enum class Access : uint8_t { kRead, kWrite };

template <Access kAccess>
const Uop* verify(Cpu& cpu, const Uop* op, uint16_t selector) {
  Descriptor d;
  const Answer a = look(cpu, selector, d);
  if (a == Answer::kFault) return fault(cpu, op);
  const bool type_ok = kAccess == Access::kRead ? d.is_readable() : d.is_writable_data();
  set_zf(cpu, a == Answer::kVisible && type_ok && reachable(cpu, d, selector));
  return next(cpu, op);
}

using Question = const Uop* (*)(Cpu&, const Uop*, uint16_t);
template <Question kAsk>
const Uop* ask_reg(Cpu& cpu, const Uop* op) { return kAsk(cpu, op, reg<uint16_t>(cpu, op->src)); }
template <Question kAsk>
const Uop* ask_mem(Cpu& cpu, const Uop* op) {
  uint16_t selector;
  return load(cpu, op, selector) ? kAsk(cpu, op, selector) : fault(cpu, op);
}

// The selector is operand `kIndex`; LAR and LSL have the destination before it.
template <Question kAsk, unsigned kIndex>
bool bind_question(const Decoded& d, Uop& uop) {
  if (kIndex == 1) {
    uop.dst = number_of(d, 0);
    uop.operand_size = static_cast<uint8_t>(d.size(0));
  }
  if (d.is_mem(kIndex)) return bind_to(uop, in_protected_mode<ask_mem<kAsk>>);
  uop.src = number_of(d, kIndex);
  return bind_to(uop, in_protected_mode<ask_reg<kAsk>>);
}

// ARPL raises the RPL of its first operand to that of the second.
uint16_t adjusted(uint16_t value, uint16_t by) {
  return (value & 3) < (by & 3) ? static_cast<uint16_t>((value & ~3) | (by & 3)) : value;
}
const Uop* arpl_reg(Cpu& cpu, const Uop* op) {
  const auto old = reg<uint16_t>(cpu, op->dst), now = adjusted(old, reg<uint16_t>(cpu, op->src));
  set_reg<uint16_t>(cpu, op->dst, now);
  set_zf(cpu, now != old);
  return next(cpu, op);
}
const Uop* arpl_mem(Cpu& cpu, const Uop* op) {
  bool changed = false;
  const bool done = modify<uint16_t>(cpu, op, [&](uint16_t old) {
    const uint16_t now = adjusted(old, reg<uint16_t>(cpu, op->src));
    changed = now != old;
    return now;
  });
  if (!done) return fault(cpu, op);
  set_zf(cpu, changed);
  return next(cpu, op);
}
bool bind_arpl(const Decoded& d, Uop& uop) {
  uop.src = number_of(d, 1);
  if (d.is_mem(0)) return bind_to(uop, in_protected_mode<arpl_mem>);
  uop.dst = number_of(d, 0);
  return bind_to(uop, in_protected_mode<arpl_reg>);
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kYes = Sensitive::kYes;
constexpr auto kSystem = CostClass::kSystem;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_LAR, kNone, kYes, kSystem, false, "SDM 2A 3.2 LAR", bind_question<query<Lar>, 1>},
    {ZYDIS_MNEMONIC_LSL, kNone, kYes, kSystem, false, "SDM 2A 3.2 LSL", bind_question<query<Lsl>, 1>},
    {ZYDIS_MNEMONIC_VERR, kNone, kYes, kSystem, false, "SDM 2B 4.3 VERR/VERW", bind_question<verify<Access::kRead>, 0>},
    {ZYDIS_MNEMONIC_VERW, kNone, kYes, kSystem, false, "SDM 2B 4.3 VERR/VERW", bind_question<verify<Access::kWrite>, 0>},
    {ZYDIS_MNEMONIC_ARPL, kNone, Sensitive::kNo, kSystem, false, "SDM 2A 3.2 ARPL", bind_arpl},
};

}  // namespace

std::span<const InstructionInfo> descriptor_query_rows() { return kRows; }

}  // namespace ringside::hw
