// The control block of hardware-assisted virtualization (VMX calls it VMCS, SVM VMCB): what makes the guest exit, what is injected
// at entry, and what the last exit was. Written by the monitor (vmm/techniques/hw), read by the CPU in non-root mode.
// MODEL: the guest-state area is the CPU state itself while the guest is loaded, and the host-state area is the monitor, which is a
// C++ program: no registers are swapped at entry and exit, but the cost of swapping them is charged by the cost model.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>

#include "hwmodel/vmx/exit_reason.h"

namespace ringside::hw::vmx {

// Pin-based controls [SDM 3C table 25-5].
namespace pin {
constexpr uint32_t kExternalInterruptExiting = 1 << 0, kNmiExiting = 1 << 3, kVirtualNmis = 1 << 5, kPreemptionTimer = 1 << 6;
constexpr uint32_t kKnown = kExternalInterruptExiting | kNmiExiting | kVirtualNmis | kPreemptionTimer;
}
// Primary processor-based controls [SDM 3C table 25-6].
namespace primary {
constexpr uint32_t kInterruptWindow = 1u << 2, kTscOffsetting = 1u << 3, kHlt = 1u << 7, kInvlpg = 1u << 9, kMwait = 1u << 10, kRdpmc = 1u << 11,
                   kRdtsc = 1u << 12, kCr3Load = 1u << 15, kCr3Store = 1u << 16, kCr8Load = 1u << 19, kCr8Store = 1u << 20, kNmiWindow = 1u << 22,
                   kMovDr = 1u << 23, kUnconditionalIo = 1u << 24, kIoBitmaps = 1u << 25, kMonitorTrapFlag = 1u << 27, kMsrBitmaps = 1u << 28,
                   kMonitor = 1u << 29, kPause = 1u << 30, kSecondary = 1u << 31;
constexpr uint32_t kKnown = kInterruptWindow | kTscOffsetting | kHlt | kInvlpg | kMwait | kRdpmc | kRdtsc | kCr3Load | kCr3Store | kCr8Load |
                            kCr8Store | kNmiWindow | kMovDr | kUnconditionalIo | kIoBitmaps | kMonitorTrapFlag | kMsrBitmaps | kMonitor | kPause | kSecondary;
}
// Secondary processor-based controls [SDM 3C table 25-7].
namespace secondary {
constexpr uint32_t kEpt = 1 << 1, kDescriptorTable = 1 << 2, kRdtscp = 1 << 3, kVpid = 1 << 5, kWbinvd = 1 << 6, kUnrestrictedGuest = 1 << 7,
                   kRdrand = 1 << 11, kInvpcid = 1 << 12, kRdseed = 1 << 16, kPml = 1 << 17;
constexpr uint32_t kKnown = kEpt | kDescriptorTable | kRdtscp | kVpid | kWbinvd | kUnrestrictedGuest | kRdrand | kInvpcid | kRdseed | kPml;
}
// VM-entry controls [SDM 3C table 25-15].
namespace entry {
constexpr uint32_t kIa32eModeGuest = 1 << 9;
}

// An event injected at entry or described at exit [SDM 3C tables 25-16 and 25-19]:
//   7:0 vector | 10:8 type | 11 error code valid | 31 valid
enum class EventType : uint8_t { kExternalInterrupt = 0, kNmi = 2, kHardwareException = 3, kSoftwareInterrupt = 4, kPrivilegedSoftware = 5, kSoftwareException = 6 };
struct EventInfo {
  bool valid = false;
  EventType type = EventType::kExternalInterrupt;
  bool has_error = false;
  uint8_t vector = 0;
  uint32_t error = 0;
  uint8_t instruction_length = 0;  // for software events at entry
  uint32_t encoded() const {
    return vector | static_cast<uint32_t>(type) << 8 | uint32_t{has_error} << 11 | uint32_t{valid} << 31;
  }
};

// MSR bitmaps [SDM 3C 25.6.9]: low MSRs 0..1FFFH, high ones C0000000H..C0001FFFH; any other MSR exits.
struct MsrBitmap {
  std::bitset<0x2000> read_low, read_high, write_low, write_high;
  bool intercepts(uint32_t msr, bool write) const {
    if (msr < 0x2000) return write ? write_low[msr] : read_low[msr];
    if (msr >= 0xc0000000 && msr < 0xc0002000) return write ? write_high[msr - 0xc0000000] : read_high[msr - 0xc0000000];
    return true;
  }
  void set(uint32_t msr, bool read, bool write) {
    if (msr < 0x2000) { read_low[msr] = read; write_low[msr] = write; }
    else if (msr >= 0xc0000000 && msr < 0xc0002000) { read_high[msr - 0xc0000000] = read; write_high[msr - 0xc0000000] = write; }
  }
};

struct ControlBlock {
  // --- controls -------------------------------------------------------------------------------------------------------
  uint32_t pin_controls = 0, primary_controls = 0, secondary_controls = 0, entry_controls = 0;
  uint32_t exception_bitmap = 0;
  uint32_t page_fault_error_mask = 0, page_fault_error_match = 0;  // [SDM 3C 26.2 "Other Causes of VM Exits", page faults]
  std::bitset<0x10000> io_bitmap;                                  // bitmaps A and B as one
  MsrBitmap msr_bitmap;
  uint64_t cr0_mask = 0, cr0_shadow = 0, cr4_mask = 0, cr4_shadow = 0;  // mask bit set: owned by the monitor, guest reads the shadow
  std::array<uint64_t, 4> cr3_targets{};
  uint8_t cr3_target_count = 0;
  uint64_t tsc_offset = 0;
  uint64_t eptp = 0;           // 2:0 memory type (6 = WB) | 5:3 levels - 1 | 6 A/D enable | 51:12 root
  uint16_t vpid = 0;
  uint32_t preemption_timer = 0;  // in units of 2^kPreemptionTimerShift cycles, counts down in non-root mode
  uint64_t pml_address = 0;
  // --- entry ----------------------------------------------------------------------------------------------------------
  EventInfo injection;
  // --- what the last exit was -----------------------------------------------------------------------------------------------
  ExitReason exit_reason{};
  uint64_t exit_qualification = 0;
  uint64_t guest_linear = 0, guest_physical = 0;
  EventInfo exit_event;         // the exception or interrupt that exited
  EventInfo idt_vectoring;      // the event whose delivery was under way
  uint8_t exit_instruction_length = 0;
  bool exit_linear_valid = false;

  bool pin(uint32_t bit) const { return pin_controls & bit; }
  bool primary(uint32_t bit) const { return primary_controls & bit; }
  bool secondary(uint32_t bit) const { return (primary_controls & primary::kSecondary) && (secondary_controls & bit); }
};

constexpr unsigned kPreemptionTimerShift = 5;  // IA32_VMX_MISC bits 4:0: the timer counts down when this TSC bit changes

}  // namespace ringside::hw::vmx
