// Hypercalls about memory: all lead to DirectPaging.
#include "vmm/techniques/pv/hypercalls.h"

namespace ringside::vmm::pv {
namespace {

// Where the caller wants to know how much was done, tells it.
Step batch_over(Domain& d, const Progress& progress, uint64_t where, Answer answer) {
  const auto count = static_cast<uint32_t>(progress.done);
  if (where && !d.memory.write(where, count)) answer = Answer::kFault;
  return done(answer);
}

// Carries out `one` for each element of an array in guest memory, from where the last slice stopped.
template <class Item, class One>
Step batch(Domain& d, const Arguments& a, Progress& progress, One&& one) {
  if (a[1] > kPvMostUpdates) return Finished{kPvErrorTooBig};
  for (; progress.done < a[1]; ++progress.done, ++progress.items) {
    Item item;
    if (!d.memory.read(a[0] + progress.done * sizeof item, item)) return batch_over(d, progress, a[2], Answer::kFault);
    const Answer answer = one(item);
    if (answer == Answer::kAgain) return Unfinished{};
    if (answer != Answer::kDone) return batch_over(d, progress, a[2], answer);
  }
  return batch_over(d, progress, a[2], Answer::kDone);
}

Answer update(Domain& d, const pv_mmu_update& request) {
  const HostPhysical entry(request.address & ~uint64_t{3});
  switch (request.address & 3) {
    case kPvUpdateNormal: return d.paging.update(entry, request.value, KeepBits::kNone);
    case kPvUpdatePreserveAd: return d.paging.update(entry, request.value, KeepBits::kAccessedDirty);
    default: return Answer::kNoSuchCall;
  }
}

Answer extended(Domain& d, const pv_mmuext_op& op) {
  switch (op.command) {
    case kPvPinL1:
    case kPvPinL2:
    case kPvPinL3:
    case kPvPinL4: return d.paging.pin(MachineFrame(op.argument), op.command - kPvPinL1 + 1);
    case kPvUnpin: return d.paging.unpin(MachineFrame(op.argument));
    case kPvNewBase: return d.paging.load_root(DirectPaging::View::kKernel, MachineFrame(op.argument));
    case kPvNewUserBase: return d.paging.load_root(DirectPaging::View::kUser, MachineFrame(op.argument));
    case kPvFlushTlb: d.paging.flush().all = true; return Answer::kDone;
    case kPvInvalidatePage: d.paging.flush().pages.push_back(op.argument); return Answer::kDone;
    default: return Answer::kNoSuchCall;
  }
}

}  // namespace

Step mmu_update(Domain& d, const Arguments& a, Progress& progress) {
  return batch<pv_mmu_update>(d, a, progress, [&](const pv_mmu_update& request) { return update(d, request); });
}

Step mmuext_op(Domain& d, const Arguments& a, Progress& progress) {
  return batch<pv_mmuext_op>(d, a, progress, [&](const pv_mmuext_op& op) { return extended(d, op); });
}

Step update_va_mapping(Domain& d, const Arguments& a, Progress&) {
  const auto entry = d.paging.entry_of(a[0]);
  if (!entry || a[2] > kPvFlushPage) return Finished{kPvErrorInvalid};
  const Answer answer = d.paging.update(*entry, a[1], KeepBits::kNone);
  if (answer == Answer::kDone && a[2] == kPvFlushAll) d.paging.flush().all = true;
  if (answer == Answer::kDone && a[2] == kPvFlushPage) d.paging.flush().pages.push_back(a[0]);
  return done(answer);
}

}  // namespace ringside::vmm::pv
