#include "hwmodel/exec/system.h"

#include <vector>

#include "hwmodel/exec/far_control.h"

namespace ringside::hw {

std::span<const InstructionInfo> system_instructions() {
  static const auto rows = [] {
    std::vector<InstructionInfo> all;
    for (const auto part : {far_branch_rows(), far_return_rows(), interrupt_rows(), fast_call_rows(), control_register_rows(),
                            descriptor_table_rows(), descriptor_query_rows(), segment_register_rows(), flag_control_rows(), port_rows(),
                            identification_rows(), processor_control_rows(), unannounced_rows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace ringside::hw
