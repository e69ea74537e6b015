// Exit statistics and the trace summary against numbers worked out by hand.
#include "traces/query/exit_stats.h"

#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "traces/query/trace_summary.h"
#include "traces/read/sample_trace.h"

using namespace ringside;
using namespace ringside::traces;
using namespace ringside::traces::test;

namespace {

void span(ExitStatsBuilder& builder, ExitReason reason, uint64_t from, uint64_t to, uint32_t vcpu = 0) {
  builder(Exit{.time = from, .vcpu = vcpu, .reason = reason});
  builder(Entry{.time = to, .vcpu = vcpu});
}

}  // namespace

TEST_CASE("durations: count, extremes, mean and the error of the mean as perf computes it") {
  DurationStats stats;
  CHECK(stats.min() == 0);
  CHECK(stats.relative_stddev() == 0);
  for (const uint64_t duration : {2, 4, 4, 4, 5, 5, 7, 9}) stats.add(duration);
  CHECK(stats.samples() == 8);
  CHECK(stats.time() == 40);
  CHECK(stats.min() == 2);
  CHECK(stats.max() == 9);
  CHECK(stats.mean() == Approx(5));
  CHECK(stats.relative_stddev() == Approx(100 * std::sqrt(32.0 / 7 / 8) / 5));  // sum of squares 32, n - 1 = 7
}

TEST_CASE("exits are paired per vCPU, idle is kept apart, what has no partner is counted") {
  ExitStatsBuilder builder;
  builder(Entry{.time = 0, .vcpu = 0});
  span(builder, ExitReason::kIoInstruction, 100, 130);
  span(builder, ExitReason::kHlt, 200, 5200);
  // Two vCPUs interleaved: pairing by order alone would mix them up.
  builder(Exit{.time = 6000, .vcpu = 0, .reason = ExitReason::kCpuid});
  builder(Exit{.time = 6001, .vcpu = 1, .reason = ExitReason::kIoInstruction});
  builder(Entry{.time = 6010, .vcpu = 0});
  builder(Entry{.time = 6071, .vcpu = 1});
  builder(Idle{.time = 7000, .vcpu = 0, .duration = 400});
  builder(Exit{.time = 7100, .vcpu = 0, .reason = ExitReason::kCpuid});
  builder(Exit{.time = 7200, .vcpu = 0, .reason = ExitReason::kCpuid});  // the one before has lost its entry
  builder(Entry{.time = 7100, .vcpu = 0});                                 // before its exit
  builder(Entry{.time = 7300, .vcpu = 0});                                 // no exit before
  builder(Exit{.time = 7400, .vcpu = 0, .reason = ExitReason::kTripleFault});
  builder(LostEvents{.time = 7400, .count = 3});
  const ExitStats stats = builder.finish(Clock{}, 2);

  REQUIRE(stats.overhead.size() == 2);
  CHECK(stats.overhead[0].reason == ExitReason::kIoInstruction);
  CHECK(stats.overhead[0].monitor.samples() == 2);
  CHECK(stats.overhead[0].monitor.time() == 30 + 70);
  CHECK(stats.overhead[1].reason == ExitReason::kCpuid);
  CHECK(stats.overhead[1].monitor.samples() == 1);
  CHECK(stats.total_samples == 3);
  CHECK(stats.total_time == 110);
  REQUIRE(stats.idle.size() == 1);
  CHECK(stats.idle[0].monitor.time() == 5000);
  CHECK(stats.idle_time == 5400);
  CHECK(stats.unmatched_exits == 2);
  CHECK(stats.unmatched_entries == 1);
  CHECK(stats.negative_spans == 1);
  CHECK(stats.lost_events == 5);
  CHECK(stats.guest_time == 100 + 70 + 800 + (7100 - 6010) + 100);
}

TEST_CASE("rows sort by what is asked, equal ones by name") {
  ExitStatsBuilder builder;
  span(builder, ExitReason::kMsrWrite, 0, 10);
  span(builder, ExitReason::kMsrWrite, 20, 30);
  span(builder, ExitReason::kCpuid, 40, 1040);
  span(builder, ExitReason::kMsrRead, 2000, 2001);
  const auto first_two = [&](ExitSort sort) {
    const auto rows = builder.finish(Clock{}, 0, sort).overhead;
    return std::string(name_of(rows[0].reason)) + " " + std::string(name_of(rows[1].reason));
  };
  CHECK(first_two(ExitSort::kSamples) == "MSR_WRITE CPUID");
  CHECK(first_two(ExitSort::kTime) == "CPUID MSR_WRITE");
  CHECK(first_two(ExitSort::kMax) == "CPUID MSR_WRITE");
  CHECK(first_two(ExitSort::kName) == "CPUID MSR_READ");
}

