// Fuzz target: any bytes as a trace file. Opening, verifying, visiting, seeking, summarizing and exporting must neither crash nor
// read outside the input, and what they report must be consistent. Checksums would stop nearly every mutation at the door, so
// the input is tried as it is, with its checksums made right, and as the chunks behind a sound header.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "traces/export/exporter.h"
#include "traces/query/trace_summary.h"
#include "traces/read/cursor.h"
#include "traces/read/reader.h"
#include "traces/schema/crc32c.h"

using namespace ringside::traces;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void exercise(std::span<const uint8_t> bytes) {
  auto opened = Reader::from_memory(bytes, "fuzz");
  if (!opened) {
    require(!opened.error().message.empty());
    return;
  }
  const Reader reader = std::move(opened).value();
  uint64_t seen = 0;
  const VisitResult all = reader.visit([&](const auto&) { ++seen; });
  require(seen == all.events);
  require(all.events <= bytes.size() * uint64_t{kMaxChunkRaw});
  require(reader.damaged_chunks() == reader.verify());
  uint64_t known = 0;
  for (Cursor cursor = reader.at(0); cursor.next();) {
    ++known;
    require(cursor.ordinal() < reader.event_count());
  }
  require(known == all.events - all.unknown_events);
  const uint64_t middle = reader.event_count() / 2;
  Cursor cursor = reader.at(middle);
  if (cursor.next()) require(cursor.ordinal() >= middle);
  if (!reader.chunks().empty()) {
    Cursor by_time = reader.at_time(reader.chunks().back().min_time);
    if (by_time.next()) require(by_time.time() >= reader.chunks().back().min_time);
  }
  for (size_t i = 0; i < reader.chunks().size(); ++i) (void)reader.summary(i);
  (void)to_text(summarize(reader));
  for (const Exporter* exporter : exporters()) {
    std::string text;
    TextSink sink = TextSink::to_string(text);
    exporter->write(reader, {.range = {0, 200}, .only = ""}, sink);
  }
}

void put32(std::vector<uint8_t>& bytes, size_t at, uint32_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); }

// Makes the header's checksum right, and those of every chunk that lies inside the input.
void mend(std::vector<uint8_t>& bytes) {
  uint32_t json_size;
  if (bytes.size() < kFixedHeaderSize + 4) return;
  std::memcpy(&json_size, bytes.data() + 12, 4);
  if (json_size > bytes.size() - kFixedHeaderSize - 4) return;
  const size_t header = kFixedHeaderSize + json_size;
  put32(bytes, header, crc32c({bytes.data(), header}));
  for (size_t at = header + 4; at + sizeof(ChunkHeader) <= bytes.size();) {
    ChunkHeader chunk;
    std::memcpy(&chunk, bytes.data() + at, sizeof chunk);
    const uint64_t body = uint64_t{chunk.summary_size} + chunk.stored_size;
    if (chunk.magic != kChunkMagic || body > bytes.size() - at - sizeof chunk) {
      ++at;
      continue;
    }
    const uint8_t* summary = bytes.data() + at + sizeof chunk;
    chunk.summary_crc = crc32c({summary, chunk.summary_size});
    chunk.payload_crc = crc32c({summary + chunk.summary_size, chunk.stored_size});
    std::memcpy(bytes.data() + at, &chunk, sizeof chunk);
    put32(bytes, at + offsetof(ChunkHeader, header_crc), crc32c({bytes.data() + at, offsetof(ChunkHeader, header_crc)}));
    at += sizeof chunk + body;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  exercise({data, size});
  std::vector<uint8_t> mended(data, data + size);
  mend(mended);
  exercise(mended);
  // An input without a file's mark is taken for chunks: they get a sound header, so that mutations reach the records.
  if (size >= kFileMagic.size() && std::equal(kFileMagic.begin(), kFileMagic.end(), data)) return 0;
  std::vector<uint8_t> headed = encode_header(Clock{});
  headed.insert(headed.end(), data, data + size);
  mend(headed);
  exercise(headed);
  return 0;
}
