// SSE floating-point arithmetic: add, subtract, multiply, divide, minimum, maximum, square root, horizontal and alternating sums,
// dot products. Computed by the host's baseline instructions under the guest's MXCSR, which every x86-64 CPU does bit for bit alike.
#include "hwmodel/exec/simd_bind.h"
#include "hwmodel/exec/simd_lanes.h"
#include "hwmodel/exec/simd_mxcsr.h"

namespace ringside::hw {
namespace {

using V = __m128i;

enum class FloatOp { kAdd, kSub, kMul, kDiv, kMin, kMax, kSqrt };
enum class Format { kPs, kPd, kSs, kSd };
constexpr bool is_single(Format f) { return f == Format::kPs || f == Format::kSs; }
constexpr bool is_scalar(Format f) { return f == Format::kSs || f == Format::kSd; }

// a = a op b on the host. The operand order is the guest's: it decides which NaN survives.
template <FloatOp op, Format format>
inline void host(V& a, const V& b) {
  using enum FloatOp;
  using enum Format;
  if constexpr (op == kAdd && format == kPs) asm volatile("addps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kAdd && format == kPd) asm volatile("addpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kAdd && format == kSs) asm volatile("addss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kAdd && format == kSd) asm volatile("addsd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSub && format == kPs) asm volatile("subps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSub && format == kPd) asm volatile("subpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSub && format == kSs) asm volatile("subss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSub && format == kSd) asm volatile("subsd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMul && format == kPs) asm volatile("mulps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMul && format == kPd) asm volatile("mulpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMul && format == kSs) asm volatile("mulss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMul && format == kSd) asm volatile("mulsd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kDiv && format == kPs) asm volatile("divps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kDiv && format == kPd) asm volatile("divpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kDiv && format == kSs) asm volatile("divss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kDiv && format == kSd) asm volatile("divsd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMin && format == kPs) asm volatile("minps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMin && format == kPd) asm volatile("minpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMin && format == kSs) asm volatile("minss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMin && format == kSd) asm volatile("minsd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMax && format == kPs) asm volatile("maxps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMax && format == kPd) asm volatile("maxpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMax && format == kSs) asm volatile("maxss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kMax && format == kSd) asm volatile("maxsd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSqrt && format == kPs) asm volatile("sqrtps %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSqrt && format == kPd) asm volatile("sqrtpd %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSqrt && format == kSs) asm volatile("sqrtss %1, %0" : "+x"(a) : "x"(b));
  if constexpr (op == kSqrt && format == kSd) asm volatile("sqrtsd %1, %0" : "+x"(a) : "x"(b));
}

template <Format format>
bool tiny(V value) {
  using T = std::conditional_t<is_single(format), uint32_t, uint64_t>;
  return any_denormal<T>(value, is_scalar(format) ? 1 : 16 / sizeof(T));
}

template <FloatOp op, Format format>
bool compute(Cpu& cpu, unsigned dst, V b) {
  const V a = get_xmm(cpu, dst);
  V result;
  if (!with_guest_mxcsr(cpu, [&] { result = a; host<op, format>(result, b); },
                        [&] { return (op == FloatOp::kAdd || op == FloatOp::kSub || op == FloatOp::kMul || op == FloatOp::kDiv) && tiny<format>(result); })) {
    return false;
  }
  set_xmm(cpu, dst, result);
  return true;
}
template <FloatOp op, Format format>
bool from_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && compute<op, format>(cpu, u->dst, get_xmm(cpu, u->src)); }
template <FloatOp op, Format format>
bool from_memory(Cpu& cpu, const Uop* u) {
  if (!allow_sse(cpu)) return false;
  if constexpr (is_scalar(format)) {
    std::conditional_t<is_single(format), uint32_t, uint64_t> value;
    return load(cpu, u, value) && compute<op, format>(cpu, u->dst, _mm_cvtsi64_si128(static_cast<int64_t>(uint64_t{value})));
  } else {
    V value;
    return load_vector<Alignment::kSixteen>(cpu, u, value) && compute<op, format>(cpu, u->dst, value);
  }
}
template <FloatOp op, Format format>
bool bind(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<from_register<op, format>>, handler<from_memory<op, format>>); }

