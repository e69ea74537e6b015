// The schema as data: complete, within the format's bounds, and fully told in the generated reference.
#include "traces/schema/event_table.h"

#include <set>

#include "tests/catch.h"
#include "traces/schema/chunk_summary.h"
#include "traces/schema/file_format.h"
#include "traces/schema/printable.h"

using namespace ringside::traces;

TEST_CASE("every event and field has a unique name and a sentence") {
  std::set<std::string_view> events;
  for (const auto& event : event_table()) {
    CHECK(events.insert(event.name).second);
    CHECK(event.text.back() == '.');
    CHECK(event.fields.size() <= kMaxFields);
    std::set<std::string_view> fields = {"time", "vcpu", "event"};  // the exporters' own columns
    for (const auto& field : event.fields) {
      INFO(event.name << "." << field.name);
      CHECK(fields.insert(field.name).second);
      CHECK(field.text.back() == '.');
      CHECK((field.unit == Unit::kEnum) == !field.names.empty());
    }
  }
  CHECK(events.size() == kEventKinds);
}

// The numbers stand in files: a name may be appended, never moved.
TEST_CASE("numbers that stand in files keep their meaning") {
  CHECK(event_table()[2].name == "exit");
  CHECK(event_table()[15].name == "lost_events");
  CHECK(event_table()[16].name == "walk");
  CHECK(event_table()[17].name == "paging");
  CHECK(static_cast<int>(ExitReason::kHlt) == 13);
  CHECK(static_cast<int>(ExitReason::kIoInstruction) == 31);
  CHECK(static_cast<int>(ExitReason::kMmio) == 96);
  CHECK(kEnumNames<FlushCause>[1] == "cr3_load");
}

TEST_CASE("the reference names every event, field and exit reason") {
  const std::string page = schema_markdown();
  for (const auto& event : event_table()) {
    CHECK(page.find("### " + std::string(event.name) + "\n") != std::string::npos);
    for (const auto& field : event.fields) CHECK(page.find("| " + std::string(field.name) + " |") != std::string::npos);
  }
  for (const auto& row : kExitReasons) CHECK(page.find("| " + std::string(row.name) + " |") != std::string::npos);
  CHECK(page.find("NPF (0x400)") != std::string::npos);
}

TEST_CASE("a chunk summary comes back, and cut or absurd ones are refused") {
  ChunkSummary summary;
  summary.reset(kEventKinds);
  summary.events[2] = 12345;
  summary.events[15] = 1;
  summary.reasons[13] = {7, ~0ull};
  const auto bytes = encode(summary);
  ChunkSummary back;
  REQUIRE(decode(bytes, kEventKinds, back));
  CHECK(back.events == summary.events);
  CHECK(back.reasons[13].samples == 7);
  CHECK(back.reasons[13].time == ~0ull);
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode(std::span(bytes).first(size), kEventKinds, back));
  CHECK_FALSE(decode(bytes, 3, back));  // a kind beyond the file's schema
}

TEST_CASE("what a guest wrote cannot command a terminal") {
  CHECK(printable("plain text, \xc3\xa9") == "plain text, \xc3\xa9");
  CHECK(printable("\x1b[2J") == "\\x1b[2J");
  CHECK(printable("a\nb\x7f") == "a\\x0ab\\x7f");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");                          // broken UTF-8
  CHECK(printable("\xc2\x9b" "31m") == "\\xc2\\x9b31m");                 // C1 control sequence introducer
  CHECK(printable("\xe0\x80\x80") == "\\xe0\\x80\\x80");                 // overlong
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");                 // surrogate
  CHECK(printable("\xf0\x9f\x98\x80") == "\xf0\x9f\x98\x80");
}
