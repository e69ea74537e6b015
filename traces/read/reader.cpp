#include "traces/read/reader.h"

#include "traces/read/cursor.h"
#include "traces/read/open_file.h"
#include "traces/schema/crc32c.h"

namespace ringside::traces {
namespace {

// The description of the run stands in the first chunk; its texts stay with the file.
void find_run(OpenFile& file) {
  ChunkReader chunk(file);
  if (file.chunks.entries.empty() || !chunk.load(0)) return;
  auto take = [&](const RunStart& start) {
    file.run = start;
    return false;
  };
  while (chunk.more() && chunk.records().next(take)) {}
  if (!chunk.records().good()) file.run.reset();
  if (file.run) file.run_texts = chunk.take_buffer();
}

}  // namespace

Reader::Reader(std::unique_ptr<OpenFile> file) : file_(std::move(file)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Result<Reader> Reader::open(const std::string& path) {
  auto bytes = Bytes::map(path);
  if (!bytes) return std::move(bytes).error();
  return finish_open(std::move(bytes).value(), path);
}

Result<Reader> Reader::from_memory(std::span<const uint8_t> bytes, const std::string& name) {
  return finish_open(Bytes::borrow(bytes), name);
}

Result<Reader> Reader::finish_open(Bytes bytes, const std::string& name) {
  auto header = parse_header(bytes.view(), name);
  if (!header) return std::move(header).error();
  auto file = std::make_unique<OpenFile>(std::move(bytes), std::move(header).value());
  find_run(*file);
  return Reader(std::move(file));
}

const FileHeader& Reader::header() const { return file_->header; }
const std::optional<RunStart>& Reader::run() const { return file_->run; }
bool Reader::complete() const { return file_->chunks.from_index; }
std::span<const IndexEntry> Reader::chunks() const { return file_->chunks.entries; }
uint64_t Reader::event_count() const { return file_->chunks.event_count; }
uint64_t Reader::file_size() const { return file_->bytes.view().size(); }
uint64_t Reader::damaged_chunks() const { return file_->chunks.missing + file_->damaged_count; }
uint64_t Reader::torn_bytes() const { return file_->chunks.torn_bytes; }

std::optional<ChunkSummary> Reader::summary(size_t chunk) const {
  const auto file = file_->bytes.view();
  const uint64_t offset = chunks()[chunk].offset;
  const auto header = sound_header(file, offset);
  if (!header) return std::nullopt;
  const auto bytes = file.subspan(offset + sizeof(ChunkHeader), header->summary_size);
  ChunkSummary summary;
  if (crc32c(bytes) != header->summary_crc || !decode(bytes, file_->schema.size(), summary)) return std::nullopt;
  return summary;
}

uint64_t Reader::verify() const {
  visit([](const UnknownEvent&) {});
  return damaged_chunks();
}

Cursor Reader::at(uint64_t ordinal) const { return Cursor(*file_, ChunkReader(*file_).find(ordinal), ordinal); }

Cursor Reader::at_time(uint64_t time) const {
  const auto entries = chunks();
  size_t chunk = 0;
  while (chunk < entries.size() && entries[chunk].max_time < time) ++chunk;
  Cursor cursor(*file_, chunk, chunk < entries.size() ? entries[chunk].first_ordinal : event_count());
  cursor.from_time_ = time;
  return cursor;
}

}  // namespace ringside::traces
