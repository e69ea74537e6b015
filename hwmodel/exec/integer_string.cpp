// MOVS STOS LODS SCAS CMPS with and without REP. REP MOVS and REP STOS run a page at a time through direct pointers where
// they can; everything else goes element by element. Registers are up to date after each element, so a fault in the
// middle resumes where it stopped. INS and OUTS are system instructions.
#include <algorithm>

#include "hwmodel/exec/bind.h"
#include "hwmodel/exec/block_cut.h"
#include "hwmodel/exec/integer.h"
#include "hwmodel/exec/integer_flags.h"

namespace ringside::hw {
namespace {

// After this many bytes a REP instruction lets the loop look for interrupts and limits.
constexpr uint64_t kBytesPerTurn = 64 * 1024;

uint64_t masked(const Cpu& cpu, const Uop* op, Gpr n) {
  const uint64_t v = cpu.gpr[n];
  return op->address_size == 8 ? v : op->address_size == 4 ? static_cast<uint32_t>(v) : static_cast<uint16_t>(v);
}
void set_masked(Cpu& cpu, const Uop* op, Gpr n, uint64_t v) {
  if (op->address_size == 8) cpu.gpr[n] = v;
  else if (op->address_size == 4) set_reg<uint32_t>(cpu, n, static_cast<uint32_t>(v));
  else set_reg<uint16_t>(cpu, n, static_cast<uint16_t>(v));
}
void advance(Cpu& cpu, const Uop* op, Gpr n, uint64_t bytes) {
  set_masked(cpu, op, n, cpu.gpr[n] + (cpu.system_flags & rflags::kDf ? -bytes : bytes));
}

template <class T>
bool load_source(Cpu& cpu, const Uop* op, T& value) {
  uint64_t linear;
  return linear_address(cpu, op, op->segment, masked(cpu, op, kRsi), sizeof(T), false, linear) && load_linear(cpu, linear, value);
}
template <class T>
bool load_destination(Cpu& cpu, const Uop* op, T& value) {
  uint64_t linear;
  return linear_address(cpu, op, kEs, masked(cpu, op, kRdi), sizeof(T), false, linear) && load_linear(cpu, linear, value);
}
template <class T>
bool store_destination(Cpu& cpu, const Uop* op, T value) {
  uint64_t linear;
  return linear_address(cpu, op, kEs, masked(cpu, op, kRdi), sizeof(T), true, linear) && store_linear(cpu, linear, value);
}

// --- one element of each operation; false: fault or stop ---------------------------------------------------------------------
struct Movs {
  static constexpr bool kCompares = false;
  template <class T> static bool element(Cpu& cpu, const Uop* op) {
    T value;
    if (!load_source(cpu, op, value) || !store_destination(cpu, op, value)) return false;
    advance(cpu, op, kRsi, sizeof(T));
    advance(cpu, op, kRdi, sizeof(T));
    return true;
  }
  template <class T> static uint64_t run_of_elements(Cpu& cpu, const Uop* op, uint64_t count);
};
struct Stos {
  static constexpr bool kCompares = false;
  template <class T> static bool element(Cpu& cpu, const Uop* op) {
    if (!store_destination(cpu, op, reg<T>(cpu, kRax))) return false;
    advance(cpu, op, kRdi, sizeof(T));
    return true;
  }
  template <class T> static uint64_t run_of_elements(Cpu& cpu, const Uop* op, uint64_t count);
};
struct Lods {
  static constexpr bool kCompares = false;
  template <class T> static bool element(Cpu& cpu, const Uop* op) {
    T value;
    if (!load_source(cpu, op, value)) return false;
    set_reg<T>(cpu, kRax, value);
    advance(cpu, op, kRsi, sizeof(T));
    return true;
  }
  template <class T> static uint64_t run_of_elements(Cpu&, const Uop*, uint64_t) { return 0; }
};
struct Scas {
  static constexpr bool kCompares = true;
  template <class T> static bool element(Cpu& cpu, const Uop* op) {
    T value;
    if (!load_destination(cpu, op, value)) return false;
    const T a = reg<T>(cpu, kRax);
    set_sub_flags<T>(cpu.arithmetic, a, value, static_cast<T>(a - value));
    advance(cpu, op, kRdi, sizeof(T));
    return true;
  }
  template <class T> static uint64_t run_of_elements(Cpu&, const Uop*, uint64_t) { return 0; }
};
struct Cmps {
  static constexpr bool kCompares = true;
  template <class T> static bool element(Cpu& cpu, const Uop* op) {
    T a, b;
    if (!load_source(cpu, op, a) || !load_destination(cpu, op, b)) return false;
    set_sub_flags<T>(cpu.arithmetic, a, b, static_cast<T>(a - b));
    advance(cpu, op, kRsi, sizeof(T));
    advance(cpu, op, kRdi, sizeof(T));
    return true;
  }
  template <class T> static uint64_t run_of_elements(Cpu&, const Uop*, uint64_t) { return 0; }
};

// --- whole runs of elements through direct pointers (64-bit mode, ascending); 0: not possible here ------------------------------
bool can_run(const Cpu& cpu, const Uop* op) { return op->code_size == 64 && op->address_size == 8 && !(cpu.system_flags & rflags::kDf); }

template <class T>
uint64_t elements_to_page_end(uint64_t linear) { return (kPageSize - (linear & (kPageSize - 1))) / sizeof(T); }

template <class T>
uint64_t Movs::run_of_elements(Cpu& cpu, const Uop* op, uint64_t count) {
  if (!can_run(cpu, op)) return 0;
  const uint64_t from = (op->segment == kFs || op->segment == kGs ? cpu.segment[op->segment].base : 0) + cpu.gpr[kRsi], to = cpu.gpr[kRdi];
  const uint64_t n = std::min({count, elements_to_page_end<T>(from), elements_to_page_end<T>(to)});
  const FastEntry& source = cpu.mmu.fast_entry(from);
  const FastEntry& target = cpu.mmu.fast_entry(to);
  if (n == 0 || (from & ~0xfffull) != source.read_tag || (to & ~0xfffull) != target.write_tag) return 0;
  auto* s = reinterpret_cast<const uint8_t*>(from + source.addend);
  auto* d = reinterpret_cast<uint8_t*>(to + target.addend);
  const uint64_t bytes = n * sizeof(T);
  if (d > s && d < s + bytes) {  // ascending over itself: each element sees what was stored before
    for (uint64_t i = 0; i < n; ++i) {
      T value;
      std::memcpy(&value, s + i * sizeof(T), sizeof(T));
      std::memcpy(d + i * sizeof(T), &value, sizeof(T));
    }
  } else {
    std::memmove(d, s, bytes);
  }
  cpu.mmu.data_accesses += 2 * n;
  cpu.gpr[kRsi] += bytes;
  cpu.gpr[kRdi] += bytes;
  return n;
}

template <class T>
uint64_t Stos::run_of_elements(Cpu& cpu, const Uop* op, uint64_t count) {
  if (!can_run(cpu, op)) return 0;
  const uint64_t to = cpu.gpr[kRdi];
  const uint64_t n = std::min(count, elements_to_page_end<T>(to));
  const FastEntry& target = cpu.mmu.fast_entry(to);
  if (n == 0 || (to & ~0xfffull) != target.write_tag) return 0;
  auto* d = reinterpret_cast<uint8_t*>(to + target.addend);
  const T value = reg<T>(cpu, kRax);
  if (sizeof(T) == 1 || value == 0) std::memset(d, static_cast<int>(value & 0xff), n * sizeof(T));
  else for (uint64_t i = 0; i < n; ++i) std::memcpy(d + i * sizeof(T), &value, sizeof(T));
  cpu.mmu.data_accesses += n;
  cpu.gpr[kRdi] += n * sizeof(T);
  return n;
}

template <class Op>
struct Once {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) { return Op::template element<T>(cpu, op) ? next(cpu, op) : fault(cpu, op); }
};

// REP, REPE and REPNE.
template <class Op>
struct Repeat {
  template <class T> static const Uop* run(Cpu& cpu, const Uop* op) {
    const uint64_t before = masked(cpu, op, kRcx);
    const Turn end = turn<T>(cpu, op);
    cpu.time.charge_iterations(before - masked(cpu, op, kRcx), cpu.cpl == 3);
    cut_if_overdue(cpu);
    switch (end) {
      case Turn::kDone: return next(cpu, op);
      case Turn::kNotDone: return fault(cpu, op);
      case Turn::kStepped: cpu.rip = cpu.rip_of(op); return leave(cpu, op);
    }
    __builtin_unreachable();
  }

