// Lockstep: a guest under a technique beside the same guest under native, compared again and again: all registers the guest can see, its
// memory, its console, its end. The first difference is named with the instruction it came up at.
//
// What makes two runs comparable on the modelled machine in its fast mode: time is the count of retired instructions plus idle time, and the
// monitor takes none. So timers fire, and interrupts arrive, at the same instruction under every technique that counts the guest's instructions
// exactly, and both sides can be stopped after the same one (kInstructions). Two techniques may still differ in when, between the same two
// instructions, an interrupt or fault is delivered; such a point is skipped by one instruction (a Vcpu gives no state there).
// A technique that cannot count the guest's own instructions (translated code) is compared at accesses to devices (kDeviceAccesses): they come in
// the same order, and the registers at each are the same unless they hold time; the descriptor says which may differ.
#pragma once

#include <optional>
#include <string>

#include "tests/lockstep/side.h"
#include "vmm/techniques/equivalence.h"

namespace ringside::testing {

enum class Align : uint8_t { kInstructions, kDeviceAccesses };

struct Plan {
  sim::Run run;                              // the subject: technique, paging, guest
  vmm::PermittedDifferences permitted;
  StateOf state_of = state_of_model;         // of the subject
  std::optional<std::string> native_command_line = std::nullopt;  // to see that the comparison sees: native gets another one
  Align align = Align::kInstructions;
  uint64_t every = 1000;                     // instructions or accesses between two comparisons
  uint64_t memory_every = 100;               // comparisons between two of all memory
  uint64_t first = 0, last = ~0ull;          // instructions: where to begin and to stop
};

struct Difference {
  uint64_t instructions = 0;   // retired when it was seen; under kInstructions the first at which it can be
  uint64_t rip = 0;            // where native stands
  std::string field;           // "rax", "memory 0x1234", "console", "end"
  uint64_t native = 0, other = 0;
  std::string text() const;
};

struct Verdict {
  std::optional<Difference> difference;
  uint64_t comparisons = 0, of_memory = 0, excused = 0;  // excused: fields that differed and were permitted to
  uint64_t instructions = 0;                             // of native, at the end
  bool ended = false;                                    // the guest came to its end, on both sides
};

// Errors are the host's, or the run's as validate() has them.
Result<Verdict> compare_with_native(const Plan& plan);

}  // namespace ringside::testing
