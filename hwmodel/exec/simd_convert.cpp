// SSE conversions between single, double and integers, in XMM, MMX and general registers.
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_mxcsr.h"

namespace ringside::hw {
namespace {

using V = __m128i;

// --- vector to vector ----------------------------------------------------------------------------------------------------------
enum class Convert { kDq2Ps, kPs2Dq, kTPs2Dq, kDq2Pd, kPd2Dq, kTPd2Dq, kPs2Pd, kPd2Ps, kSs2Sd, kSd2Ss };

// b converted into a (the scalar conversions keep the rest of a).
template <Convert c>
inline void host(V& a, const V& b) {
  using enum Convert;
  if constexpr (c == kDq2Ps) asm volatile("cvtdq2ps %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kPs2Dq) asm volatile("cvtps2dq %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kTPs2Dq) asm volatile("cvttps2dq %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kDq2Pd) asm volatile("cvtdq2pd %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kPd2Dq) asm volatile("cvtpd2dq %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kTPd2Dq) asm volatile("cvttpd2dq %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kPs2Pd) asm volatile("cvtps2pd %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kPd2Ps) asm volatile("cvtpd2ps %1, %0" : "=x"(a) : "x"(b));
  if constexpr (c == kSs2Sd) asm volatile("cvtss2sd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (c == kSd2Ss) asm volatile("cvtsd2ss %1, %0" : "+x"(a) : "x"(b));
}
// Only narrowing can give a denormal.
template <Convert c>
bool tiny(V value) {
  if (c == Convert::kPd2Ps) return any_denormal<uint32_t>(value, 2);
  return c == Convert::kSd2Ss && any_denormal<uint32_t>(value, 1);
}

template <Convert c>
bool convert(Cpu& cpu, unsigned dst, V b) {
  const V a = get_xmm(cpu, dst);
  V result;
  if (!with_guest_mxcsr(cpu, [&] { result = a; host<c>(result, b); }, [&] { return tiny<c>(result); })) return false;
  set_xmm(cpu, dst, result);
  return true;
}
template <Convert c>
bool convert_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && convert<c>(cpu, u->dst, get_xmm(cpu, u->src)); }
template <Convert c>
bool convert_vector(Cpu& cpu, const Uop* u) {
  V value;
  return allow_sse(cpu) && load_vector<Alignment::kSixteen>(cpu, u, value) && convert<c>(cpu, u->dst, value);
}
template <Convert c, class T>
bool convert_narrow(Cpu& cpu, const Uop* u) {
  T value;
  return allow_sse(cpu) && load(cpu, u, value) && convert<c>(cpu, u->dst, _mm_cvtsi64_si128(static_cast<int64_t>(uint64_t{value})));
}
template <Convert c>
bool bind_wide(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<convert_register<c>>, handler<convert_vector<c>>); }
template <Convert c, class T>
bool bind_half(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<convert_register<c>>, handler<convert_narrow<c, T>>); }

// --- MMX integers to and from vectors: the XMM conversions on the low half ----------------------------------------------------------
template <Convert c>
bool from_mmx(Cpu& cpu, unsigned dst, uint64_t source) {
  V result{};
  if (!with_guest_mxcsr(cpu, [&] { host<c>(result, mmx_vector(source)); })) return false;
  if (c == Convert::kDq2Ps) cpu.xmm[dst].lo = static_cast<uint64_t>(_mm_cvtsi128_si64(result));  // the high half is kept
  else set_xmm(cpu, dst, result);
  return true;
}
template <Convert c>
bool from_mmx_register(Cpu& cpu, const Uop* u) {
  if (!allow_sse(cpu) || !allow_mmx(cpu)) return false;
  if (!from_mmx<c>(cpu, u->dst, mmx(cpu, u->src))) return false;
  enter_mmx(cpu);
  return true;
}
// With a memory operand no MMX register is touched and the x87 state stays as it is [SDM 2A 3.2 CVTPI2PD].
template <Convert c>
bool from_mmx_memory(Cpu& cpu, const Uop* u) {
  uint64_t value;
  return allow_sse(cpu) && load(cpu, u, value) && from_mmx<c>(cpu, u->dst, value);
}
template <Convert c>
bool bind_from_mmx(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<from_mmx_register<c>>, handler<from_mmx_memory<c>>); }