TEST_CASE("the table has perf-kvm's columns and says what is idle and lost") {
  ExitStatsBuilder builder;
  span(builder, ExitReason::kIoInstruction, 0, 1000);
  span(builder, ExitReason::kIoInstruction, 2000, 5000);
  span(builder, ExitReason::kCpuid, 6000, 7000);
  span(builder, ExitReason::kHlt, 8000, 108000);
  const std::string table = to_text(builder.finish(Clock{}, 4));
  using Catch::Matchers::Contains;
  CHECK_THAT(table, Contains("VM-EXIT    Samples  Samples%     Time%    Min Time    Max Time    Avg time"));
  CHECK_THAT(table, Contains("IO_INSTRUCTION          2    66.67%    80.00%      1.00us      3.00us      2.00us ( +-  50.00% )"));
  CHECK_THAT(table, Contains("Total Samples:3, Total events handled time:5.00us."));
  CHECK_THAT(table, Contains("Idle, 100.00us in all"));
  CHECK_THAT(table, Contains("Lost events: 4"));
  CHECK(table.find("HLT") > table.find("Total Samples"));
  CHECK(table.find("Exits without") == std::string::npos);
}

TEST_CASE("JSON of statistics has the same numbers, in ticks") {
  ExitStatsBuilder builder;
  span(builder, ExitReason::kIoInstruction, 0, 1000);
  const auto json = to_json(builder.finish(Clock{}, 0));
  CHECK(json["overhead"][0]["exit"] == "IO_INSTRUCTION");
  CHECK(json["overhead"][0]["time"] == 1000);
  CHECK(json["total_samples"] == 1);
  CHECK(json["clock"]["unit"] == "modelled cycles");
}

TEST_CASE("a trace's summary counts kinds, devices, faults, flushes, phases and counters") {
  const TemporaryFile file;
  auto writer = Writer::create(file.path, Clock{}).value();
  writer->emit(RunStart{.machine = "model", .command_line = "quiet\x1b[2J"});
  writer->emit(Marker{.time = 100, .value = 1, .name = "boot"});
  writer->emit(Exit{.time = 110, .reason = ExitReason::kIoInstruction});
  writer->emit(PortAccess{.time = 110, .direction = Direction::kRead, .device = "uart", .count = 5});
  writer->emit(PortAccess{.time = 111, .direction = Direction::kWrite});
  writer->emit(MmioAccess{.time = 112, .direction = Direction::kWrite, .device = "uart"});
  writer->emit(Entry{.time = 120});
  writer->emit(Marker{.time = 200, .value = 2});
  writer->emit(PageFault{.time = 210, .error = 0x6});
  writer->emit(PageFault{.time = 211, .error = 0x11});
  writer->emit(PageFault{.time = 212, .error = 0x6});
  writer->emit(TlbFlush{.time = 220, .cause = FlushCause::kInvlpg});
  writer->emit(Counter{.time = 230, .name = "tlb misses", .value = 5});
  writer->emit(Counter{.time = 240, .name = "tlb misses", .value = 9});
  writer->emit(Unimplemented{.time = 250, .instruction = "vmxon"});
  writer->emit(RunEnd{.time = 300, .outcome = "power-off"});
  REQUIRE(writer->close());
  const TraceSummary s = summarize(Reader::open(file.path).value());

  CHECK(s.ended);
  CHECK(s.complete);
  CHECK(s.events == 16);
  CHECK(s.last_time == 300);
  CHECK(std::ranges::find(s.run, std::pair<std::string, std::string>("command_line", "quiet\\x1b[2J")) != s.run.end());
  REQUIRE(s.devices.size() == 2);
  CHECK(s.devices[0].name == "uart");
  CHECK(s.devices[0].port_reads == 5);
  CHECK(s.devices[0].mmio_writes == 1);
  CHECK(s.devices[1].name.empty());
  using Counts = std::vector<std::pair<std::string, uint64_t>>;
  CHECK(s.page_faults == Counts{{"user write, not present", 2}, {"kernel fetch, not permitted", 1}});
  CHECK(s.flushes == Counts{{"invlpg", 1}});
  CHECK(s.counters == Counts{{"tlb misses", 9}});
  CHECK(s.unimplemented == Counts{{"vmxon", 1}});
  REQUIRE(s.phases.size() == 2);
  CHECK(s.phases[0].name == "boot");
  CHECK(s.phases[0].duration == 100);
  CHECK(s.phases[0].exits == 1);
  CHECK(s.phases[1].duration == 100);

  CHECK(to_json(s)["phases"][1]["value"] == 2);
  const std::string text = to_text(s);
  CHECK(text.find("uart") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}
