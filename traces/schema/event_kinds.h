// The enums that occur in events, with the names of their values. Append only: files hold the numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "traces/schema/field.h"

namespace ringside::traces {

// How much a run records; each level includes those before it.
enum class TraceLevel : uint8_t { kOff, kExits, kWalks, kInstructions };
inline constexpr std::array<std::string_view, 4> kTraceLevelNames = {"off", "exits", "walks", "instructions"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<TraceLevel> = kTraceLevelNames;

// Whose exit numbers an exit carries.
enum class Numbering : uint8_t { kModel, kKvm, kVmx, kSvm };
inline constexpr std::array<std::string_view, 4> kNumberingNames = {"model", "kvm", "vmx", "svm"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<Numbering> = kNumberingNames;

enum class InterruptionType : uint8_t { kInterrupt, kNmi, kException, kSoftware };
inline constexpr std::array<std::string_view, 4> kInterruptionTypeNames = {"interrupt", "nmi", "exception", "software"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<InterruptionType> = kInterruptionTypeNames;

enum class Direction : uint8_t { kRead, kWrite };
inline constexpr std::array<std::string_view, 2> kDirectionNames = {"read", "write"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<Direction> = kDirectionNames;

enum class AnsweredBy : uint8_t { kMonitor, kMachine };
inline constexpr std::array<std::string_view, 2> kAnsweredByNames = {"monitor", "machine"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<AnsweredBy> = kAnsweredByNames;

enum class FlushCause : uint8_t { kOther, kCr3Load, kInvlpg, kInvpcid, kCr0Write, kCr4Write, kEferWrite, kTaskSwitch, kReset, kShadowEdit, kNestedEdit };
inline constexpr std::array<std::string_view, 11> kFlushCauseNames = {"other",      "cr3_load",    "invlpg", "invpcid",     "cr0_write",  "cr4_write",
                                                                      "efer_write", "task_switch", "reset",  "shadow_edit", "nested_edit"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<FlushCause> = kFlushCauseNames;

// How many dimensions a page walk has, and whose tables it begins in.
enum class WalkMode : uint8_t { kNative, kNested, kShadow, kAgile };
inline constexpr std::array<std::string_view, 4> kWalkModeNames = {"native", "nested", "shadow", "agile"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<WalkMode> = kWalkModeNames;

enum class AccessKind : uint8_t { kRead, kWrite, kFetch };
inline constexpr std::array<std::string_view, 3> kAccessKindNames = {"read", "write", "fetch"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<AccessKind> = kAccessKindNames;

// On whose behalf an access is made; supervisor_ac: EFLAGS.AC exempts it from SMAP.
enum class AccessRole : uint8_t { kUser, kSupervisor, kSupervisorAc };
inline constexpr std::array<std::string_view, 3> kAccessRoleNames = {"user", "supervisor", "supervisor_ac"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<AccessRole> = kAccessRoleNames;

enum class WalkOutcome : uint8_t { kTranslated, kPageFault, kNestedViolation, kNestedMisconfiguration };
inline constexpr std::array<std::string_view, 4> kWalkOutcomeNames = {"translated", "page_fault", "nested_violation", "nested_misconfiguration"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<WalkOutcome> = kWalkOutcomeNames;

// What a monitor does about a guest's memory; the texts are in `paging`'s description.
enum class PagingOperation : uint8_t {
  kFill, kSwitchFill, kMake, kSync, kZap, kReclaim, kProtect, kWriteFault, kEmulatedWrite, kUnsync, kRootLoad, kInvalidate,
  kGuestFault, kDevice, kToNested, kToShadow, kFlagUpdate, kViolation, kNestedFill, kNestedClear
};
inline constexpr std::array<std::string_view, 20> kPagingOperationNames = {
    "fill",      "switch_fill", "make",        "sync",   "zap",       "reclaim",   "protect",     "write_fault", "emulated_write", "unsync",
    "root_load", "invalidate",  "guest_fault", "device", "to_nested", "to_shadow", "flag_update", "violation",   "nested_fill",    "nested_clear"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<PagingOperation> = kPagingOperationNames;

// The clock of a trace: what one tick of `time` is. Stands in the file header.
enum class ClockUnit : uint8_t { kModelledCycles, kHostNanoseconds };
inline constexpr std::array<std::string_view, 2> kClockUnitNames = {"modelled cycles", "host nanoseconds"};

struct Clock {
  ClockUnit unit = ClockUnit::kModelledCycles;
  uint64_t ticks_per_second = 1'000'000'000;
  friend bool operator==(const Clock&, const Clock&) = default;
};

}  // namespace ringside::traces
