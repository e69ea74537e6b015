// Damaged files: cut at every byte, every bit flipped, wrong headers, missing index. The reader never crashes, never invents
// events, keeps every sound chunk and says what is wrong.
#include "tests/catch.h"
#include "traces/read/sample_trace.h"
#include "traces/schema/crc32c.h"

using namespace ringside;
using namespace ringside::traces;
using namespace ringside::traces::test;

namespace {

struct Fixture {
  Fixture() {
    const TemporaryFile file;
    lines = write_small_trace(file.path, 120);
    bytes = read_bytes(file.path);
    const auto reader = Reader::from_memory(bytes, "fixture").value();
    chunks.assign(reader.chunks().begin(), reader.chunks().end());
    header_size = reader.header().size;
  }
  std::vector<std::string> lines;
  std::vector<uint8_t> bytes;
  std::vector<IndexEntry> chunks;
  size_t header_size;
};

const Fixture& fixture() {
  static const Fixture instance;
  return instance;
}

std::string refusal(std::span<const uint8_t> bytes) {
  auto reader = Reader::from_memory(bytes, "t.rst");
  REQUIRE_FALSE(reader);
  CHECK(reader.error().code == ExitCode::kInput);
  return reader.error().message;
}

}  // namespace

TEST_CASE("a file cut at any byte gives the events of its whole chunks") {
  const auto& [lines, bytes, chunks, header_size] = fixture();
  REQUIRE(chunks.size() >= 3);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
    auto reader = Reader::from_memory(cut, "cut");
    REQUIRE(static_cast<bool>(reader) == (size >= header_size));
    if (!reader) continue;
    uint64_t whole = 0;
    for (const auto& chunk : chunks)
      if (chunk.offset + chunk.stored_size <= size) whole = chunk.first_ordinal + chunk.event_count;
    CHECK_FALSE(reader.value().complete());
    REQUIRE(reader.value().event_count() == whole);
    // Decoding at each of thousands of sizes would be slow; at the edges of chunks it must be exact.
    if (size % 251 == 0 || size == bytes.size() - 1)
      CHECK(lines_of(reader.value()) == std::vector<std::string>(lines.begin(), lines.begin() + static_cast<long>(whole)));
  }
}

TEST_CASE("a flipped bit costs at most its chunk, and is noticed") {
  const auto& [lines, original, chunks, header_size] = fixture();
  auto bytes = original;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const auto bit = static_cast<uint8_t>(1u << (at % 8));
    bytes[at] ^= bit;
    auto reader = Reader::from_memory(bytes, "flipped");
    if (at < header_size) {
      REQUIRE_FALSE(reader);
    } else {
      REQUIRE(reader);
      size_t hit = chunks.size();
      for (size_t i = 0; i < chunks.size(); ++i)
        if (at >= chunks[i].offset && at < chunks[i].offset + chunks[i].stored_size) hit = i;
      std::vector<std::string> got;
      reader.value().visit([&](const auto& event) { got.push_back(line_of(event)); });
      std::vector<std::string> expected = lines;
      if (hit < chunks.size() && got.size() != lines.size()) {
        const auto first = expected.begin() + static_cast<long>(chunks[hit].first_ordinal);
        expected.erase(first, first + chunks[hit].event_count);
        REQUIRE(reader.value().damaged_chunks() == 1);
      } else if (hit < chunks.size()) {
        // Only the summary is hit: the events are whole, the summary is refused.
        REQUIRE_FALSE(reader.value().summary(hit));
      } else {
        REQUIRE_FALSE(reader.value().complete());  // the index
      }
      REQUIRE(got == expected);
    }
    bytes[at] ^= bit;
  }
}

TEST_CASE("without an index, a chunk with a broken header is known by the gap it leaves") {
  const auto& [lines, original, chunks, header_size] = fixture();
  std::vector<uint8_t> bytes(original.begin(), original.begin() + static_cast<long>(chunks.back().offset + chunks.back().stored_size));
  bytes[chunks[1].offset + 8] ^= 1;
  const auto reader = Reader::from_memory(bytes, "gap").value();
  CHECK(reader.chunks().size() == chunks.size() - 1);
  CHECK(reader.damaged_chunks() == 1);
  CHECK(reader.event_count() == lines.size());
  CHECK(lines_of(reader).size() == lines.size() - chunks[1].event_count);
  Cursor cursor = reader.at(chunks[1].first_ordinal);  // lies in the gap: the next event there is
  REQUIRE(cursor.next());
  CHECK(cursor.ordinal() == chunks[2].first_ordinal);
}

