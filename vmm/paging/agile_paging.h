// Agile paging: shadow tables for the stable part of the guest's tables, and where the guest writes often, a shadow entry
// that switches the hardware's walk to the guest's own table in nested mode. Writes to shadowed tables are emulated and
// counted; a table written often becomes nested and costs no exit any more, one that is quiet is shadowed again.
// Shadowed tables are read-only in the nested tables too, because pages below a switch are reached through those.
// No table is ever unsync, so neither INVLPG nor INVPCID needs an exit.
// MODEL: while CR0.WP is clear (early boot) the guest runs on nested tables alone.
#pragma once

#include <memory>

#include "vmm/paging/agile_policy.h"
#include "vmm/paging/shadow_paging.h"

namespace ringside::vmm {

class AgilePaging final : public ShadowPaging {
 public:
  static Result<std::unique_ptr<AgilePaging>> create(MonitorMemory& monitor, const AgilePolicyOptions& options = {});

  std::string_view name() const override { return "agile"; }
  void set_controls(hw::vmx::ControlBlock& block) const override;
  void install(hw::Cpu& cpu) override;
  FaultAction nested_fault(hw::Cpu& cpu, uint64_t guest_physical, uint64_t qualification) override;
  void time_passed(hw::Cpu& cpu) override;
  std::vector<NamedCounter> counters() const override;

 protected:
  bool can_shadow(const hw::PagingControls& controls) const override;
  hw::TranslationRegime shadow_regime(const ShadowTables::Root& root) const override;
  bool table_written(hw::Cpu& cpu, uint64_t page) override;

 private:
  AgilePaging(MonitorMemory& monitor, const AgilePolicyOptions& options);
  FaultAction protected_write(hw::Cpu& cpu, uint64_t guest_physical, uint64_t qualification);

  AgilePolicy policy_;
  uint64_t to_nested_ = 0, to_shadow_ = 0, flag_updates_ = 0;
};

}  // namespace ringside::vmm