// --- operations made of several of the above: `f` gives the result of a and b ---------------------------------------------------
using Composite = V (*)(V a, V b);

template <Composite f, Format format>
bool composite(Cpu& cpu, const Uop* u, V b) {
  const V a = get_xmm(cpu, u->dst);
  V result;
  if (!with_guest_mxcsr(cpu, [&] { result = f(a, b); }, [&] { return tiny<format>(result); })) return false;
  set_xmm(cpu, u->dst, result);
  return true;
}
template <Composite f, Format format>
bool composite_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && composite<f, format>(cpu, u, get_xmm(cpu, u->src)); }
template <Composite f, Format format>
bool composite_memory(Cpu& cpu, const Uop* u) {
  V value;
  return allow_sse(cpu) && load_vector<Alignment::kSixteen>(cpu, u, value) && composite<f, format>(cpu, u, value);
}
template <Composite f, Format format>
bool bind_composite(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<composite_register<f, format>>, handler<composite_memory<f, format>>); }

template <int lanes>
V shuffle_ps(V a, V b) { return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), lanes)); }

// Lane pairs of a, then of b: even lanes op odd lanes.
template <FloatOp op>
V horizontal_ps(V a, V b) {
  V even = shuffle_ps<_MM_SHUFFLE(2, 0, 2, 0)>(a, b);
  host<op, Format::kPs>(even, shuffle_ps<_MM_SHUFFLE(3, 1, 3, 1)>(a, b));
  return even;
}
template <FloatOp op>
V horizontal_pd(V a, V b) {
  V even = _mm_unpacklo_epi64(a, b);
  host<op, Format::kPd>(even, _mm_unpackhi_epi64(a, b));
  return even;
}

// Even lanes subtract, odd lanes add. Each lane is computed once, so that only its own flags are raised: the lanes not meant
// are made 0 +/- 0.
V alternate_ps(V a, V b) {
  const V odd = _mm_set_epi32(-1, 0, -1, 0);
  V sum = _mm_and_si128(a, odd), difference = _mm_andnot_si128(odd, a);
  host<FloatOp::kAdd, Format::kPs>(sum, _mm_and_si128(b, odd));
  host<FloatOp::kSub, Format::kPs>(difference, _mm_andnot_si128(odd, b));
  return _mm_or_si128(_mm_and_si128(sum, odd), _mm_andnot_si128(odd, difference));
}
V alternate_pd(V a, V b) {
  V sum = _mm_unpackhi_epi64(a, a), difference = a;
  host<FloatOp::kAdd, Format::kSd>(sum, _mm_unpackhi_epi64(b, b));
  host<FloatOp::kSub, Format::kSd>(difference, b);
  return _mm_unpacklo_epi64(difference, sum);
}

