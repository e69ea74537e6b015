#include "vmm/techniques/bt/bt_machine.h"

#include "vmm/techniques/bt/bt_kernel.h"

namespace ringside::vmm {

DeprivilegedOptions deprivileged_by_bt(const BtOptions& options) {
  DeprivilegedOptions below = options;
  below.code = TranslatedCode::kMapped;
  below.make_kernel = [engine = options.engine, observer = options.observer](hw::Machine& machine, DeprivilegedPaging& paging) -> std::unique_ptr<KernelCode> {
    return std::make_unique<bt::BtKernel>(machine, 0, paging, engine, observer);
  };
  return below;
}

Result<std::unique_ptr<ModelMachine>> create_bt_machine(const BtOptions& options) { return create_deprivileged_machine(deprivileged_by_bt(options)); }

}  // namespace ringside::vmm
