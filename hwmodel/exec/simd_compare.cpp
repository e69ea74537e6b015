// SSE floating-point comparison into masks (CMPxx) and into RFLAGS (COMISx, UCOMISx).
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_mxcsr.h"

namespace ringside::hw {
namespace {

using V = __m128i;
enum class Format { kPs, kPd, kSs, kSd };

// a = mask of (a predicate b); the four even predicates have their negation in the odd half [SDM 2A 3.2 CMPPS, table 3-1].
template <Format format, unsigned predicate>
inline void host_compare(V& a, const V& b) {
  using enum Format;
  if constexpr (format == kPs) asm volatile("cmpps %2, %1, %0" : "+x"(a) : "x"(b), "i"(predicate));
  if constexpr (format == kPd) asm volatile("cmppd %2, %1, %0" : "+x"(a) : "x"(b), "i"(predicate));
  if constexpr (format == kSs) asm volatile("cmpss %2, %1, %0" : "+x"(a) : "x"(b), "i"(predicate));
  if constexpr (format == kSd) asm volatile("cmpsd %2, %1, %0" : "+x"(a) : "x"(b), "i"(predicate));
}

template <Format format, unsigned predicate>
bool compare(Cpu& cpu, unsigned dst, V b) {
  const V a = get_xmm(cpu, dst);
  V result;
  if (!with_guest_mxcsr(cpu, [&] { result = a; host_compare<format, predicate>(result, b); })) return false;
  set_xmm(cpu, dst, result);
  return true;
}
template <Format format, unsigned predicate>
bool compare_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && compare<format, predicate>(cpu, u->dst, get_xmm(cpu, u->src)); }
template <Format format, unsigned predicate>
bool compare_memory(Cpu& cpu, const Uop* u) {
  if (!allow_sse(cpu)) return false;
  if constexpr (format == Format::kSs || format == Format::kSd) {
    std::conditional_t<format == Format::kSs, uint32_t, uint64_t> value;
    return load(cpu, u, value) && compare<format, predicate>(cpu, u->dst, _mm_cvtsi64_si128(static_cast<int64_t>(uint64_t{value})));
  } else {
    V value;
    return load_vector<Alignment::kSixteen>(cpu, u, value) && compare<format, predicate>(cpu, u->dst, value);
  }
}
template <Format format, unsigned predicate>
bool bind_predicate(const Decoded& d, Uop& u) {
  return bind_forms(d, u, handler<compare_register<format, predicate>>, handler<compare_memory<format, predicate>>);
}
// Legacy encodings use imm[2:0]. CMPSD is also the string comparison's name: that form belongs to the integer group.
template <Format format>
bool bind_compare(const Decoded& d, Uop& u) {
  if (!is_xmm(d, 0)) return false;
  static constexpr Bind kPredicates[8] = {bind_predicate<format, 0>, bind_predicate<format, 1>, bind_predicate<format, 2>,
                                          bind_predicate<format, 3>, bind_predicate<format, 4>, bind_predicate<format, 5>,
                                          bind_predicate<format, 6>, bind_predicate<format, 7>};
  return kPredicates[u.imm & 7](d, u);
}

// --- COMISx signals invalid for every NaN, UCOMISx for signalling ones only -------------------------------------------------------
enum class Quiet { kNo, kYes };

// Flag outputs, no PUSHF: compiled code keeps data below the stack pointer.
template <class T, Quiet quiet>
inline uint64_t host_flags(V a, V b) {
  bool zero, parity, carry;
  if constexpr (sizeof(T) == 4 && quiet == Quiet::kNo) asm volatile("comiss %4, %3" : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry) : "x"(a), "x"(b));
  if constexpr (sizeof(T) == 8 && quiet == Quiet::kNo) asm volatile("comisd %4, %3" : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry) : "x"(a), "x"(b));
  if constexpr (sizeof(T) == 4 && quiet == Quiet::kYes) asm volatile("ucomiss %4, %3" : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry) : "x"(a), "x"(b));
  if constexpr (sizeof(T) == 8 && quiet == Quiet::kYes) asm volatile("ucomisd %4, %3" : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry) : "x"(a), "x"(b));
  return (zero ? rflags::kZf : 0) | (parity ? rflags::kPf : 0) | (carry ? rflags::kCf : 0);
}
template <class T, Quiet quiet>
bool order(Cpu& cpu, unsigned dst, V b) {
  const V a = get_xmm(cpu, dst);
  uint64_t flags = 0;
  if (!with_guest_mxcsr(cpu, [&] { flags = host_flags<T, quiet>(a, b); })) return false;
  cpu.arithmetic.unpack(flags);
  return true;
}
template <class T, Quiet quiet>
bool order_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && order<T, quiet>(cpu, u->dst, get_xmm(cpu, u->src)); }
template <class T, Quiet quiet>
bool order_memory(Cpu& cpu, const Uop* u) {
  T value;
  return allow_sse(cpu) && load(cpu, u, value) && order<T, quiet>(cpu, u->dst, _mm_cvtsi64_si128(static_cast<int64_t>(uint64_t{value})));
}
template <class T, Quiet quiet>
bool bind_order(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<order_register<T, quiet>>, handler<order_memory<T, quiet>>); }

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_CMPPS, "SDM 2A 3.2 CMPPS", bind_compare<Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_CMPPD, "SDM 2A 3.2 CMPPD", bind_compare<Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_CMPSS, "SDM 2A 3.2 CMPSS", bind_compare<Format::kSs>),
    simd_row(ZYDIS_MNEMONIC_CMPSD, "SDM 2A 3.2 CMPSD", bind_compare<Format::kSd>),
    simd_row(ZYDIS_MNEMONIC_COMISS, "SDM 2A 3.2 COMISS", bind_order<uint32_t, Quiet::kNo>),
    simd_row(ZYDIS_MNEMONIC_COMISD, "SDM 2A 3.2 COMISD", bind_order<uint64_t, Quiet::kNo>),
    simd_row(ZYDIS_MNEMONIC_UCOMISS, "SDM 2D 6.1 UCOMISS", bind_order<uint32_t, Quiet::kYes>),
    simd_row(ZYDIS_MNEMONIC_UCOMISD, "SDM 2D 6.1 UCOMISD", bind_order<uint64_t, Quiet::kYes>),
};

}  // namespace

std::span<const InstructionInfo> simd_compare_rows() { return kRows; }

}  // namespace ringside::hw