// --- dot products: lanes chosen by imm[7:4] are multiplied (the others count as +0), summed pairwise, and the sum goes to the lanes of
// imm[3:0]. Each step is an operation of its own as to exceptions [SDM 2A 3.2 DPPS].
template <FloatOp op, Format format>
bool step(Cpu& cpu, V& a, V b) {
  const V before = a;
  return with_guest_mxcsr(cpu, [&] { a = before; host<op, format>(a, b); }, [&] { return tiny<format>(a); });
}
bool dot_ps(Cpu& cpu, const Uop* u, V b) {
  const auto bit = [&](unsigned i) { return u->imm >> i & 1 ? -1 : 0; };
  const V take = _mm_set_epi32(bit(7), bit(6), bit(5), bit(4)), give = _mm_set_epi32(bit(3), bit(2), bit(1), bit(0));
  V product = _mm_and_si128(get_xmm(cpu, u->dst), take);
  if (!step<FloatOp::kMul, Format::kPs>(cpu, product, _mm_and_si128(b, take))) return false;
  V pairs = shuffle_ps<_MM_SHUFFLE(2, 0, 2, 0)>(product, product);
  if (!step<FloatOp::kAdd, Format::kPs>(cpu, pairs, shuffle_ps<_MM_SHUFFLE(3, 1, 3, 1)>(product, product))) return false;
  V sum = pairs;
  if (!step<FloatOp::kAdd, Format::kSs>(cpu, sum, shuffle_ps<_MM_SHUFFLE(1, 1, 1, 1)>(pairs, pairs))) return false;
  set_xmm(cpu, u->dst, _mm_and_si128(_mm_shuffle_epi32(sum, 0), give));
  return true;
}
bool dot_pd(Cpu& cpu, const Uop* u, V b) {
  const auto bit = [&](unsigned i) { return u->imm >> i & 1 ? int64_t{-1} : int64_t{0}; };
  const V take = _mm_set_epi64x(bit(5), bit(4)), give = _mm_set_epi64x(bit(1), bit(0));
  V product = _mm_and_si128(get_xmm(cpu, u->dst), take);
  if (!step<FloatOp::kMul, Format::kPd>(cpu, product, _mm_and_si128(b, take))) return false;
  V sum = product;
  if (!step<FloatOp::kAdd, Format::kSd>(cpu, sum, _mm_unpackhi_epi64(product, product))) return false;
  set_xmm(cpu, u->dst, _mm_and_si128(_mm_unpacklo_epi64(sum, sum), give));
  return true;
}
using Dot = bool (*)(Cpu&, const Uop*, V);
template <Dot dot>
bool dot_register(Cpu& cpu, const Uop* u) { return allow_sse(cpu) && dot(cpu, u, get_xmm(cpu, u->src)); }
template <Dot dot>
bool dot_memory(Cpu& cpu, const Uop* u) {
  V value;
  return allow_sse(cpu) && load_vector<Alignment::kSixteen>(cpu, u, value) && dot(cpu, u, value);
}
template <Dot dot>
bool bind_dot(const Decoded& d, Uop& u) { return bind_forms(d, u, handler<dot_register<dot>>, handler<dot_memory<dot>>); }

