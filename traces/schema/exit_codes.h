// The exit codes of AMD's SVM and of KVM with their own names, and the way from every numbering to one ExitReason.
// Called by the machines (to fill an exit event) and by reports that show a vendor's code beside the reason.
#pragma once

#include <span>

#include "traces/schema/event_kinds.h"
#include "traces/schema/exit_reason.h"

namespace ringside::traces {

struct ExitCode {
  uint64_t code;
  std::string_view name;  // as the vendor's manual or header spells it
  ExitReason reason;
};

std::span<const ExitCode> svm_codes();  // ascending
std::span<const ExitCode> kvm_codes();  // ascending

// `reason`: the VMCS exit-reason field; only its low 16 bits count [SDM 3C 25.9.1 "Basic VM-Exit Information"].
ExitReason reason_of_vmx(uint32_t reason);
// `exit_info_1`: VMCB EXITINFO1, which tells RDMSR (0) from WRMSR (1) [APM 2 15.11 "MSR Intercepts"].
ExitReason reason_of_svm(uint64_t code, uint64_t exit_info_1 = 0);
ExitReason reason_of_kvm(uint32_t reason);

// The vendor's name of a code; empty where it has none.
std::string_view code_name(Numbering numbering, uint64_t code);

}  // namespace ringside::traces
