// Cursor: walks a trace event by event, forwards from any point. For code that needs to stop and look; visiting is faster.
#pragma once

#include "traces/read/reader.h"

namespace ringside::traces {

class Cursor {
 public:
  // Moves to the next event of a known kind; false at the end. Damaged chunks are skipped.
  bool next();
  // The event next() moved to. Its texts live until the next call of next().
  const AnyEvent& event() const { return event_; }
  uint64_t ordinal() const { return ordinal_; }
  uint64_t time() const;

 private:
  friend class Reader;
  Cursor(const OpenFile& file, size_t chunk, uint64_t ordinal);
  bool load();

  const OpenFile* file_;
  ChunkReader reader_;
  size_t chunk_;
  bool loaded_ = false;
  uint64_t upcoming_;      // ordinal of the next record to decode
  uint64_t ordinal_ = 0;
  std::optional<uint64_t> from_time_;  // events before are passed over
  AnyEvent event_;
};

}  // namespace ringside::traces
