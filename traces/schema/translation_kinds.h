// The vocabulary of binary translation: what became of an instruction, why, and what became of translations. Append
// only: files hold the numbers. The translator itself (vmm/techniques/bt) uses these, too.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "traces/schema/field.h"

namespace ringside::traces {

// What became of an instruction.
enum class Treatment : uint8_t {
  kIdentical,  // copied, byte for byte
  kRebased,    // copied with its RIP-relative operand addressed in another way
  kControl,    // a branch: guest addresses remain guest addresses, the way leads through the cache
  kInLine,     // replaced by instructions that work on the state page
  kCallOut,    // replaced by a trap: the monitor does it on the virtual processor
};
inline constexpr std::array<std::string_view, 5> kTreatmentNames = {"identical", "rebased", "control", "in_line",
                                                                    "call_out"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<Treatment> = kTreatmentNames;

// Why an instruction was not copied.
enum class TreatmentReason : uint8_t {
  kNone,
  kRipRelative,      // its operand lies relative to the guest's rip, not the cache's
  kBranch,           // relative branch
  kReturnAddress,    // pushes or pops a guest address
  kIndirectTarget,   // its target is known only when it runs
  kInterruptFlag,    // CLI, STI
  kFlagsImage,       // PUSHF, POPF: IF, IOPL and AC are virtual
  kControlRegister,  // reads CR0 .. CR8
  kSelector,         // would show or load a selector
  kMachineStatus,    // SMSW, STR, SLDT
  kAlignmentFlag,    // CLAC, STAC
  kPrivileged,       // faults at CPL 3
  kSensitive,        // does not fault at CPL 3 and shows or changes what is the machine's
  kPort,             // IN, OUT
  kFarTransfer,      // IRET, SYSRET, far JMP, CALL, RET, INT n
  kOwnAddress,       // x87: records its own address
  kNoInstruction,    // raises #UD, and the guest must see its own address
  kAwkward,          // a form too rare to be worth a sequence of its own
  kTracedMemory,     // its memory accesses kept trapping: retranslated
};
inline constexpr std::array<std::string_view, 19> kTreatmentReasonNames = {
    "none",           "rip_relative",   "branch",           "return_address", "indirect_target",
    "interrupt_flag", "flags_image",    "control_register", "selector",       "machine_status",
    "alignment_flag", "privileged",     "sensitive",        "port",           "far_transfer",
    "own_address",    "no_instruction", "awkward",          "traced_memory"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<TreatmentReason> = kTreatmentReasonNames;

// Which way a branch takes from one translation to the next without the monitor.
enum class ChainKind : uint8_t {
  kDirect,      // a jump, its displacement patched
  kRemembered,  // the in-line cache of an indirect branch
};
inline constexpr std::array<std::string_view, 2> kChainKindNames = {"direct", "remembered"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<ChainKind> = kChainKindNames;

// Why translations went.
enum class Invalidation : uint8_t {
  kWritten,       // the guest wrote to their bytes
  kRemapped,      // their guest address is mapped to other memory, or to none; they may come back
  kEvicted,       // the cache was full
  kFlushed,       // all went: the monitor's part of the address space moved
  kRetranslated,  // an instruction of theirs is to be treated in another way
};
inline constexpr std::array<std::string_view, 5> kInvalidationNames = {"written", "remapped", "evicted", "flushed",
                                                                       "retranslated"};
template <>
inline constexpr std::span<const std::string_view> kEnumNames<Invalidation> = kInvalidationNames;

}  // namespace ringside::traces
