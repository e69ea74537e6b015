// The hypercalls themselves, one function each, by what they are about. Only hypercall.cpp's table calls them (and multicall, one another).
#pragma once

#include "vmm/techniques/pv/hypercall.h"

namespace ringside::vmm::pv {

inline Step done(Answer answer) {
  if (answer == Answer::kAgain) return Unfinished{};
  return Finished{static_cast<int64_t>(answer)};
}

// hypercalls_cpu.cpp
Step set_trap_table(Domain&, const Arguments&, Progress&);
Step set_gdt(Domain&, const Arguments&, Progress&);
Step update_descriptor(Domain&, const Arguments&, Progress&);
Step stack_switch(Domain&, const Arguments&, Progress&);
Step set_callbacks(Domain&, const Arguments&, Progress&);
Step fpu_taskswitch(Domain&, const Arguments&, Progress&);
Step set_segment_base(Domain&, const Arguments&, Progress&);
Step iret(Domain&, const Arguments&, Progress&);
// hypercalls_memory.cpp
Step mmu_update(Domain&, const Arguments&, Progress&);
Step mmuext_op(Domain&, const Arguments&, Progress&);
Step update_va_mapping(Domain&, const Arguments&, Progress&);
// hypercalls_system.cpp
Step multicall(Domain&, const Arguments&, Progress&);
Step set_timer_op(Domain&, const Arguments&, Progress&);
Step version(Domain&, const Arguments&, Progress&);
Step console_io(Domain&, const Arguments&, Progress&);
Step sched_op(Domain&, const Arguments&, Progress&);
Step event_channel_op(Domain&, const Arguments&, Progress&);
Step physdev_op(Domain&, const Arguments&, Progress&);

}  // namespace ringside::vmm::pv
