#include "vmm/techniques/bt/bt_machine.h"

#include "vmm/techniques/bt/bt_kernel.h"

namespace ringside::vmm {

Result<std::unique_ptr<ModelMachine>> create_bt_machine(const BtOptions& options) {
  DeprivilegedOptions below = options;
  below.code = TranslatedCode::kMapped;
  below.make_kernel = [engine = options.engine](hw::Machine& machine, DeprivilegedPaging& paging) -> std::unique_ptr<KernelCode> {
    return std::make_unique<bt::BtKernel>(machine, 0, paging, engine);
  };
  return create_deprivileged_machine(below);
}

}  // namespace ringside::vmm
