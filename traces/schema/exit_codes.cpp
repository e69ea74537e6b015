#include "traces/schema/exit_codes.h"

#include <algorithm>
#include <array>

namespace ringside::traces {
namespace {

// [APM 2 appendix C "SVM Intercept Exit Codes"], in ascending order of code.
constexpr std::array<ExitCode, 185> kSvmCodes = {{
    {0x0, "READ_CR0", ExitReason::kCrAccess},
    {0x1, "READ_CR1", ExitReason::kCrAccess},
    {0x2, "READ_CR2", ExitReason::kCrAccess},
    {0x3, "READ_CR3", ExitReason::kCrAccess},
    {0x4, "READ_CR4", ExitReason::kCrAccess},
    {0x5, "READ_CR5", ExitReason::kCrAccess},
    {0x6, "READ_CR6", ExitReason::kCrAccess},
    {0x7, "READ_CR7", ExitReason::kCrAccess},
    {0x8, "READ_CR8", ExitReason::kCrAccess},
    {0x9, "READ_CR9", ExitReason::kCrAccess},
    {0xa, "READ_CR10", ExitReason::kCrAccess},
    {0xb, "READ_CR11", ExitReason::kCrAccess},
    {0xc, "READ_CR12", ExitReason::kCrAccess},
    {0xd, "READ_CR13", ExitReason::kCrAccess},
    {0xe, "READ_CR14", ExitReason::kCrAccess},
    {0xf, "READ_CR15", ExitReason::kCrAccess},
    {0x10, "WRITE_CR0", ExitReason::kCrAccess},
    {0x11, "WRITE_CR1", ExitReason::kCrAccess},
    {0x12, "WRITE_CR2", ExitReason::kCrAccess},
    {0x13, "WRITE_CR3", ExitReason::kCrAccess},
    {0x14, "WRITE_CR4", ExitReason::kCrAccess},
    {0x15, "WRITE_CR5", ExitReason::kCrAccess},
    {0x16, "WRITE_CR6", ExitReason::kCrAccess},
    {0x17, "WRITE_CR7", ExitReason::kCrAccess},
    {0x18, "WRITE_CR8", ExitReason::kCrAccess},
    {0x19, "WRITE_CR9", ExitReason::kCrAccess},
    {0x1a, "WRITE_CR10", ExitReason::kCrAccess},
    {0x1b, "WRITE_CR11", ExitReason::kCrAccess},
    {0x1c, "WRITE_CR12", ExitReason::kCrAccess},
    {0x1d, "WRITE_CR13", ExitReason::kCrAccess},
    {0x1e, "WRITE_CR14", ExitReason::kCrAccess},
    {0x1f, "WRITE_CR15", ExitReason::kCrAccess},
    {0x20, "READ_DR0", ExitReason::kDrAccess},
    {0x21, "READ_DR1", ExitReason::kDrAccess},
    {0x22, "READ_DR2", ExitReason::kDrAccess},
    {0x23, "READ_DR3", ExitReason::kDrAccess},
    {0x24, "READ_DR4", ExitReason::kDrAccess},
    {0x25, "READ_DR5", ExitReason::kDrAccess},
    {0x26, "READ_DR6", ExitReason::kDrAccess},
    {0x27, "READ_DR7", ExitReason::kDrAccess},
    {0x28, "READ_DR8", ExitReason::kDrAccess},
    {0x29, "READ_DR9", ExitReason::kDrAccess},
    {0x2a, "READ_DR10", ExitReason::kDrAccess},
    {0x2b, "READ_DR11", ExitReason::kDrAccess},
    {0x2c, "READ_DR12", ExitReason::kDrAccess},
    {0x2d, "READ_DR13", ExitReason::kDrAccess},
    {0x2e, "READ_DR14", ExitReason::kDrAccess},
    {0x2f, "READ_DR15", ExitReason::kDrAccess},
    {0x30, "WRITE_DR0", ExitReason::kDrAccess},
    {0x31, "WRITE_DR1", ExitReason::kDrAccess},
    {0x32, "WRITE_DR2", ExitReason::kDrAccess},
    {0x33, "WRITE_DR3", ExitReason::kDrAccess},
    {0x34, "WRITE_DR4", ExitReason::kDrAccess},
    {0x35, "WRITE_DR5", ExitReason::kDrAccess},
    {0x36, "WRITE_DR6", ExitReason::kDrAccess},
    {0x37, "WRITE_DR7", ExitReason::kDrAccess},
    {0x38, "WRITE_DR8", ExitReason::kDrAccess},
    {0x39, "WRITE_DR9", ExitReason::kDrAccess},
    {0x3a, "WRITE_DR10", ExitReason::kDrAccess},
    {0x3b, "WRITE_DR11", ExitReason::kDrAccess},
    {0x3c, "WRITE_DR12", ExitReason::kDrAccess},
    {0x3d, "WRITE_DR13", ExitReason::kDrAccess},
    {0x3e, "WRITE_DR14", ExitReason::kDrAccess},
    {0x3f, "WRITE_DR15", ExitReason::kDrAccess},
    {0x40, "EXCP_DE", ExitReason::kExceptionNmi},
    {0x41, "EXCP_DB", ExitReason::kExceptionNmi},
    {0x42, "EXCP_vector2_reserved", ExitReason::kExceptionNmi},
    {0x43, "EXCP_BP", ExitReason::kExceptionNmi},
    {0x44, "EXCP_OF", ExitReason::kExceptionNmi},
    {0x45, "EXCP_BR", ExitReason::kExceptionNmi},
    {0x46, "EXCP_UD", ExitReason::kExceptionNmi},
    {0x47, "EXCP_NM", ExitReason::kExceptionNmi},
    {0x48, "EXCP_DF", ExitReason::kExceptionNmi},
    {0x49, "EXCP_coproc_overrun_reserved", ExitReason::kExceptionNmi},
    {0x4a, "EXCP_TS", ExitReason::kExceptionNmi},
    {0x4b, "EXCP_NP", ExitReason::kExceptionNmi},
    {0x4c, "EXCP_SS", ExitReason::kExceptionNmi},
    {0x4d, "EXCP_GP", ExitReason::kExceptionNmi},
    {0x4e, "EXCP_PF", ExitReason::kExceptionNmi},
    {0x4f, "EXCP_vector15", ExitReason::kExceptionNmi},
    {0x50, "EXCP_MF", ExitReason::kExceptionNmi},
    {0x51, "EXCP_AC", ExitReason::kExceptionNmi},
    {0x52, "EXCP_MC", ExitReason::kExceptionNmi},
    {0x53, "EXCP_XF", ExitReason::kExceptionNmi},
    {0x54, "EXCP_vector20", ExitReason::kExceptionNmi},
    {0x55, "EXCP_CP", ExitReason::kExceptionNmi},
    {0x56, "EXCP_vector22", ExitReason::kExceptionNmi},
    {0x57, "EXCP_vector23", ExitReason::kExceptionNmi},
    {0x58, "EXCP_vector24", ExitReason::kExceptionNmi},
    {0x59, "EXCP_vector25", ExitReason::kExceptionNmi},
    {0x5a, "EXCP_vector26", ExitReason::kExceptionNmi},
    {0x5b, "EXCP_vector27", ExitReason::kExceptionNmi},
    {0x5c, "EXCP_HV", ExitReason::kExceptionNmi},
    {0x5d, "EXCP_VC", ExitReason::kExceptionNmi},
    {0x5e, "EXCP_SX", ExitReason::kExceptionNmi},
    {0x5f, "EXCP_vector31", ExitReason::kExceptionNmi},
    {0x60, "INTR", ExitReason::kExternalInterrupt},
    {0x61, "NMI", ExitReason::kExceptionNmi},
    {0x62, "SMI", ExitReason::kOtherSmi},
    {0x63, "INIT", ExitReason::kInitSignal},
    {0x64, "VINTR", ExitReason::kInterruptWindow},
    {0x65, "CR0_SEL_WRITE", ExitReason::kCrAccess},
    {0x66, "IDTR_READ", ExitReason::kGdtrIdtrAccess},
    {0x67, "GDTR_READ", ExitReason::kGdtrIdtrAccess},
    {0x68, "LDTR_READ", ExitReason::kLdtrTrAccess},
    {0x69, "TR_READ", ExitReason::kLdtrTrAccess},
    {0x6a, "IDTR_WRITE", ExitReason::kGdtrIdtrAccess},
    {0x6b, "GDTR_WRITE", ExitReason::kGdtrIdtrAccess},
    {0x6c, "LDTR_WRITE", ExitReason::kLdtrTrAccess},
    {0x6d, "TR_WRITE", ExitReason::kLdtrTrAccess},
    {0x6e, "RDTSC", ExitReason::kRdtsc},
    {0x6f, "RDPMC", ExitReason::kRdpmc},
    {0x70, "PUSHF", ExitReason::kPushf},
    {0x71, "POPF", ExitReason::kPopf},
    {0x72, "CPUID", ExitReason::kCpuid},
    {0x73, "RSM", ExitReason::kRsm},
    {0x74, "IRET", ExitReason::kIret},
    {0x75, "SWINT", ExitReason::kSoftwareInterrupt},
    {0x76, "INVD", ExitReason::kInvd},
    {0x77, "PAUSE", ExitReason::kPause},
    {0x78, "HLT", ExitReason::kHlt},
    {0x79, "INVLPG", ExitReason::kInvlpg},
    {0x7a, "INVLPGA", ExitReason::kInvlpga},
    {0x7b, "IOIO", ExitReason::kIoInstruction},
    {0x7c, "MSR", ExitReason::kMsrRead},
    {0x7d, "TASK_SWITCH", ExitReason::kTaskSwitch},
    {0x7e, "FERR_FREEZE", ExitReason::kFerrFreeze},
    {0x7f, "SHUTDOWN", ExitReason::kTripleFault},
    {0x80, "VMRUN", ExitReason::kVmrun},
    {0x81, "VMMCALL", ExitReason::kVmcall},
    {0x82, "VMLOAD", ExitReason::kVmload},
    {0x83, "VMSAVE", ExitReason::kVmsave},
    {0x84, "STGI", ExitReason::kStgi},
    {0x85, "CLGI", ExitReason::kClgi},
    {0x86, "SKINIT", ExitReason::kSkinit},
    {0x87, "RDTSCP", ExitReason::kRdtscp},
    {0x88, "ICEBP", ExitReason::kIcebp},
    {0x89, "WBINVD", ExitReason::kWbinvd},
    {0x8a, "MONITOR", ExitReason::kMonitor},
    {0x8b, "MWAIT", ExitReason::kMwait},
    {0x8c, "MWAIT_COND", ExitReason::kMwait},
    {0x8d, "XSETBV", ExitReason::kXsetbv},
    {0x8e, "RDPRU", ExitReason::kRdpru},
    {0x8f, "EFER_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x90, "CR0_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x91, "CR1_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x92, "CR2_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x93, "CR3_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x94, "CR4_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x95, "CR5_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x96, "CR6_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x97, "CR7_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x98, "CR8_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x99, "CR9_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x9a, "CR10_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x9b, "CR11_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x9c, "CR12_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x9d, "CR13_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x9e, "CR14_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0x9f, "CR15_WRITE_TRAP", ExitReason::kCrWriteTrap},
    {0xa0, "INVLPGB", ExitReason::kInvlpgb},
    {0xa1, "INVLPGB_ILLEGAL", ExitReason::kInvlpgb},
    {0xa2, "INVPCID", ExitReason::kInvpcid},
    {0xa3, "MCOMMIT", ExitReason::kMcommit},
    {0xa4, "TLBSYNC", ExitReason::kTlbsync},
    {0xa5, "BUSLOCK", ExitReason::kBusLock},
    {0xa6, "IDLE_HLT", ExitReason::kHlt},
    {0x400, "NPF", ExitReason::kEptViolation},
    {0x401, "AVIC_INCOMPLETE_IPI", ExitReason::kAvicIncompleteIpi},
    {0x402, "AVIC_UNACCELERATED_ACCESS", ExitReason::kAvicNoaccel},
    {0x403, "VMGEXIT", ExitReason::kVmgexit},
    {0x80000001, "VMGEXIT_MMIO_READ", ExitReason::kVmgexit},
    {0x80000002, "VMGEXIT_MMIO_WRITE", ExitReason::kVmgexit},
    {0x80000003, "VMGEXIT_NMI_COMPLETE", ExitReason::kVmgexit},
    {0x80000004, "VMGEXIT_AP_HLT_LOOP", ExitReason::kVmgexit},
    {0x80000005, "VMGEXIT_AP_JUMP_TABLE", ExitReason::kVmgexit},
    {0x80000010, "VMGEXIT_PSC", ExitReason::kVmgexit},
    {0x80000011, "VMGEXIT_GUEST_REQUEST", ExitReason::kVmgexit},
    {0x80000012, "VMGEXIT_EXT_GUEST_REQUEST", ExitReason::kVmgexit},
    {0x80000013, "VMGEXIT_AP_CREATION", ExitReason::kVmgexit},
    {0x8000fffd, "VMGEXIT_HV_FEATURES", ExitReason::kVmgexit},
    {0x8000fffe, "VMGEXIT_TERM_REQUEST", ExitReason::kVmgexit},
    {0x8000ffff, "VMGEXIT_UNSUPPORTED_EVENT", ExitReason::kVmgexit},
    {0xf0000000, "SW", ExitReason::kUnknown},
    {0xffffffffffffffff, "INVALID", ExitReason::kInvalidGuestState},
}};

// KVM_EXIT_* of <linux/kvm.h>; the other architectures' reasons have a name but no meaning here.
constexpr std::array<ExitCode, 40> kKvmCodes = {{
    {0, "KVM_EXIT_UNKNOWN", ExitReason::kUnknown},
    {1, "KVM_EXIT_EXCEPTION", ExitReason::kExceptionNmi},
    {2, "KVM_EXIT_IO", ExitReason::kIoInstruction},
    {3, "KVM_EXIT_HYPERCALL", ExitReason::kVmcall},
    {4, "KVM_EXIT_DEBUG", ExitReason::kDebug},
    {5, "KVM_EXIT_HLT", ExitReason::kHlt},
    {6, "KVM_EXIT_MMIO", ExitReason::kMmio},
    {7, "KVM_EXIT_IRQ_WINDOW_OPEN", ExitReason::kInterruptWindow},
    {8, "KVM_EXIT_SHUTDOWN", ExitReason::kTripleFault},
    {9, "KVM_EXIT_FAIL_ENTRY", ExitReason::kInvalidGuestState},
    {10, "KVM_EXIT_INTR", ExitReason::kInterrupted},
    {11, "KVM_EXIT_SET_TPR", ExitReason::kTprAccess},
    {12, "KVM_EXIT_TPR_ACCESS", ExitReason::kTprAccess},
    {13, "KVM_EXIT_S390_SIEIC", ExitReason::kUnknown},
    {14, "KVM_EXIT_S390_RESET", ExitReason::kUnknown},
    {15, "KVM_EXIT_DCR", ExitReason::kUnknown},
    {16, "KVM_EXIT_NMI", ExitReason::kExceptionNmi},
    {17, "KVM_EXIT_INTERNAL_ERROR", ExitReason::kInternalError},
    {18, "KVM_EXIT_OSI", ExitReason::kUnknown},
    {19, "KVM_EXIT_PAPR_HCALL", ExitReason::kUnknown},
    {20, "KVM_EXIT_S390_UCONTROL", ExitReason::kUnknown},
    {21, "KVM_EXIT_WATCHDOG", ExitReason::kUnknown},
    {22, "KVM_EXIT_S390_TSCH", ExitReason::kUnknown},
    {23, "KVM_EXIT_EPR", ExitReason::kUnknown},
    {24, "KVM_EXIT_SYSTEM_EVENT", ExitReason::kSystemEvent},
    {25, "KVM_EXIT_S390_STSI", ExitReason::kUnknown},
    {26, "KVM_EXIT_IOAPIC_EOI", ExitReason::kVirtualizedEoi},
    {27, "KVM_EXIT_HYPERV", ExitReason::kHyperv},
    {28, "KVM_EXIT_ARM_NISV", ExitReason::kUnknown},
    {29, "KVM_EXIT_X86_RDMSR", ExitReason::kMsrRead},
    {30, "KVM_EXIT_X86_WRMSR", ExitReason::kMsrWrite},
    {31, "KVM_EXIT_DIRTY_RING_FULL", ExitReason::kDirtyRingFull},
    {32, "KVM_EXIT_AP_RESET_HOLD", ExitReason::kVmgexit},
    {33, "KVM_EXIT_X86_BUS_LOCK", ExitReason::kBusLock},
    {34, "KVM_EXIT_XEN", ExitReason::kXen},
    {35, "KVM_EXIT_RISCV_SBI", ExitReason::kUnknown},
    {36, "KVM_EXIT_RISCV_CSR", ExitReason::kUnknown},
    {37, "KVM_EXIT_NOTIFY", ExitReason::kNotify},
    {38, "KVM_EXIT_LOONGARCH_IOCSR", ExitReason::kUnknown},
    {39, "KVM_EXIT_MEMORY_FAULT", ExitReason::kEptViolation},
}};

// VMX's names are those of the reasons; looked up by number.
constexpr int kVmxLast = 77;
constexpr auto kVmxCodes = [] {
  std::array<ExitReason, kVmxLast + 1> table{};
  for (const auto& row : kExitReasons)
    if (row.vmx >= 0) table[static_cast<size_t>(row.vmx)] = row.reason;
  return table;
}();

const ExitCode* find(std::span<const ExitCode> table, uint64_t code) {
  const auto row = std::lower_bound(table.begin(), table.end(), code, [](const ExitCode& r, uint64_t c) { return r.code < c; });
  return row != table.end() && row->code == code ? &*row : nullptr;
}

constexpr uint64_t kSvmMsr = 0x7c;

}  // namespace

std::span<const ExitCode> svm_codes() { return kSvmCodes; }
std::span<const ExitCode> kvm_codes() { return kKvmCodes; }

ExitReason reason_of_vmx(uint32_t reason) {
  const uint32_t basic = reason & 0xffff;
  return basic <= kVmxLast ? kVmxCodes[basic] : ExitReason::kUnknown;
}

ExitReason reason_of_svm(uint64_t code, uint64_t exit_info_1) {
  if (code == kSvmMsr) return exit_info_1 & 1 ? ExitReason::kMsrWrite : ExitReason::kMsrRead;
  const ExitCode* row = find(kSvmCodes, code);
  return row ? row->reason : ExitReason::kUnknown;
}

ExitReason reason_of_kvm(uint32_t reason) {
  const ExitCode* row = find(kKvmCodes, reason);
  return row ? row->reason : ExitReason::kUnknown;
}

std::string_view code_name(Numbering numbering, uint64_t code) {
  const ExitCode* row = nullptr;
  switch (numbering) {
    case Numbering::kModel: break;
    case Numbering::kKvm: row = find(kKvmCodes, code); break;
    case Numbering::kSvm: row = find(kSvmCodes, code); break;
    case Numbering::kVmx: {
      const ExitReason reason = reason_of_vmx(static_cast<uint32_t>(code));
      return reason == ExitReason::kUnknown ? std::string_view{} : name_of(reason);
    }
  }
  return row ? row->name : std::string_view{};
}

}  // namespace ringside::traces
