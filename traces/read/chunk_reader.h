// ChunkReader: one chunk at a time, checked, decompressed and ready to decode. Each visit and each cursor owns one, so readers
// can be shared between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "traces/read/record_decoder.h"

struct ZSTD_DCtx_s;

namespace ringside::traces {

struct OpenFile;

class ChunkReader {
 public:
  explicit ChunkReader(const OpenFile& file);
  ~ChunkReader();
  ChunkReader(ChunkReader&&) noexcept;
  ChunkReader& operator=(ChunkReader&&) noexcept;

  // The chunk with event `ordinal`; one past the last chunk if there is none.
  size_t find(uint64_t ordinal) const;
  // Makes a chunk current. False if it is damaged, which is remembered.
  bool load(size_t chunk);
  RecordDecoder& records() { return decoder_; }
  bool more() const { return decoder_.good() && !decoder_.at_end(); }
  // After decoding `decoded` events of the current chunk, and all of them if `whole`: false if the chunk turned out to be damaged.
  bool check(uint64_t decoded, bool whole);
  // The decompressed records of the current chunk; event texts point into it. Leaves the reader without a current chunk.
  std::vector<uint8_t> take_buffer();

 private:
  const OpenFile* file_;
  ZSTD_DCtx_s* decompressor_;
  size_t chunk_ = 0;
  std::vector<uint8_t> buffer_;
  RecordDecoder decoder_;
};

}  // namespace ringside::traces
