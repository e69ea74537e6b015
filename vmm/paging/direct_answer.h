// What became of something a paravirtual guest asked for. Failures have the interface's numbers; kAgain is the monitor's own and never
// reaches the guest: the work of this slice is used up, ask again and it goes on where it stopped.
#pragma once

#include "vmm/techniques/pv/interface/ringside_pv.h"

namespace ringside::vmm {

enum class Answer : int {
  kAgain = 1,
  kDone = 0,
  kPermission = kPvErrorPermission,
  kNoEntry = kPvErrorNoEntry,
  kTooBig = kPvErrorTooBig,
  kFault = kPvErrorFault,
  kBusy = kPvErrorBusy,
  kExists = kPvErrorExists,
  kInvalid = kPvErrorInvalid,
  kNoSpace = kPvErrorNoSpace,
  kNoSuchCall = kPvErrorNoSuchCall,
};

}  // namespace ringside::vmm
