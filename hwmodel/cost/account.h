// CycleAccount: where modelled time went. Whoever advances the clock charges the same cycles to exactly one category;
// balances() holds the two against each other. Charging is one array add. The prices are cost/profile.h's.
//
//   account.charge(CycleCategory::kPageWalk, references * costs.of(Primitive::kWalkReference));
//   ...
//   account.assert_balances(elapsed);   // at the end of a run, of a slice, of a test
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hwmodel/cost/primitive.h"
#include "traces/base/types.h"

namespace ringside::hw {

enum class CycleCategory : uint8_t {
  kGuestUser,    // instructions at CPL 3, and their memory accesses that hit
  kGuestKernel,  // instructions below CPL 3, likewise; delivery of exceptions and interrupts
  kWorldSwitch,  // VM exits and entries
  kMonitorDispatch, kMonitorEmulate, kMonitorNestedFill, kMonitorShadowFill, kMonitorShadowSync,
  kMonitorPageTableWrite, kMonitorRootSwitch, kMonitorHypercall, kMonitorInject,
  kHostSwitch,   // type 2: between the monitor's kernel and user parts
  kPageWalk,     // references of walks, of all dimensions
  kTlb,          // second-level hits and flushes
  kTranslation,  // translating code, and call-outs from it
  kDevice,
  kIdle,         // halted
};
constexpr size_t kCycleCategories = 18;
static_assert(static_cast<size_t>(CycleCategory::kIdle) + 1 == kCycleCategories);

constexpr std::array<std::string_view, kCycleCategories> kCycleCategoryNames = {
    "guest_user",           "guest_kernel",        "world_switch",     "monitor_dispatch",
    "monitor_emulate",      "monitor_nested_fill", "monitor_shadow_fill", "monitor_shadow_sync",
    "monitor_page_table_write", "monitor_root_switch", "monitor_hypercall", "monitor_inject",
    "host_switch",          "page_walk",           "tlb",              "translation",
    "device",               "idle"};

// The category a primitive's cycles belong to: every primitive has exactly one.
constexpr CycleCategory category_of(Primitive primitive) {
  switch (primitive) {
    case Primitive::kWalkReference: return CycleCategory::kPageWalk;
    case Primitive::kL2TlbHit:
    case Primitive::kTlbFlush: return CycleCategory::kTlb;
    case Primitive::kExceptionDelivery:
    case Primitive::kInterruptDelivery: return CycleCategory::kGuestKernel;
    case Primitive::kVmEntry:
    case Primitive::kVmExit: return CycleCategory::kWorldSwitch;
    case Primitive::kDispatch: return CycleCategory::kMonitorDispatch;
    case Primitive::kEmulateInstruction:
    case Primitive::kInterpretInstruction:
    case Primitive::kSoftTlbHit:
    case Primitive::kSoftTlbMiss: return CycleCategory::kMonitorEmulate;
    case Primitive::kNestedFill: return CycleCategory::kMonitorNestedFill;
    case Primitive::kShadowFill: return CycleCategory::kMonitorShadowFill;
    case Primitive::kShadowSync: return CycleCategory::kMonitorShadowSync;
    case Primitive::kPageTableWrite: return CycleCategory::kMonitorPageTableWrite;
    case Primitive::kRootSwitch: return CycleCategory::kMonitorRootSwitch;
    case Primitive::kHypercall: return CycleCategory::kMonitorHypercall;
    case Primitive::kInjectEvent: return CycleCategory::kMonitorInject;
    case Primitive::kHostSwitch: return CycleCategory::kHostSwitch;
    case Primitive::kCallout:
    case Primitive::kTranslateInstruction: return CycleCategory::kTranslation;
    case Primitive::kDeviceAccess: return CycleCategory::kDevice;
  }
  return CycleCategory::kIdle;  // not reached
}

class CycleAccount {
 public:
  void charge(CycleCategory category, uint64_t cycles) { by_[static_cast<size_t>(category)] += cycles; }
  uint64_t of(CycleCategory category) const { return by_[static_cast<size_t>(category)]; }
  uint64_t sum() const {
    uint64_t total = 0;
    for (const uint64_t cycles : by_) total += cycles;
    return total;
  }
  // True if the categories sum to the cycles the clock advanced since this account was empty.
  bool balances(Cycles elapsed) const { return sum() == elapsed.value; }
  void assert_balances([[maybe_unused]] Cycles elapsed) const { assert(balances(elapsed)); }
  // What was charged since `earlier`, a copy of this account.
  CycleAccount since(const CycleAccount& earlier) const {
    CycleAccount difference;
    for (size_t i = 0; i < kCycleCategories; ++i) {
      assert(by_[i] >= earlier.by_[i]);
      difference.by_[i] = by_[i] - earlier.by_[i];
    }
    return difference;
  }

 private:
  std::array<uint64_t, kCycleCategories> by_{};
};

}  // namespace ringside::hw
