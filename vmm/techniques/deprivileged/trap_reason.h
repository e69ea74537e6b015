// What a trapped instruction was about, in the vocabulary of traces: decoded from its bytes (Zydis). Called for every trap of a deprivileged guest.
#pragma once

#include <cstdint>
#include <span>

#include "traces/schema/exit_reason.h"

namespace ringside::vmm {

// `bits` is 16, 32 or 64. kGuestException where the instruction needs no privilege.
traces::ExitReason trap_reason(std::span<const uint8_t> instruction, unsigned bits);
// Whether the instruction uses x87, MMX or SSE registers.
bool uses_fpu(std::span<const uint8_t> instruction, unsigned bits);

}  // namespace ringside::vmm
