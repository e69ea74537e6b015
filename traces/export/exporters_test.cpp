// Exporters: each writes well-formed output with every event in it, streams, obeys its options and reports write errors.
#include "traces/export/exporter.h"

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/catch.h"
#include "traces/read/sample_trace.h"

using namespace ringside;
using namespace ringside::traces;
using namespace ringside::traces::test;

namespace {

std::string exported(const Reader& reader, const Exporter& exporter, const ExportOptions& options = {}) {
  std::string text;
  TextSink sink = TextSink::to_string(text);
  exporter.write(reader, options, sink);
  REQUIRE(sink.finish());
  return text;
}

Reader sample(const TemporaryFile& file) {
  auto writer = Writer::create(file.path, Clock{}).value();
  writer->emit(RunStart{.machine = "model", .guest = "a \"quoted\", name\n"});
  writer->emit(Entry{.time = 500});
  const uint8_t out_dx_al[] = {0xee};
  writer->emit(Exit{.time = 1500, .reason = ExitReason::kIoInstruction, .rip = 0xffffffff81000000, .guest_time = 1000, .instruction = InstructionBytes(out_dx_al)});
  writer->emit(PortAccess{.time = 1500, .value = 0x41, .port = 0x3f8, .direction = Direction::kWrite, .device = "uart"});
  writer->emit(Entry{.time = 1750, .monitor_time = 250});
  writer->emit(Marker{.time = 1800, .value = 7, .name = "phase two"});
  writer->emit(Counter{.time = 1900, .name = "misses", .value = 12});
  writer->emit(Exit{.time = 2000, .reason = ExitReason::kTripleFault});
  writer->emit(RunEnd{.time = 2100, .outcome = "triple fault"});
  REQUIRE(writer->close());
  return Reader::open(file.path).value();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("exporters describe themselves and are found by name and by file name") {
  std::set<std::string_view> names;
  for (const Exporter* exporter : exporters()) {
    CHECK(names.insert(exporter->name()).second);
    CHECK(exporter->sentence().back() == '.');
    CHECK(find_exporter(exporter->name()) == exporter);
    CHECK(exporter_for_path("out." + std::string(exporter->extension())) == exporter);
  }
  CHECK(find_exporter("ctf") == nullptr);
  CHECK(exporter_for_path("csv") == nullptr);
}

TEST_CASE("JSON lines: one object per event, with the schema's names") {
  const TemporaryFile file;
  const Reader reader = sample(file);
  const auto all = lines(exported(reader, json_lines_exporter()));
  REQUIRE(all.size() == reader.event_count());
  const auto start = nlohmann::json::parse(all[0]);
  CHECK(start["guest"] == "a \"quoted\", name\\x0a");
  const auto exit = nlohmann::json::parse(all[2]);
  CHECK(exit["event"] == "exit");
  CHECK(exit["time"] == 1500);
  CHECK(exit["reason"] == "IO_INSTRUCTION");
  CHECK(exit["rip"] == "0xffffffff81000000");
  CHECK(exit["instruction"] == "ee");
  CHECK(nlohmann::json::parse(all[3])["port"] == "0x3f8");
}

TEST_CASE("CSV: as many cells in every row, quoted where needed") {
  const TemporaryFile file;
  const Reader reader = sample(file);
  const auto all = lines(exported(reader, csv_exporter()));
  REQUIRE(all.size() == reader.event_count() + 1);
  const auto commas = [](const std::string& line) {
    size_t count = 0;
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      count += c == ',' && !quoted;
    }
    return count;
  };
  for (const auto& line : all) {
    CHECK(commas(line) == commas(all[0]));
    CHECK(line.back() == '\r');
  }
  CHECK(all[0].starts_with("time,vcpu,event,"));
  CHECK(all[1].find("\"a \"\"quoted\"\", name\\x0a\"") != std::string::npos);
}

TEST_CASE("options choose a range and a kind") {
  const TemporaryFile file;
  const Reader reader = sample(file);
  const auto only_exits = lines(exported(reader, csv_exporter(), {.range = {}, .only = "exit"}));
  REQUIRE(only_exits.size() == 3);
  CHECK(only_exits[0] == "time,vcpu,event,rip,reason,guest_time,instructions,instruction,qualification,cpl,raw_code,numbering\r");
  CHECK(only_exits[1] == "1500,0,exit,0xffffffff81000000,IO_INSTRUCTION,1000,0,ee,0x0,0,0,model\r");
  CHECK(lines(exported(reader, json_lines_exporter(), {.range = {2, 3}, .only = ""})).size() == 3);
  CHECK(lines(exported(reader, json_lines_exporter(), {.range = {}, .only = "marker"})).size() == 1);
}

TEST_CASE("Perfetto: guest and monitor slices per vCPU, markers, counters") {
  const TemporaryFile file;
  const auto json = nlohmann::json::parse(exported(sample(file), perfetto_exporter()));
  std::vector<nlohmann::json> slices;
  bool marker = false, counter = false;
  std::set<std::string> lanes;
  for (const auto& event : json["traceEvents"]) {
    if (event["ph"] == "X") slices.push_back(event);
    if (event["ph"] == "M") lanes.insert(event["args"]["name"]);
    marker |= event["ph"] == "i" && event["name"] == "phase two" && event["ts"] == 1.8;
    counter |= event["ph"] == "C" && event["name"] == "misses" && event["args"]["value"] == 12;
  }
  CHECK(marker);
  CHECK(counter);
  CHECK(lanes == std::set<std::string>{"vCPU 0", "guest", "monitor"});
  REQUIRE(slices.size() == 4);
  CHECK(slices[0]["name"] == "guest");
  CHECK(slices[0]["ts"] == 0.5);
  CHECK(slices[0]["dur"] == 1.0);
  CHECK(slices[1]["name"] == "IO_INSTRUCTION");
  CHECK(slices[1]["dur"] == 0.25);
  CHECK(slices[1]["args"]["device"] == "uart");
  CHECK(slices[1]["tid"] != slices[0]["tid"]);
  CHECK(slices[3]["name"] == "TRIPLE_FAULT");  // never left: drawn to the end
  CHECK(slices[3]["dur"] == 0.1);
}

TEST_CASE("every exporter takes every kind of event with extreme values") {
  const TemporaryFile file;
  auto writer = Writer::create(file.path, Clock{ClockUnit::kHostNanoseconds, 3}).value();
  const auto expected = sample_events([&](const auto& event) { writer->emit(event); });
  REQUIRE(writer->close());
  const auto reader = Reader::open(file.path).value();
  const auto jsonl = lines(exported(reader, json_lines_exporter()));
  CHECK(jsonl.size() == expected.size());
  for (const auto& line : jsonl) CHECK(nlohmann::json::accept(line));
  CHECK(nlohmann::json::accept(exported(reader, perfetto_exporter())));
  CHECK(lines(exported(reader, csv_exporter())).size() == expected.size() + 1);
}

TEST_CASE("an unknown kind, a forbidden path and a full disk are errors") {
  using Catch::Matchers::Contains;
  const TemporaryFile file, target;
  const Reader reader = sample(file);
  const auto unknown = export_to(reader, csv_exporter(), target.path, {.range = {}, .only = "exits"});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ExitCode::kUsage);
  CHECK_THAT(unknown.error().message, Contains("'exits'") && Contains("run_start, run_end, exit,"));
  CHECK(export_to(reader, csv_exporter(), "/no/such/folder/x.csv").error().code == ExitCode::kOutput);
  CHECK_THAT(export_to(reader, csv_exporter(), "/dev/full").error().message, Contains("No space left"));
  const auto good = export_to(reader, csv_exporter(), target.path);
  REQUIRE(good);
  CHECK(good.value().events == reader.event_count());
}
