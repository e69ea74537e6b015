// Basic exit reasons with the manual's numbers [SDM 3D Appendix C "VMX Basic Exit Reasons"], and the layout of exit
// qualifications. Only the reasons this model can produce are listed; the trace layer names all of them.
#pragma once

#include <cstdint>

namespace ringside::hw::vmx {

enum class ExitReason : uint16_t {
  kExceptionOrNmi = 0, kExternalInterrupt = 1, kTripleFault = 2, kInterruptWindow = 7, kNmiWindow = 8, kTaskSwitch = 9, kCpuid = 10,
  kGetsec = 11, kHlt = 12, kInvd = 13, kInvlpg = 14, kRdpmc = 15, kRdtsc = 16, kRsm = 17, kVmcall = 18, kVmclear = 19, kVmlaunch = 20,
  kVmptrld = 21, kVmptrst = 22, kVmread = 23, kVmresume = 24, kVmwrite = 25, kVmxoff = 26, kVmxon = 27, kCrAccess = 28, kDrAccess = 29,
  kIoInstruction = 30, kRdmsr = 31, kWrmsr = 32, kInvalidGuestState = 33, kMsrLoadFail = 34, kMwait = 36, kMonitorTrapFlag = 37,
  kMonitor = 39, kPause = 40, kGdtrIdtr = 46, kLdtrTr = 47, kEptViolation = 48, kEptMisconfiguration = 49, kInvept = 50, kRdtscp = 51,
  kPreemptionTimer = 52, kInvvpid = 53, kWbinvd = 54, kXsetbv = 55, kRdrand = 57, kInvpcid = 58, kVmfunc = 59, kRdseed = 61, kPmlFull = 62,
};

// Qualification of kCrAccess [SDM 3C table 28-3]:  3:0 register | 5:4 kind | 6 LMSW from memory | 11:8 general register | 31:16 LMSW source
enum class CrAccess : uint8_t { kMovTo = 0, kMovFrom = 1, kClts = 2, kLmsw = 3 };
constexpr uint64_t cr_qualification(unsigned cr, CrAccess kind, unsigned gpr, uint16_t lmsw_source = 0, bool lmsw_memory = false) {
  return cr | static_cast<uint64_t>(kind) << 4 | uint64_t{lmsw_memory} << 6 | uint64_t{gpr} << 8 | uint64_t{lmsw_source} << 16;
}
// Of kDrAccess [SDM 3C table 28-4]:  2:0 register | 4 read | 11:8 general register
constexpr uint64_t dr_qualification(unsigned dr, bool read, unsigned gpr) { return dr | uint64_t{read} << 4 | uint64_t{gpr} << 8; }
// Of kIoInstruction [SDM 3C table 28-5]:  2:0 size - 1 | 3 in | 4 string | 5 rep | 6 immediate | 31:16 port
constexpr uint64_t io_qualification(uint16_t port, unsigned size, bool in, bool string, bool rep, bool immediate) {
  return (size - 1) | uint64_t{in} << 3 | uint64_t{string} << 4 | uint64_t{rep} << 5 | uint64_t{immediate} << 6 | uint64_t{port} << 16;
}
// Of kEptViolation [SDM 3C table 28-7]:
//   0 read | 1 write | 2 fetch | 5:3 what the EPT entries allowed (r, w, x) | 7 linear address valid | 8 final translation (not a page walk)
namespace ept_qualification {
constexpr uint64_t kRead = 1 << 0, kWrite = 1 << 1, kFetch = 1 << 2, kAllowedShift = 3, kLinearValid = 1 << 7, kFinal = 1 << 8;
}

}  // namespace ringside::hw::vmx
