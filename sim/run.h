// Run: one experiment's single execution, as data: machine x technique x paging x guest x bounds x what is recorded. Nothing here
// acts; validate.h says whether the combination makes sense, runner.h executes it. Filled by the CLI and by experiments.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "traces/schema/event_kinds.h"
#include "vmm/boot/start_mode.h"

namespace ringside::sim {

// How a guest image is started. kAuto: by what the file is (bzImage or Linux ELF, Multiboot header); a flat binary must be asked for.
enum class GuestKind : uint8_t { kAuto, kLinux, kMultiboot, kFlat };
// Who unpacks a bzImage: the loader (fast), or the code in the image itself.
enum class Decompress : uint8_t { kHost, kGuest };

struct Guest {
  std::string kernel;
  std::string initrd;                          // "" : none
  std::string command_line;
  GuestKind kind = GuestKind::kAuto;
  std::optional<vmm::StartMode> start_mode;    // only for flat binaries
  std::optional<uint64_t> load_address;        // only for flat binaries; default by start mode
  Decompress decompress = Decompress::kHost;
};

struct Bounds {
  std::optional<std::chrono::nanoseconds> timeout;  // host time
  std::optional<uint64_t> exits;
  std::optional<uint64_t> instructions;
};

struct Run {
  std::string machine = "model";
  std::string technique = "native";
  std::string paging = "none";
  Guest guest;
  uint64_t memory = 256ull << 20;  // bytes of RAM
  uint64_t seed = 0;               // of everything random in the run (RDRAND, boot entropy)
  std::string workload;            // a name for what the guest does, for comparing traces; not interpreted
  Bounds bounds;
  traces::TraceLevel level = traces::TraceLevel::kOff;
  std::string trace_file;          // "" : no trace
};

}  // namespace ringside::sim
