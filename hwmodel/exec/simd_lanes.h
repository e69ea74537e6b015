// Lane arithmetic in plain C++ for operations the x86-64 baseline (SSE2) has no instruction for, so that every host computes them
// the same way. Used by the simd_* groups.
#pragma once

#include <emmintrin.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace ringside::hw {

template <class T>
struct Lanes {
  static constexpr unsigned kCount = 16 / sizeof(T);
  T v[kCount];
};
template <class T>
inline Lanes<T> lanes(__m128i x) { return std::bit_cast<Lanes<T>>(x); }
template <class T>
inline __m128i to_vector(const Lanes<T>& x) { return std::bit_cast<__m128i>(x); }

// f on every lane (pair); results are truncated to the lane.
template <class T, class F>
inline __m128i each(__m128i a, __m128i b, F f) {
  Lanes<T> x = lanes<T>(a);
  const Lanes<T> y = lanes<T>(b);
  for (unsigned i = 0; i < Lanes<T>::kCount; ++i) x.v[i] = static_cast<T>(f(x.v[i], y.v[i]));
  return to_vector(x);
}
// f on horizontal pairs: the low half of the result from a, the high half from b (PHADDW ...).
template <class T, class F>
inline __m128i each_pair(__m128i a, __m128i b, F f) {
  constexpr unsigned kHalf = Lanes<T>::kCount / 2;
  const Lanes<T> x = lanes<T>(a), y = lanes<T>(b);
  Lanes<T> out;
  for (unsigned i = 0; i < kHalf; ++i) {
    out.v[i] = static_cast<T>(f(x.v[2 * i], x.v[2 * i + 1]));
    out.v[i + kHalf] = static_cast<T>(f(y.v[2 * i], y.v[2 * i + 1]));
  }
  return to_vector(out);
}
// The low lanes of type From, converted to lanes of type To.
template <class From, class To>
inline __m128i widen(__m128i a) {
  const Lanes<From> x = lanes<From>(a);
  Lanes<To> out;
  for (unsigned i = 0; i < Lanes<To>::kCount; ++i) out.v[i] = static_cast<To>(x.v[i]);
  return to_vector(out);
}
template <class T>
inline T saturate(int64_t x) {
  if (x < std::numeric_limits<T>::min()) return std::numeric_limits<T>::min();
  if (x > std::numeric_limits<T>::max()) return std::numeric_limits<T>::max();
  return static_cast<T>(x);
}

}  // namespace ringside::hw
