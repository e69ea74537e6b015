// Reader: a trace file, mapped into memory. Believes nothing: every length is held against the file, every chunk against its
// checksum; a bad chunk is skipped and counted, a file without its index (a killed run) is scanned. Copies of events' texts
// must be made by the visitor: they live as long as the event.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "traces/base/result.h"
#include "traces/read/record_decoder.h"
#include "traces/schema/chunk_summary.h"
#include "traces/schema/events.h"
#include "traces/schema/file_format.h"
#include "traces/schema/file_header.h"

namespace ringside::traces {

class Cursor;         // read/cursor.h
class ChunkReader;    // read/chunk_reader.h
struct OpenFile;      // read/open_file.h
class Bytes;          // read/open_file.h

// Which events: by their number in the file, from 0.
struct EventRange {
  uint64_t first = 0;
  uint64_t count = ~0ull;
};

struct VisitResult {
  uint64_t events = 0;          // handed out or skipped as unknown
  uint64_t unknown_events = 0;  // of kinds this version does not know
  uint64_t lost_events = 0;     // in chunks of the range that could not be read
  bool stopped = false;         // the visitor returned false
};

class Reader {
 public:
  // Error kInput: no such file, not a trace, a version or schema this program cannot read.
  static Result<Reader> open(const std::string& path);
  // The same for bytes in memory, which must outlive the reader; `name` is for messages.
  static Result<Reader> from_memory(std::span<const uint8_t> bytes, const std::string& name);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  const FileHeader& header() const;
  const Clock& clock() const { return header().clock; }
  // The first RunStart; its texts live as long as the reader.
  const std::optional<RunStart>& run() const;
  // True if the run closed its trace in order; false if it was killed or the index is damaged.
  bool complete() const;

  // All chunks with a sound header, in file order.
  std::span<const IndexEntry> chunks() const;
  // What stands beside a chunk; nothing if the chunk's header is damaged.
  std::optional<ChunkSummary> summary(size_t chunk) const;
  uint64_t event_count() const;   // those of unreadable chunks too
  uint64_t file_size() const;
  // Chunks known to be bad so far: found at opening (gaps in the sequence) or by reading. verify() makes it final.
  uint64_t damaged_chunks() const;
  // Bytes after the last whole chunk that are no index: what a killed writer left.
  uint64_t torn_bytes() const;
  // Reads and checks every chunk; the number of damaged ones.
  uint64_t verify() const;

  // Calls `visitor(event)` for every event of the range whose type it accepts: an `overloaded` set of lambdas, or a generic one;
  // const UnknownEvent& is offered too. A visitor returning false stops. At least 20 million events a second.
  template <class Visitor>
  VisitResult visit(Visitor&& visitor, EventRange range = {}) const;

  // An iterator at event `ordinal` (at the end if there are fewer), or at the first event at or after `time`.
  Cursor at(uint64_t ordinal) const;
  Cursor at_time(uint64_t time) const;

 private:
  friend class Cursor;
  explicit Reader(std::unique_ptr<OpenFile> file);
  static Result<Reader> finish_open(Bytes bytes, const std::string& name);
  std::unique_ptr<OpenFile> file_;
};

// std::visit's helper, for visitors made of lambdas.
template <class... Fs>
struct overloaded : Fs... { using Fs::operator()...; };
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

}  // namespace ringside::traces

#include "traces/read/chunk_reader.h"

namespace ringside::traces {

template <class Visitor>
VisitResult Reader::visit(Visitor&& visitor, EventRange range) const {
  VisitResult result;
  const uint64_t end = range.count > ~range.first ? ~0ull : range.first + range.count;
  ChunkReader chunk(*file_);
  uint64_t unknown = 0;
  auto counting = [&]<class E>(const E& event) -> bool {
    if constexpr (std::is_same_v<E, UnknownEvent>) ++unknown;
    if constexpr (!std::is_invocable_v<Visitor&, const E&>) return true;
    else if constexpr (std::is_void_v<std::invoke_result_t<Visitor&, const E&>>) return visitor(event), true;
    else return visitor(event);
  };
  auto ignoring = [](const auto&) {};
  for (size_t i = chunk.find(range.first); i < chunks().size() && chunks()[i].first_ordinal < end; ++i) {
    const IndexEntry& entry = chunks()[i];
    uint64_t ordinal = entry.first_ordinal;
    const uint64_t chunk_end = entry.first_ordinal + entry.event_count;
    if (!chunk.load(i)) {
      result.lost_events += entry.event_count;
      continue;
    }
    RecordDecoder& records = chunk.records();
    for (; ordinal < chunk_end && ordinal < range.first && chunk.more(); ++ordinal) records.next(ignoring);
    for (; ordinal < chunk_end && ordinal < end && chunk.more(); ++ordinal) {
      const bool go_on = records.next(counting);
      if (!records.good()) break;
      ++result.events;
      if (!go_on) {
        result.stopped = true;
        result.unknown_events = unknown;
        return result;
      }
    }
    if (!chunk.check(ordinal - entry.first_ordinal, ordinal == chunk_end)) result.lost_events += chunk_end - ordinal;
  }
  result.unknown_events = unknown;
  return result;
}

}  // namespace ringside::traces
