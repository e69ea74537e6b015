#include "traces/read/chunk_reader.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "traces/read/open_file.h"
#include "traces/schema/crc32c.h"

namespace ringside::traces {

ChunkReader::ChunkReader(const OpenFile& file) : file_(&file), decompressor_(ZSTD_createDCtx()), decoder_(file.schema) {}
ChunkReader::~ChunkReader() { ZSTD_freeDCtx(decompressor_); }

ChunkReader::ChunkReader(ChunkReader&& other) noexcept
    : file_(other.file_), decompressor_(std::exchange(other.decompressor_, nullptr)), chunk_(other.chunk_),
      buffer_(std::move(other.buffer_)), decoder_(std::move(other.decoder_)) {}

ChunkReader& ChunkReader::operator=(ChunkReader&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(decompressor_, other.decompressor_);
  std::swap(chunk_, other.chunk_);
  std::swap(buffer_, other.buffer_);
  std::swap(decoder_, other.decoder_);
  return *this;
}

size_t ChunkReader::find(uint64_t ordinal) const {
  const auto& entries = file_->chunks.entries;
  const auto at = std::partition_point(entries.begin(), entries.end(),
                                       [=](const IndexEntry& entry) { return entry.first_ordinal + entry.event_count <= ordinal; });
  return static_cast<size_t>(at - entries.begin());
}

bool ChunkReader::load(size_t chunk) {
  chunk_ = chunk;
  const auto file = file_->bytes.view();
  const IndexEntry& entry = file_->chunks.entries[chunk];
  const auto damaged = [&] { return file_->mark_damaged(chunk), false; };

  const auto header = sound_header(file, entry.offset);
  if (!header || header->event_count != entry.event_count || header->first_ordinal != entry.first_ordinal ||
      sizeof(ChunkHeader) + uint64_t{header->summary_size} + header->stored_size != entry.stored_size)
    return damaged();
  const auto payload = file.subspan(entry.offset + sizeof(ChunkHeader) + header->summary_size, header->stored_size);
  if (crc32c(payload) != header->payload_crc) return damaged();

  buffer_.resize(header->raw_size + RecordDecoder::kPadding);
  const size_t size = ZSTD_decompressDCtx(decompressor_, buffer_.data(), header->raw_size, payload.data(), payload.size());
  if (ZSTD_isError(size) || size != header->raw_size) return damaged();
  std::memset(buffer_.data() + size, 0, RecordDecoder::kPadding);
  decoder_.start({buffer_.data(), size}, header->base_time);
  return true;
}

bool ChunkReader::check(uint64_t decoded, bool whole) {
  const bool sound = decoder_.good() && (whole ? decoder_.at_end() : decoded < file_->chunks.entries[chunk_].event_count && more());
  if (!sound) file_->mark_damaged(chunk_);
  return sound;
}

std::vector<uint8_t> ChunkReader::take_buffer() { return std::move(buffer_); }

}  // namespace ringside::traces
