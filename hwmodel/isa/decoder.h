// Bytes to micro-ops: Zydis decodes, this fills what all groups share, the instruction's row binds the handler.
// Called by the run loop when it builds blocks, and by inspectors that want text.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/isa/decoded.h"

namespace ringside::hw {

enum class DecodeOutcome : uint8_t {
  kOk,
  kTruncated,      // needs more bytes than given (and fewer than 15 were given)
  kInvalid,        // not an instruction: the micro-op raises #UD
  kUnimplemented,  // an instruction we lack: the micro-op counts it, names it to the observer and raises #UD
};

struct DecodeResult {
  DecodeOutcome outcome = DecodeOutcome::kInvalid;
  bool ends_block = true;
  CostClass cost = CostClass::kNop;
  uint8_t memory_operands = 0;  // read or written, implicit ones (stack, string) included
  uint8_t gates = 0;    // how many were filled: they run before the instruction
};

// The micro-ops that look at an instruction before it runs, in their order: whether it traps as a sensitive one, whether it exits.
using Gates = std::array<Uop, 2>;

// Decodes the instruction at the start of `bytes` into `uop`; `offset` is its distance from the block's rip.
// `gates`, if given, gets those that the mode asks for.
DecodeResult decode(std::span<const uint8_t> bytes, DecodeMode mode, unsigned offset, Uop& uop, Gates* gates = nullptr);
// Fills `out` only; for inspectors and translators. False if the bytes are no instruction.
bool decode_instruction(std::span<const uint8_t> bytes, unsigned code_size, Decoded& out);
// The table's row for a decoded instruction; null where it is none we have.
const InstructionInfo* row_of(const Decoded& d);
// Intel syntax; "(bad)" where the bytes are no instruction. `length` gets the bytes used (1 for a bad one).
std::string disassemble(std::span<const uint8_t> bytes, unsigned code_size, uint64_t address, unsigned& length);

}  // namespace ringside::hw
