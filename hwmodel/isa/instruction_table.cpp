#include "hwmodel/isa/instruction_table.h"

#include <array>

namespace ringside::hw {
namespace {

using Rows = std::vector<const InstructionInfo*>;

const std::array<Rows, ZYDIS_MNEMONIC_MAX_VALUE + 1>& table() {
  static const auto built = [] {
    std::array<Rows, ZYDIS_MNEMONIC_MAX_VALUE + 1> rows;
    for (const auto group : {integer_instructions(), branch_instructions(), system_instructions(), x87_instructions(), simd_instructions()}) {
      for (const InstructionInfo& info : group) rows[info.mnemonic].push_back(&info);
    }
    return rows;
  }();
  return built;
}

}  // namespace

std::span<const InstructionInfo* const> instruction_rows(ZydisMnemonic mnemonic) { return table()[mnemonic]; }

std::vector<const InstructionInfo*> all_instructions() {
  std::vector<const InstructionInfo*> all;
  for (const Rows& rows : table()) all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

}  // namespace ringside::hw
