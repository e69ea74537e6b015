// Turns events into the records of one chunk. All of it is known at compile time: a record costs one pass over the event's
// fields, no virtual call and no table lookup. Called by the writer only.
//
//   record = head(1) [kind] [vcpu] [time] [mask field...]      numbers are varints (varint.h)
//     head   event kind and which of the others are left out [prediction.h]
//     time   difference to the event before; a step back is a difference of nearly 2^64
//     mask   bit i: field i is not as predicted, and follows
//     field  zigzag of (value - prediction); of a text its number, and where that is new its length and bytes; of a list
//            of references, unless it is empty, what reference_codec.h says
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "traces/schema/chunk_summary.h"
#include "traces/schema/file_format.h"
#include "traces/schema/prediction.h"
#include "traces/schema/reference_codec.h"
#include "traces/schema/varint.h"
#include "traces/write/dictionary.h"

namespace ringside::traces {

class Encoder {
 public:
  // A chunk is full when its records reach `chunk_bytes`.
  explicit Encoder(size_t chunk_bytes);

  void reset();
  bool full() const { return size() >= limit_; }
  bool empty() const { return count_ == 0; }
  std::span<const uint8_t> records() const { return {buffer_.data(), size()}; }
  size_t size() const { return static_cast<size_t>(next_ - buffer_.data()); }
  uint32_t count() const { return count_; }
  uint64_t base_time() const { return base_time_; }
  uint64_t min_time() const { return min_time_; }
  uint64_t max_time() const { return max_time_; }
  const ChunkSummary& summary() const { return summary_; }

  template <Event E>
  void put(const E& event);

 private:
  // No record is longer: numbers are bounded by their varints, texts by kMaxText.
  static constexpr size_t kMaxTexts = 14;
  static constexpr size_t kMaxRecord = 64 + kMaxFields * (kMaxVarint + 8) + kMaxTexts * (kMaxText + kMaxVarint) + ReferenceCodec::kMaxBytes;

  template <Event E>
  static constexpr size_t text_count() {
    return std::apply([](const auto&... f) { return (size_t{f.info.interned()} + ... + 0); }, Description<E>::kFields);
  }
  template <Event E>
  static constexpr size_t list_count() {
    return std::apply([](const auto&... f) { return (size_t{f.info.form() == FieldForm::kList} + ... + 0); }, Description<E>::kFields);
  }
  static std::string_view view(std::string_view text) { return text.substr(0, kMaxText); }
  static std::string_view view(const InstructionBytes& code) { return code.view(); }

  // Texts here are a few bytes long: a call of memcmp would cost more than comparing them.
  static bool same_text(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    size_t at = 0;
    for (; at + 8 <= a.size(); at += 8)
      if (std::memcmp(a.data() + at, b.data() + at, 8) != 0) return false;
    for (; at < a.size(); ++at)
      if (a[at] != b[at]) return false;
    return true;
  }
  // The number that stands for a member: itself, its text's, or whether the list has anything.
  template <class M>
  uint64_t number(const M& member, uint64_t last) {
    if constexpr (std::is_same_v<M, std::string_view> || std::is_same_v<M, InstructionBytes>) {
      const std::string_view text = view(member);
      return same_text(text, dictionary_.text(static_cast<uint32_t>(last))) ? last : dictionary_.number_of(text);
    } else if constexpr (std::is_same_v<M, std::span<const WalkReference>>) {
      return !member.empty();
    } else {
      return static_cast<uint64_t>(member);
    }
  }
  [[gnu::noinline]] void begin_chunk(uint64_t time);
  uint8_t* put_head(uint8_t* p, size_t kind, uint64_t time, uint32_t vcpu, uint64_t mask);
  [[gnu::noinline]] uint8_t* put_text(uint8_t* p, uint32_t number);
  [[gnu::noinline]] uint8_t* put_references(uint8_t* p, std::span<const WalkReference> list) { return references_.put(p, list); }
  template <Event E>
  void note(const E& event);