constexpr CostClass kSlow = CostClass::kSimdSlow;
constexpr InstructionInfo kRows[] = {
    simd_row(ZYDIS_MNEMONIC_ADDPS, "SDM 2A 3.2 ADDPS", bind<FloatOp::kAdd, Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_ADDPD, "SDM 2A 3.2 ADDPD", bind<FloatOp::kAdd, Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_ADDSS, "SDM 2A 3.2 ADDSS", bind<FloatOp::kAdd, Format::kSs>),
    simd_row(ZYDIS_MNEMONIC_ADDSD, "SDM 2A 3.2 ADDSD", bind<FloatOp::kAdd, Format::kSd>),
    simd_row(ZYDIS_MNEMONIC_SUBPS, "SDM 2B 4.3 SUBPS", bind<FloatOp::kSub, Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_SUBPD, "SDM 2B 4.3 SUBPD", bind<FloatOp::kSub, Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_SUBSS, "SDM 2B 4.3 SUBSS", bind<FloatOp::kSub, Format::kSs>),
    simd_row(ZYDIS_MNEMONIC_SUBSD, "SDM 2B 4.3 SUBSD", bind<FloatOp::kSub, Format::kSd>),
    simd_row(ZYDIS_MNEMONIC_MULPS, "SDM 2B 4.3 MULPS", bind<FloatOp::kMul, Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_MULPD, "SDM 2B 4.3 MULPD", bind<FloatOp::kMul, Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_MULSS, "SDM 2B 4.3 MULSS", bind<FloatOp::kMul, Format::kSs>),
    simd_row(ZYDIS_MNEMONIC_MULSD, "SDM 2B 4.3 MULSD", bind<FloatOp::kMul, Format::kSd>),
    simd_row(ZYDIS_MNEMONIC_DIVPS, "SDM 2A 3.2 DIVPS", bind<FloatOp::kDiv, Format::kPs>, kSlow),
    simd_row(ZYDIS_MNEMONIC_DIVPD, "SDM 2A 3.2 DIVPD", bind<FloatOp::kDiv, Format::kPd>, kSlow),
    simd_row(ZYDIS_MNEMONIC_DIVSS, "SDM 2A 3.2 DIVSS", bind<FloatOp::kDiv, Format::kSs>, kSlow),
    simd_row(ZYDIS_MNEMONIC_DIVSD, "SDM 2A 3.2 DIVSD", bind<FloatOp::kDiv, Format::kSd>, kSlow),
    simd_row(ZYDIS_MNEMONIC_MINPS, "SDM 2B 4.3 MINPS", bind<FloatOp::kMin, Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_MINPD, "SDM 2B 4.3 MINPD", bind<FloatOp::kMin, Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_MINSS, "SDM 2B 4.3 MINSS", bind<FloatOp::kMin, Format::kSs>),
    simd_row(ZYDIS_MNEMONIC_MINSD, "SDM 2B 4.3 MINSD", bind<FloatOp::kMin, Format::kSd>),
    simd_row(ZYDIS_MNEMONIC_MAXPS, "SDM 2B 4.3 MAXPS", bind<FloatOp::kMax, Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_MAXPD, "SDM 2B 4.3 MAXPD", bind<FloatOp::kMax, Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_MAXSS, "SDM 2B 4.3 MAXSS", bind<FloatOp::kMax, Format::kSs>),
    simd_row(ZYDIS_MNEMONIC_MAXSD, "SDM 2B 4.3 MAXSD", bind<FloatOp::kMax, Format::kSd>),
    simd_row(ZYDIS_MNEMONIC_SQRTPS, "SDM 2B 4.3 SQRTPS", bind<FloatOp::kSqrt, Format::kPs>, kSlow),
    simd_row(ZYDIS_MNEMONIC_SQRTPD, "SDM 2B 4.3 SQRTPD", bind<FloatOp::kSqrt, Format::kPd>, kSlow),
    simd_row(ZYDIS_MNEMONIC_SQRTSS, "SDM 2B 4.3 SQRTSS", bind<FloatOp::kSqrt, Format::kSs>, kSlow),
    simd_row(ZYDIS_MNEMONIC_SQRTSD, "SDM 2B 4.3 SQRTSD", bind<FloatOp::kSqrt, Format::kSd>, kSlow),
    simd_row(ZYDIS_MNEMONIC_HADDPS, "SDM 2A 3.2 HADDPS", bind_composite<horizontal_ps<FloatOp::kAdd>, Format::kPs>, kSlow),
    simd_row(ZYDIS_MNEMONIC_HADDPD, "SDM 2A 3.2 HADDPD", bind_composite<horizontal_pd<FloatOp::kAdd>, Format::kPd>, kSlow),
    simd_row(ZYDIS_MNEMONIC_HSUBPS, "SDM 2A 3.2 HSUBPS", bind_composite<horizontal_ps<FloatOp::kSub>, Format::kPs>, kSlow),
    simd_row(ZYDIS_MNEMONIC_HSUBPD, "SDM 2A 3.2 HSUBPD", bind_composite<horizontal_pd<FloatOp::kSub>, Format::kPd>, kSlow),
    simd_row(ZYDIS_MNEMONIC_ADDSUBPS, "SDM 2A 3.2 ADDSUBPS", bind_composite<alternate_ps, Format::kPs>),
    simd_row(ZYDIS_MNEMONIC_ADDSUBPD, "SDM 2A 3.2 ADDSUBPD", bind_composite<alternate_pd, Format::kPd>),
    simd_row(ZYDIS_MNEMONIC_DPPS, "SDM 2A 3.2 DPPS", bind_dot<dot_ps>, kSlow),
    simd_row(ZYDIS_MNEMONIC_DPPD, "SDM 2A 3.2 DPPD", bind_dot<dot_pd>, kSlow),
};

}  // namespace

std::span<const InstructionInfo> simd_float_rows() { return kRows; }

}  // namespace ringside::hw
