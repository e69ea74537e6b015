#include "vmm/techniques/pv/pv_vcpu.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/platform/ports.h"
#include "traces/base/text.h"
#include "vmm/boot/pv_start.h"
#include "vmm/techniques/pv/cost.h"
#include "vmm/techniques/pv/start.h"

namespace ringside::vmm::pv {

using hw::Primitive;
using traces::ExitReason;

namespace {

static_assert(kPvMonitorSlot == ring_layout::kFirstSlot);
constexpr uint64_t kInstructionsPerSlice = 2'000'000;
constexpr uint8_t kPageFaultVector = 14;

uint64_t room(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

}  // namespace

PvVcpu::PvVcpu(hw::Machine& machine, unsigned index, Parts parts)
    : ModelVcpu(machine, index),
      parts_(std::move(parts)),
      frames_(machine.memory(), kFirstPvFrame),
      paging_(frames_, parts_.part->entry_for_kernel(4)),
      window_(*parts_.part, frames_),
      timer_(machine.clock().add_timer([this] {
        if (domain_) domain_->time_is(now());
      })) {
  paging_.on_store([&machine](const uint8_t* host, unsigned bytes) { machine.code().written(host, bytes); });
}
PvVcpu::~PvVcpu() = default;

Result<void> PvVcpu::set_registers(const Registers& registers) {
  auto domain = start_domain(paging_, window_, parts_.disk.get(), *this, registers);
  if (!domain) return domain.error();
  domain_ = std::move(domain.value());
  domain_->events.set_time(now(), now(), EventChannels::TscCounts::kNanoseconds);
  engine_.emplace(*domain_);
  engine_->on_done([this](const HypercallRecord& record) { done_ = record; });
  BOOST_OUTCOME_TRYV(ModelVcpu::set_registers(registers));
  show_context();
  return success();
}

void PvVcpu::interrupt() noexcept {
  ModelVcpu::interrupt();
  parts_.ring->interrupt();
  if (parts_.pace) parts_.pace->wake();
}

std::vector<NamedCounter> PvVcpu::technique_counters() const {
  std::vector<NamedCounter> all{{"hypercalls", hypercalls_},       {"hypercall_items", items_},  {"traps", traps_},
                                {"delivered_events", events_},     {"view_switches", view_switches_},
                                {"entries_checked", paging_.entries_checked()}, {"disk_sectors", sectors_}};
  const auto more = parts_.ring->counters();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// --- the loop ---------------------------------------------------------------------------------------------------------------------------

Result<Exit> PvVcpu::run(const RunBounds& bounds) {
  entered_ = machine_.now();
  for (;;) {
    Turn turn = step(bounds);
    if (turn.has_error()) return turn.error();
    if (turn.value()) return std::move(*turn.value());
  }
}

PvVcpu::Turn PvVcpu::step(const RunBounds& bounds) {
  if (!domain_) return fail(ExitCode::kUsage, text::tr("vmm.pv.no_guest"));
  if (done_) {
    const HypercallRecord r = *std::exchange(done_, std::nullopt);
    ++hypercalls_;
    items_ += r.items;
    charge_service(cpu().time.costs(), r.items, [this](hw::CycleCategory category, uint64_t cycles) { machine_.charge(category, cycles); });
    return exit_of(HypercallExit{.number = r.number, .argument = r.argument, .result = static_cast<uint64_t>(r.result), .name = r.name.empty() ? "unknown" : r.name,
                                 .arguments = r.arguments, .items = r.items});
  }
  follow_host();
  if (waiting_) return wait(bounds);
  if (asking_) return fail(ExitCode::kUsage, text::tr("vmm.pv.no_answer"));
  if (engine_->in_progress()) return hypercall(engine_->resume(), bounds);
  if (domain_->callback_due()) {
    ++events_;
    machine_.charge(Primitive::kInjectEvent);
    const Entered entered = enter_by_event(*domain_);
    show_context();
    return entered == Entered::kYes ? Turn{std::nullopt} : lost();
  }
  return enter_guest(bounds);
}

PvVcpu::Turn PvVcpu::enter_guest(const RunBounds& bounds) {
  if (domain_->cpu.view == View::kUser && paging_.root(DirectPaging::View::kUser).value == 0) return lost();
  if (!std::exchange(fpu_given_, true)) {
    BOOST_OUTCOME_TRYV(parts_.ring->put_fpu(cpu()));
  }
  const uint64_t counted = parts_.ring->instructions();
  auto event = parts_.ring->enter(domain_->context, controls(), paging_.flush(), ring_bounds(bounds));
  if (!event) return event.error();
  paging_.flush().clear();
  cpu().counters.instructions += parts_.ring->instructions() - counted;
  if (!std::holds_alternative<RingInterrupted>(event.value()))
    charge_round_trip(cpu().time.costs(), [this](hw::CycleCategory category, uint64_t cycles) { machine_.charge(category, cycles); });
  show_context();
  follow_host();
  machine_.clock().run_due(machine_.now());
  return dispatch(event.value(), bounds);
}

// In the host's time: the virtual PC's clock goes on, and the guest, whose TSC nobody can interpret, is told what time it is.
void PvVcpu::follow_host() {
  if (!parts_.pace) return;
  parts_.pace->follow();
  domain_->events.set_time(0, now(), EventChannels::TscCounts::kSomething);
}

RingBounds PvVcpu::ring_bounds(const RunBounds& bounds) {
  const uint64_t done = cpu().counters.instructions, time = machine_.now().value;
  RingBounds b;
  b.time = std::min(bounds.guest_deadline, machine_.clock().next_deadline());
  b.instructions = std::min({kInstructionsPerSlice, room(done, bounds.instruction_deadline), room(time, b.time.value)});
  b.wall_deadline = bounds.wall_deadline;
  return b;
}

RingControls PvVcpu::controls() const {
  using namespace hw;
  RingControls r;
  const bool user = domain_->cpu.view == View::kUser;
  r.root = address_of(paging_.root(user ? DirectPaging::View::kUser : DirectPaging::View::kKernel)).value;
  r.cr0 = cr0::kPe | cr0::kPg | cr0::kWp | cr0::kNe | cr0::kEt | cr0::kMp | (domain_->cpu.task_switched ? cr0::kTs : 0);
  r.cr4 = cr4::kPae | cr4::kOsfxsr | cr4::kOsxmmexcpt;
  r.efer = efer::kLme | efer::kLma | efer::kNxe | efer::kSce;
  r.gdt_base = ring_layout::base_of_slot(kPvMonitorSlot, 4) + ring_layout::kGdt;
  r.gdt_limit = ring_layout::kGdtBytes - 1;
  return r;
}

// The registers where reports and inspectors look for them.
void PvVcpu::show_context() {
  hw::Cpu& c = cpu();
  const RingContext& context = domain_->context;
  const bool user = domain_->cpu.view == View::kUser;
  std::copy_n(context.gpr.begin(), context.gpr.size(), c.gpr.begin());
  c.rip = context.rip;
  c.set_rflags(context.rflags);
  std::copy_n(context.segment.begin(), context.segment.size(), c.segment.begin());
  const uint64_t root = address_of(paging_.root(user ? DirectPaging::View::kUser : DirectPaging::View::kKernel)).value;
  if (c.cr3 != root) c.mmu.flush_all();
  view_switches_ += (c.cpl == 3) != user;
  c.cr3 = root;
  c.cpl = user ? 3 : 0;
  c.mode_changed();
}

Exit PvVcpu::exit_of(ExitCause cause) const {
  const size_t index = cause.index();
  Exit exit{std::move(cause), info_of(hw::StopNone{}, entered_)};
  exit.info.raw_reason = static_cast<uint32_t>(index);
  return exit;
}

// --- what came out ----------------------------------------------------------------------------------------------------------------------

PvVcpu::Turn PvVcpu::dispatch(const RingEvent& event, const RunBounds& bounds) {
  return std::visit(overloaded{
                        [&](const RingException& e) { return exception(e); },
                        [&](const RingSystemCall& call) -> Turn {
                          if (call.by == RingSystemCall::By::kSysenter) return exception({.vector = 6});  // not in 64-bit kernels
                          if (domain_->cpu.view == View::kUser) return system_call();
                          return hypercall(engine_->begin(), bounds);
                        },
                        [&](const RingInterrupted&) -> Turn {
                          const bool run_loop_waits = parts_.pace && HostPace::SteadyClock::now() >= bounds.wall_deadline;
                          if (!run_loop_waits && domain_->callback_due()) return exit_of(TrapExit{.reason = ExitReason::kExternalInterrupt});
                          const hw::Stop stop = cpu().counters.instructions >= bounds.instruction_deadline ? hw::Stop{hw::StopLimit{}} : hw::Stop{hw::StopNone{}};
                          return Exit{cause_of(stop, bounds), info_of(hw::StopLimit{}, entered_)};
                        },
                    },
                    event);
}

PvVcpu::Turn PvVcpu::trapped(const TrapExit& trap, Entered entered) {
  ++traps_;
  machine_.charge(Primitive::kInjectEvent);
  Exit exit = exit_of(trap);
  exit.info.raw_reason = trap.vector;
  show_context();
  if (entered == Entered::kNo) exit.cause = ShutdownExit{};
  return exit;
}

PvVcpu::Turn PvVcpu::exception(const RingException& e) {
  const TrapExit trap{.reason = e.vector == kPageFaultVector && !e.software ? ExitReason::kPageFault
                                : e.software                                ? ExitReason::kSoftwareInterrupt
                                                                            : ExitReason::kGuestException,
                      .vector = e.vector, .error = e.error, .address = e.cr2};
  return trapped(trap, enter_by_trap(*domain_, e));
}

PvVcpu::Turn PvVcpu::system_call() { return trapped(TrapExit{.reason = ExitReason::kSystemCall}, enter_by_syscall(*domain_)); }

PvVcpu::Turn PvVcpu::lost() { return exit_of(ShutdownExit{}); }

// --- hypercalls -------------------------------------------------------------------------------------------------------------------------

PvVcpu::Turn PvVcpu::hypercall(const Step& step, const RunBounds& bounds) {
  show_context();
  return std::visit(overloaded{
                        [](const Finished&) -> Turn { return std::nullopt; },
                        [&](const Unfinished&) -> Turn {
                          machine_.clock().run_due(machine_.now());
                          return Exit{cause_of(hw::StopLimit{}, bounds), info_of(hw::StopLimit{}, entered_)};
                        },
                        [&](const WantsPort& p) { return ask_port(p.access); },
                        [&](const WantsEvent&) -> Turn {
                          waiting_ = true;
                          return std::nullopt;
                        },
                        [&](const WantsShutdown& s) { return shut_down(s.reason); },
                        [&](const Returned& r) -> Turn { return r.entered == Entered::kYes ? Turn{std::nullopt} : lost(); },
                    },
                    step);
}

PvVcpu::Turn PvVcpu::ask_port(const pv_port_access& access) {
  asking_ = true;
  leave_to_devices();
  std::memcpy(port_data_.data(), &access.value, sizeof access.value);
  return exit_of(PortExit{access.port, access.size, access.write ? Direction::kWrite : Direction::kRead, 1, std::span(port_data_).first(access.size)});
}

void PvVcpu::answer(const PortExit& exit) {
  uint32_t value = 0;
  std::memcpy(&value, exit.data.data(), std::min<size_t>(exit.data.size(), sizeof value));
  machine_.charge(Primitive::kDeviceAccess);
  asking_ = false;
  engine_->port_answered(value);
  show_context();
}

// The kernel is blocked: time goes to the next timer, until an event is pending.
PvVcpu::Turn PvVcpu::wait(const RunBounds& bounds) {
  constexpr unsigned kTurns = 10'000;
  for (unsigned turn = 0; turn < kTurns; ++turn) {
    if (domain_->events.pending()) {
      waiting_ = false;
      engine_->woken();
      show_context();
      return std::nullopt;
    }
    if (parts_.pace && !sleep_until_timer(bounds)) break;
    if (!machine_.wait_for_timer(index_)) return exit_of(HaltExit{true});
  }
  return Exit{cause_of(hw::StopLimit{}, bounds), info_of(hw::StopLimit{}, entered_)};
}

// In the host's time. False: the run loop wants its turn first.
bool PvVcpu::sleep_until_timer(const RunBounds& bounds) {
  const Cycles timer = machine_.clock().next_deadline();
  if (timer == hw::TimerQueue::kNever) return true;  // nothing to wait for
  return parts_.pace->sleep_until(std::min(timer, bounds.guest_deadline), bounds.wall_deadline) && timer <= bounds.guest_deadline;
}

PvVcpu::Turn PvVcpu::shut_down(uint32_t reason) {
  switch (reason) {
    case kPvShutdownPowerOff: return exit_of(SystemEventExit{SystemEventKind::kPowerOff, reason});
    case kPvShutdownReboot: return exit_of(SystemEventExit{SystemEventKind::kReset, reason});
    default: return exit_of(SystemEventExit{SystemEventKind::kCrash, reason});
  }
}

// --- the domain's host --------------------------------------------------------------------------------------------------------------------

uint64_t PvVcpu::now() { return machine_.now().value; }

void PvVcpu::console(std::span<const char> text) {
  const hw::BusTarget target = bus_ ? bus_->find_port(hw::ports::kDebugConsole.first) : hw::BusTarget{};
  leave_to_devices();
  if (!target.device) return;
  for (const char c : text) target.device->write(target.offset, 1, static_cast<uint8_t>(c));
}

// The devices' part of a type-2 monitor is a process of the host.
void PvVcpu::leave_to_devices() {
  if (parts_.host == HostKind::kType2) machine_.charge(Primitive::kHostSwitch);
}

void PvVcpu::timer_changed() {
  if (domain_->cpu.timer) machine_.clock().arm(timer_, Cycles(*domain_->cpu.timer));
  else machine_.clock().disarm(timer_);
}

void PvVcpu::disk_moved(uint64_t sectors) {
  sectors_ += sectors;
  leave_to_devices();
  machine_.charge(Primitive::kDeviceAccess, sectors);
}

}  // namespace ringside::vmm::pv
