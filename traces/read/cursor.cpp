#include "traces/read/cursor.h"

#include "traces/read/open_file.h"

namespace ringside::traces {

Cursor::Cursor(const OpenFile& file, size_t chunk, uint64_t ordinal) : file_(&file), reader_(file), chunk_(chunk), upcoming_(ordinal) {}

uint64_t Cursor::time() const {
  return std::visit([](const auto& event) { return event.time; }, event_);
}

// Makes chunk_ current and passes over its events before upcoming_. False: the chunk is damaged.
bool Cursor::load() {
  const IndexEntry& entry = file_->chunks.entries[chunk_];
  if (!reader_.load(chunk_)) return false;
  auto ignore = [](const auto&) {};
  uint64_t at = entry.first_ordinal;
  for (; at < upcoming_ && reader_.more(); ++at) reader_.records().next(ignore);
  upcoming_ = at;
  return loaded_ = true;
}

bool Cursor::next() {
  bool taken = false;
  auto take = [&]<class E>(const E& event) {
    if constexpr (!std::is_same_v<E, UnknownEvent>) {
      if (from_time_ && event.time < *from_time_) return;
      event_ = event;
      taken = true;
    }
  };
  while (chunk_ < file_->chunks.entries.size()) {
    const IndexEntry& entry = file_->chunks.entries[chunk_];
    const uint64_t end = entry.first_ordinal + entry.event_count;
    if (loaded_ || load()) {
      while (upcoming_ < end && reader_.more()) {
        reader_.records().next(take);
        if (!reader_.records().good()) break;
        ordinal_ = upcoming_++;
        if (!taken) continue;
        from_time_.reset();
        return true;
      }
      reader_.check(upcoming_ - entry.first_ordinal, upcoming_ == end);
    }
    loaded_ = false;
    ++chunk_;
    if (chunk_ < file_->chunks.entries.size()) upcoming_ = std::max(upcoming_, file_->chunks.entries[chunk_].first_ordinal);
  }
  return false;
}

}  // namespace ringside::traces
