#include "vmm/techniques/bt/bt_kernel.h"

#include "hwmodel/exec/deliver.h"
#include "hwmodel/platform/chipset.h"

namespace ringside::vmm::bt {
namespace {

// The longest store a trace hook tells of at once.
constexpr uint64_t kLongestStore = 16;

// What the cache is not made for: other modes and privileges, single steps, and breakpoints, which are at the guest's addresses.
bool needs_interpreter(const hw::Cpu& c) {
  return c.cpl != 0 || !c.in_64bit_mode() || (c.system_flags & hw::rflags::kTf) || (c.dr7 & 0xff);
}

bool same_registers(const RingContext& a, const RingContext& b) { return a.gpr == b.gpr && a.rip == b.rip && a.rflags == b.rflags; }

}  // namespace

BtKernel::BtKernel(hw::Machine& machine, unsigned cpu, DeprivilegedPaging& paging, const EngineOptions& options, EngineObserver* observer)
    : machine_(machine), cpu_(cpu), paging_(paging), code_(machine.cpu(cpu)), base_(paging.monitor_base()) {
  engine_ = std::make_unique<BtEngine>(memory(), code_, options, observer);
  paging_.set_trace_hook([this](uint64_t address) {
    const uint64_t page_end = (address & ~(kPageSize - 1)) + kPageSize;
    engine_->page_written(address, std::min(kLongestStore, page_end - address));
  });
}

BtKernel::~BtKernel() { paging_.set_trace_hook({}); }

EngineMemory BtKernel::memory() {
  EngineMemory m;
  m.base = base_;
  m.state = paging_.part().host(ring_layout::kState);
  for (uint64_t at = 0; at < ring_layout::kCodeBytes; at += kPageSize) m.code_pages.push_back(paging_.part().host(ring_layout::kCode + at));
  m.code_written = [this](const uint8_t* host, unsigned size) { machine_.code().written(host, size); };
  return m;
}

// The guest changed what its addresses mean, or invalidated: translations must still be of what lies at their addresses.
void BtKernel::follow_mappings(const hw::Cpu& guest) {
  const hw::MmuCounters& c = guest.mmu.counters;
  const Seen now{guest.cr0, guest.cr3, guest.cr4, guest.efer, c.flushes_all, c.flushes_page};
  const Seen before = std::exchange(seen_, now);
  if (now == before) return;
  Seen one_page = before;
  ++one_page.flushes_page;
  if (now == one_page) engine_->mapping_changed(guest.mmu.last_flushed_page);
  else engine_->mappings_changed();
}

// The instruction that came out with a page fault turned out to write what the monitor watches.
void BtKernel::note_traced_access() {
  if (stop_.by_page_fault && paging_.emulated_writes() != stop_.emulated_writes) engine_->traced_access(stop_.answer);
  stop_.by_page_fault = false;
}

// Nothing has happened since the cache was left but what the guest does not see: a shadow entry was made, time went by.
bool BtKernel::resumes(const RingContext& context) const {
  return stop_.resumable && same_registers(context, stop_.answer.guest) && engine_->still_valid(stop_.code);
}

KernelCode::Enter BtKernel::enter(hw::Cpu& guest, RingContext& context) {
  note_traced_access();
  if (needs_interpreter(guest)) return Enter::kEmulate;
  (void)paging_.root();   // the guest's paging mode decides where the monitor's part is
  if (paging_.monitor_base() != base_) {
    base_ = paging_.monitor_base();
    engine_->move(memory());
  }
  follow_mappings(guest);
  engine_->set_interrupt_pending(machine_.chipset().interrupt_pending(cpu_));
  engine_->load(guest);
  if (resumes(context)) {
    ++resumed_;
    context.gpr = stop_.code.gpr;
    context.rip = stop_.code.rip;
  } else {
    const auto rip = engine_->enter_at(context.rip);
    for (const uint64_t page : engine_->take_new_pages()) paging_.trace_page(page, true);
    if (!rip) return Enter::kEmulate;
    context.rip = *rip;
  }
  context.rflags &= ~hw::rflags::kAc;
  return Enter::kRun;
}

KernelCode::Then BtKernel::leave(hw::Cpu& guest, RingContext& context, const RingEvent& event) {
  const auto* exception = std::get_if<RingException>(&event);
  const bool trap = exception && !exception->software && exception->vector == static_cast<uint8_t>(hw::Vector::kUD);
  stop_.code = context;
  stop_.answer = engine_->resolve(context, trap ? StoppedBy::kTrap : StoppedBy::kOther);
  const Stopped& s = stop_.answer;
  engine_->store(guest);
  context = s.guest;
  if (s.interrupt_shadow) guest.interrupt_shadow = hw::kShadowSti;
  // In the middle of a sequence only an exception's own instruction may be tried again: what came before it may have looked at what an
  // interruption changes.
  stop_.resumable = s.at == Stopped::At::kInside && (exception || s.clean);
  stop_.by_page_fault = s.at == Stopped::At::kInside && exception && exception->vector == static_cast<uint8_t>(hw::Vector::kPF);
  stop_.emulated_writes = paging_.emulated_writes();
  switch (s.at) {
    case Stopped::At::kExit: return Then::kResume;
    case Stopped::At::kCallOut: return Then::kEmulate;
    case Stopped::At::kInside: return Then::kTrap;
    case Stopped::At::kOutside: return Then::kEmulate;   // not by us; the virtual processor faults on the fetch
  }
  __builtin_unreachable();
}

std::vector<NamedCounter> BtKernel::counters() const {
  const EngineCounters& c = engine_->counters();
  return {{"translations", c.translations},
          {"translated_instructions", c.guest_instructions},
          {"translated_bytes", c.guest_bytes},
          {"translation_bytes", c.code_bytes},
          {"cache_entries", c.entries},
          {"cache_hits", c.found},
          {"cache_resumes", resumed_},
          {"chained_jumps", c.links},
          {"remembered_targets", c.remembered},
          {"hashed_targets", c.published},
          {"unchained_exits", c.exits},
          {"hash_misses", c.misses},
          {"call_outs", c.call_outs},
          {"translations_written", c.written},
          {"translations_remapped", c.remapped},
          {"translations_woken", c.woken},
          {"translations_evicted", c.evicted},
          {"translations_retranslated", c.retranslated}};
}

}  // namespace ringside::vmm::bt