template <Convert c>
bool to_mmx(Cpu& cpu, unsigned dst, V source) {
  V result{};
  if (!with_guest_mxcsr(cpu, [&] { host<c>(result, source); })) return false;
  enter_mmx(cpu);
  set_mmx(cpu, dst, static_cast<uint64_t>(_mm_cvtsi128_si64(result)));
  return true;
}
template <Convert c>
constexpr bool kFromPs = c == Convert::kPs2Dq || c == Convert::kTPs2Dq;
template <Convert c>
bool to_mmx_register(Cpu& cpu, const Uop* u) {
  if (!allow_sse(cpu) || !allow_mmx(cpu)) return false;
  const V source = get_xmm(cpu, u->src);
  return to_mmx<c>(cpu, u->dst, kFromPs<c> ? _mm_move_epi64(source) : source);
}
template <Convert c>
bool to_mmx_memory(Cpu& cpu, const Uop* u) {
  if (!allow_sse(cpu) || !allow_mmx(cpu)) return false;
  if constexpr (kFromPs<c>) {
    uint64_t value;
    return load(cpu, u, value) && to_mmx<c>(cpu, u->dst, mmx_vector(value));
  } else {
    V value;
    return load_vector<Alignment::kSixteen>(cpu, u, value) && to_mmx<c>(cpu, u->dst, value);
  }
}
template <Convert c>
bool bind_to_mmx(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<to_mmx_register<c>>, handler<to_mmx_memory<c>>); }

// --- general registers --------------------------------------------------------------------------------------------------------------
// Real: uint32_t single, uint64_t double (their bits). Integer: int32_t or int64_t.
template <class Real, class Integer>
bool from_integer(Cpu& cpu, unsigned dst, Integer source) {
  V result = get_xmm(cpu, dst);
  const V before = result;
  const bool done = with_guest_mxcsr(cpu, [&] {
    result = before;
    if constexpr (sizeof(Real) == 4 && sizeof(Integer) == 4) asm volatile("cvtsi2ssl %1, %0" : "+x"(result) : "r"(source));
    if constexpr (sizeof(Real) == 4 && sizeof(Integer) == 8) asm volatile("cvtsi2ssq %1, %0" : "+x"(result) : "r"(source));
    if constexpr (sizeof(Real) == 8 && sizeof(Integer) == 4) asm volatile("cvtsi2sdl %1, %0" : "+x"(result) : "r"(source));
    if constexpr (sizeof(Real) == 8 && sizeof(Integer) == 8) asm volatile("cvtsi2sdq %1, %0" : "+x"(result) : "r"(source));
  });
  if (done) set_xmm(cpu, dst, result);
  return done;
}
template <class Real, class Integer>
bool from_general(Cpu& cpu, const Uop* u) {
  return allow_sse(cpu) && from_integer<Real, Integer>(cpu, u->dst, static_cast<Integer>(cpu.gpr[u->src]));
}
template <class Real, class Integer>
bool from_integer_memory(Cpu& cpu, const Uop* u) {
  Integer value;
  return allow_sse(cpu) && load(cpu, u, value) && from_integer<Real, Integer>(cpu, u->dst, value);
}
template <class Real>
bool bind_from_integer(const Decoded& d, Uop& u) {
  if (d.size(1) == 8) return bind_forms(d, u, handler<from_general<Real, int64_t>>, handler<from_integer_memory<Real, int64_t>>);
  return bind_forms(d, u, handler<from_general<Real, int32_t>>, handler<from_integer_memory<Real, int32_t>>);
}

enum class Truncate { kNo, kYes };
template <class Real, class Integer, Truncate truncate>
bool to_general(Cpu& cpu, unsigned dst, V source) {
  Integer result = 0;
  const bool done = with_guest_mxcsr(cpu, [&] {
    constexpr bool kTruncate = truncate == Truncate::kYes;
    if constexpr (sizeof(Real) == 4 && sizeof(Integer) == 4 && kTruncate) asm volatile("cvttss2si %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 4 && sizeof(Integer) == 4 && !kTruncate) asm volatile("cvtss2si %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 4 && sizeof(Integer) == 8 && kTruncate) asm volatile("cvttss2siq %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 4 && sizeof(Integer) == 8 && !kTruncate) asm volatile("cvtss2siq %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 8 && sizeof(Integer) == 4 && kTruncate) asm volatile("cvttsd2si %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 8 && sizeof(Integer) == 4 && !kTruncate) asm volatile("cvtsd2si %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 8 && sizeof(Integer) == 8 && kTruncate) asm volatile("cvttsd2siq %1, %0" : "=r"(result) : "x"(source));
    if constexpr (sizeof(Real) == 8 && sizeof(Integer) == 8 && !kTruncate) asm volatile("cvtsd2siq %1, %0" : "=r"(result) : "x"(source));
  });
  if (done) set_reg(cpu, dst, static_cast<std::make_unsigned_t<Integer>>(result));
  return done;
}
template <class Real, class Integer, Truncate truncate>
bool to_integer_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && to_general<Real, Integer, truncate>(cpu, u->dst, get_xmm(cpu, u->src)); }
template <class Real, class Integer, Truncate truncate>
bool to_integer_memory(Cpu& cpu, const Uop* u) {
  Real value;
  return allow_sse(cpu) && load(cpu, u, value) && to_general<Real, Integer, truncate>(cpu, u->dst, mmx_vector(value));
}
template <class Real, Truncate truncate>
bool bind_to_integer(const Decoded& d, Uop& u) {
  if (d.size(0) == 8) return bind_forms(d, u, handler<to_integer_register<Real, int64_t, truncate>>, handler<to_integer_memory<Real, int64_t, truncate>>);
  return bind_forms(d, u, handler<to_integer_register<Real, int32_t, truncate>>, handler<to_integer_memory<Real, int32_t, truncate>>);
}

constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_CVTDQ2PS, "SDM 2A 3.2 CVTDQ2PS", bind_wide<Convert::kDq2Ps>),
    simd_row(ZYDIS_MNEMONIC_CVTPS2DQ, "SDM 2A 3.2 CVTPS2DQ", bind_wide<Convert::kPs2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTTPS2DQ, "SDM 2A 3.2 CVTTPS2DQ", bind_wide<Convert::kTPs2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTDQ2PD, "SDM 2A 3.2 CVTDQ2PD", bind_half<Convert::kDq2Pd, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_CVTPD2DQ, "SDM 2A 3.2 CVTPD2DQ", bind_wide<Convert::kPd2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTTPD2DQ, "SDM 2A 3.2 CVTTPD2DQ", bind_wide<Convert::kTPd2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTPS2PD, "SDM 2A 3.2 CVTPS2PD", bind_half<Convert::kPs2Pd, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_CVTPD2PS, "SDM 2A 3.2 CVTPD2PS", bind_wide<Convert::kPd2Ps>),
    simd_row(ZYDIS_MNEMONIC_CVTSS2SD, "SDM 2A 3.2 CVTSS2SD", bind_half<Convert::kSs2Sd, uint32_t>),
    simd_row(ZYDIS_MNEMONIC_CVTSD2SS, "SDM 2A 3.2 CVTSD2SS", bind_half<Convert::kSd2Ss, uint64_t>),
    simd_row(ZYDIS_MNEMONIC_CVTPI2PS, "SDM 2A 3.2 CVTPI2PS", bind_from_mmx<Convert::kDq2Ps>),
    simd_row(ZYDIS_MNEMONIC_CVTPI2PD, "SDM 2A 3.2 CVTPI2PD", bind_from_mmx<Convert::kDq2Pd>),
    simd_row(ZYDIS_MNEMONIC_CVTPS2PI, "SDM 2A 3.2 CVTPS2PI", bind_to_mmx<Convert::kPs2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTTPS2PI, "SDM 2A 3.2 CVTTPS2PI", bind_to_mmx<Convert::kTPs2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTPD2PI, "SDM 2A 3.2 CVTPD2PI", bind_to_mmx<Convert::kPd2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTTPD2PI, "SDM 2A 3.2 CVTTPD2PI", bind_to_mmx<Convert::kTPd2Dq>),
    simd_row(ZYDIS_MNEMONIC_CVTSI2SS, "SDM 2A 3.2 CVTSI2SS", bind_from_integer<uint32_t>),
    simd_row(ZYDIS_MNEMONIC_CVTSI2SD, "SDM 2A 3.2 CVTSI2SD", bind_from_integer<uint64_t>),
    simd_row(ZYDIS_MNEMONIC_CVTSS2SI, "SDM 2A 3.2 CVTSS2SI", bind_to_integer<uint32_t, Truncate::kNo>),
    simd_row(ZYDIS_MNEMONIC_CVTTSS2SI, "SDM 2A 3.2 CVTTSS2SI", bind_to_integer<uint32_t, Truncate::kYes>),
    simd_row(ZYDIS_MNEMONIC_CVTSD2SI, "SDM 2A 3.2 CVTSD2SI", bind_to_integer<uint64_t, Truncate::kNo>),
    simd_row(ZYDIS_MNEMONIC_CVTTSD2SI, "SDM 2A 3.2 CVTTSD2SI", bind_to_integer<uint64_t, Truncate::kYes>),
};

}  // namespace

std::span<const InstructionInfo> simd_convert_rows() { return kRows; }

}  // namespace ringside::hw
