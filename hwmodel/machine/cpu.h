// One modelled CPU: its architectural state, the MMU it looks through, and what is pending. Behaviour lives in exec/
// (instructions), exec/deliver (exceptions and interrupts) and mmu/ (translation); the loop in exec/run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "hwmodel/cost/cpu_time.h"
#include "hwmodel/exec/code_cache.h"
#include "hwmodel/exec/uop.h"
#include "hwmodel/machine/cpu_state.h"
#include "hwmodel/machine/memory.h"
#include "hwmodel/machine/observer.h"
#include "hwmodel/mmu/mmu.h"

namespace ringside::hw {

struct Block;          // exec/code_cache.h
namespace vmx { struct ControlBlock; }  // vmx/control_block.h
class FetchMap;        // exec/block_builder.h
class LocalApic;       // platform/local_apic.h
class Chipset;         // platform/chipset.h

// Exception vectors [SDM 3A table 6-1].
enum class Vector : uint8_t {
  kDE = 0, kDB = 1, kNMI = 2, kBP = 3, kOF = 4, kBR = 5, kUD = 6, kNM = 7, kDF = 8, kTS = 10, kNP = 11, kSS = 12, kGP = 13, kPF = 14,
  kMF = 16, kAC = 17, kMC = 18, kXM = 19
};

// An exception waiting to be delivered. Software interrupts (INT n, INT3, INTO) are `software`: gate DPL is checked and rip
// points past the instruction.
struct PendingEvent {
  bool valid = false;
  bool has_error = false;
  bool software = false;
  bool external = false;
  bool non_canonical = false;   // #GP for a non-canonical address: #SS where the operand's segment is SS (see fault())
  uint8_t vector = 0;
  uint32_t error = 0;
  uint64_t cr2 = 0;   // linear address of a page fault; of a #DB the bits to set in DR6
};

// Why a machine stopped executing guest code. The instruction concerned has not retired; answering it (Cpu::reply) and
// running on re-executes it, and it finds the answer.
struct StopNone {};
struct StopPort { uint16_t port; uint8_t size; bool write; uint32_t value; };       // value: what OUT writes
struct StopMmio { GuestPhysical address; uint8_t size; bool write; uint64_t value; };
struct StopHalt { bool interrupts_enabled; };
struct StopTripleFault {};
struct StopLimit {};                                                               // the run's instruction or cycle bound
struct StopVmExit { uint16_t reason; uint64_t qualification; };                      // non-root mode: the control block has the details
struct StopDebug { uint8_t cause; };                                                // a debugger's request
// Ring 0 belongs to a monitor (Cpu::ring0): what would enter a handler there comes out instead. The instruction has not retired, unless the
// exception is a trap; of INT n (kSoftware) rip is at the instruction too.
struct StopRing0 {
  enum class By : uint8_t { kException, kSoftware, kSyscall, kSysenter } by;
  uint8_t vector;
  bool has_error;
  uint32_t error;
  uint64_t address;  // of a page fault; of a #DB the bits for DR6
};
using Stop = std::variant<StopNone, StopPort, StopMmio, StopHalt, StopTripleFault, StopLimit, StopVmExit, StopDebug, StopRing0>;

// Who answers an exception: handlers of the guest's, through its IDT, or a monitor outside the machine's memory that stands for the code at
// ring 0 (the bare machine below a monitor, vmm/machines/model/model_ring_cpu.h).
enum class Ring0 : uint8_t { kGuest, kMonitor };

// Answers to StopPort and StopMmio, consumed in order by the re-executed instruction and dropped when it retires.
struct IoReplies {
  struct Entry { uint64_t address; uint64_t value; uint8_t size; bool write; bool mmio; };
  static constexpr unsigned kMax = 16;
  Entry entry[kMax];
  uint8_t count = 0, used = 0;
  void clear() { count = used = 0; }
};

struct CpuCounters {
  uint64_t instructions = 0;   // retired (see Cpu::retired for the exact value in the middle of a block)
  uint64_t user_instructions = 0;
  uint64_t exceptions = 0, interrupts = 0, page_faults = 0, unimplemented = 0;
};

// Model-specific registers without state of their own in CpuState.
struct MsrState {
  uint64_t star = 0, lstar = 0, cstar = 0, fmask = 0, kernel_gs_base = 0, tsc_aux = 0, tsc_offset = 0;
  uint64_t sysenter_cs = 0, sysenter_esp = 0, sysenter_eip = 0, pat = 0x0007040600070406ull, misc_enable = 1, spec_ctrl = 0;
  uint64_t apic_base = 0xfee00900, mtrr_def_type = 0xc06;
  uint64_t mtrr_fixed[11] = {}, mtrr_base[8] = {}, mtrr_mask[8] = {};
};

// Whoever keeps something derived from guest memory: shadow tables, translations.
class StoreWatcher {
 public:
  virtual ~StoreWatcher() = default;
  virtual void on_traced_store(GuestPhysical address) = 0;
};

class Cpu : public CpuState {
 public:
  Cpu(unsigned id, PhysicalMemory& memory, CodeCache& code);
  Cpu(const Cpu&) = delete;
  ~Cpu();

  unsigned id = 0;
  unsigned cpu_count = 1;       // of the machine: what CPUID's topology leaves announce
  PhysicalMemory& memory;
  CodeCache& code;
  Mmu mmu;
  MsrState msr;
  CpuCounters counters;
  Observer* observer = nullptr;
  Chipset* chipset = nullptr;   // interrupt controllers; null in unit tests
  // What sensitive unprivileged instructions do at CPL > 0; mode_changed() makes a new setting count.
  SensitiveTraps sensitive_traps = SensitiveTraps::kAsBuilt;
  uint64_t random_state = 0x9e3779b97f4a7c15ull;  // RDRAND/RDSEED, seeded by the run

