#include "vmm/techniques/bt/translation.h"

namespace ringside::vmm::bt {

const char* name_of(Treatment treatment) {
  switch (treatment) {
    case Treatment::kIdentical:
      return "identical";
    case Treatment::kRebased:
      return "rebased";
    case Treatment::kControl:
      return "control";
    case Treatment::kInLine:
      return "in-line";
    case Treatment::kCallOut:
      return "call-out";
  }
  return "";
}

const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "none";
    case Reason::kRipRelative:
      return "rip-relative";
    case Reason::kBranch:
      return "branch";
    case Reason::kReturnAddress:
      return "return-address";
    case Reason::kIndirectTarget:
      return "indirect-target";
    case Reason::kInterruptFlag:
      return "interrupt-flag";
    case Reason::kFlagsImage:
      return "flags-image";
    case Reason::kControlRegister:
      return "control-register";
    case Reason::kSelector:
      return "selector";
    case Reason::kMachineStatus:
      return "machine-status";
    case Reason::kAlignmentFlag:
      return "alignment-flag";
    case Reason::kPrivileged:
      return "privileged";
    case Reason::kSensitive:
      return "sensitive";
    case Reason::kPort:
      return "port";
    case Reason::kFarTransfer:
      return "far-transfer";
    case Reason::kOwnAddress:
      return "own-address";
    case Reason::kNoInstruction:
      return "no-instruction";
    case Reason::kAwkward:
      return "awkward";
    case Reason::kTracedMemory:
      return "traced-memory";
  }
  return "";
}

}  // namespace ringside::vmm::bt