  std::vector<uint8_t> buffer_;
  size_t limit_;
  uint8_t* next_ = nullptr;
  uint32_t count_ = 0;
  uint32_t texts_written_ = 1;  // numbers below stand in the chunk already
  uint64_t base_time_ = 0, min_time_ = 0, max_time_ = 0;
  Prediction prediction_;
  Dictionary dictionary_;
  ReferenceCodec references_;
  std::array<std::array<uint64_t, kMaxFields>, kEventKinds> last_{};
  std::array<std::vector<uint64_t>, kEventKinds> sites_;  // site x field, of kinds with fields predicted by site
  std::array<uint64_t, kEventKinds> last_time_{};
  ChunkSummary summary_;
  // Across chunks: the exit each vCPU is in, for the summary.
  struct Open { ExitReason reason = ExitReason::kUnknown; bool valid = false; uint64_t time = 0; };
  std::array<Open, kMaxVcpus> open_{};
};

// Everything up to the mask, for a record whose fields are as predicted if `mask` is 0.
inline uint8_t* Encoder::put_head(uint8_t* p, size_t kind, uint64_t time, uint32_t vcpu, uint64_t mask) {
  const uint64_t difference = time - prediction_.time;
  uint8_t head = kind < kKindMask ? static_cast<uint8_t>(kind) : kKindMask;
  if (vcpu != prediction_.vcpu) head |= kOtherVcpu;
  if (difference == 0) head |= kSameTime;
  if (mask == 0) head |= kAsPredicted;
  *p++ = head;
  if (kind >= kKindMask) p = put_varint(p, kind - kKindMask);
  if (head & kOtherVcpu) p = put_varint(p, vcpu);
  if (difference) p = put_varint(p, difference);
  if (mask) p = put_varint(p, mask);
  prediction_.time = time;
  prediction_.vcpu = vcpu;
  return p;
}

template <Event E>
void Encoder::note(const E& event) {
  if constexpr (std::is_same_v<E, Exit>) {
    prediction_.note_exit(event.time, event.vcpu);
    open_[event.vcpu % kMaxVcpus] = {event.reason, true, event.time};
  } else if constexpr (std::is_same_v<E, Entry>) {
    prediction_.note_entry(event.time, event.vcpu);
    auto& open = open_[event.vcpu % kMaxVcpus];
    if (!open.valid) return;
    auto& total = summary_.reasons[static_cast<size_t>(open.reason) < kExitReasonCount ? static_cast<size_t>(open.reason) : 0];
    ++total.samples;
    total.time += event.time >= open.time ? event.time - open.time : 0;
    open.valid = false;
  }
}

// flatten: everything in one function, so that the mask and the stored values stay in registers (measured: a third faster).
template <Event E>
[[gnu::flatten]] void Encoder::put(const E& event) {
  constexpr size_t kKind = kEventIndex<E>;
  constexpr size_t kFields = kFieldCount<E>;
  static_assert(kFields <= kMaxFields && text_count<E>() <= kMaxTexts && list_count<E>() <= 1);
  assert(event.vcpu < kMaxVcpus && "the format has room for kMaxVcpus processors");

  if (count_ == 0) [[unlikely]] begin_chunk(event.time);
  ++count_;
  ++summary_.events[kKind];
  if (event.time < min_time_) min_time_ = event.time;
  if (event.time > max_time_) max_time_ = event.time;

  uint8_t* p = next_;
  std::array<uint64_t, kFields> stored;  // what goes into the file for each field
  uint64_t mask = 0;
  [&]<size_t... I>(std::index_sequence<I...>) {
    (
        [&] {
          constexpr const auto& field = std::get<I>(Description<E>::kFields);
          uint64_t& last = field.info.predict == Predict::kSite ? sites_[kKind][prediction_.site() * kFields + I] : last_[kKind][I];
          const uint64_t value = number(event.*field.member, last);
          constexpr bool kIsList = field.info.form() == FieldForm::kList;
          const uint64_t expected = kIsList ? 0 : prediction_.predict(field.info.predict, last, last_time_[kKind], event.time, event.vcpu);
          stored[I] = field.info.interned() ? value : zigzag(value - expected);
          mask |= uint64_t{value != expected} << I;
          last = value;
          if constexpr (field.info.predict == Predict::kRip) prediction_.set_rip(value);
        }(),
        ...);
    p = put_head(p, kKind, event.time, event.vcpu % kMaxVcpus, mask);
    if (mask == 0) return;
    (
        [&] {
          constexpr const auto& field = std::get<I>(Description<E>::kFields);
          if (!(mask >> I & 1)) return;
          if constexpr (field.info.form() == FieldForm::kList) {
            p = put_references(p, event.*field.member);
            return;
          }
          p = put_varint(p, stored[I]);
          if constexpr (field.info.interned())
            if (stored[I] == texts_written_) p = put_text(p, static_cast<uint32_t>(stored[I]));
        }(),
        ...);
  }(std::make_index_sequence<kFields>{});
  last_time_[kKind] = event.time;
  note(event);
  next_ = p;
}

}  // namespace ringside::traces
