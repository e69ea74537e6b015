// What becomes of each instruction of 64-bit kernel code when it is to run at CPL 3: copied, replaced in line, or
// called out. The decision only; sequences are written by emit_*.cpp. Called by the translator.
#pragma once

#include "hwmodel/isa/decoded.h"
#include "vmm/techniques/bt/translation.h"

namespace ringside::vmm::bt {

enum class Sequence : uint8_t {
  kCopy,
  kRebase,
  kLoadAddress,
  kCallOut,
  kJump,
  kJumpIf,
  kCounterBranch,
  kCall,
  kCallIndirect,
  kJumpIndirect,
  kReturn,
  kCli,
  kSti,
  kPushFlags,
  kPopFlags,
  kClac,
  kStac,
  kReadControl,
  kReadSelector,
  kPushSelector,
  kMachineStatus,
};

struct Plan {
  Sequence sequence = Sequence::kCallOut;
  Treatment treatment = Treatment::kCallOut;
  Reason reason = Reason::kNone;
  bool ends_block = true;
  bool uses_fpu = false;
};

// `rip`: the guest address of the instruction.
Plan classify(const hw::Decoded& d, uint64_t rip);

constexpr bool is_canonical(uint64_t linear) {
  return static_cast<uint64_t>(static_cast<int64_t>(linear << 16) >> 16) == linear;
}
// True if the 32 bits of a displacement, sign-extended, can say it.
constexpr bool fits_32(uint64_t value) {
  return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value))) == value;
}

// Index of the RIP-relative memory operand, or -1.
int rip_relative_operand(const hw::Decoded& d);

}  // namespace ringside::vmm::bt
