#include "hwmodel/vmx/entry_checks.h"

#include "hwmodel/mmu/address_width.h"

namespace ringside::hw::vmx {
namespace {

using Failure = std::optional<EntryFailure>;

Failure controls(std::string_view field, uint64_t value, std::string_view rule, std::string_view section) {
  return EntryFailure{EntryCheck::kControls, field, value, rule, section};
}
Failure guest(std::string_view field, uint64_t value, std::string_view rule, std::string_view section) {
  return EntryFailure{EntryCheck::kGuestState, field, value, rule, section};
}

bool beyond_width(uint64_t address) { return address >> kPhysicalAddressBits; }
bool canonical(uint64_t linear) { return static_cast<uint64_t>(static_cast<int64_t>(linear << 16) >> 16) == linear; }

// --- 27.2.1.1 "VM-Execution Control Fields" ---------------------------------------------------------------------------------
constexpr std::string_view kExecution = "SDM 3C 27.2.1.1";

Failure check_execution_controls(const ControlBlock& b) {
  if (b.pin_controls & ~pin::kKnown) return controls("pin-based controls", b.pin_controls, "reserved bits must be as IA32_VMX_PINBASED_CTLS says", kExecution);
  if (b.primary_controls & ~primary::kKnown) return controls("primary processor-based controls", b.primary_controls, "reserved bits must be as IA32_VMX_PROCBASED_CTLS says", kExecution);
  if ((b.primary_controls & primary::kSecondary) && (b.secondary_controls & ~secondary::kKnown))
    return controls("secondary processor-based controls", b.secondary_controls, "reserved bits must be as IA32_VMX_PROCBASED_CTLS2 says", kExecution);
  if (b.cr3_target_count > b.cr3_targets.size()) return controls("CR3-target count", b.cr3_target_count, "must not be greater than 4", kExecution);
  if (!b.pin(pin::kNmiExiting) && b.pin(pin::kVirtualNmis)) return controls("pin-based controls", b.pin_controls, "virtual NMIs need NMI exiting", kExecution);
  if (!b.pin(pin::kVirtualNmis) && b.primary(primary::kNmiWindow))
    return controls("primary processor-based controls", b.primary_controls, "NMI-window exiting needs virtual NMIs", kExecution);
  if (b.secondary(secondary::kVpid) && b.vpid == 0) return controls("VPID", 0, "must not be 0000H when enabled", kExecution);
  if (b.secondary(secondary::kUnrestrictedGuest) && !b.secondary(secondary::kEpt))
    return controls("secondary processor-based controls", b.secondary_controls, "unrestricted guest needs EPT", kExecution);
  if (b.secondary(secondary::kPml)) {
    if (!b.secondary(secondary::kEpt)) return controls("secondary processor-based controls", b.secondary_controls, "PML needs EPT", kExecution);
    if ((b.pml_address & 0xfff) || beyond_width(b.pml_address)) return controls("PML address", b.pml_address, "must be 4 KiB aligned and within the physical-address width", kExecution);
  }
  return {};
}

Failure check_ept_pointer(const ControlBlock& b) {
  if (!b.secondary(secondary::kEpt)) return {};
  const uint64_t type = b.eptp & 7, levels = ((b.eptp >> 3) & 7) + 1;
  if (type != 0 && type != 6) return controls("EPT pointer", b.eptp, "memory type must be 0 (UC) or 6 (WB)", kExecution);
  if (levels != 4 && levels != 5) return controls("EPT pointer", b.eptp, "page-walk length must be 4 or 5", kExecution);
  if ((b.eptp & 0xf80) || beyond_width(b.eptp)) return controls("EPT pointer", b.eptp, "reserved bits must be 0", kExecution);
  return {};
}

// --- 27.2.1.3 "VM-Entry Control Fields": the event to inject -------------------------------------------------------------------
constexpr std::string_view kInjection = "SDM 3C 27.2.1.3";

Failure check_injection(const CpuState& s, const ControlBlock& b) {
  const EventInfo& e = b.injection;
  if (!e.valid) return {};
  const auto bad = [&](std::string_view rule) { return controls("VM-entry interruption information", e.encoded(), rule, kInjection); };
  if (static_cast<unsigned>(e.type) == 1 || static_cast<unsigned>(e.type) > 6) return bad("the type must not be 1 or 7 here");
  if (e.type == EventType::kNmi && e.vector != 2) return bad("an NMI has vector 2");
  if (e.type == EventType::kHardwareException && e.vector > 31) return bad("a hardware exception has a vector of at most 31");
  const bool exception_has_code = e.vector == 8 || (e.vector >= 10 && e.vector <= 14) || e.vector == 17;
  const bool wants_code = e.type == EventType::kHardwareException && exception_has_code && (s.cr0 & cr0::kPe);
  if (e.has_error != wants_code) return bad("an error code goes with exactly the exceptions that push one, in protected mode");
  if (e.has_error && (e.error & ~0x7fffu)) return controls("VM-entry exception error code", e.error, "bits 31:15 must be 0", kInjection);
  const bool software = e.type == EventType::kSoftwareInterrupt || e.type == EventType::kPrivilegedSoftware || e.type == EventType::kSoftwareException;
  if (software && (e.instruction_length == 0 || e.instruction_length > 15))
    return controls("VM-entry instruction length", e.instruction_length, "must be 1 to 15 for software events", kInjection);
  return {};
}

// --- 27.3.1.1 "Checks on Guest Control Registers, Debug Registers, and MSRs" ---------------------------------------------------
constexpr std::string_view kRegisters = "SDM 3C 27.3.1.1";

Failure check_control_registers(const CpuState& s, const ControlBlock& b) {
  const bool unrestricted = b.secondary(secondary::kUnrestrictedGuest);
  if (!(s.cr0 & cr0::kNe)) return guest("CR0", s.cr0, "NE must be 1 in VMX operation", kRegisters);
  if (!unrestricted && (s.cr0 & (cr0::kPe | cr0::kPg)) != (cr0::kPe | cr0::kPg))
    return guest("CR0", s.cr0, "PE and PG must be 1 without unrestricted guest", kRegisters);
  if ((s.cr0 & cr0::kPg) && !(s.cr0 & cr0::kPe)) return guest("CR0", s.cr0, "PG needs PE", kRegisters);
  if ((s.cr0 & cr0::kNw) && !(s.cr0 & cr0::kCd)) return guest("CR0", s.cr0, "NW needs CD", kRegisters);
  if (beyond_width(s.cr3)) return guest("CR3", s.cr3, "bits beyond the physical-address width must be 0", kRegisters);
  const bool ia32e = b.entry_controls & entry::kIa32eModeGuest;
  if (ia32e && (!(s.cr0 & cr0::kPg) || !(s.cr4 & cr4::kPae))) return guest("CR4", s.cr4, "an IA-32e mode guest needs CR0.PG and CR4.PAE", kRegisters);
  if (!ia32e && (s.cr4 & cr4::kPcide)) return guest("CR4", s.cr4, "PCIDE needs an IA-32e mode guest", kRegisters);
  if (ia32e != ((s.efer & efer::kLma) != 0)) return guest("IA32_EFER", s.efer, "LMA must equal the IA-32e mode guest control", kRegisters);
  if ((s.cr0 & cr0::kPg) && ((s.efer & efer::kLma) != 0) != ((s.efer & efer::kLme) != 0))
    return guest("IA32_EFER", s.efer, "LME must equal LMA while paging is on", kRegisters);
  if (s.dr7 >> 32) return guest("DR7", s.dr7, "bits 63:32 must be 0", kRegisters);
  return {};
}

// --- 27.3.1.2 "Checks on Guest Segment Registers" (the checks a monitor breaks in practice) --------------------------------------
constexpr std::string_view kSegments = "SDM 3C 27.3.1.2";

Failure check_segments(const CpuState& s, const ControlBlock& b) {
  const bool ia32e = b.entry_controls & entry::kIa32eModeGuest;
  const bool v86 = s.system_flags & rflags::kVm;
  const Segment& cs = s.segment[kCs];
  const Segment& ss = s.segment[kSs];
  if (!s.tr.usable()) return guest("TR access rights", s.tr.rights, "TR must be usable", kSegments);
  if (ia32e ? s.tr.type() != 11 : s.tr.type() != 3 && s.tr.type() != 11) return guest("TR access rights", s.tr.rights, "TR must be a busy TSS (64-bit in IA-32e mode)", kSegments);
  if (!s.tr.present()) return guest("TR access rights", s.tr.rights, "P must be 1", kSegments);
  if (s.ldtr.usable() && s.ldtr.type() != 2) return guest("LDTR access rights", s.ldtr.rights, "the type must be 2 (LDT)", kSegments);
  if (v86) {
    for (const Segment& segment : {s.segment[kEs], cs, ss, s.segment[kDs], s.segment[kFs], s.segment[kGs]}) {
      if (segment.base != uint64_t{segment.selector} << 4 || segment.limit != 0xffff || (segment.rights & 0xffff) != 0xf3)
        return guest("segment in virtual-8086 mode", segment.rights, "base must be selector x 16, limit FFFFH, rights F3H", kSegments);
    }
    return {};
  }
  const unsigned cs_type = cs.type();
  const bool unrestricted = b.secondary(secondary::kUnrestrictedGuest);
  const bool cs_is_code = cs_type == 9 || cs_type == 11 || cs_type == 13 || cs_type == 15;
  if (!cs_is_code && !(unrestricted && cs_type == 3)) return guest("CS access rights", cs.rights, "the type must be an accessed code segment", kSegments);
  if (!(cs.rights & access_rights::kS) || !cs.present()) return guest("CS access rights", cs.rights, "S and P must be 1", kSegments);
  if (ia32e && cs.long_code() && cs.big()) return guest("CS access rights", cs.rights, "D must be 0 where L is 1", kSegments);
  if (ss.usable() && ss.type() != 3 && ss.type() != 7) return guest("SS access rights", ss.rights, "the type must be 3 or 7 (writable data)", kSegments);
  if (ss.usable() && (!(ss.rights & access_rights::kS) || !ss.present())) return guest("SS access rights", ss.rights, "S and P must be 1", kSegments);
  if (ia32e && cs.long_code() && !canonical(s.rip)) return guest("RIP", s.rip, "must be canonical", "SDM 3C 27.3.1.4");
  return {};
}

// --- 27.3.1.4 "Checks on Guest RIP, RFLAGS, and SSP", 27.3.1.5 "Checks on Guest Non-Register State" ------------------------------
Failure check_flags_and_activity(const CpuState& s, const ControlBlock& b) {
  constexpr uint64_t kReserved = ~uint64_t{0x3f7fd7};
  if (s.rflags() & kReserved) return guest("RFLAGS", s.rflags(), "reserved bits must be 0", "SDM 3C 27.3.1.4");
  if ((b.entry_controls & entry::kIa32eModeGuest) && (s.system_flags & rflags::kVm)) return guest("RFLAGS", s.rflags(), "VM must be 0 in IA-32e mode", "SDM 3C 27.3.1.4");
  const EventInfo& e = b.injection;
  if (e.valid && e.type == EventType::kExternalInterrupt && !(s.system_flags & rflags::kIf))
    return guest("RFLAGS", s.rflags(), "IF must be 1 when an external interrupt is injected", "SDM 3C 27.3.1.4");
  if (e.valid && e.type == EventType::kExternalInterrupt && s.interrupt_shadow)
    return guest("interruptibility state", s.interrupt_shadow, "STI and MOV SS blocking must be 0 when an external interrupt is injected", "SDM 3C 27.3.1.5");
  return {};
}

}  // namespace

std::optional<EntryFailure> check_entry(const CpuState& state, const ControlBlock& block) {
  if (auto f = check_execution_controls(block)) return f;
  if (auto f = check_ept_pointer(block)) return f;
  if (auto f = check_injection(state, block)) return f;
  if (auto f = check_control_registers(state, block)) return f;
  if (auto f = check_segments(state, block)) return f;
  return check_flags_and_activity(state, block);
}

}  // namespace ringside::hw::vmx