TEST_CASE("a cursor passes over a damaged chunk") {
  const auto& [lines, original, chunks, header_size] = fixture();
  auto bytes = original;
  bytes[chunks[1].offset + chunks[1].stored_size - 1] ^= 0x10;
  const auto reader = Reader::from_memory(bytes, "damaged").value();
  uint64_t seen = 0, last = 0;
  for (Cursor cursor = reader.at(0); cursor.next(); ++seen) last = cursor.ordinal();
  CHECK(seen == lines.size() - chunks[1].event_count);
  CHECK(last == lines.size() - 1);
  CHECK(reader.damaged_chunks() == 1);
  const VisitResult result = reader.visit([](const auto&) {});
  CHECK(result.lost_events == chunks[1].event_count);
}

TEST_CASE("bytes after the last chunk of a killed run are counted, not read") {
  const auto& [lines, original, chunks, header_size] = fixture();
  const size_t end = chunks[1].offset + chunks[1].stored_size;
  const std::vector<uint8_t> bytes(original.begin(), original.begin() + static_cast<long>(end + 50));
  const auto reader = Reader::from_memory(bytes, "torn").value();
  CHECK(reader.torn_bytes() == 50);
  CHECK(reader.chunks().size() == 2);
}

TEST_CASE("a wrong header is refused with the rule and the value") {
  const auto& bytes = fixture().bytes;
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal({}), Contains("t.rst") && Contains("0 bytes"));
  CHECK_THAT(refusal(std::vector<uint8_t>(64, 0x7f)), Contains("7f 7f 7f"));
  const auto changed = [&](size_t at, uint8_t value) {
    auto copy = bytes;
    copy[at] = value;
    return refusal(copy);
  };
  CHECK_THAT(changed(8, 9), Contains("version is 9") && Contains("versions 1 to 2"));
  CHECK_THAT(changed(15, 0x7f), Contains("claims"));
  CHECK_THAT(changed(14, 0x0e), Contains("cut short"));
  CHECK_THAT(changed(40, '#'), Contains("checksum"));
}

TEST_CASE("a header that is sound but says nonsense is refused") {
  using Catch::Matchers::Contains;
  const auto with_json = [](const std::string& json) {
    std::vector<uint8_t> out(kFileMagic.begin(), kFileMagic.end());
    const auto append = [&out](uint32_t value) {
      for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
    };
    append(kFileVersion);
    append(static_cast<uint32_t>(json.size()));
    out.insert(out.end(), json.begin(), json.end());
    append(crc32c(out));
    return out;
  };
  const std::string clock = R"("clock":{"unit":"modelled cycles","ticks_per_second":1000})";
  CHECK(Reader::from_memory(with_json("{" + clock + R"(,"events":[]})"), "t.rst"));
  CHECK_THAT(refusal(with_json("")), Contains("not JSON"));
  CHECK_THAT(refusal(with_json(std::string(100'000, '['))), Contains("not JSON"));
  CHECK_THAT(refusal(with_json("[]")), Contains("no 'clock'"));
  CHECK_THAT(refusal(with_json(R"({"clock":{"unit":"parsecs","ticks_per_second":1},"events":[]})")), Contains("parsecs"));
  CHECK_THAT(refusal(with_json(R"({"clock":{"unit":"modelled cycles","ticks_per_second":0},"events":[]})")), Contains("is 0"));
  CHECK_THAT(refusal(with_json("{" + clock + R"(,"events":{}})")), Contains("not a list"));
  const auto with_field = [&](const std::string& field) {
    return with_json("{" + clock + R"(,"events":[{"name":"e","text":"","fields":[)" + field + "]}]}");
  };
  CHECK_THAT(refusal(with_field(R"({"name":"f","unit":"furlong","predict":"last","text":""})")), Contains("furlong"));
  CHECK_THAT(refusal(with_field(R"({"name":7,"unit":"count","predict":"last","text":""})")), Contains("'name'"));
  std::string many = R"({"name":"f","unit":"count","predict":"last","text":""})";
  std::string list = many;
  for (int i = 0; i < 40; ++i) list += "," + many;
  CHECK_THAT(refusal(with_field(list)), Contains("41 entries"));
}

TEST_CASE("no file, a folder and an empty file are told apart") {
  using Catch::Matchers::Contains;
  CHECK_THAT(Reader::open("/no/such/file.rst").error().message, Contains("No such file"));
  CHECK_THAT(Reader::open("/tmp").error().message, Contains("not a regular file"));
  const TemporaryFile empty;
  CHECK_THAT(Reader::open(empty.path).error().message, Contains("0 bytes"));
}
