#include "vmm/techniques/deprivileged/deprivileged_vcpu.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/exec/deliver.h"
#include "vmm/techniques/deprivileged/descriptors.h"
#include "vmm/techniques/deprivileged/trap_reason.h"

namespace ringside::vmm {

using namespace hw;

namespace {

constexpr uint64_t kInstructionsPerSlice = 2'000'000;
// Of a guest in a mode that is interpreted, before looking whether it has left it.
constexpr uint64_t kInterpretedSlice = 10'000;

uint64_t saturating_add(uint64_t a, uint64_t b) { return b > ~0ull - a ? ~0ull : a + b; }
uint64_t room(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

bool waits_for_device(const Stop& stop) { return std::holds_alternative<StopPort>(stop) || std::holds_alternative<StopMmio>(stop); }

unsigned code_bits(const Cpu& c) { return c.decode_mode.code_size; }

std::span<const uint8_t> bytes_of(const ExitInfo& info) { return std::span(info.instruction).first(info.instruction_length); }

}  // namespace

DeprivilegedVcpu::DeprivilegedVcpu(hw::Machine& machine, unsigned index, Parts parts) : ModelVcpu(machine, index), parts_(std::move(parts)) {}
DeprivilegedVcpu::~DeprivilegedVcpu() = default;

Result<void> DeprivilegedVcpu::set_registers(const Registers& registers) {
  auto set = ModelVcpu::set_registers(registers);
  if (set) parts_.paging->after_emulation();
  return set;
}

// Not known while an event is on its way: between two instructions native takes it at once.
std::optional<GuestState> DeprivilegedVcpu::guest_state() {
  if (takes_interrupt(cpu())) return std::nullopt;
  if (auto moved = fpu_to_guest(); !moved) return std::nullopt;
  return guest_state_of(cpu());
}

void DeprivilegedVcpu::interrupt() noexcept {
  ModelVcpu::interrupt();
  parts_.ring->interrupt();
  if (parts_.pace) parts_.pace->wake();
}

std::vector<NamedCounter> DeprivilegedVcpu::technique_counters() const {
  std::vector<NamedCounter> all{{"traps", traps_}, {"emulated_instructions", emulated_}, {"injected_events", injected_}, {"mode_switches", switches_},
                                {"interpreted_instructions", interpreted_}, {"host_switches", host_switches_},
                                {"monitor_table_bytes", parts_.pool->used_pages() * kPageSize}, {"monitor_table_bytes_most", parts_.pool->peak_pages() * kPageSize}};
  for (const auto& more : {parts_.paging->counters(), parts_.kernel->counters(), parts_.ring->counters()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

void DeprivilegedVcpu::observe(Observer* observer) {
  if (parts_.watch) parts_.watch->forward_to(observer);
}

std::vector<std::string> DeprivilegedVcpu::findings() const { return parts_.watch ? parts_.watch->findings() : std::vector<std::string>{}; }

// --- the loop ---------------------------------------------------------------------------------------------------------------------------

// Each turn does one thing; most are nothing the run loop need know of.
Result<Exit> DeprivilegedVcpu::run(const RunBounds& bounds) {
  entered_ = machine_.now();
  constexpr unsigned kTurns = 10'000;  // then the run loop looks at its bounds
  for (unsigned turns = 0; turns < kTurns; ++turns) {
    Turn turn = step(bounds);
    if (turn.has_error()) return turn.error();
    if (turn.value()) return std::move(*turn.value());
  }
  return Exit{cause_of(StopNone{}, bounds), info_of(StopLimit{}, entered_)};
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::step(const RunBounds& bounds) {
  Cpu& c = cpu();
  if (parts_.pace) parts_.pace->follow();
  if (emulating_) return tell(emulate(), bounds);
  if (takes_interrupt(c)) return take_interrupt(bounds);
  if (c.halted) return wait_halted(bounds);
  if (!parts_.paging->can_run()) return interpret(bounds);
  if (c.interrupt_shadow) return do_instruction(bounds);  // interrupts are held off for one instruction: it must be one
  return enter_guest(bounds);
}

// What a step of the virtual processor came to, as an exit if it is one.
DeprivilegedVcpu::Turn DeprivilegedVcpu::tell(const Stop& stop, const RunBounds& bounds) {
  if (std::holds_alternative<StopNone>(stop) || std::holds_alternative<StopHalt>(stop)) return std::nullopt;
  return Exit{cause_of(stop, bounds), info_of(stop, entered_)};
}

bool DeprivilegedVcpu::takes_interrupt(const Cpu& c) const {
  return !c.interrupt_shadow && (c.system_flags & rflags::kIf) && machine_.chipset().interrupt_pending(index_);
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::take_interrupt(const RunBounds& bounds) {
  cpu().attention = true;
  ++injected_;
  const Stop stop = machine_.step(index_);
  parts_.paging->after_emulation();
  return tell(stop, bounds);
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::wait_halted(const RunBounds& bounds) {
  Cpu& c = cpu();
  constexpr unsigned kTurns = 10'000;  // timers that raise nothing must not keep the run loop from its bounds
  for (unsigned turn = 0; turn < kTurns; ++turn) {
    if (takes_interrupt(c)) return std::nullopt;
    if (!(c.system_flags & rflags::kIf)) return tell_halt();
    if (parts_.pace && !sleep_until_timer(bounds)) break;
    if (!machine_.wait_for_timer(index_)) return tell_halt();
  }
  return Exit{cause_of(StopLimit{}, bounds), info_of(StopLimit{}, entered_)};
}

// In the host's time. False: the run loop wants its turn first.
bool DeprivilegedVcpu::sleep_until_timer(const RunBounds& bounds) {
  const Cycles timer = machine_.clock().next_deadline();
  if (timer == TimerQueue::kNever) return true;  // nothing to wait for
  return parts_.pace->sleep_until(std::min(timer, bounds.guest_deadline), bounds.wall_deadline) && timer <= bounds.guest_deadline;
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::tell_halt() {
  const StopHalt stop{(cpu().system_flags & rflags::kIf) != 0};
  return Exit{HaltExit{stop.interrupts_enabled}, info_of(stop, entered_)};
}

// A mode the processor below cannot be put into for the guest.
DeprivilegedVcpu::Turn DeprivilegedVcpu::interpret(const RunBounds& bounds) {
  Cpu& c = cpu();
  if (auto moved = fpu_to_guest(); !moved) return moved.error();
  const uint64_t before = c.counters.instructions;
  const uint64_t limit = std::min({bounds.instruction_deadline, saturating_add(before, kInterpretedSlice),
                                   saturating_add(before, room(machine_.now().value, bounds.guest_deadline.value))});
  const Stop stop = machine_.run(index_, limit);
  interpreted_ += c.counters.instructions - before;
  parts_.paging->after_emulation();
  const bool goes_on = std::holds_alternative<StopLimit>(stop) && c.counters.instructions < bounds.instruction_deadline &&
                       parts_.paging->can_run();
  if (goes_on) return std::nullopt;
  return Exit{cause_of(stop, bounds), info_of(stop, entered_)};
}

// --- in and out -------------------------------------------------------------------------------------------------------------------------

DeprivilegedVcpu::Turn DeprivilegedVcpu::enter_guest(const RunBounds& bounds) {
  Cpu& c = cpu();
  if (auto moved = fpu_to_ring(); !moved) return moved.error();
  if ((c.cpl == 3) != (last_cpl_ == 3)) {
    ++switches_;
    if (observer_) observer_->on_guest_mode(c.cpl, c.rip);
    machine_.charge(Primitive::kRootSwitch);
  }
  last_cpl_ = c.cpl;
  const RingContext before = context_of_guest();
  RingContext context = before;
  const bool kernel = c.cpl != 3;
  if (kernel && parts_.kernel->enter(c, context) == KernelCode::Enter::kEmulate) return do_instruction(bounds);
  const RingControls controls = controls_of_guest();
  const uint64_t counted = parts_.ring->instructions();
  const RingFlush flush = parts_.paging->take_flush();
  machine_.charge(Primitive::kTlbFlush, flush.all ? 1 : flush.pages.size());
  auto event = parts_.ring->enter(context, controls, flush, ring_bounds(bounds));
  if (!event) return event.error();
  c.counters.instructions += parts_.ring->instructions() - counted;
  const KernelCode::Then then = kernel ? parts_.kernel->leave(c, context, event.value()) : KernelCode::Then::kTrap;
  take_context(before, context);
  if (then != KernelCode::Then::kTrap) machine_.charge(Primitive::kCallout);
  else if (!std::holds_alternative<RingInterrupted>(event.value())) charge_trap();
  if (parts_.pace) parts_.pace->follow();
  machine_.clock().run_due(machine_.now());
  switch (then) {
    case KernelCode::Then::kResume: return std::nullopt;
    case KernelCode::Then::kEmulate: return callout(bounds);
    case KernelCode::Then::kTrap: break;
  }
  return dispatch(event.value(), bounds);
}

RingBounds DeprivilegedVcpu::ring_bounds(const RunBounds& bounds) {
  const uint64_t done = cpu().counters.instructions, now = machine_.now().value;
  RingBounds b;
  b.time = std::min(bounds.guest_deadline, machine_.clock().next_deadline());
  b.instructions = std::min({kInstructionsPerSlice, room(done, bounds.instruction_deadline), room(now, b.time.value)});
  b.wall_deadline = bounds.wall_deadline;
  return b;
}

// What the guest's code gets to see in registers. CS and SS say privilege 3: that is what deprivileging cannot hide.
RingContext DeprivilegedVcpu::context_of_guest() const {
  const Cpu& c = cpu();
  RingContext context;
  std::copy_n(c.gpr.begin(), context.gpr.size(), context.gpr.begin());
  context.rip = c.rip;
  context.rflags = c.rflags();
  std::copy_n(c.segment.begin(), context.segment.size(), context.segment.begin());
  for (Segment& s : context.segment) {
    if (s.usable()) s.rights |= 3u << access_rights::kDplShift;
  }
  context.segment[kCs].selector |= 3;
  if (c.cpl != 3) context.segment[kSs] = flat_stack_segment(c.segment[kSs].selector);
  return context;
}

void DeprivilegedVcpu::take_context(const RingContext& before, const RingContext& after) {
  Cpu& c = cpu();
  std::copy_n(after.gpr.begin(), after.gpr.size(), c.gpr.begin());
  c.rip = after.rip;
  constexpr uint64_t kVirtual = rflags::kIf | rflags::kIopl | rflags::kVif | rflags::kVip | rflags::kVm;
  c.set_rflags((after.rflags & ~kVirtual) | (c.system_flags & kVirtual));
  for (unsigned i = 0; i < after.segment.size(); ++i) {
    const Segment &was = before.segment[i], &is = after.segment[i];
    const bool loaded = was.selector != is.selector;
    if (loaded && (c.cpl == 3 || (i != kCs && i != kSs))) c.segment[i] = is;
    else if (i == kFs || i == kGs) c.segment[i].base = is.base;  // WRFSBASE, WRGSBASE
  }
  c.mode_changed();
}

RingControls DeprivilegedVcpu::controls_of_guest() {
  const Cpu& c = cpu();
  const bool user = c.cpl == 3;
  RingControls r;
  r.root = parts_.paging->root();
  r.cr0 = cr0::kPe | cr0::kPg | cr0::kWp | cr0::kNe | cr0::kEt | (c.cr0 & (cr0::kMp | cr0::kEm | cr0::kTs)) | (user ? c.cr0 & cr0::kAm : 0);
  constexpr uint64_t kAlways = cr4::kDe | cr4::kPce | cr4::kOsfxsr | cr4::kOsxmmexcpt | cr4::kFsgsbase | cr4::kOsxsave | cr4::kLa57;
  r.cr4 = cr4::kPae | (c.cr4 & (kAlways | (user ? cr4::kTsd | cr4::kUmip : 0)));
  r.efer = efer::kLme | efer::kLma | efer::kNxe | (c.efer & efer::kSce);
  r.dr = c.dr;
  constexpr uint64_t kGeneralDetect = 1 << 13;
  r.dr7 = c.dr7 & ~kGeneralDetect;
  r.gdt_base = parts_.paging->monitor_base() + ring_layout::kGdt;
  r.gdt_limit = ring_layout::kGdtBytes - 1;
  show_descriptors(c, parts_.paging->part(), user ? c.gdtr : TableRegister{}, shown_descriptors_);
  return r;
}

Result<void> DeprivilegedVcpu::fpu_to_ring() {
  if (std::exchange(fpu_in_ring_, true)) return success();
  return parts_.ring->put_fpu(cpu());
}

Result<void> DeprivilegedVcpu::fpu_to_guest() {
  if (!std::exchange(fpu_in_ring_, false)) return success();
  return parts_.ring->fetch_fpu(cpu());
}

// From privilege 3 to the monitor and back: an exception through the real IDT, and the return from it.
void DeprivilegedVcpu::charge_trap() {
  const CostTable& costs = cpu().time.costs();
  machine_.charge(CycleCategory::kWorldSwitch, uint64_t{costs.of(Primitive::kExceptionDelivery)} + costs.of(CostClass::kSerialize));
  machine_.charge(Primitive::kDispatch);
}

// --- what came out ----------------------------------------------------------------------------------------------------------------------

DeprivilegedVcpu::Turn DeprivilegedVcpu::dispatch(const RingEvent& event, const RunBounds& bounds) {
  return std::visit(overloaded{
                        [&](const RingException& e) { return e.vector == 14 && !e.software ? page_fault(e, bounds) : exception(e, bounds); },
                        [&](const RingSystemCall&) { return trapped(TrapExit{.reason = traces::ExitReason::kSystemCall}, info_of(StopNone{}, entered_), bounds); },
                        [&](const RingInterrupted&) { return interrupted(bounds); },
                    },
                    event);
}

// The instruction is the virtual processor's to do: a port access or device access of it is the exit, else the trap.
DeprivilegedVcpu::Turn DeprivilegedVcpu::trapped(const TrapExit& trap, const ExitInfo& info, const RunBounds& bounds, Service service) {
  ++traps_;
  Exit exit{trap, info};
  exit.info.raw_reason = trap.vector;
  if (auto ready = prepare_emulation(info, service); !ready) return ready.error();
  const Stop stop = emulate();
  const bool told = std::holds_alternative<StopNone>(stop) || std::holds_alternative<StopHalt>(stop);
  if (!told) exit.cause = cause_of(stop, bounds);
  return exit;
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::callout(const RunBounds& bounds) {
  return trapped(TrapExit{.reason = traces::ExitReason::kCallout}, info_of(StopNone{}, entered_), bounds, Service::kCallout);
}

// General protection and its kin may mean that the instruction needs privilege: the virtual processor knows. All other exceptions are the guest's.
DeprivilegedVcpu::Turn DeprivilegedVcpu::exception(const RingException& e, const RunBounds& bounds) {
  TrapExit trap{.reason = traces::ExitReason::kGuestException, .vector = e.vector, .error = e.error};
  if (parts_.watch) parts_.watch->on_trap(cpu().rip);
  switch (static_cast<Vector>(e.vector)) {
    case Vector::kUD: case Vector::kTS: case Vector::kNP: case Vector::kSS: case Vector::kGP: break;
    default:
      if (!e.software) return inject(trap, {.valid = true, .has_error = e.has_error, .vector = e.vector, .error = e.error, .cr2 = e.dr6});
  }
  const ExitInfo info = info_of(StopNone{}, entered_);
  trap.reason = e.software ? traces::ExitReason::kSoftwareInterrupt : trap_reason(bytes_of(info), code_bits(cpu()));
  return trapped(trap, info, bounds);
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::page_fault(const RingException& e, const RunBounds& bounds) {
  const TrapExit trap{.reason = traces::ExitReason::kPageFault, .vector = e.vector, .error = e.error, .address = e.cr2};
  switch (parts_.paging->page_fault(e.cr2, e.error)) {
    case FaultAction::kResume: {
      ++traps_;
      machine_.charge(Primitive::kShadowFill);
      return Exit{trap, info_of(StopNone{}, entered_)};
    }
    case FaultAction::kInjectFault:
      return inject(trap, {.valid = true, .has_error = true, .vector = e.vector, .error = parts_.paging->details().error, .cr2 = e.cr2});
    case FaultAction::kEmulate: machine_.charge(Primitive::kPageTableWrite); [[fallthrough]];
    case FaultAction::kDevice: return trapped(trap, info_of(StopNone{}, entered_), bounds);
  }
  __builtin_unreachable();
}

DeprivilegedVcpu::Turn DeprivilegedVcpu::inject(const TrapExit& trap, const PendingEvent& event) {
  Cpu& c = cpu();
  ++traps_;
  ++injected_;
  machine_.charge(Primitive::kInjectEvent);
  Exit exit{trap, info_of(StopNone{}, entered_)};
  exit.info.raw_reason = trap.vector;
  c.stop = StopNone{};
  c.begin_delivery();
  c.pending = event;
  if (!deliver_pending(c) && std::holds_alternative<StopTripleFault>(c.stop)) exit.cause = ShutdownExit{};
  parts_.paging->after_emulation();
  return exit;
}

// A timer of the virtual machine, or the monitor's own wish to look.
DeprivilegedVcpu::Turn DeprivilegedVcpu::interrupted(const RunBounds& bounds) {
  // In the host's time the run loop's deadline comes first: a guest that leaves an interrupt pending would keep it from its turn for ever.
  const bool run_loop_waits = parts_.pace && HostPace::SteadyClock::now() >= bounds.wall_deadline;
  if (!run_loop_waits && machine_.chipset().interrupt_pending(index_)) {
    ++traps_;
    return Exit{TrapExit{.reason = traces::ExitReason::kExternalInterrupt}, info_of(StopNone{}, entered_)};
  }
  const Stop stop = cpu().counters.instructions >= bounds.instruction_deadline ? Stop{StopLimit{}} : Stop{StopNone{}};
  return Exit{cause_of(stop, bounds), info_of(StopLimit{}, entered_)};
}

// An instruction that no trap led to.
DeprivilegedVcpu::Turn DeprivilegedVcpu::do_instruction(const RunBounds& bounds) {
  if (auto ready = prepare_emulation(info_of(StopNone{}, entered_), Service::kTrap); !ready) return ready.error();
  return tell(emulate(), bounds);
}

// Once for an instruction, however often it waits for a device.
Result<void> DeprivilegedVcpu::prepare_emulation(const ExitInfo& info, Service service) {
  ++emulated_;
  if (service == Service::kTrap) machine_.charge(Primitive::kEmulateInstruction);
  if (observer_) observer_->on_emulation(info.guest_rip, trap_reason(bytes_of(info), code_bits(cpu())));
  return fpu_in_ring_ && uses_fpu(bytes_of(info), code_bits(cpu())) ? fpu_to_guest() : success();
}

// The instruction by the virtual processor. The answer of a device is waited for: the next run() comes back here.
Stop DeprivilegedVcpu::emulate() {
  Cpu& c = cpu();
  c.time.begin_emulation(c.now(), EmulatedDevices::kVirtual);
  const Stop stop = machine_.step(index_);
  c.time.end_emulation(c.now());
  emulating_ = waits_for_device(stop);
  if (emulating_ && parts_.host == HostKind::kType2) {
    ++host_switches_;
    machine_.charge(Primitive::kHostSwitch);
  }
  if (!emulating_) parts_.paging->after_emulation();
  return stop;
}

}  // namespace ringside::vmm
