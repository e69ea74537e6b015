// Disassembles guest code for reports, with Zydis. Reads guest memory through the vCPU's side-effect-free translation.
// Called by post-mortem reports and inspectors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/core/machine.h"

namespace ringside::vmm {

struct DisassembledLine {
  uint64_t address = 0;
  std::string bytes, text;
};

// Bytes at guest-linear `address`, stopping at the first page that is not mapped or not RAM. Returns how many were read.
size_t peek_linear(Machine& machine, Vcpu& vcpu, uint64_t address, std::span<uint8_t> out);

// At most `lines` instructions of `code`, which stands at `address`; `bits` is 16, 32 or 64. Bytes that are no instruction
// become one "(bad)" line each.
std::vector<DisassembledLine> disassemble(std::span<const uint8_t> code, uint64_t address, unsigned bits, size_t lines);

}  // namespace ringside::vmm
