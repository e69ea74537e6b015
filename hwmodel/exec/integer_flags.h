// How each kind of integer operation leaves the lazy flags (machine/cpu_state.h explains their layout).
// Called by the integer handlers only.
#pragma once

#include <cstdint>
#include <type_traits>

#include "hwmodel/machine/cpu_state.h"

namespace ringside::hw {

template <class T>
inline constexpr unsigned kBits = sizeof(T) * 8;

template <class T>
inline uint64_t sign_extend(T value) {
  return static_cast<uint64_t>(static_cast<int64_t>(static_cast<std::make_signed_t<T>>(value)));
}

// `carries` has the carry (or borrow) out of each bit position.
template <class T>
inline void set_flags(LazyFlags& f, T result, T carries) {
  f.result = sign_extend(result);
  f.aux = ((static_cast<uint64_t>(carries) << (64 - kBits<T>)) & (3ull << 62)) | (carries & 8);
}
template <class T>
inline void set_add_flags(LazyFlags& f, T a, T b, T r) {
  set_flags<T>(f, r, static_cast<T>((a & b) | ((a | b) & ~r)));
}
template <class T>
inline void set_sub_flags(LazyFlags& f, T a, T b, T r) {
  set_flags<T>(f, r, static_cast<T>((~a & b) | (~(a ^ b) & r)));
}
template <class T>
inline void set_logic_flags(LazyFlags& f, T r) {
  f.result = sign_extend(r);
  f.aux = 0;
}
// CF and OF given outright, the rest from the result (shifts, multiplies); AF clear.
template <class T>
inline void set_result_flags(LazyFlags& f, T r, bool carry, bool overflow) {
  f.result = sign_extend(r);
  f.aux = uint64_t{carry} << 63 | uint64_t{carry != overflow} << 62;
}
inline void set_cf(LazyFlags& f, bool carry) {
  const bool overflow = f.of();
  f.aux = (f.aux & ~(3ull << 62)) | uint64_t{carry} << 63 | uint64_t{carry != overflow} << 62;
}
inline void set_cf_of(LazyFlags& f, bool carry, bool overflow) {
  f.aux = (f.aux & ~(3ull << 62)) | uint64_t{carry} << 63 | uint64_t{carry != overflow} << 62;
}

// The sixteen conditions of Jcc, SETcc and CMOVcc, in encoding order [SDM 1 B.1 "Condition Codes"].
template <unsigned kCondition>
inline bool condition(const LazyFlags& f) {
  constexpr unsigned kind = kCondition >> 1;
  bool holds = false;
  if constexpr (kind == 0) holds = f.of();
  else if constexpr (kind == 1) holds = f.cf();
  else if constexpr (kind == 2) holds = f.zf();
  else if constexpr (kind == 3) holds = f.cf() || f.zf();
  else if constexpr (kind == 4) holds = f.sf();
  else if constexpr (kind == 5) holds = f.pf();
  else if constexpr (kind == 6) holds = f.sf() != f.of();
  else holds = f.zf() || f.sf() != f.of();
  return holds != (kCondition & 1);
}

}  // namespace ringside::hw
