// OpenFile: the bytes of a trace and what opening found out about them: header, chunks, health. Shared by the reader and its
// cursors; only this layer's reader sees it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "traces/read/record_decoder.h"
#include "traces/schema/events.h"
#include "traces/schema/file_format.h"
#include "traces/schema/file_header.h"

namespace ringside::traces {

// A read-only mapping of a whole file, or bytes that belong to someone else.
class Bytes {
 public:
  static Result<Bytes> map(const std::string& path);
  static Bytes borrow(std::span<const uint8_t> bytes);
  ~Bytes();
  Bytes(Bytes&& other) noexcept;
  Bytes& operator=(Bytes&&) = delete;
  std::span<const uint8_t> view() const { return view_; }

 private:
  Bytes() = default;
  std::span<const uint8_t> view_;
  bool mapped_ = false;
};

// Chunks of a file, found through its index or by scanning.
struct ChunkList {
  std::vector<IndexEntry> entries;
  bool from_index = false;     // the file was closed in order
  uint64_t missing = 0;        // numbers left out of the sequence: chunks whose header is gone
  uint64_t torn_bytes = 0;     // after the last chunk
  uint64_t event_count = 0;
};

struct OpenFile {
  OpenFile(Bytes bytes, FileHeader file_header);

  Bytes bytes;
  FileHeader header;
  SchemaMap schema;
  ChunkList chunks;
  std::optional<RunStart> run;
  std::vector<uint8_t> run_texts;                       // what run's texts point into
  mutable std::unique_ptr<std::atomic<bool>[]> damaged;  // by chunk
  mutable std::atomic<uint64_t> damaged_count = 0;

  void mark_damaged(size_t chunk) const;
};

// The chunk header at `offset`, if it is whole, sound and its chunk lies inside the file.
std::optional<ChunkHeader> sound_header(std::span<const uint8_t> file, uint64_t offset);
// By the index if the file has a sound one, else by scanning from `start` and skipping what is no chunk.
ChunkList find_chunks(std::span<const uint8_t> file, uint64_t start);

}  // namespace ringside::traces