  // The control block of the guest being run in non-root mode; null in root mode and on a machine without a monitor.
  vmx::ControlBlock* guest = nullptr;
  StoreWatcher* store_watcher = nullptr;  // hears of stores to traced pages (PhysicalMemory::kTraced), just before they happen
  Ring0 ring0 = Ring0::kGuest;
  bool deprivileged_kernel = false;  // what runs at CPL 3 is a guest's kernel: its time is accounted as that
  bool non_root_code = false;   // blocks are decoded with gates before instructions that may exit

  PendingEvent pending;
  Stop stop;
  IoReplies replies;

  // --- time -----------------------------------------------------------------------------------------------------
  // Modelled time = instructions retired + extra cycles (idle, and in detailed mode what instructions and stalls take beyond that).
  CpuTime time;
  // Instructions retired at this micro-op, exact in the middle of a block (counters.instructions counts the whole block at entry).
  uint64_t retired(const Uop* op) const;
  // A monitor did an instruction of the guest itself.
  void retire_for_guest() {
    ++counters.instructions;
    time.instruction_by_monitor();
  }
  // Modelled time now, between blocks and in instructions that end theirs; and before the instruction of a micro-op in flight.
  Cycles now() const { return Cycles(counters.instructions + time.extra()); }
  Cycles now(const Uop* op) const;

  // --- the loop's state (exec/run) --------------------------------------------------------------------------------
  Block* block = nullptr;            // executing
  uint64_t deadline = ~0ull;         // in counters.instructions: the block that would pass it is cut short
  uint64_t cycle_deadline = ~0ull;   // in modelled time, likewise; watched in detailed mode only
  uint64_t preemption_deadline = ~0ull;  // non-root mode: modelled time at which the VMX preemption timer reaches zero
  bool watching = false;             // the loop comes back before the instruction at watch_rip, if reached after watch_from instructions
  uint64_t watch_rip = 0, watch_from = 0;
  bool may_cut = false;              // detailed mode: a block executes, and ends early if a stall passes the deadline (exec/block_cut.h)
  std::vector<Handler> uncut;        // its handlers before that; empty: it was not cut
  bool attention = false;            // something other than the deadline wants a look between blocks (interrupt lines, signals)
  bool host_interrupt = false;       // non-root mode: the machine's controllers or timers want the monitor
  bool interrupt_waiting = false;    // an interrupt is pending but IF is clear
  bool want_single = false;          // the instruction at rip must run in a block of its own (MMIO, stores to decoded code)
  uint8_t debug_hits = 0;            // DR6 bits of data breakpoints hit by the instruction in flight
  uint8_t fetch_key = 0;             // decode mode and user/supervisor: what block links and the fetch map compare
  DecodeMode decode_mode;
  std::unique_ptr<FetchMap> fetch_map;
  Block& scratch_block() { return *scratch_; }      // for cut blocks
  // Events are delivered outside any cached block: whatever delivery stores may drop decoded code.
  void begin_delivery() { block = scratch_.get(); }
  Block& straddle_block() { return *straddle_; }    // for instructions across a page boundary
  uint8_t straddle_bytes[15] = {};
  // Executing a copy that a store to its own code cannot disturb, with one instruction: MMIO and stores to code happen only here.
  bool in_private_block() const { return block == scratch_.get() || block == straddle_.get(); }
  uint64_t block_rip() const { return gpr[kBlockRip]; }
  // rip of the instruction of `op` / of the one after it.
  uint64_t rip_of(const Uop* op) const { return block_rip() + op->offset; }
  uint64_t rip_after(const Uop* op) const;   // truncated to the code size

  bool in_long_mode() const { return efer & efer::kLma; }
  bool in_64bit_mode() const { return (efer & efer::kLma) && segment[kCs].long_code(); }
  bool in_real_mode() const { return !(cr0 & cr0::kPe); }
  bool in_v86_mode() const { return system_flags & rflags::kVm; }
  unsigned iopl() const { return (system_flags >> 12) & 3; }

  // Records an exception for the instruction in flight. Always returns false so that accesses can `return cpu.raise(...)`.
  bool raise(Vector vector) { pending = {.valid = true, .vector = static_cast<uint8_t>(vector)}; return false; }
  bool raise(Vector vector, uint32_t error) {
    pending = {.valid = true, .has_error = true, .vector = static_cast<uint8_t>(vector), .error = error};
    return false;
  }
  bool raise_page_fault(uint64_t linear, uint32_t error) {
    pending = {.valid = true, .has_error = true, .vector = static_cast<uint8_t>(Vector::kPF), .error = error, .cr2 = linear};
    return false;
  }

  // To be called after any change of CPL, CR0, CR3, CR4, EFER, RFLAGS.AC or CS: recomputes what the fast paths key on.
  void mode_changed();

 private:
  std::unique_ptr<Block> scratch_, straddle_;
};

// The instruction retired and control goes elsewhere: rip must already be set.
const Uop* leave(Cpu& cpu, const Uop* op);
// The instruction retired, falls through, but the block must end (serialising, mode-changing): sets rip to the next instruction.
const Uop* leave_next(Cpu& cpu, const Uop* op);
// The instruction did not retire: cpu.pending (fault) or cpu.stop (stop) is set. rip is left at the instruction.
const Uop* fault(Cpu& cpu, const Uop* op);
const Uop* stop(Cpu& cpu, const Uop* op);
inline const Uop* raise(Cpu& cpu, const Uop* op, Vector v) { cpu.raise(v); return fault(cpu, op); }
inline const Uop* raise(Cpu& cpu, const Uop* op, Vector v, uint32_t error) { cpu.raise(v, error); return fault(cpu, op); }

}  // namespace ringside::hw
