// Strong integer types shared by all layers: address spaces and modelled time never mix by accident.
// Called by everybody; knows nothing of the rest.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace ringside {

// A 64-bit value of one kind. `Tag` names the kind; conversion is explicit in both directions.
template <class Tag>
struct Strong64 {
  uint64_t value = 0;

  constexpr Strong64() = default;
  constexpr explicit Strong64(uint64_t v) : value(v) {}
  friend constexpr auto operator<=>(Strong64, Strong64) = default;
  friend constexpr Strong64 operator+(Strong64 a, uint64_t offset) { return Strong64(a.value + offset); }
  friend constexpr uint64_t operator-(Strong64 a, Strong64 b) { return a.value - b.value; }
  constexpr Strong64& operator+=(uint64_t offset) { value += offset; return *this; }
};

// Linear address of the guest (after segmentation, before paging).
using GuestVirtual = Strong64<struct GuestVirtualTag>;
// Address on the guest's memory bus.
using GuestPhysical = Strong64<struct GuestPhysicalTag>;
// Address on the machine's memory bus; equals the guest-physical one when no monitor sits between.
using HostPhysical = Strong64<struct HostPhysicalTag>;
// Modelled time in cycles of the modelled clock (1 cycle is 1 ns at the default 1 GHz).
using Cycles = Strong64<struct CyclesTag>;

constexpr uint64_t kPageSize = 4096;
constexpr unsigned kPageShift = 12;

}  // namespace ringside