 private:
  // How a turn of iterations ends. A turn that is not done, with nothing pending, makes the loop come back to this instruction; a stepped one
  // traps after its only iteration, rip still at the instruction.
  enum class Turn : uint8_t { kDone, kNotDone, kStepped };
  template <class T> static Turn turn(Cpu& cpu, const Uop* op) {
    const bool single_step = cpu.system_flags & rflags::kTf;
    uint64_t turn = kBytesPerTurn / sizeof(T);
    for (uint64_t count = masked(cpu, op, kRcx); count;) {
      uint64_t done = single_step ? 0 : Op::template run_of_elements<T>(cpu, op, std::min(count, turn));
      if (done == 0) {
        if (!Op::template element<T>(cpu, op)) return Turn::kNotDone;
        cpu.replies.clear();  // the element is complete; the next one has accesses of its own
        done = 1;
      }
      count -= done;
      set_masked(cpu, op, kRcx, count);
      if (Op::kCompares && cpu.arithmetic.zf() == ((op->flags & kRepne) != 0)) break;
      turn -= std::min(turn, done);
      if (count && single_step) return Turn::kStepped;
      if (count && turn == 0) return Turn::kNotDone;
    }
    return Turn::kDone;
  }
};

uint8_t source_segment(const Decoded& d) {
  const ZydisInstructionAttributes a = d.insn.attributes;
  if (a & ZYDIS_ATTRIB_HAS_SEGMENT_FS) return kFs;
  if (a & ZYDIS_ATTRIB_HAS_SEGMENT_GS) return kGs;
  if (d.code_size == 64) return kDs;
  if (a & ZYDIS_ATTRIB_HAS_SEGMENT_ES) return kEs;
  if (a & ZYDIS_ATTRIB_HAS_SEGMENT_CS) return kCs;
  if (a & ZYDIS_ATTRIB_HAS_SEGMENT_SS) return kSs;
  return kDs;
}

template <class Op, unsigned kSize>
bool bind_string(const Decoded& d, Uop& uop) {
  if (d.insn.meta.category != ZYDIS_CATEGORY_STRINGOP) return false;  // MOVSD and CMPSD are also SSE2 instructions
  uop.segment = source_segment(d);
  if (d.insn.attributes & ZYDIS_ATTRIB_HAS_REPNE) uop.flags |= kRepne;
  const bool repeats = uop.flags & (kRep | kRepne);
  return bind_to(uop, repeats ? by_size<Repeat<Op>>(kSize) : by_size<Once<Op>>(kSize));
}

constexpr auto kNone = Privilege::kNone;
constexpr auto kNo = Sensitive::kNo;
constexpr auto kString = CostClass::kString;
const InstructionInfo kRows[] = {
    {ZYDIS_MNEMONIC_MOVSB, kNone, kNo, kString, false, "SDM 2B 4.3 MOVS", bind_string<Movs, 1>},
    {ZYDIS_MNEMONIC_MOVSW, kNone, kNo, kString, false, "SDM 2B 4.3 MOVS", bind_string<Movs, 2>},
    {ZYDIS_MNEMONIC_MOVSD, kNone, kNo, kString, false, "SDM 2B 4.3 MOVS", bind_string<Movs, 4>},
    {ZYDIS_MNEMONIC_MOVSQ, kNone, kNo, kString, false, "SDM 2B 4.3 MOVS", bind_string<Movs, 8>},
    {ZYDIS_MNEMONIC_STOSB, kNone, kNo, kString, false, "SDM 2B 4.3 STOS", bind_string<Stos, 1>},
    {ZYDIS_MNEMONIC_STOSW, kNone, kNo, kString, false, "SDM 2B 4.3 STOS", bind_string<Stos, 2>},
    {ZYDIS_MNEMONIC_STOSD, kNone, kNo, kString, false, "SDM 2B 4.3 STOS", bind_string<Stos, 4>},
    {ZYDIS_MNEMONIC_STOSQ, kNone, kNo, kString, false, "SDM 2B 4.3 STOS", bind_string<Stos, 8>},
    {ZYDIS_MNEMONIC_LODSB, kNone, kNo, kString, false, "SDM 2A 3.2 LODS", bind_string<Lods, 1>},
    {ZYDIS_MNEMONIC_LODSW, kNone, kNo, kString, false, "SDM 2A 3.2 LODS", bind_string<Lods, 2>},
    {ZYDIS_MNEMONIC_LODSD, kNone, kNo, kString, false, "SDM 2A 3.2 LODS", bind_string<Lods, 4>},
    {ZYDIS_MNEMONIC_LODSQ, kNone, kNo, kString, false, "SDM 2A 3.2 LODS", bind_string<Lods, 8>},
    {ZYDIS_MNEMONIC_SCASB, kNone, kNo, kString, false, "SDM 2B 4.3 SCAS", bind_string<Scas, 1>},
    {ZYDIS_MNEMONIC_SCASW, kNone, kNo, kString, false, "SDM 2B 4.3 SCAS", bind_string<Scas, 2>},
    {ZYDIS_MNEMONIC_SCASD, kNone, kNo, kString, false, "SDM 2B 4.3 SCAS", bind_string<Scas, 4>},
    {ZYDIS_MNEMONIC_SCASQ, kNone, kNo, kString, false, "SDM 2B 4.3 SCAS", bind_string<Scas, 8>},
    {ZYDIS_MNEMONIC_CMPSB, kNone, kNo, kString, false, "SDM 2A 3.2 CMPS", bind_string<Cmps, 1>},
    {ZYDIS_MNEMONIC_CMPSW, kNone, kNo, kString, false, "SDM 2A 3.2 CMPS", bind_string<Cmps, 2>},
    {ZYDIS_MNEMONIC_CMPSD, kNone, kNo, kString, false, "SDM 2A 3.2 CMPS", bind_string<Cmps, 4>},
    {ZYDIS_MNEMONIC_CMPSQ, kNone, kNo, kString, false, "SDM 2A 3.2 CMPS", bind_string<Cmps, 8>},
};

}  // namespace

std::span<const InstructionInfo> integer_string_rows() { return kRows; }

}  // namespace ringside::hw
