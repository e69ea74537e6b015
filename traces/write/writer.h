// Writer: records events into a trace file. `emit` is what every run calls, millions of times; it only encodes into memory.
// Each full chunk is compressed and written with one write(2), so after kill -9 all chunks but the unfinished one are there.
// The same events give the same bytes. One thread at a time; the destructor closes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "traces/base/result.h"
#include "traces/schema/events.h"
#include "traces/write/encoder.h"

namespace ringside::traces {

class ChunkFile;  // write/chunk_file.h

struct WriterOptions {
  size_t chunk_bytes = 128 * 1024;  // of records before compression, 1 KiB to 512 KiB
  int compression_level = -5;       // zstd's. Measured on boot-like events: 1 costs 4 ns an event more and saves a sixth of the file
};

class Writer {
 public:
  // Creates or replaces the file and writes its header. Error kOutput: the path cannot be written.
  static Result<std::unique_ptr<Writer>> create(const std::string& path, const Clock& clock, const WriterOptions& options = {});
  ~Writer();
  Writer(const Writer&) = delete;

  // Records one event, in the order they happen (times may step back a little between vCPUs). Texts are copied. Once writing has
  // failed, or after close(), events are counted as lost. A RunStart is on disk when this returns.
  template <Event E>
  void emit(const E& event) {
    if (!recording_) [[unlikely]] {
      ++lost_events_;
      return;
    }
    encoder_.put(event);
    ++events_;
    if (encoder_.full() || std::is_same_v<E, RunStart>) [[unlikely]] finish_chunk();
  }

  // Ends the chunk now, so that what was emitted is on disk. For a run's end, a signal, a pause; smaller chunks compress worse.
  Result<void> flush();
  // Writes the last chunk and the index. Reports a failure that take_error() has not handed out yet. Further calls do nothing.
  Result<void> close();

  // The error that made the writer stop, once; later calls return nothing. Poll it where a run looks at its bounds.
  std::optional<Error> take_error();
  bool failed() const { return failed_; }

  uint64_t events() const { return events_; }            // emitted and not lost
  uint64_t lost_events() const { return lost_events_; }
  uint64_t record_bytes() const;                          // before compression, finished chunks
  uint64_t file_bytes() const;                            // in the file so far

 private:
  Writer(std::unique_ptr<ChunkFile> file, const WriterOptions& options);
  void finish_chunk();

  bool recording_ = true;  // neither failed nor closed
  bool failed_ = false;
  bool closed_ = false;
  Encoder encoder_;
  uint64_t events_ = 0;
  uint64_t lost_events_ = 0;
  uint64_t last_time_ = 0;  // of the last finished chunk
  std::unique_ptr<ChunkFile> file_;
  std::optional<Error> error_;
};

}  // namespace ringside::traces
