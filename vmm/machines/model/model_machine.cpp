#include "vmm/machines/model/model_machine.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/run.h"

namespace ringside::vmm {
namespace {

// Instructions between two looks at wall-clock bounds; invisible to the guest and to the trace.
constexpr uint64_t kInstructionsPerSlice = 2'000'000;

uint64_t saturating_add(uint64_t a, uint64_t b) { return b > ~0ull - a ? ~0ull : a + b; }

// Of the modes and kinds that occurred.
void add_walks(std::vector<NamedCounter>& all, const hw::MmuCounters& counters) {
  const auto add = [&](std::string_view name, const hw::WalkTally& tally) {
    if (!tally.walks) return;
    all.push_back({"page_walks_" + std::string(name), tally.walks});
    all.push_back({"page_walk_references_" + std::string(name), tally.references});
  };
  for (unsigned mode = 0; mode < hw::kWalkModes; ++mode) add(hw::kWalkModeNames[mode], counters.walks_by_mode[mode]);
  constexpr std::array<std::string_view, hw::kAccessKinds> kKinds = {"read", "write", "fetch"};
  for (unsigned kind = 0; kind < hw::kAccessKinds; ++kind) add(kKinds[kind], counters.walks_by_kind[kind]);
}

}  // namespace

Result<Exit> ModelVcpu::run(const RunBounds& bounds) {
  const Cycles entered = machine_.now();
  hw::Stop stop;
  if (stepping_ == Stepping::kSingleStep) {
    stop = machine_.step(index_);
    if (std::holds_alternative<hw::StopNone>(stop)) stop = hw::StopDebug{1};
  } else {
    const uint64_t done = cpu().counters.instructions;
    const uint64_t guest_room = bounds.guest_deadline > entered ? bounds.guest_deadline - entered : 0;
    const uint64_t limit = std::min({bounds.instruction_deadline, saturating_add(done, kInstructionsPerSlice), saturating_add(done, guest_room)});
    stop = machine_.run(index_, limit);
  }
  Exit exit{cause_of(stop, bounds), info_of(stop, entered)};
  return exit;
}

ExitCause ModelVcpu::cause_of(const hw::Stop& stop, const RunBounds& bounds) {
  return std::visit(
      overloaded{
          [&](const hw::StopPort& s) -> ExitCause {
            std::memcpy(port_data_.data(), &s.value, sizeof s.value);
            return PortExit{s.port, s.size, s.write ? Direction::kWrite : Direction::kRead, 1, std::span(port_data_).first(s.size)};
          },
          [](const hw::StopMmio& s) -> ExitCause {
            return MmioExit{s.address, s.size, s.write ? Direction::kWrite : Direction::kRead, s.value};
          },
          [](const hw::StopHalt& s) -> ExitCause { return HaltExit{s.interrupts_enabled}; },
          [](const hw::StopTripleFault&) -> ExitCause { return ShutdownExit{}; },
          [&](const hw::StopLimit&) -> ExitCause {
            return InterruptedExit{instructions() >= bounds.instruction_deadline ? InterruptedBy::kInstructions : InterruptedBy::kSlice};
          },
          [](const hw::StopVmExit& s) -> ExitCause { return HardwareExit{s.reason, s.qualification}; },
          // Only of the processor beneath a deprivileged guest, whose monitor takes it.
          [](const hw::StopRing0& s) -> ExitCause { return TrapExit{.vector = s.vector, .error = s.error, .address = s.address}; },
          [](const hw::StopDebug& s) -> ExitCause { return DebugExit{s.cause, 0}; },
          [&](const hw::StopNone&) -> ExitCause { return InterruptedExit{kicked_.exchange(false) ? InterruptedBy::kKick : InterruptedBy::kSlice}; },
      },
      stop);
}

ExitInfo ModelVcpu::info_of(const hw::Stop& stop, Cycles entered) const {
  const hw::Cpu& c = cpu();
  ExitInfo info;
  info.vcpu = index_;
  info.raw_reason = static_cast<uint32_t>(stop.index());
  info.guest_rip = c.rip;
  info.cpl = c.cpl;
  info.time = machine_.now();
  info.guest_time = Cycles(info.time - entered);
  info.instructions = instructions();
  if (!std::holds_alternative<hw::StopLimit>(stop)) {
    const uint64_t base = c.in_64bit_mode() ? 0 : c.segment[hw::kCs].base;
    info.instruction_length = static_cast<uint8_t>(hw::peek_code(c, base + c.rip, info.instruction));
  }
  return info;
}

Result<void> ModelVcpu::set_registers(const Registers& registers) {
  hw::Cpu& c = cpu();
  apply_registers(registers, c);
  c.cpl = static_cast<uint8_t>(registers.cpl());
  c.halted = false;
  c.chipset->set_task_priority(index_, static_cast<uint8_t>(registers.cr8));
  c.mmu.flush_all();
  c.mode_changed();
  return success();
}

void ModelVcpu::answer(const PortExit& exit) {
  uint32_t value = 0;
  std::memcpy(&value, exit.data.data(), std::min<size_t>(exit.data.size(), sizeof value));
  machine_.reply(index_, value, devices());
}

Result<void> ModelVcpu::inject(const Injection& injection) {
  hw::Cpu& c = cpu();
  switch (injection.kind) {
    case Injection::Kind::kInterrupt: hw::deliver_external(c, injection.vector); break;
    case Injection::Kind::kNmi: hw::deliver_nmi(c); break;
    case Injection::Kind::kException:
      c.pending = {.valid = true, .has_error = injection.has_error, .vector = injection.vector, .error = injection.error};
      hw::deliver_pending(c);
      break;
  }
  return success();
}

Result<void> ModelVcpu::set_stepping(Stepping stepping) {
  stepping_ = stepping;
  return success();
}

void ModelVcpu::interrupt() noexcept {
  kicked_ = true;
  machine_.request_yield();
}

bool ModelVcpu::peek_translate(GuestVirtual linear, GuestPhysical& physical) {
  const hw::Translation t = cpu().mmu.peek(linear.value, hw::AccessKind::kRead, false);
  physical = t.physical;
  return t.ok;
}

Result<std::unique_ptr<ModelMachine>> ModelMachine::create(const hw::MachineConfig& config, const VcpuFactory& factory) {
  auto machine = hw::Machine::create(config);
  if (!machine) return machine.error();
  return std::unique_ptr<ModelMachine>(new ModelMachine(std::move(machine.value()), factory));
}

ModelMachine::ModelMachine(std::unique_ptr<hw::Machine> machine, const VcpuFactory& factory) : machine_(std::move(machine)) {
  capabilities_ = {.deterministic = true, .counts_instructions = true, .single_step = true, .sees_inside = true, .time_unit = TimeUnit::kModelledCycles, .notes = {}};
  for (unsigned i = 0; i < machine_->cpu_count(); ++i) vcpus_.push_back(factory ? factory(*machine_, i) : std::make_unique<ModelVcpu>(*machine_, i));
}

void ModelMachine::observe(hw::Observer* observer) {
  machine_->set_observer(observer);
  for (auto& vcpu : vcpus_) vcpu->observe(observer);
}

std::vector<std::string> ModelMachine::findings() const {
  std::vector<std::string> all;
  for (const auto& vcpu : vcpus_) {
    for (std::string& finding : vcpu->findings()) all.push_back(std::move(finding));
  }
  return all;
}

std::vector<NamedCounter> ModelMachine::cycle_counters() const {
  std::vector<NamedCounter> all;
  for (size_t i = 0; i < hw::kCycleCategories; ++i)
    all.push_back({"cycles_" + std::string(hw::kCycleCategoryNames[i]), machine_->account().of(static_cast<hw::CycleCategory>(i))});
  return all;
}

void ModelMachine::announce_real_processor() {
  name_ = "kvm";
  capabilities_.deterministic = capabilities_.counts_instructions = capabilities_.single_step = capabilities_.sees_inside = false;
  capabilities_.time_unit = TimeUnit::kHostNanoseconds;
}

std::vector<NamedCounter> ModelMachine::counters() {
  std::vector<NamedCounter> all;
  for (unsigned i = 0; i < machine_->cpu_count(); ++i) {
    const hw::Cpu& c = machine_->cpu(i);
    const hw::Mmu& mmu = vcpus_[i]->processor().mmu;
    const hw::MmuCounters& m = mmu.counters;
    if (capabilities_.counts_instructions) all.push_back({"instructions", c.counters.instructions});
    all.insert(all.end(), {
        {"exceptions", c.counters.exceptions},
        {"interrupts", c.counters.interrupts},
        {"page_faults", c.counters.page_faults},
        {"unimplemented_instructions", c.counters.unimplemented},
        {"data_accesses", mmu.data_accesses},
        {"fetch_accesses", m.fetch_accesses},
        {"l1_data_tlb_misses", m.l1_data_misses},
        {"l1_fetch_tlb_misses", m.l1_fetch_misses},
        {"l2_tlb_hits", m.l2_hits},
        {"page_walks", m.walks},
        {"page_walk_references", m.walk_references},
        {"tlb_flushes_all", m.flushes_all},
        {"tlb_flushes_page", m.flushes_page},
    });
    add_walks(all, m);
    const auto technique = vcpus_[i]->technique_counters();
    all.insert(all.end(), technique.begin(), technique.end());
  }
  all.push_back({"idle_cycles", machine_->idle_cycles()});
  if (machine_->detailed_time() > Cycles(0)) {
    const auto cycles = cycle_counters();
    all.insert(all.end(), cycles.begin(), cycles.end());
  }
  all.push_back({"decoded_blocks", machine_->code().counters.decoded_blocks});
  all.push_back({"decoded_instructions", machine_->code().counters.decoded_instructions});
  all.push_back({"code_invalidations", machine_->code().counters.invalidations});
  return all;
}

}  // namespace ringside::vmm
