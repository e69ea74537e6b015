#include "hwmodel/exec/run.h"

#include <algorithm>
#include <cassert>

#include "hwmodel/exec/block_builder.h"
#include "hwmodel/exec/block_cut.h"
#include "hwmodel/exec/code_cache.h"
#include "hwmodel/exec/deliver.h"
#include "hwmodel/platform/chipset.h"
#include "hwmodel/vmx/non_root.h"

namespace ringside::hw {
namespace {

enum class After : uint8_t { kGoOn, kReturn };
enum class Watch : uint8_t { kOff, kOn };  // for an address (cpu.watching): only the instances that do so pay for it

// Executes a block from its first micro-op. Instructions are counted on entry; whoever leaves early corrects it.
inline void execute_untimed(Cpu& cpu, Block& block) {
  cpu.block = &block;
  cpu.gpr[kBlockRip] = cpu.rip;
  cpu.counters.instructions += block.count;
  const Uop* op = block.uops.get();
  do op = op->fn(cpu, op);
  while (op);
}

// The same with the block's cycles, which are added and corrected likewise. A block never changes CPL before its last instruction has
// retired, so its cycles are all the guest's user part's or all its kernel's.
inline void execute_timed(Cpu& cpu, Block& block) {
  const CycleCategory category = cpu.time.instructions_category(cpu.cpl == 3 && !cpu.deprivileged_kernel);
  const uint64_t before = cpu.counters.instructions;
  cpu.time.add_extra(block.cycles() - block.count);
  cpu.may_cut = true;
  execute_untimed(cpu, block);
  cpu.may_cut = false;
  if (!cpu.uncut.empty()) [[unlikely]] mend_block(cpu, block);
  const uint64_t done = cpu.counters.instructions - before;
  const uint32_t cycles = block.cycles_before[done];
  cpu.time.take_back_extra((block.cycles() - block.count) - (cycles - done));
  cpu.time.account_instructions(category, cycles);
}

template <TimeMode kMode>
inline void execute(Cpu& cpu, Block& block) {
  if constexpr (kMode == TimeMode::kDetailed) execute_timed(cpu, block);
  else execute_untimed(cpu, block);
}

// Executes only the first `count` instructions of a block, from a copy that leads out after them.
template <TimeMode kMode>
void execute_cut(Cpu& cpu, Block& block, unsigned count) {
  Block& cut = cpu.scratch_block();
  cut.count = static_cast<uint16_t>(count);
  unsigned slots = 0;
  for (; block.uops[slots].index_in_block < count; ++slots) cut.uops[slots] = block.uops[slots];
  finish_block(cut, slots, block.uops[slots].offset);
  if constexpr (kMode == TimeMode::kDetailed) std::copy_n(block.cycles_before.get(), count + 1, cut.cycles_before.get());
  execute<kMode>(cpu, cut);
}

// Instructions of the block before the one at cpu.watch_rip; all where that is not inside it.
unsigned before_watched(const Cpu& cpu, const Block& block) {
  const uint64_t offset = cpu.watch_rip - cpu.rip;
  if (offset == 0 || offset >= block.bytes) return block.count;
  const Uop* op = block.uops.get();
  while (op->index_in_block < block.count && op->offset < offset) ++op;
  return op->offset == offset ? op->index_in_block : block.count;
}

// How many instructions of the block fit before the deadlines and the watched address; at least one. A stall may still cut it shorter
// (block_cut.h).
template <TimeMode kMode, Watch kWatch>
inline unsigned fitting(const Cpu& cpu, const Block& block) {
  auto count = static_cast<unsigned>(std::min<uint64_t>(block.count, cpu.deadline - cpu.counters.instructions));
  if constexpr (kWatch == Watch::kOn) count = std::min(count, before_watched(cpu, block));
  if constexpr (kMode == TimeMode::kDetailed) {
    const uint64_t room = cpu.cycle_deadline - cpu.now().value;
    const uint32_t* cycles = block.cycles_before.get();
    if (cycles[count] > room) [[unlikely]] return static_cast<unsigned>(std::lower_bound(cycles + 1, cycles + count, room) - cycles);
  }
  return count;
}

template <TimeMode kMode, Watch kWatch>
inline bool must_come_back(const Cpu& cpu) {
  if constexpr (kWatch == Watch::kOn) {
    if (cpu.rip == cpu.watch_rip && cpu.counters.instructions >= cpu.watch_from) return true;
  }
  return cpu.counters.instructions >= cpu.deadline || (kMode == TimeMode::kDetailed && cpu.now().value >= cpu.cycle_deadline);
}

// True where one instruction at a time must run: single step, breakpoints, or an interrupt shadow.
inline bool needs_single(const Cpu& cpu) {
  return cpu.interrupt_shadow || (cpu.system_flags & rflags::kTf) || (cpu.dr7 & 0xff);
}

template <TimeMode kMode>
void execute_single(Cpu& cpu) {
  cpu.code.free_dropped();
  cpu.want_single = false;
  cpu.replies.used = 0;
  const uint8_t shadow = cpu.interrupt_shadow;
  cpu.interrupt_shadow = 0;
  const bool trap = cpu.system_flags & rflags::kTf;
  const uint64_t before = cpu.counters.instructions;
  if ((cpu.dr7 & 0xff) && !shadow && code_breakpoint(cpu)) return;
  if (Block* block = find_block(cpu)) execute_cut<kMode>(cpu, *block, 1);
  if (cpu.counters.instructions != before) after_single(cpu, trap, shadow);
}

// The exception goes to the monitor that has ring 0.
After give_to_monitor(Cpu& cpu) {
  const PendingEvent& e = cpu.pending;
  cpu.stop = StopRing0{e.software ? StopRing0::By::kSoftware : StopRing0::By::kException, e.vector, e.has_error, e.error, e.cr2};
  cpu.pending = {};
  cpu.debug_hits = 0;
  ++cpu.counters.exceptions;
  return After::kReturn;
}

// What the last block left behind: an exception to deliver, a reason to stop, or nothing.
After settle(Cpu& cpu) {
  if (cpu.stop.index() != 0) return After::kReturn;
  if (!cpu.pending.valid) return After::kGoOn;
  cpu.begin_delivery();
  cpu.replies.clear();
  if (cpu.ring0 == Ring0::kMonitor) return give_to_monitor(cpu);
  if (cpu.guest && vmx::exception_exits(cpu, nullptr)) return After::kReturn;
  if (deliver_pending(cpu)) return After::kGoOn;
  // A triple fault, or an exit on the way.
  if (cpu.guest && std::holds_alternative<StopTripleFault>(cpu.stop)) vmx::exit_without_instruction(cpu, vmx::ExitReason::kTripleFault);
  return After::kReturn;
}

// In non-root mode the controllers are the monitor's: their calling is an interrupt of the host, and the guest's own wait for a window.
void look_in_guest(Cpu& cpu) {
  using vmx::ExitReason;
  const vmx::ControlBlock& b = *cpu.guest;
  if (b.primary(vmx::primary::kNmiWindow) && !cpu.nmi_blocked) {
    vmx::exit_without_instruction(cpu, ExitReason::kNmiWindow);
  } else if (cpu.host_interrupt && b.pin(vmx::pin::kExternalInterruptExiting)) {
    cpu.host_interrupt = false;
    vmx::exit_without_instruction(cpu, ExitReason::kExternalInterrupt);
  } else if (b.primary(vmx::primary::kInterruptWindow)) {
    if (cpu.system_flags & rflags::kIf) vmx::exit_without_instruction(cpu, ExitReason::kInterruptWindow);
    else cpu.interrupt_waiting = true;
  }
}

// Between blocks, when something wants a look: deliver an NMI or an interrupt if the CPU takes it now.
void look(Cpu& cpu) {
  cpu.attention = false;
  cpu.interrupt_waiting = false;
  if (cpu.guest) return look_in_guest(cpu);
  if (!cpu.chipset) return;
  cpu.begin_delivery();
  if (cpu.chipset->nmi_pending(cpu.id) && !cpu.nmi_blocked) {
    cpu.chipset->acknowledge_nmi(cpu.id);
    cpu.halted = false;
    deliver_nmi(cpu);
    cpu.attention = true;
    return;
  }
  if (!cpu.chipset->interrupt_pending(cpu.id)) return;
  if (!(cpu.system_flags & rflags::kIf)) {
    cpu.interrupt_waiting = true;  // looked at again as soon as IF is set
    return;
  }
  const int vector = cpu.chipset->acknowledge(cpu.id);
  if (vector >= 0) {
    cpu.halted = false;
    deliver_external(cpu, static_cast<uint8_t>(vector));
  }
  cpu.attention = true;  // more may be waiting behind it
}

inline bool wants_look(const Cpu& cpu) {
  return cpu.attention || (cpu.interrupt_waiting && (cpu.system_flags & rflags::kIf));
}

// The remembered successor of the block just left, if it still is one.
inline Block* linked(const Cpu& cpu, Block* from, uint64_t generation) {
  for (const BlockLink& link : from->link) {
    if (link.rip == cpu.rip && link.generation == generation && link.fetch_key == cpu.fetch_key) return link.block;
  }
  return nullptr;
}

inline uint64_t link_generation(const Cpu& cpu) { return cpu.mmu.fetch_generation() + cpu.code.generation(); }

void remember(const Cpu& cpu, Block* from, Block* to) {
  BlockLink& link = from->link[from->next_link];
  from->next_link ^= 1;
  link = {.rip = cpu.rip, .generation = link_generation(cpu), .block = to, .fetch_key = cpu.fetch_key};
}

template <TimeMode kMode, Watch kWatch>
Stop run_in(Cpu& cpu) {
  cpu.stop = StopNone{};
  Block* from = nullptr;   // last cached block that ran whole: only such a one is linked
  uint64_t from_generation = 0;
  for (;;) {
    if (!from) cpu.code.free_dropped();
    if (wants_look(cpu) && !cpu.interrupt_shadow && cpu.replies.count == 0) {
      look(cpu);
      if (cpu.stop.index() != 0) return cpu.stop;
      from = nullptr;
    }
    if (cpu.halted) return StopHalt{(cpu.system_flags & rflags::kIf) != 0};
    if (must_come_back<kMode, kWatch>(cpu)) return StopLimit{};
    if (cpu.want_single || needs_single(cpu)) [[unlikely]] {
      execute_single<kMode>(cpu);
      from = nullptr;
      if (settle(cpu) == After::kReturn) return cpu.stop;
      continue;
    }

    Block* block = from ? linked(cpu, from, link_generation(cpu)) : nullptr;
    if (!block) {
      block = find_block(cpu);
      if (!block) {  // the fetch faulted
        from = nullptr;
        if (settle(cpu) == After::kReturn) return cpu.stop;
        continue;
      }
      if (from && from_generation == cpu.code.generation() && block->bytes) remember(cpu, from, block);
    }
    ++cpu.mmu.counters.fetch_accesses;
    const unsigned count = fitting<kMode, kWatch>(cpu, *block);
    if (count == block->count) [[likely]] {
      from_generation = cpu.code.generation();
      execute<kMode>(cpu, *block);
      from = block->bytes && cpu.code.generation() == from_generation ? block : nullptr;
    } else {
      execute_cut<kMode>(cpu, *block, count);
      from = nullptr;
    }
    if (cpu.pending.valid || cpu.stop.index() != 0 || cpu.want_single) [[unlikely]] {
      from = nullptr;
      if (settle(cpu) == After::kReturn) return cpu.stop;
    }
  }
}

template <TimeMode kMode>
Stop step_in(Cpu& cpu) {
  cpu.stop = StopNone{};
  if (wants_look(cpu) && !cpu.interrupt_shadow && cpu.replies.count == 0) {
    const uint64_t before = cpu.counters.interrupts;
    look(cpu);
    if (cpu.stop.index() != 0 || cpu.counters.interrupts != before) return cpu.stop;
  }
  if (cpu.halted) return StopHalt{(cpu.system_flags & rflags::kIf) != 0};
  execute_single<kMode>(cpu);
  if (cpu.want_single) execute_single<kMode>(cpu);
  settle(cpu);
  return cpu.stop;
}

}  // namespace

Stop run(Cpu& cpu) {
  if (cpu.now().value >= cpu.preemption_deadline) {
    vmx::preemption_timer_expired(cpu);
    return cpu.stop;
  }
  if (cpu.watching) return cpu.time.detailed() ? run_in<TimeMode::kDetailed, Watch::kOn>(cpu) : run_in<TimeMode::kFast, Watch::kOn>(cpu);
  return cpu.time.detailed() ? run_in<TimeMode::kDetailed, Watch::kOff>(cpu) : run_in<TimeMode::kFast, Watch::kOff>(cpu);
}
Stop step(Cpu& cpu) { return cpu.time.detailed() ? step_in<TimeMode::kDetailed>(cpu) : step_in<TimeMode::kFast>(cpu); }

// --- how handlers end -------------------------------------------------------------------------------------------------

namespace {
// Counts only the instructions up to and without / with this one.
inline void uncount_after(Cpu& cpu, const Uop* op, unsigned retired_here) {
  cpu.counters.instructions -= cpu.block->count - op->index_in_block - retired_here;
}
}  // namespace

const Uop* leave(Cpu& cpu, const Uop* op) {
  uncount_after(cpu, op, 1);
  if (cpu.replies.count) cpu.replies.clear();
  return nullptr;
}

const Uop* leave_next(Cpu& cpu, const Uop* op) {
  cpu.rip = cpu.rip_after(op);
  return leave(cpu, op);
}

const Uop* fault(Cpu& cpu, const Uop* op) {
  // Operands addressed through rSP or rBP raise #SS(0) where others raise #GP(0) [SDM 3A 6.15, interrupts 12 and 13].
  if (cpu.pending.valid && cpu.pending.non_canonical && op->segment == kSs) cpu.pending.vector = static_cast<uint8_t>(Vector::kSS);
  uncount_after(cpu, op, 0);
  cpu.rip = cpu.rip_of(op);
  return nullptr;
}

const Uop* stop(Cpu& cpu, const Uop* op) { return fault(cpu, op); }

uint64_t Cpu::retired(const Uop* op) const { return counters.instructions - (block->count - op->index_in_block); }

Cycles Cpu::now(const Uop* op) const {
  if (!op) return now();
  const uint64_t time_now = retired(op) + time.extra();
  if (!time.detailed()) return Cycles(time_now);
  // The extra cycles of the whole block were added when it was entered.
  const uint64_t rest = block->cycles() - block->cycles_before[op->index_in_block];
  return Cycles(time_now - (rest - (block->count - op->index_in_block)));
}

uint64_t Cpu::rip_after(const Uop* op) const {
  const uint64_t after = block_rip() + op->offset + op->length;
  return op->code_size == 64 ? after : op->code_size == 32 ? static_cast<uint32_t>(after) : static_cast<uint16_t>(after);
}

}  // namespace ringside::hw
