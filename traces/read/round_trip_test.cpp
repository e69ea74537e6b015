// What the writer records, the reader gives back: every kind of event with extreme values, across chunk boundaries, in order, by
// ordinal, by time, and from files of other schema versions.
#include "tests/catch.h"
#include "traces/read/sample_trace.h"
#include "traces/schema/crc32c.h"

using namespace ringside;
using namespace ringside::traces;
using namespace ringside::traces::test;

namespace {

// The file with its header's JSON changed by `edit`, as a program of another version would have written it. The index no longer
// fits, so it reads as a file of a killed run.
std::vector<uint8_t> with_header(const std::vector<uint8_t>& file, const std::function<void(std::string&)>& edit) {
  uint32_t size;
  std::memcpy(&size, file.data() + 12, 4);
  std::string json(file.begin() + 16, file.begin() + 16 + size);
  edit(json);
  std::vector<uint8_t> out(file.begin(), file.begin() + 12);
  const auto append = [&out](uint32_t value) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  append(static_cast<uint32_t>(json.size()));
  out.insert(out.end(), json.begin(), json.end());
  append(crc32c(out));
  out.insert(out.end(), file.begin() + 20 + size, file.end());
  return out;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("every kind of event with every extreme value comes back") {
  for (const size_t chunk_bytes : {size_t{1024}, size_t{128} * 1024, size_t{512} * 1024}) {
    const TemporaryFile file;
    auto writer = Writer::create(file.path, Clock{ClockUnit::kHostNanoseconds, 2'500'000'000}, {.chunk_bytes = chunk_bytes});
    REQUIRE(writer);
    const auto expected = sample_events([&](const auto& event) { writer.value()->emit(event); });
    REQUIRE(writer.value()->close());
    CHECK(writer.value()->events() == expected.size());

    auto reader = Reader::open(file.path);
    REQUIRE(reader);
    CHECK(reader.value().clock() == Clock{ClockUnit::kHostNanoseconds, 2'500'000'000});
    CHECK(reader.value().complete());
    CHECK(reader.value().event_count() == expected.size());
    CHECK(lines_of(reader.value()) == expected);
    CHECK(reader.value().verify() == 0);
  }
}

TEST_CASE("a text longer than the format allows is cut, not refused") {
  const TemporaryFile file;
  auto writer = Writer::create(file.path, Clock{}).value();
  writer->emit(Marker{.name = std::string(100'000, 'm')});
  REQUIRE(writer->close());
  auto reader = Reader::open(file.path).value();
  size_t size = 0;
  reader.visit([&](const Marker& marker) { size = marker.name.size(); });
  CHECK(size == kMaxText);
}

TEST_CASE("a trace without events is a trace") {
  const TemporaryFile file;
  REQUIRE(Writer::create(file.path, Clock{}).value()->close());
  auto reader = Reader::open(file.path);
  REQUIRE(reader);
  CHECK(reader.value().event_count() == 0);
  CHECK(reader.value().complete());
  CHECK_FALSE(reader.value().run());
  CHECK_FALSE(reader.value().at(0).next());
}

TEST_CASE("the description of the run is at hand, and survives the visit") {
  const TemporaryFile file;
  write_small_trace(file.path);
  auto opened = Reader::open(file.path).value();
  const Reader reader = std::move(opened);
  REQUIRE(reader.run());
  CHECK(reader.run()->machine == "model");
  lines_of(reader);
  CHECK(reader.run()->guest == "tiny.bin");
}

TEST_CASE("any range and any cursor gives the events of a whole pass") {
  const TemporaryFile file;
  const auto expected = write_small_trace(file.path);
  const auto reader = Reader::open(file.path).value();
  REQUIRE(reader.chunks().size() > 3);
  for (uint64_t first : {0u, 1u, 2u, 100u, 333u, 901u, 5000u}) {
    for (uint64_t count : {0u, 1u, 50u, 10000u}) {
      const auto lines = lines_of(reader, {first, count});
      const size_t begin = std::min<size_t>(first, expected.size()), end = std::min<size_t>(first + count, expected.size());
      CHECK(lines == std::vector<std::string>(expected.begin() + static_cast<long>(begin), expected.begin() + static_cast<long>(end)));
    }
    Cursor cursor = reader.at(first);
    for (size_t i = first; i < std::min<size_t>(first + 200, expected.size()); ++i) {
      REQUIRE(cursor.next());
      CHECK(cursor.ordinal() == i);
      CHECK(std::visit([](const auto& event) { return line_of(event); }, cursor.event()) == expected[i]);
    }
    if (first >= expected.size()) CHECK_FALSE(cursor.next());
  }
}

TEST_CASE("a cursor by time stands at the first event not before it") {
  const TemporaryFile file;
  write_small_trace(file.path);
  const auto reader = Reader::open(file.path).value();
  std::vector<uint64_t> times;
  reader.visit([&](const auto& event) { times.push_back(event.time); });
  for (const uint64_t time : {uint64_t{0}, uint64_t{1}, uint64_t{1100}, times[500], times[500] + 1, times.back()}) {
    Cursor cursor = reader.at_time(time);
    REQUIRE(cursor.next());
    const auto first = std::ranges::find_if(times, [=](uint64_t t) { return t >= time; });
    CHECK(cursor.ordinal() == static_cast<uint64_t>(first - times.begin()));
    CHECK(cursor.time() >= time);
  }
  CHECK_FALSE(reader.at_time(times.back() + 1).next());
}

TEST_CASE("a visitor that returns false stops the visit") {
  const TemporaryFile file;
  write_small_trace(file.path);
  const auto reader = Reader::open(file.path).value();
  int exits = 0;
  const VisitResult result = reader.visit([&](const Exit&) { return ++exits < 10; });
  CHECK(exits == 10);
  CHECK(result.stopped);
  CHECK(result.events == 1 + 9 * 3 + 1);
}

TEST_CASE("summaries beside the chunks add up to what a pass counts") {
  const TemporaryFile file;
  write_small_trace(file.path);
  const auto reader = Reader::open(file.path).value();
  uint64_t exits = 0, hlt = 0, io_time = 0;
  for (size_t i = 0; i < reader.chunks().size(); ++i) {
    const auto summary = reader.summary(i);
    REQUIRE(summary);
    exits += summary->events[kEventIndex<Exit>];
    hlt += summary->reasons[static_cast<size_t>(ExitReason::kHlt)].samples;
    io_time += summary->reasons[static_cast<size_t>(ExitReason::kIoInstruction)].time;
  }
  CHECK(exits == 300);
  CHECK(hlt == 60);
  uint64_t expected = 0;
  for (int i = 0; i < 300; ++i) expected += i % 5 ? 10 + static_cast<uint64_t>(i % 3) : 0;
  CHECK(io_time == expected);
}

TEST_CASE("events of a kind this version does not know are skipped and counted, and can be looked at") {
  const TemporaryFile file;
  const auto expected = write_small_trace(file.path);
  const auto bytes = with_header(read_bytes(file.path), [](std::string& json) { replace(json, "\"name\": \"port\"", "\"name\": \"teleport\""); });
  const auto reader = Reader::from_memory(bytes, "test").value();
  CHECK_FALSE(reader.complete());

  std::vector<std::string> known;
  const VisitResult result = reader.visit([&](const auto& event) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(event)>, UnknownEvent>) known.push_back(line_of(event));
  });
  CHECK(result.unknown_events == 300);
  CHECK(result.events == expected.size());
  std::vector<std::string> without_ports;
  for (const auto& line : expected)
    if (line.find(" port ") == std::string::npos) without_ports.push_back(line);
  CHECK(known == without_ports);

  auto all = lines_of(reader);
  for (auto& line : all)
    if (const auto at = line.find(" teleport "); at != std::string::npos) line.replace(at, 10, " port ");
  CHECK(all == expected);
}

TEST_CASE("a file whose events have other fields is read by their names") {
  const TemporaryFile file;
  auto expected = write_small_trace(file.path);
  // An older program called a field otherwise: it is lost, the rest of the event is not.
  const auto bytes = with_header(read_bytes(file.path), [](std::string& json) {
    replace(json, "\"name\": \"instructions\",\n     \"unit\": \"count\",\n     \"predict\": \"with_clock\"",
            "\"name\": \"retired\",\n     \"unit\": \"count\",\n     \"predict\": \"with_clock\"");
  });
  const auto reader = Reader::from_memory(bytes, "test").value();
  for (auto& line : expected) {
    if (line.find(" exit ") == std::string::npos) continue;
    const auto at = line.find(" instructions="), end = line.find(' ', at + 1);
    line.replace(at, end - at, " instructions=0");
  }
  CHECK(lines_of(reader) == expected);
}

TEST_CASE("the same events give the same bytes") {
  const TemporaryFile a, b;
  write_small_trace(a.path, 5000, 4096);
  write_small_trace(b.path, 5000, 4096);
  const auto bytes = read_bytes(a.path);
  CHECK(bytes.size() > 20'000);
  CHECK(bytes == read_bytes(b.path));
}
