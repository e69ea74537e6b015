#include "traces/schema/chunk_summary.h"

#include "traces/schema/file_format.h"
#include "traces/schema/varint.h"

namespace ringside::traces {
namespace {

void put(std::vector<uint8_t>& out, uint64_t value) {
  uint8_t bytes[kMaxVarint + 8];
  out.insert(out.end(), bytes, put_varint(bytes, value));
}

// Reads varints from untrusted bytes; `ok` turns false at the first that is cut.
class Source {
 public:
  explicit Source(std::span<const uint8_t> bytes) : padded_(bytes.begin(), bytes.end()), size_(bytes.size()) {
    padded_.resize(size_ + kMaxVarint);
  }
  uint64_t get() {
    uint64_t value = 0;
    if (at_ >= size_) ok_ = false;
    if (!ok_) return 0;
    at_ = static_cast<size_t>(get_varint(padded_.data() + at_, value) - padded_.data());
    if (at_ > size_) ok_ = false;
    return ok_ ? value : 0;
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && at_ == size_; }

 private:
  std::vector<uint8_t> padded_;
  size_t size_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace

std::vector<uint8_t> encode(const ChunkSummary& summary) {
  std::vector<uint8_t> kinds, reasons, out;
  size_t kind_count = 0, reason_count = 0;
  for (size_t i = 0; i < summary.events.size(); ++i) {
    if (!summary.events[i]) continue;
    put(kinds, i);
    put(kinds, summary.events[i]);
    ++kind_count;
  }
  for (size_t i = 0; i < summary.reasons.size(); ++i) {
    if (!summary.reasons[i].samples) continue;
    put(reasons, i);
    put(reasons, summary.reasons[i].samples);
    put(reasons, summary.reasons[i].time);
    ++reason_count;
  }
  put(out, kind_count);
  out.insert(out.end(), kinds.begin(), kinds.end());
  put(out, reason_count);
  out.insert(out.end(), reasons.begin(), reasons.end());
  return out;
}

bool decode(std::span<const uint8_t> bytes, size_t kinds, ChunkSummary& summary) {
  summary.reset(kinds);
  if (bytes.size() > kMaxSummary) return false;
  Source source(bytes);
  for (uint64_t n = source.get(); n && source.ok(); --n) {
    const uint64_t kind = source.get(), count = source.get();
    if (kind >= kinds) return false;
    summary.events[kind] = count;
  }
  for (uint64_t n = source.get(); n && source.ok(); --n) {
    const uint64_t reason = source.get(), samples = source.get(), time = source.get();
    // A reason added by a later version counts as unknown here.
    auto& total = summary.reasons[reason < kExitReasonCount ? reason : 0];
    total.samples += samples;
    total.time += time;
  }
  return source.done();
}

}  // namespace ringside::traces
