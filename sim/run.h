// Run: one experiment's single execution, as data: machine x technique x paging x guest x bounds x what is recorded. Nothing here
// acts; validate.h says whether the combination makes sense, runner.h executes it. Filled by the CLI and by experiments.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/timing.h"
#include "traces/schema/event_kinds.h"
#include "vmm/boot/guest_image.h"
#include "vmm/paging/nested_tables.h"
#include "vmm/paging/shadow_tables.h"
#include "vmm/techniques/bt/engine.h"

namespace ringside::sim {

struct Guest {
  std::string kernel;
  std::string initrd;                          // "" : none; for Multiboot the module
  std::string command_line;
  std::optional<vmm::GuestKind> kind;          // none: by what the file is; a flat binary must be asked for
  std::optional<vmm::StartMode> start_mode;    // only for flat binaries; default real
  std::optional<uint64_t> load_address;        // only for flat binaries; default by start mode
  vmm::DecompressBy decompress = vmm::DecompressBy::kHost;  // who unpacks a bzImage
};

struct Bounds {
  std::optional<std::chrono::nanoseconds> timeout;  // host time
  std::optional<uint64_t> exits;
  std::optional<uint64_t> instructions;
  std::optional<uint32_t> marker;  // the value the guest writes to the marker port when the run shall end
};

struct Run {
  std::string machine = "model";
  std::string technique = "native";
  std::string paging = "none";
  Guest guest;
  uint64_t memory = 256ull << 20;  // bytes of RAM
  std::optional<uint64_t> monitor_memory;  // cap of the monitor's shadow and nested tables, in bytes; none: the technique's default
  std::string isa = "x86";         // of the model: x86 as built, or "strict", where every sensitive instruction traps
  std::optional<vmm::TableWrites> table_writes;  // of deprivileged guests; none: unsync for trap, traced for bt
  vmm::bt::Adaptive adaptive = vmm::bt::Adaptive::kOn;  // technique bt: whether what keeps trapping is translated anew
  uint64_t seed = 0;               // of everything random in the run (RDRAND, boot entropy)
  std::string workload;            // a name for what the guest does, for comparing traces; not interpreted
  Timing timing;
  std::optional<vmm::NestedLeaf> nested_leaf;  // the largest leaf of the monitor's nested tables; none: 4 KiB
  Bounds bounds;
  traces::TraceLevel level = traces::TraceLevel::kOff;
  std::string trace_file;          // "" : no trace
};

}  // namespace ringside::sim
