// What the processor checks before it enters a guest [SDM 3C 27.2, 27.3]: each rule with its words, so that a refused entry says which
// rule of the manual was broken and with what value. Called by vmx::enter; tests call it directly.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/vmx/control_block.h"

namespace ringside::hw::vmx {

enum class EntryCheck : uint8_t {
  kControls,    // VM-instruction error 7: "VM entry with invalid control field(s)"
  kGuestState,  // exit with reason 33
};

struct EntryFailure {
  EntryCheck kind = EntryCheck::kControls;
  std::string_view field;    // the manual's name of what is wrong
  uint64_t value = 0;        // as seen
  std::string_view rule;     // what the manual demands
  std::string_view section;  // where
};

// The first rule that `state` and `block` break, or nothing.
std::optional<EntryFailure> check_entry(const CpuState& state, const ControlBlock& block);

}  // namespace ringside::hw::vmx
