// Vcpu: one processor of a Machine as the monitor sees it: enter it, get an Exit, answer, enter again.
// Implemented by machines/model and machines/kvm; driven by the run loop.
#pragma once

#include <cstdint>

#include "traces/base/result.h"
#include "vmm/core/exit.h"
#include "vmm/core/registers.h"
#include "vmm/core/run_limits.h"

namespace ringside::vmm {

// An event delivered to the guest at the next entry.
struct Injection {
  enum class Kind : uint8_t { kInterrupt, kNmi, kException } kind = Kind::kInterrupt;
  uint8_t vector = 0;      // not for kNmi
  bool has_error = false;  // only for kException
  uint32_t error = 0;
};

enum class Stepping : uint8_t { kOff, kSingleStep };

class Vcpu {
 public:
  virtual ~Vcpu() = default;

  virtual unsigned id() const = 0;
  // Runs the guest until it exits or a bound is reached (InterruptedExit). An unanswered PortExit or MmioExit read completes with
  // what is in its data. Device timers of the machine's clock fire inside, on this thread. Errors are the host's.
  virtual Result<Exit> run(const RunBounds& bounds) = 0;

  virtual Result<Registers> registers() = 0;
  virtual Result<void> set_registers(const Registers& registers) = 0;

  // Hands the handler's answer back to the guest: for reads the data or value in the exit, for writes that it was taken.
  // To be called once for each exit of that kind before the next run().
  virtual void answer(const PortExit& exit) = 0;
  virtual void answer(const MmioExit& exit) = 0;
  virtual void answer(const HypercallExit& exit) = 0;
  virtual void answer(const MsrExit& exit) = 0;

  virtual Result<void> inject(const Injection& injection) = 0;
  virtual Result<void> set_stepping(Stepping stepping) = 0;

  // Makes a running or the next run() return InterruptedExit{kKick} soon. Callable from any thread and from signal handlers.
  virtual void interrupt() noexcept = 0;

  // Guest instructions retired so far; 0 where the machine cannot count them (Capabilities::counts_instructions).
  virtual uint64_t instructions() const = 0;

  // Guest-physical address of a guest-linear one in the current paging mode, or false where it is not mapped. No side effects
  // (no accessed bits, no TLB fills): for inspectors and post-mortem reports.
  virtual bool peek_translate(GuestVirtual linear, GuestPhysical& physical) = 0;
};

}  // namespace ringside::vmm
