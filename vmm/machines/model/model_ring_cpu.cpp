#include "vmm/machines/model/model_ring_cpu.h"

#include <algorithm>

#include "hwmodel/exec/run.h"
#include "hwmodel/mmu/walker.h"
#include "traces/base/text.h"

namespace ringside::vmm {

using namespace hw;

namespace {

// Instructions between two looks at who wants to interrupt.
constexpr uint64_t kSlice = 1'000'000;

// Bits the guest sees as its virtual processor says and that never reach the real one.
constexpr uint64_t kOwnFlags = rflags::kIf | rflags::kIopl | rflags::kVif | rflags::kVip | rflags::kVm;

RingEvent event_of(const StopRing0& s) {
  switch (s.by) {
    case StopRing0::By::kException: {
      const bool debug = s.vector == static_cast<uint8_t>(Vector::kDB);
      return RingException{.vector = s.vector, .has_error = s.has_error, .software = false, .error = s.error,
                           .cr2 = debug ? 0 : s.address, .dr6 = debug ? s.address : 0};
    }
    case StopRing0::By::kSoftware: return RingException{.vector = s.vector, .software = true};
    case StopRing0::By::kSyscall: return RingSystemCall{RingSystemCall::By::kSyscall};
    case StopRing0::By::kSysenter: return RingSystemCall{RingSystemCall::By::kSysenter};
  }
  __builtin_unreachable();
}

}  // namespace

ModelRingCpu::ModelRingCpu(PhysicalMemory& memory, CodeCache& code, Cpu& guest, SensitiveTraps sensitive) : guest_(guest), cpu_(guest.id, memory, code) {
  cpu_.ring0 = Ring0::kMonitor;
  cpu_.sensitive_traps = sensitive;
  cpu_.cpl = 3;
  cpu_.msr.sysenter_cs = 8;  // so that SYSENTER reaches the monitor, which knows the guest's
  cpu_.tr.rights = access_rights::kP | 0xb;
  cpu_.tr.limit = 0;         // no I/O permission bitmap: ports trap
  cpu_.ldtr.rights = access_rights::kUnusable;
  controls_.root = ~0ull;    // loaded at the first entry
  TranslationRegime regime;
  regime.table = TableKind::kShadow;  // CR3 is the monitor's
  cpu_.mmu.set_regime(regime);
}

void ModelRingCpu::load_controls(const RingControls& controls) {
  if (controls == controls_) return;
  // A CR3 load without process-context identifiers forgets everything; so do other ways of walking.
  const bool flush = controls.root != controls_.root || controls.cr0 != controls_.cr0 || controls.cr4 != controls_.cr4 || controls.efer != controls_.efer;
  controls_ = controls;
  cpu_.cr3 = controls.root;
  cpu_.cr0 = controls.cr0;
  cpu_.cr4 = controls.cr4;
  cpu_.efer = controls.efer;
  cpu_.dr = controls.dr;
  if (cpu_.dr7 != controls.dr7) cpu_.mmu.drop_fast();
  cpu_.dr7 = controls.dr7;
  cpu_.gdtr = {controls.gdt_base, controls.gdt_limit};
  if (flush) cpu_.mmu.flush_all();
}

void ModelRingCpu::borrow_from_guest() {
  const MsrState& m = guest_.msr;
  cpu_.msr.tsc_aux = m.tsc_aux;
  cpu_.msr.tsc_offset = m.tsc_offset;
  cpu_.msr.apic_base = m.apic_base;
  cpu_.msr.misc_enable = m.misc_enable;
  cpu_.cpu_count = guest_.cpu_count;
  cpu_.random_state = guest_.random_state;
  // One clock and one account: the guest's.
  cpu_.counters.instructions = guest_.counters.instructions;
  cpu_.time = guest_.time;
  cpu_.deprivileged_kernel = guest_.cpl != 3;
}

void ModelRingCpu::load_context(const RingContext& context) {
  std::copy_n(context.gpr.begin(), context.gpr.size(), cpu_.gpr.begin());
  cpu_.rip = context.rip;
  cpu_.set_rflags((context.rflags & ~kOwnFlags) | rflags::kIf);
  std::copy_n(context.segment.begin(), context.segment.size(), cpu_.segment.begin());
  cpu_.interrupt_shadow = 0;
  cpu_.mode_changed();
}

void ModelRingCpu::store_context(RingContext& context) const {
  std::copy_n(cpu_.gpr.begin(), context.gpr.size(), context.gpr.begin());
  context.rip = cpu_.rip;
  context.rflags = cpu_.rflags();
  std::copy_n(cpu_.segment.begin(), context.segment.size(), context.segment.begin());
}

Result<RingEvent> ModelRingCpu::enter(RingContext& context, const RingControls& controls, const RingFlush& flush, const RingBounds& bounds) {
  load_controls(controls);
  if (flush.all) cpu_.mmu.flush_all();
  else for (const uint64_t linear : flush.pages) cpu_.mmu.flush_page(linear);
  load_context(context);
  borrow_from_guest();
  const uint64_t start = cpu_.counters.instructions;
  cpu_.cycle_deadline = bounds.time.value;
  const uint64_t limit = bounds.instructions > ~0ull - start ? ~0ull : start + bounds.instructions;
  RingEvent event = RingInterrupted{};
  while (cpu_.counters.instructions < limit && !kicked_.exchange(false)) {
    cpu_.deadline = std::min(limit, cpu_.counters.instructions + kSlice);
    const Stop stop = hw::run(cpu_);
    if (std::holds_alternative<StopLimit>(stop)) {
      if (cpu_.now() >= bounds.time) break;
      continue;
    }
    if (const auto* trapped = std::get_if<StopRing0>(&stop)) {
      event = event_of(*trapped);
      break;
    }
    // The monitor's tables lead to RAM alone, and HLT traps at CPL 3.
    return fail(ExitCode::kHost, text::tr("vmm.ring.unexpected_stop", stop.index(), cpu_.rip));
  }
  retired_ += cpu_.counters.instructions - start;
  guest_.time = cpu_.time;
  guest_.random_state = cpu_.random_state;
  store_context(context);
  return event;
}

Result<void> ModelRingCpu::fetch_fpu(CpuState& to) {
  to.fpu = cpu_.fpu;
  to.xmm = cpu_.xmm;
  to.mxcsr = cpu_.mxcsr;
  return success();
}

Result<void> ModelRingCpu::put_fpu(const CpuState& from) {
  cpu_.fpu = from.fpu;
  cpu_.xmm = from.xmm;
  cpu_.mxcsr = from.mxcsr;
  return success();
}

}  // namespace ringside::vmm
