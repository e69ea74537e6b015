// The table, and the life of one hypercall.
#include "vmm/techniques/pv/hypercall.h"

#include <algorithm>
#include <cassert>

#include "vmm/core/exit.h"
#include "vmm/techniques/pv/hypercalls.h"

namespace ringside::vmm::pv {
namespace {

constexpr bool kAlone = false, kBatched = true;
constexpr HypercallInfo kTable[] = {
    {kPvSetTrapTable, "set_trap_table", 1, set_trap_table, kBatched},
    {kPvMmuUpdate, "mmu_update", 3, mmu_update, kBatched},
    {kPvSetGdt, "set_gdt", 2, set_gdt, kBatched},
    {kPvStackSwitch, "stack_switch", 2, stack_switch, kBatched},
    {kPvSetCallbacks, "set_callbacks", 3, set_callbacks, kBatched},
    {kPvFpuTaskswitch, "fpu_taskswitch", 1, fpu_taskswitch, kBatched},
    {kPvUpdateDescriptor, "update_descriptor", 2, update_descriptor, kBatched},
    {kPvMulticall, "multicall", 2, multicall, kAlone},
    {kPvUpdateVaMapping, "update_va_mapping", 3, update_va_mapping, kBatched},
    {kPvSetTimerOp, "set_timer_op", 1, set_timer_op, kBatched},
    {kPvVersion, "version", 2, version, kBatched},
    {kPvConsoleIo, "console_io", 3, console_io, kBatched},
    {kPvIret, "iret", 0, iret, kAlone},
    {kPvSetSegmentBase, "set_segment_base", 2, set_segment_base, kBatched},
    {kPvMmuextOp, "mmuext_op", 3, mmuext_op, kBatched},
    {kPvSchedOp, "sched_op", 2, sched_op, kAlone},
    {kPvEventChannelOp, "event_channel_op", 2, event_channel_op, kBatched},
    {kPvPhysdevOp, "physdev_op", 2, physdev_op, kAlone},
};

constexpr unsigned kSyscallBytes = 2;

}  // namespace

const HypercallInfo* find_hypercall(uint64_t number) {
  const auto* at = std::ranges::find(kTable, number, &HypercallInfo::number);
  return at == std::end(kTable) ? nullptr : at;
}

Step HypercallEngine::begin() {
  assert(!in_progress_);
  const auto& gpr = domain_.context.gpr;
  number_ = gpr[hw::kRax];
  arguments_ = {gpr[hw::kRdi], gpr[hw::kRsi], gpr[hw::kRdx], gpr[hw::kR10], gpr[hw::kR8], gpr[hw::kR9]};
  progress_ = {};
  in_progress_ = true;
  // What SYSCALL does to the registers. The rest happens as if behind it.
  RingContext& c = domain_.context;
  c.rip += kSyscallBytes;
  c.gpr[hw::kRcx] = c.rip;
  c.gpr[hw::kR11] = c.rflags;
  return resume();
}

Step HypercallEngine::resume() {
  assert(in_progress_);
  domain_.paging.refill(slice_);
  const HypercallInfo* info = find_hypercall(number_);
  if (!info) return finish(kPvErrorNoSuchCall);
  Step step = info->carry_out(domain_, arguments_, progress_);
  return std::visit(overloaded{
                        [&](Finished& f) -> Step { return finish(f.result); },
                        [&](Unfinished& u) -> Step { return u; },
                        [&](WantsPort& p) -> Step { return port_ = p; },
                        [&](WantsEvent& e) -> Step { return e; },
                        [&](WantsShutdown& s) -> Step { return report(0), s; },
                        [&](Returned& r) -> Step { return report(static_cast<int64_t>(domain_.context.gpr[hw::kRax])), r; },
                    },
                    step);
}

void HypercallEngine::port_answered(uint32_t value) {
  port_.access.value = value;
  const bool told = port_.access.write || domain_.memory.write(port_.where, port_.access);
  finish(told ? 0 : kPvErrorFault);
}

void HypercallEngine::woken() { finish(0); }

Step HypercallEngine::finish(int64_t result) {
  domain_.context.gpr[hw::kRax] = static_cast<uint64_t>(result);
  report(result);
  return Finished{result};
}

void HypercallEngine::report(int64_t result) {
  in_progress_ = false;
  if (!told_) return;
  const HypercallInfo* info = find_hypercall(number_);
  told_({.number = number_, .name = info ? info->name : "", .arguments = info ? info->arguments : 0, .argument = arguments_, .result = result,
         .items = std::max<uint64_t>(progress_.items, 1)});
}

}  // namespace ringside::vmm::pv
