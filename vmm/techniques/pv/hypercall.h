// Hypercalls: the table of what a guest kernel may ask for, and the engine that carries out one at a time. Long ones are done in slices:
// after each the monitor may look at its own bounds, while for the guest the hypercall is one step.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <variant>

#include "vmm/techniques/pv/domain.h"
#include "vmm/techniques/pv/kernel_entry.h"

namespace ringside::vmm::pv {

using Arguments = std::array<uint64_t, 6>;

// How far a hypercall has come; kept over slices. `inner` is that of the multicall's current entry.
struct Progress {
  uint64_t done = 0, inner = 0;
  uint64_t items = 0;  // updates, operations, calls carried out: what is charged for
  std::vector<MachineFrame> held;  // of set_gdt
};

// What a slice came to.
struct Finished { int64_t result = 0; };
struct Unfinished {};                                     // go on with resume()
struct WantsPort { pv_port_access access; uint64_t where; };  // an access to the bus; port_answered() finishes the hypercall
struct WantsEvent { };                                    // the kernel waits: nothing to run until an event is pending
struct WantsShutdown { uint32_t reason = 0; };
struct Returned { Entered entered = Entered::kYes; };     // iret: the context is the one returned to
using Step = std::variant<Finished, Unfinished, WantsPort, WantsEvent, WantsShutdown, Returned>;

struct HypercallInfo {
  uint64_t number;
  std::string_view name;
  unsigned arguments;
  Step (*carry_out)(Domain&, const Arguments&, Progress&);
  bool in_multicall;  // may stand in a batch
};
// Null where there is no such call.
const HypercallInfo* find_hypercall(uint64_t number);

// One hypercall of the past, for traces and accounts.
struct HypercallRecord {
  uint64_t number = 0;
  std::string_view name;   // "" where there is no such call
  unsigned arguments = 0;
  Arguments argument{};
  int64_t result = 0;
  uint64_t items = 0;      // entries of its batch that were done; 1 for a call without one
};

class HypercallEngine {
 public:
  // Entries looked at in one slice: about a tenth of a millisecond.
  static constexpr uint64_t kSlice = 16384;

  explicit HypercallEngine(Domain& domain, uint64_t slice = kSlice) : domain_(domain), slice_(slice) {}
  void on_done(std::function<void(const HypercallRecord&)> told) { told_ = std::move(told); }

  // SYSCALL from the kernel view: number and arguments are in the context, whose rip is at the instruction.
  Step begin();
  Step resume();
  bool in_progress() const { return in_progress_; }
  // The bus has answered (or taken) the access of WantsPort.
  void port_answered(uint32_t value);
  // The kernel that waited has an event.
  void woken();

 private:
  Step finish(int64_t result);
  void report(int64_t result);
  Domain& domain_;
  uint64_t slice_;
  std::function<void(const HypercallRecord&)> told_;
  bool in_progress_ = false;
  uint64_t number_ = 0;
  Arguments arguments_{};
  Progress progress_;
  WantsPort port_{};
};

}  // namespace ringside::vmm::pv
