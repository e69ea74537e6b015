// Hypercalls about the virtual processor.
#include "vmm/techniques/pv/hypercalls.h"
#include "vmm/techniques/pv/kernel_entry.h"

namespace ringside::vmm::pv {
namespace {

bool canonical(uint64_t address) {
  const uint64_t sign = address >> 47;
  return sign == 0 || sign == 0x1ffff;
}

}  // namespace

Step set_trap_table(Domain& d, const Arguments& a, Progress&) {
  if (a[0] == 0) {
    d.cpu.trap = {};
    return Finished{0};
  }
  std::array<TrapEntry, 256> table = d.cpu.trap;
  for (unsigned i = 0; i < 257; ++i) {  // each vector once, and the end
    pv_trap_info info;
    if (!d.memory.read(a[0] + i * sizeof info, info)) return Finished{kPvErrorFault};
    if (info.address == 0) {
      d.cpu.trap = table;
      return Finished{0};
    }
    if (!canonical(info.address)) return Finished{kPvErrorInvalid};
    table[info.vector] = {info.address, static_cast<uint8_t>(info.flags & kPvTrapPrivilege), (info.flags & kPvTrapMasksEvents) != 0};
  }
  return Finished{kPvErrorTooBig};
}

// The new table is held before the old one is let go, so that a failure leaves everything as it was.
Step set_gdt(Domain& d, const Arguments& a, Progress& progress) {
  if (a[1] > kPvMostDescriptors) return Finished{kPvErrorInvalid};
  const auto count = static_cast<unsigned>(a[1]);
  const auto let_go = [&](const std::vector<MachineFrame>& list) {
    for (const MachineFrame frame : list) d.paging.release(frame, FrameType::kDescriptors);
  };
  while (progress.held.size() < (count + 511) / 512) {
    uint64_t frame;
    const bool readable = d.memory.read(a[0] + progress.held.size() * sizeof frame, frame);
    const Answer answer = readable ? d.paging.hold(MachineFrame(frame), FrameType::kDescriptors) : Answer::kFault;
    if (answer == Answer::kAgain) return Unfinished{};
    if (answer != Answer::kDone) {
      let_go(progress.held);
      return done(answer);
    }
    progress.held.emplace_back(frame);
  }
  const std::vector<MachineFrame> old = d.descriptors.gdt();
  d.gdt_window.show(progress.held);
  d.descriptors.set(std::move(progress.held), count);
  let_go(old);
  d.paging.flush().all = true;
  return Finished{0};
}

Step update_descriptor(Domain& d, const Arguments& a, Progress&) {
  const Answer answer = d.paging.update_descriptor(HostPhysical(a[0]), a[1]);
  if (answer == Answer::kDone) d.gdt_window.show(d.descriptors.gdt());
  return done(answer);
}

Step stack_switch(Domain& d, const Arguments& a, Progress&) {
  if (!d.descriptors.load(static_cast<uint16_t>(a[0]), Descriptors::For::kStack)) return Finished{kPvErrorInvalid};
  d.cpu.kernel_sp = a[1];
  return Finished{0};
}

Step set_callbacks(Domain& d, const Arguments& a, Progress&) {
  if (!canonical(a[0]) || !canonical(a[1]) || !canonical(a[2])) return Finished{kPvErrorInvalid};
  d.cpu.event_callback = a[0];
  d.cpu.failsafe_callback = a[1];
  d.cpu.syscall_callback = a[2];
  return Finished{0};
}

Step fpu_taskswitch(Domain& d, const Arguments& a, Progress&) {
  d.cpu.task_switched = a[0] != 0;
  return Finished{0};
}

Step set_segment_base(Domain& d, const Arguments& a, Progress&) {
  if (!canonical(a[1])) return Finished{kPvErrorInvalid};
  switch (a[0]) {
    case kPvFsBase: d.context.segment[hw::kFs].base = a[1]; return Finished{0};
    case kPvGsBaseKernel: d.context.segment[hw::kGs].base = a[1]; return Finished{0};
    case kPvGsBaseUser: d.cpu.other_gs_base = a[1]; return Finished{0};
    default: return Finished{kPvErrorInvalid};
  }
}

Step iret(Domain& d, const Arguments&, Progress&) { return Returned{leave_by_iret(d)}; }

}  // namespace ringside::vmm::pv
