// RingCpu: the processor of a bare machine as a monitor that owns its ring 0 sees it. The guest, kernel and user alike, runs deprivileged
// on page tables the monitor made; whatever it does that needs privilege comes back as a RingEvent, and the monitor decides what the guest's
// own, virtual processor makes of it. Implemented by machines/model (a modelled CPU whose traps return to C++) and machines/kvm (the real CPU:
// a stub behind each IDT gate turns the trap into a port exit). Used by techniques/deprivileged, and through it by trap, bt and pv.
//
//   RingContext in ──> enter() ──> guest runs at CPL 3 ──> exception, SYSCALL, INT n, or time to look ──> RingEvent, RingContext out
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "hwmodel/machine/cpu_state.h"
#include "traces/base/result.h"
#include "vmm/core/machine.h"

namespace ringside::vmm {

// What the guest's code runs with and may change without a trap. RFLAGS.IF is always set and IOPL always 0 while it runs, whatever the
// virtual processor believes; enter() sees to that.
struct RingContext {
  std::array<uint64_t, 16> gpr{};  // in the encoding order of ModRM
  uint64_t rip = 0, rflags = 0;
  std::array<hw::Segment, 6> segment{};  // by hw::SegmentName: selector and hidden part; CS and SS have RPL = DPL = 3 (CS tells 64-bit or compatibility)
};

// Control state of the real processor while the guest runs. Compared by value: implementations load it only where it differs from what is in.
struct RingControls {
  uint64_t root = 0;    // machine-physical address of the top page table (CR3)
  uint64_t cr0 = 0, cr4 = 0, efer = 0, xcr0 = 1;
  std::array<uint64_t, 4> dr{};
  uint64_t dr7 = 0x400;
  uint64_t gdt_base = 0;   // linear, in the monitor's part of the address space: the shadow GDT (see ring_layout.h)
  uint16_t gdt_limit = 0;
  friend bool operator==(const RingControls&, const RingControls&) = default;
};

// An exception met at CPL 3. The instruction at `rip` of the context has not retired, except where the manual calls the exception a trap.
// INT n, INT3 and INTO may come as their own vector (`software`, rip at the instruction) or as #GP(n * 8 + 2), as the gate decides.
struct RingException {
  uint8_t vector = 0;
  bool has_error = false;
  bool software = false;
  uint32_t error = 0;
  uint64_t cr2 = 0;  // of a page fault
  uint64_t dr6 = 0;  // of a debug exception
};
// SYSCALL or SYSENTER: rip of the context is at the instruction. After a SYSCALL, RCX and R11 may or may not hold already what it puts there (a
// modelled processor stops before, a real one after); doing the instruction gives the same in both cases.
struct RingSystemCall { enum class By : uint8_t { kSyscall, kSysenter } by = By::kSyscall; };
// The time to look has come, or somebody asked for it.
struct RingInterrupted {};
using RingEvent = std::variant<RingException, RingSystemCall, RingInterrupted>;

struct RingBounds {
  uint64_t instructions = ~0ull;   // at most so many, where the machine counts them
  Cycles time{~0ull};              // of the machine's clock
  std::chrono::steady_clock::time_point wall_deadline = std::chrono::steady_clock::time_point::max();
};

// One entry of a page table the monitor changed or removed behind the processor's back.
struct TableEdit {
  HostPhysical entry;  // where it lies; its new value is there already
};

// What must be forgotten before the guest runs again.
struct RingFlush {
  bool all = false;
  std::vector<uint64_t> pages;      // linear
  std::vector<TableEdit> edits;     // entries that were present before: machines whose own shadow tables would miss the change repeat the store at CPL 0
  bool empty() const { return !all && pages.empty() && edits.empty(); }
  void clear() { all = false; pages.clear(); edits.clear(); }
};

class RingCpu {
 public:
  virtual ~RingCpu() = default;
  // Runs the guest from `context` under `controls` after doing `flush`, until it traps or a bound is reached; `context` is then what it left.
  // Errors are the host's.
  virtual Result<RingEvent> enter(RingContext& context, const RingControls& controls, const RingFlush& flush, const RingBounds& bounds) = 0;

  // x87, SSE and MXCSR stay in the processor between entries; these move them when the monitor does an instruction that uses them.
  virtual Result<void> fetch_fpu(hw::CpuState& to) = 0;
  virtual Result<void> put_fpu(const hw::CpuState& from) = 0;

  // Instructions the guest has retired in here so far; 0 where they cannot be counted.
  virtual uint64_t instructions() const = 0;
  // Makes a running or the next enter() return RingInterrupted soon. Callable from any thread and from signal handlers.
  virtual void interrupt() noexcept = 0;
  virtual std::vector<NamedCounter> counters() const { return {}; }
};

}  // namespace ringside::vmm
