// ChunkFile: the file side of the writer. Frames and compresses chunks, writes each with one write(2), keeps the index, and
// leaves a valid file behind when a write fails.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "traces/base/result.h"
#include "traces/schema/event_kinds.h"
#include "traces/schema/file_format.h"

struct ZSTD_CCtx_s;

namespace ringside::traces {

class Encoder;

class ChunkFile {
 public:
  static Result<std::unique_ptr<ChunkFile>> create(const std::string& path, const Clock& clock, int compression_level);
  ~ChunkFile();
  ChunkFile(const ChunkFile&) = delete;

  // Appends the encoder's records as one chunk. On an error the file ends where it did before.
  Result<void> append(const Encoder& encoder);
  // Appends the index. Nothing may follow.
  Result<void> finish();

  uint64_t event_count() const { return event_count_; }
  uint64_t record_bytes() const { return record_bytes_; }
  uint64_t size() const { return size_; }

 private:
  ChunkFile(std::string path, int descriptor, int compression_level);
  Result<void> write(std::span<const uint8_t> bytes);

  std::string path_;
  int descriptor_;
  int compression_level_;
  ZSTD_CCtx_s* compressor_;
  std::vector<uint8_t> frame_;  // the chunk as it goes to the file
  std::vector<IndexEntry> index_;
  uint64_t size_ = 0;
  uint64_t event_count_ = 0;
  uint64_t record_bytes_ = 0;
};

}  // namespace ringside::traces
