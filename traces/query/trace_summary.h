// What a trace holds, beside the exit statistics: the run, events by kind, memory events, devices by accesses, phases, counters.
// One pass over the file. Called by `ringside stats` and `ringside demo`.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "traces/query/cycle_stats.h"
#include "traces/query/exit_stats.h"
#include "traces/query/memory_stats.h"
#include "traces/read/reader.h"

namespace ringside::traces {

struct DeviceCount {
  std::string name;  // empty: no device claims the address
  uint64_t port_reads = 0, port_writes = 0, mmio_reads = 0, mmio_writes = 0;
  uint64_t accesses() const { return port_reads + port_writes + mmio_reads + mmio_writes; }
};

struct Phase {
  uint64_t value = 0;
  std::string name;
  uint64_t start = 0, duration = 0;  // until the next marker or the last event
  uint64_t exits = 0;
  CycleRows cycles;  // by category, where the run was in detailed mode
};

struct TraceSummary {
  std::vector<std::pair<std::string, std::string>> run;       // field and value of run_start and run_end, in schema order
  bool ended = false;                                         // there is a run_end
  bool complete = false;                                      // the file was closed in order
  uint64_t file_bytes = 0, events = 0, chunks = 0, damaged_chunks = 0, unknown_events = 0;
  uint64_t first_time = 0, last_time = 0;
  std::vector<std::pair<std::string, uint64_t>> kinds;        // events of each kind that occurs, in schema order
  std::vector<std::pair<std::string, uint64_t>> flushes;      // TLB flushes by cause
  std::vector<std::pair<std::string, uint64_t>> page_faults;  // by who and what: "user write, not present" ...
  std::vector<DeviceCount> devices;                           // most accesses first
  std::vector<Phase> phases;
  std::vector<std::pair<std::string, uint64_t>> counters;     // the last value of each
  std::vector<std::pair<std::string, uint64_t>> unimplemented;  // instruction and how often
  CycleRows cycles;                                             // by category, where the run was in detailed mode
  MemoryStats memory;
  ExitStats exits;
};

// Reads the whole trace. Lists that a guest could grow without end (devices, phases, instructions) are cut at 10,000 rows.
TraceSummary summarize(const Reader& reader, ExitSort sort = ExitSort::kSamples);

std::string to_text(const TraceSummary& summary);
nlohmann::ordered_json to_json(const TraceSummary& summary);

}  // namespace ringside::traces
