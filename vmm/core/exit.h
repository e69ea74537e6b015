// Exit: why a guest came back to the monitor. A closed sum type, used by both machines; visit it exhaustively
// (`std::visit(overloaded{...}, exit.cause)`), so that a new cause is found by the compiler.
// Produced by Vcpu::run, answered by handlers (core/handlers.h), recorded by a Recorder.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "traces/base/types.h"
#include "traces/schema/exit_reason.h"

namespace ringside::vmm {

enum class Direction : uint8_t { kRead, kWrite };  // as the guest sees it: IN and loads read

// IN, OUT and their string forms. `data` holds `count` values of `size` bytes each, little-endian: what the guest wrote, or
// room for what it reads. It points into the vCPU and is valid until the next run().
struct PortExit {
  uint16_t port = 0;
  uint8_t size = 1;  // 1, 2 or 4 bytes
  Direction direction = Direction::kRead;
  uint32_t count = 1;
  std::span<uint8_t> data;
};
// A load or store where no RAM is. `value` is what a store writes, or what the handler answers to a load.
struct MmioExit {
  GuestPhysical address;
  uint8_t size = 1;  // 1 to 8 bytes
  Direction direction = Direction::kRead;
  uint64_t value = 0;
};
// HLT, and nothing pending. With interrupts enabled the machine waits by itself; a Halt exit with interrupts enabled means it
// has nothing to wait for (no armed timer), and without them nothing but an NMI could ever wake the CPU.
struct HaltExit { bool interrupts_enabled = false; };
// A triple fault: the CPU stopped by the fault of a double fault's handler [SDM 3A 6.15 "Interrupt 8"].
struct ShutdownExit {};
// The hardware refused to enter the guest: its state violates an entry check. `hardware_reason` is the SDM's or APM's number.
struct FailEntryExit { uint64_t hardware_reason = 0; };
// The machine below failed to do its work (KVM_EXIT_INTERNAL_ERROR); `suberror` is its number for what went wrong.
struct InternalErrorExit { uint32_t suberror = 0; std::array<uint64_t, 4> data{}; };
// A single step or breakpoint a debugger of the monitor asked for.
struct DebugExit { uint32_t vector = 1; uint64_t dr6 = 0; };
// The guest was stopped from outside, at a point it did not choose.
enum class InterruptedBy : uint8_t {
  kSlice,        // the machine came up to let the monitor look at its bounds; not an exit of the guest, not counted
  kKick,         // Vcpu::interrupt(), from another thread or a signal handler
  kDeadline,     // the wall-clock bound
  kInstructions, // the instruction bound
};
struct InterruptedExit { InterruptedBy by = InterruptedBy::kSlice; };
// A hypercall. With a name it is one of technique pv's, which has dealt with it: recorded, not dispatched. Without, the machine hands it to the
// monitor and `result` is the answer.
struct HypercallExit {
  uint64_t number = 0;
  std::array<uint64_t, 6> argument{};
  uint64_t result = 0;
  std::string_view name{};
  unsigned arguments = 6;  // how many of them mean something
  uint64_t items = 1;      // of its batch that were done
};
// The guest asked the platform for a power-state change.
enum class SystemEventKind : uint8_t { kPowerOff, kReset, kCrash, kOther };
struct SystemEventExit { SystemEventKind kind = SystemEventKind::kOther; uint32_t raw = 0; };
// RDMSR or WRMSR the machine does not know. `fault`: answer with #GP (the default, as hardware does).
struct MsrExit { uint32_t index = 0; Direction direction = Direction::kRead; uint64_t value = 0; bool fault = true; };
// The modelled processor left non-root mode and the technique dealt with it: recorded, not dispatched. `reason` is the SDM's number.
struct HardwareExit { uint16_t reason = 0; uint64_t qualification = 0; };
// A deprivileged guest did something that reached the monitor at ring 0, which dealt with it: recorded, not dispatched.
struct TrapExit {
  traces::ExitReason reason = traces::ExitReason::kGuestException;
  uint8_t vector = 0;      // as the processor raised it
  uint32_t error = 0;
  uint64_t address = 0;    // of a page fault
};
// A cause this program has no name for; ExitInfo::raw_reason has its number.
struct UnknownExit {};

using ExitCause = std::variant<PortExit, MmioExit, HaltExit, ShutdownExit, FailEntryExit, InternalErrorExit, DebugExit,
                               InterruptedExit, HypercallExit, SystemEventExit, MsrExit, HardwareExit, TrapExit, UnknownExit>;

// What is known of every exit. Times are in the machine's clock (Machine::clock): modelled cycles, or host ns.
struct ExitInfo {
  unsigned vcpu = 0;
  uint32_t raw_reason = 0;       // the machine's own number: KVM_EXIT_*, or the index of the model's Stop
  uint64_t guest_rip = 0;        // rip as the machine leaves it: after OUT on kvm hosts that complete first, at the instruction else
  uint8_t cpl = 0;
  uint8_t instruction_length = 0;               // bytes valid below: up to 15 from guest_rip, fewer where not readable
  std::array<uint8_t, 15> instruction{};
  Cycles time;                   // when the exit happened
  Cycles guest_time;             // spent in the guest since the entry before it
  uint64_t qualification = 0;    // of the hardware's exit, where there was one
  uint64_t instructions = 0;     // retired so far, where the machine counts them (else 0)
};

struct Exit {
  ExitCause cause;
  ExitInfo info;
};

// Number of causes and their index, for tables of counters.
inline constexpr size_t kExitCauses = std::variant_size_v<ExitCause>;
// Short stable name: "port", "mmio", "halt" ... ; used in traces and reports.
std::string_view name_of(const ExitCause& cause);
// One line: "port write 0x3f8 size 1 value 0x41".
std::string to_text(const ExitCause& cause);

// std::visit over lambdas, one per alternative; leaving one out does not compile.
template <class... Fs>
struct overloaded : Fs... { using Fs::operator()...; };
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

}  // namespace ringside::vmm
