#include "traces/write/encoder.h"

#include <algorithm>
#include <cstring>

#include "traces/schema/event_table.h"

namespace ringside::traces {

Encoder::Encoder(size_t chunk_bytes) : buffer_(chunk_bytes + kMaxRecord), limit_(chunk_bytes) {
  const auto by_site = [](const FieldInfo& field) { return field.predict == Predict::kSite; };
  for (size_t kind = 0; kind < kEventKinds; ++kind)
    if (std::ranges::any_of(event_table()[kind].fields, by_site)) sites_[kind].resize(kSites * event_table()[kind].fields.size());
  reset();
}

void Encoder::reset() {
  next_ = buffer_.data();
  count_ = 0;
  texts_written_ = 1;
  dictionary_.reset();
  references_.reset();
  for (auto& fields : last_) fields.fill(0);
  for (auto& kind : sites_) std::fill(kind.begin(), kind.end(), 0);
  last_time_.fill(0);
  summary_.reset(kEventKinds);
}

void Encoder::begin_chunk(uint64_t time) {
  base_time_ = min_time_ = max_time_ = time;
  prediction_.reset(time);
  last_time_.fill(time);
}

uint8_t* Encoder::put_text(uint8_t* p, uint32_t number) {
  const std::string_view text = dictionary_.text(number);
  p = put_varint(p, text.size());
  std::memcpy(p, text.data(), text.size());
  ++texts_written_;
  return p + text.size();
}

}  // namespace ringside::traces
