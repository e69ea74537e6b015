// Translated blocks as a listing shows them: each guest instruction with what became of it. From the events of a trace, or made on the spot from
// an ELF kernel. Called by `ringside translate`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "traces/base/result.h"
#include "traces/read/reader.h"

namespace ringside::sim {

struct ListedInstruction {
  uint64_t rip = 0;
  std::vector<uint8_t> guest;
  traces::Treatment treatment = traces::Treatment::kIdentical;
  traces::TreatmentReason reason = traces::TreatmentReason::kNone;
  uint64_t code = 0;
  std::vector<uint8_t> output;
};

struct ListedBlock {
  traces::Translation block;
  std::vector<ListedInstruction> instructions;
  unsigned times = 1;   // translated so often in the trace
};

// The last translation of the trace that holds the instruction at `address`.
Result<ListedBlock> block_in_trace(const traces::Reader& reader, uint64_t address);

// Instructions of all blocks by what became of them and why.
struct TreatmentCount {
  uint64_t instructions = 0, guest_bytes = 0, code_bytes = 0;
};
using TreatmentCounts = std::map<std::pair<traces::Treatment, traces::TreatmentReason>, TreatmentCount>;
Result<TreatmentCounts> treatments_in_trace(const traces::Reader& reader);

// Translates the block at `address` (virtual, or physical where no segment has it as a virtual one) of an ELF image; without one, at its entry.
Result<ListedBlock> block_in_elf(std::span<const uint8_t> image, std::optional<uint64_t> address);

}  // namespace ringside::sim
