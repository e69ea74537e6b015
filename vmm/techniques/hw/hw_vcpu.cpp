#include "vmm/techniques/hw/hw_vcpu.h"

#include <algorithm>
#include <utility>

#include "hwmodel/exec/run.h"
#include "traces/base/text.h"

namespace ringside::vmm {
namespace {

namespace vmx = hw::vmx;
using hw::Primitive;
using vmx::ExitReason;

constexpr uint64_t kInstructionsPerSlice = 2'000'000;
// CR0 bits the monitor keeps for itself in every paging: the guest's writes to them exit, and NE is always on in VMX operation.
constexpr uint64_t kOwnedCr0 = hw::cr0::kPg | hw::cr0::kPe | hw::cr0::kCd | hw::cr0::kNw | hw::cr0::kNe;
constexpr uint64_t kOwnedCr4 = hw::cr4::kPae | hw::cr4::kPse | hw::cr4::kPge | hw::cr4::kPcide | hw::cr4::kSmep | hw::cr4::kSmap | hw::cr4::kLa57 | hw::cr4::kVmxe;

// MSRs the guest may use without an exit, as KVM passes them through: they are part of the state that entry and exit switch anyway.
constexpr uint32_t kPassedMsrs[] = {0x48, 0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103};

uint64_t saturating_add(uint64_t a, uint64_t b) { return b > ~0ull - a ? ~0ull : a + b; }

bool is_port_or_memory_stop(const hw::Stop& stop) { return std::holds_alternative<hw::StopPort>(stop) || std::holds_alternative<hw::StopMmio>(stop); }

}  // namespace

HwVcpu::HwVcpu(hw::Machine& machine, unsigned index, std::unique_ptr<MonitorMemory> pool, std::unique_ptr<GuestPaging> paging, HostKind host)
    : ModelVcpu(machine, index), pool_(std::move(pool)), paging_(std::move(paging)), block_(std::make_unique<vmx::ControlBlock>()), host_(host) {
  vmx::ControlBlock& b = *block_;
  b.pin_controls = vmx::pin::kExternalInterruptExiting;
  b.primary_controls = vmx::primary::kHlt | vmx::primary::kUnconditionalIo | vmx::primary::kMsrBitmaps | vmx::primary::kCr8Load | vmx::primary::kCr8Store |
                       vmx::primary::kTscOffsetting;
  b.msr_bitmap.read_low.set();
  b.msr_bitmap.write_low.set();
  b.msr_bitmap.read_high.set();
  b.msr_bitmap.write_high.set();
  for (const uint32_t msr : kPassedMsrs) b.msr_bitmap.set(msr, false, false);
  b.cr0_mask = kOwnedCr0;
  b.cr4_mask = kOwnedCr4;
  paging_->set_controls(b);
}

Result<Registers> HwVcpu::registers() {
  Registers r = registers_of(cpu());
  if (installed_) {
    r.cr0 = (r.cr0 & ~block_->cr0_mask) | (block_->cr0_shadow & block_->cr0_mask);
    r.cr4 = (r.cr4 & ~block_->cr4_mask) | (block_->cr4_shadow & block_->cr4_mask);
  }
  return r;
}

Result<void> HwVcpu::set_registers(const Registers& registers) {
  auto set = ModelVcpu::set_registers(registers);
  if (!set) return set;
  installed_ = false;  // the paging sees the new control registers before the next entry
  return success();
}

std::optional<GuestState> HwVcpu::guest_state() {
  if (installed_ && (block_->injection.valid || (machine_.chipset().interrupt_pending(index_) && takes_interrupts()))) return std::nullopt;
  GuestState state = guest_state_of(cpu());
  state.registers = registers().value();
  return state;
}

std::vector<NamedCounter> HwVcpu::technique_counters() const {
  std::vector<NamedCounter> all{{"vm_exits", exits_}, {"vm_entries", entries_}, {"emulated_instructions", emulated_}, {"injected_events", injected_},
                                {"hypercalls", hypercalls_}, {"host_switches", host_switches_}};
  all.push_back({"monitor_table_bytes", pool_->used_pages() * kPageSize});
  all.push_back({"monitor_table_bytes_most", pool_->peak_pages() * kPageSize});
  const auto paging = paging_->counters();
  all.insert(all.end(), paging.begin(), paging.end());
  return all;
}

// --- in and out -------------------------------------------------------------------------------------------------------------------------

Result<Exit> HwVcpu::run(const RunBounds& bounds) {
  hw::Cpu& c = cpu();
  const Cycles entered = machine_.now();
  if (!installed_) {
    c.chipset = nullptr;  // the guest's accesses to the controllers exit; emulate() connects them
    block_->cr0_shadow = c.cr0;
    block_->cr4_shadow = c.cr4;
    hide_guest_control_registers();
    paging_->install(c);
    installed_ = true;
  }
  if (emulating_) {
    const hw::Stop stop = emulate();
    if (!std::holds_alternative<hw::StopNone>(stop)) return Exit{cause_of(stop, bounds), info_of(stop, entered)};
  }
  if (waiting_) {
    const hw::Stop stop = handle_halt();
    if (!std::holds_alternative<hw::StopNone>(stop)) return Exit{cause_of(stop, bounds), info_of(stop, entered)};
  }
  return enter_guest(bounds);
}

Result<Exit> HwVcpu::enter_guest(const RunBounds& bounds) {
  hw::Cpu& c = cpu();
  const Cycles entered = machine_.now();
  // Coming back from a slice is no entry: what waits makes the guest exit as it would have without.
  if (entry_due_) prepare_injection();
  block_->entry_controls = c.in_long_mode() ? vmx::entry::kIa32eModeGuest : 0;
  if (std::exchange(entry_due_, false)) {
    ++entries_;
    machine_.charge(Primitive::kVmEntry);
  }
  if (const auto failure = vmx::enter(c, *block_)) return refused(*failure);
  hw::Stop stop = c.stop;
  if (std::holds_alternative<hw::StopNone>(stop)) {
    const uint64_t done = c.counters.instructions;
    const uint64_t guest_room = bounds.guest_deadline > entered ? bounds.guest_deadline - entered : 0;
    stop = machine_.run(index_, std::min({bounds.instruction_deadline, saturating_add(done, kInstructionsPerSlice), saturating_add(done, guest_room)}));
  }
  vmx::leave(c);
  if (!std::holds_alternative<hw::StopVmExit>(stop)) return Exit{cause_of(stop, bounds), info_of(stop, entered)};  // a slice or a kick: no exit of the guest
  ++exits_;
  entry_due_ = true;
  Exit exit{HardwareExit{static_cast<uint16_t>(block_->exit_reason), block_->exit_qualification}, info_of(stop, entered)};
  machine_.charge(Primitive::kVmExit);  // from the exit on, time is the monitor's
  machine_.charge(Primitive::kDispatch);
  exit.info.raw_reason = static_cast<uint32_t>(block_->exit_reason);
  const hw::Stop then = handle_exit();
  if (!std::holds_alternative<hw::StopNone>(then)) {
    exit.cause = cause_of(then, bounds);
    exit.info.qualification = block_->exit_qualification;
  }
  return exit;
}

Result<Exit> HwVcpu::refused(const vmx::EntryFailure& failure) {
  return fail(ExitCode::kGuestFailed, text::tr("vmm.hw.entry_refused", failure.field, failure.value, failure.rule, failure.section));
}

// --- interrupts -------------------------------------------------------------------------------------------------------------------------

bool HwVcpu::takes_interrupts() const {
  return (cpu().system_flags & hw::rflags::kIf) && !cpu().interrupt_shadow && !block_->injection.valid;
}

// What the controllers hold is injected if the guest can take it now; otherwise the guest exits as soon as it can.
void HwVcpu::prepare_injection() {
  hw::Cpu& c = cpu();
  c.host_interrupt = false;
  block_->primary_controls &= ~vmx::primary::kInterruptWindow;
  hw::Chipset& chipset = machine_.chipset();
  if (!chipset.interrupt_pending(index_)) return;
  if (!takes_interrupts()) {
    block_->primary_controls |= vmx::primary::kInterruptWindow;
    return;
  }
  const int vector = chipset.acknowledge(index_);
  if (vector < 0) return;
  set_injection({.valid = true, .type = vmx::EventType::kExternalInterrupt, .vector = static_cast<uint8_t>(vector)});
  if (chipset.interrupt_pending(index_)) block_->primary_controls |= vmx::primary::kInterruptWindow;
}

void HwVcpu::set_injection(const vmx::EventInfo& event) {
  block_->injection = event;
  ++injected_;
  machine_.charge(Primitive::kInjectEvent);
}

// An exit during the delivery of an event: it is delivered again at the next entry [SDM 3C 28.2.4].
void HwVcpu::requeue_interrupted_event() {
  if (block_->idt_vectoring.valid && !block_->injection.valid) block_->injection = block_->idt_vectoring;
}

void HwVcpu::inject_page_fault(uint64_t linear, uint32_t error) {
  cpu().cr2 = linear;
  set_injection({.valid = true, .type = vmx::EventType::kHardwareException, .has_error = true, .vector = 14, .error = error});
}

// HLT: until a controller has something, modelled time passes.
hw::Stop HwVcpu::handle_halt() {
  hw::Cpu& c = cpu();
  waiting_ = true;
  constexpr unsigned kTurns = 10'000;  // timers that raise nothing (a masked PIT) must not keep the run loop from its bounds
  for (unsigned turn = 0; turn < kTurns; ++turn) {
    if (machine_.chipset().interrupt_pending(index_)) {
      waiting_ = false;
      return hw::StopNone{};
    }
    if (!(c.system_flags & hw::rflags::kIf) || !machine_.wait_for_timer(index_)) return hw::StopHalt{(c.system_flags & hw::rflags::kIf) != 0};
  }
  return hw::StopLimit{};
}

// --- exits ------------------------------------------------------------------------------------------------------------------------------

hw::Stop HwVcpu::handle_exit() {
  hw::Cpu& c = cpu();
  switch (block_->exit_reason) {
    case ExitReason::kExternalInterrupt:
      paging_->time_passed(c);
      return hw::StopNone{};
    case ExitReason::kInterruptWindow: return hw::StopNone{};
    case ExitReason::kTripleFault: return hw::StopTripleFault{};
    case ExitReason::kExceptionOrNmi: return handle_exception();
    case ExitReason::kEptViolation:
    case ExitReason::kEptMisconfiguration: return handle_nested_fault();
    case ExitReason::kHlt:
      finish_instruction();
      return handle_halt();
    case ExitReason::kVmcall: return handle_hypercall();
    default: return emulate();
  }
}

// The instruction that exited is done, without having run.
void HwVcpu::finish_instruction() {
  hw::Cpu& c = cpu();
  c.rip += block_->exit_instruction_length;
  c.interrupt_shadow = 0;
  c.retire_for_guest();
}

// There is no service to call yet. As KVM answers what it does not know: -KVM_ENOSYS, or -EPERM above CPL 0 [Linux
// arch/x86/kvm/x86.c kvm_emulate_hypercall()].
hw::Stop HwVcpu::handle_hypercall() {
  hw::Cpu& c = cpu();
  constexpr uint64_t kNoSuchCall = 1000, kNotPermitted = 1;
  const uint64_t result = 0 - (c.cpl == 0 ? kNoSuchCall : kNotPermitted);
  c.gpr[hw::kRax] = c.in_64bit_mode() ? result : static_cast<uint32_t>(result);
  finish_instruction();
  ++hypercalls_;
  machine_.charge(Primitive::kHypercall);
  return hw::StopNone{};
}

hw::Stop HwVcpu::handle_exception() {
  requeue_interrupted_event();
  const vmx::EventInfo event = block_->exit_event;
  if (event.vector != 14) {  // an exception nobody asked for goes back to the guest as it is
    set_injection(event);
    return hw::StopNone{};
  }
  return act(paging_->page_fault(cpu(), block_->exit_qualification, event.error));
}

hw::Stop HwVcpu::handle_nested_fault() {
  requeue_interrupted_event();
  return act(paging_->nested_fault(cpu(), block_->guest_physical, block_->exit_qualification));
}

hw::Stop HwVcpu::act(FaultAction action) {
  const FaultDetails& details = paging_->details();
  switch (action) {
    case FaultAction::kResume: return hw::StopNone{};
    case FaultAction::kInjectFault:
      // A fault met while another event was delivered replaces it, as the guest's processor would have it.
      inject_page_fault(details.linear, details.error);
      return hw::StopNone{};
    case FaultAction::kDevice:
      device_mapped_ = true;
      device_linear_ = details.linear;
      device_physical_ = details.guest_physical;
      paging_->map_device_page(cpu(), device_linear_, device_physical_);
      return emulate();
    case FaultAction::kEmulate:
      protected_write_ = true;
      return emulate();
  }
  return hw::StopNone{};
}

// --- the instruction emulator -------------------------------------------------------------------------------------------------------------

void HwVcpu::show_guest_control_registers() {
  hw::Cpu& c = cpu();
  c.cr0 = (c.cr0 & ~block_->cr0_mask) | (block_->cr0_shadow & block_->cr0_mask);
  c.cr4 = (c.cr4 & ~block_->cr4_mask) | (block_->cr4_shadow & block_->cr4_mask);
}

void HwVcpu::hide_guest_control_registers() {
  hw::Cpu& c = cpu();
  block_->cr0_shadow = c.cr0;
  block_->cr4_shadow = c.cr4;
  c.cr0 |= hw::cr0::kNe;
  c.mode_changed();
}

// An exit that says all about its instruction needs no decoding. The others do: a fault at an access, string I/O, and IN, which the KVM of
// the figures we are held against (Linux 4.2) gave to its emulator while it had a short way for OUT [Linux arch/x86/kvm/vmx.c handle_io()].
void HwVcpu::charge_emulation() {
  const bool io = block_->exit_reason == ExitReason::kIoInstruction;
  constexpr uint64_t kIn = 1 << 3, kString = 1 << 4;  // of the qualification: see vmx/exit_reason.h
  const bool decode = io ? (block_->exit_qualification & (kIn | kString)) != 0
                         : block_->exit_reason == ExitReason::kExceptionOrNmi || block_->exit_reason == ExitReason::kEptViolation;
  if (decode) machine_.charge(Primitive::kEmulateInstruction);
}

// Runs the guest's next instruction for it, with the controllers connected. The answer of a device outside them is waited for: the next
// run() comes back here.
hw::Stop HwVcpu::emulate() {
  hw::Cpu& c = cpu();
  if (!emulating_) {
    ++emulated_;
    charge_emulation();
  }
  const PagingRegisters before{block_->cr0_shadow, c.cr3, block_->cr4_shadow, c.efer};
  const bool keep_tlb = (block_->cr4_shadow & hw::cr4::kPcide) && block_->exit_reason == ExitReason::kCrAccess && cr3_source() >> 63;
  show_guest_control_registers();
  c.chipset = &machine_.chipset();
  vmx::begin_emulation(c, *block_);
  c.attention = c.interrupt_waiting = false;
  c.time.begin_emulation(c.now(), hw::EmulatedDevices::kVirtual);
  const hw::Stop stop = machine_.step(index_);
  c.time.end_emulation(c.now());
  vmx::leave(c);
  c.chipset = nullptr;
  hide_guest_control_registers();
  emulating_ = is_port_or_memory_stop(stop);
  if (emulating_) {
    if (host_ == HostKind::kType2) {
      ++host_switches_;
      machine_.charge(Primitive::kHostSwitch);
    }
    return stop;
  }
  if (device_mapped_) paging_->unmap_device_page(c, device_linear_, device_physical_);
  device_mapped_ = false;
  if (std::holds_alternative<hw::StopVmExit>(stop)) return handle_exit();  // its operands were not mapped: fill, and try again
  if (protected_write_) paging_->after_write(c);
  protected_write_ = false;
  tell_paging(before, keep_tlb);
  if (std::holds_alternative<hw::StopTripleFault>(stop)) return stop;
  return hw::StopNone{};
}

// The value a MOV to CR3 that exited would load.
uint64_t HwVcpu::cr3_source() const {
  const uint64_t q = block_->exit_qualification;
  const bool to_cr3 = (q & 15) == 3 && (q >> 4 & 3) == 0;
  return to_cr3 ? cpu().gpr[q >> 8 & 15] : 0;
}

void HwVcpu::tell_paging(const PagingRegisters& before, bool keep_tlb) {
  hw::Cpu& c = cpu();
  constexpr uint64_t kCr0Paging = hw::cr0::kPg | hw::cr0::kWp | hw::cr0::kPe;
  constexpr uint64_t kCr4Paging = hw::cr4::kPae | hw::cr4::kPse | hw::cr4::kPge | hw::cr4::kPcide | hw::cr4::kSmep | hw::cr4::kSmap | hw::cr4::kLa57;
  const bool mode_changed = ((before.cr0 ^ block_->cr0_shadow) & kCr0Paging) || ((before.cr4 ^ block_->cr4_shadow) & kCr4Paging) || before.efer != c.efer;
  if (mode_changed) paging_->install(c);
  switch (block_->exit_reason) {
    case ExitReason::kCrAccess:
      if ((block_->exit_qualification & 15) == 3 && (block_->exit_qualification >> 4 & 3) == 0) paging_->cr3_loaded(c, keep_tlb);
      break;
    case ExitReason::kInvlpg: paging_->invalidated(c, GuestPaging::Invalidation::kPage, block_->exit_qualification); break;
    case ExitReason::kInvpcid: paging_->invalidated(c, GuestPaging::Invalidation::kAll, 0); break;
    default: break;
  }
}

}  // namespace ringside::vmm
