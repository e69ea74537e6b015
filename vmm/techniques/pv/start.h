// Turns what the loader left (boot/pv_start.h) into a running domain: the initial tables are checked, shared pages held, devices bound and
// written into the start info page.
#pragma once

#include <memory>

#include "traces/base/result.h"
#include "vmm/core/registers.h"
#include "vmm/techniques/pv/domain.h"

namespace ringside::vmm::pv {

// `registers` are those the kernel starts with: cr3 the machine address of the initial top table, rsi the linear one of the start info.
// `store` may be null.
Result<std::unique_ptr<Domain>> start_domain(DirectPaging& paging, GdtWindow& gdt, BlockStore* store, DomainHost& host, const Registers& registers);

}  // namespace ringside::vmm::pv
