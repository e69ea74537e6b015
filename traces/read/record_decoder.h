// Turns the records of one chunk back into events: the mirror of write/encoder.h. Where the file describes an event as this
// version does, it decodes straight into the struct; otherwise field by field, matched by name, and unknown kinds become
// UnknownEvent. Never reads outside the chunk, whatever its bytes are. Used by Reader and Cursor.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "traces/schema/events.h"
#include "traces/schema/file_format.h"
#include "traces/schema/file_header.h"
#include "traces/schema/prediction.h"
#include "traces/schema/reference_codec.h"
#include "traces/schema/varint.h"

namespace ringside::traces {

struct FieldValue {
  uint64_t number = 0;
  std::string_view text{};  // of interned fields
  std::span<const WalkReference> references{};  // of lists
};

// An event of a kind this version does not know, as its file describes it.
struct UnknownEvent {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  const EventDefinition* definition = nullptr;
  std::span<const FieldValue> values;  // in the order of the definition
};

// How the kinds of a file relate to those of this version.
class SchemaMap {
 public:
  explicit SchemaMap(const std::vector<EventDefinition>& events);

  struct Kind {
    const EventDefinition* definition = nullptr;
    int own = -1;                         // index in AnyEvent, or -1
    bool exact = false;                   // same fields in the same order
    bool by_site = false;                 // has fields predicted by site
    std::array<int8_t, kMaxFields> own_field{};  // index of the file's field in ours, or -1
  };
  const Kind& operator[](size_t kind) const { return kinds_[kind]; }
  size_t size() const { return kinds_.size(); }

 private:
  std::vector<Kind> kinds_;
};

class RecordDecoder {
 public:
  // Bytes that must be readable after the records: no record's numbers reach further past the end.
  static constexpr size_t kPadding = 512;

  explicit RecordDecoder(const SchemaMap& schema) : schema_(&schema) {}

  // `records` must be followed by kPadding readable bytes and outlive the events' texts.
  void start(std::span<const uint8_t> records, uint64_t base_time);
  bool at_end() const { return next_ == end_; }
  // False once a record broke a rule; the rest of the chunk is then unusable.
  bool good() const { return good_; }

  // Decodes one record and calls `visit(event)` if it takes events of that type. Requires !at_end() and good().
  // Returns false where `visit` returned false.
  template <class Visit>
  bool next(Visit& visit);

 private:
  template <class M>
  static void assign(M& member, const FieldValue& value);
  template <class E, class Visit>
  static bool hand_over(const E& event, Visit& visit);
  template <class E, class Visit>
  bool decode(size_t kind, uint64_t time, uint32_t vcpu, uint64_t mask, Visit& visit);
  template <class E, class Visit>
  bool convert(const SchemaMap::Kind& map, uint64_t time, uint32_t vcpu, Visit& visit);
  template <class E>
  void note(uint64_t time, uint32_t vcpu);
  uint64_t text_number();
  std::span<const WalkReference> references(bool present);
  void decode_generic(size_t kind, uint64_t time, uint32_t vcpu, uint64_t mask);

  const SchemaMap* schema_;
  const uint8_t* next_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool good_ = true;
  Prediction prediction_;
  std::vector<std::array<uint64_t, kMaxFields>> last_;
  std::vector<std::vector<uint64_t>> sites_;  // site x field, of kinds with fields predicted by site
  std::vector<uint64_t> last_time_;
  std::vector<std::string_view> texts_;
  ReferenceCodec codec_;
  std::vector<WalkReference> list_;  // of the record decoded last
  std::array<FieldValue, kMaxFields> values_{};
};

template <class M>
void RecordDecoder::assign(M& member, const FieldValue& value) {
  if constexpr (std::is_same_v<M, std::string_view>) member = value.text;
  else if constexpr (std::is_same_v<M, InstructionBytes>)
    member = InstructionBytes({reinterpret_cast<const uint8_t*>(value.text.data()), value.text.size()});
  else if constexpr (std::is_same_v<M, std::span<const WalkReference>>) member = value.references;
  else if constexpr (std::is_enum_v<M>) member = static_cast<M>(value.number < kEnumNames<M>.size() ? value.number : 0);
  else if constexpr (std::is_same_v<M, bool>) member = value.number != 0;
  else member = static_cast<M>(value.number);
}

template <class E, class Visit>
bool RecordDecoder::hand_over(const E& event, Visit& visit) {
  if constexpr (!std::is_invocable_v<Visit&, const E&>) return true;
  else if constexpr (std::is_void_v<std::invoke_result_t<Visit&, const E&>>) return visit(event), true;
  else return visit(event);
}

template <class E>
void RecordDecoder::note(uint64_t time, uint32_t vcpu) {
  if constexpr (std::is_same_v<E, Exit>) prediction_.note_exit(time, vcpu);
  if constexpr (std::is_same_v<E, Entry>) prediction_.note_entry(time, vcpu);
}

template <class E, class Visit>
bool RecordDecoder::decode(size_t kind, uint64_t time, uint32_t vcpu, uint64_t mask, Visit& visit) {
  E event;
  event.time = time;
  event.vcpu = vcpu;
  if (mask >> kFieldCount<E>) [[unlikely]] good_ = false;
  auto& lasts = last_[kind];
  const uint64_t last_time = last_time_[kind];
  [&]<size_t... I>(std::index_sequence<I...>) {
    (
        [&] {
          constexpr const auto& field = std::get<I>(Description<E>::kFields);
          uint64_t& last = field.info.predict == Predict::kSite ? sites_[kind][prediction_.site() * kFieldCount<E> + I] : lasts[I];
          uint64_t value;
          if constexpr (field.info.form() == FieldForm::kList) {
            value = mask >> I & 1;
            assign(event.*field.member, {.references = references(value)});
          } else if constexpr (field.info.interned()) {
            value = mask >> I & 1 ? text_number() : last;
            assign(event.*field.member, {.text = texts_[value]});
          } else {
            value = prediction_.predict(field.info.predict, last, last_time, time, vcpu);
            if (mask >> I & 1) {
              uint64_t difference;
              next_ = get_varint(next_, difference);
              value += unzigzag(difference);
            }
            assign(event.*field.member, {.number = value});
            if constexpr (field.info.predict == Predict::kRip) prediction_.set_rip(value);
          }
          last = value;
        }(),
        ...);
  }(std::make_index_sequence<kFieldCount<E>>{});
  last_time_[kind] = time;
  note<E>(time, vcpu);
  if (!good_ || next_ > end_) [[unlikely]] {
    good_ = false;
    return true;
  }
  return hand_over(event, visit);
}

template <class E, class Visit>
bool RecordDecoder::convert(const SchemaMap::Kind& map, uint64_t time, uint32_t vcpu, Visit& visit) {
  E event;
  event.time = time;
  event.vcpu = vcpu;
  for (size_t i = 0; i < map.definition->fields.size(); ++i) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      ((map.own_field[i] == static_cast<int>(I)
            ? assign(event.*std::get<I>(Description<E>::kFields).member, values_[i])
            : void()),
       ...);
    }(std::make_index_sequence<kFieldCount<E>>{});
  }
  return hand_over(event, visit);
}

template <class Visit>
bool RecordDecoder::next(Visit& visit) {
  const uint8_t head = *next_++;
  uint64_t kind = head & kKindMask, difference = 0, mask = 0, vcpu = prediction_.vcpu;
  if (kind == kKindMask) [[unlikely]] {
    next_ = get_varint(next_, kind);
    kind = kind < kMaxEventKinds ? kind + kKindMask : kMaxEventKinds;
  }
  if (head & kOtherVcpu) next_ = get_varint(next_, vcpu);
  if (!(head & kSameTime)) next_ = get_varint(next_, difference);
  if (!(head & kAsPredicted)) next_ = get_varint(next_, mask);
  if (kind >= schema_->size() || vcpu >= kMaxVcpus || next_ > end_) [[unlikely]] {
    good_ = false;
    return true;
  }
  const uint64_t time = prediction_.time + difference;
  prediction_.time = time;
  prediction_.vcpu = static_cast<uint32_t>(vcpu);
  const auto& map = (*schema_)[kind];
  const auto cpu = static_cast<uint32_t>(vcpu);

  using Decode = bool (RecordDecoder::*)(size_t, uint64_t, uint32_t, uint64_t, Visit&);
  using Convert = bool (RecordDecoder::*)(const SchemaMap::Kind&, uint64_t, uint32_t, Visit&);
  static constexpr auto kTables = []<size_t... I>(std::index_sequence<I...>) {
    return std::pair{std::array<Decode, kEventKinds>{&RecordDecoder::decode<std::variant_alternative_t<I, AnyEvent>, Visit>...},
                     std::array<Convert, kEventKinds>{&RecordDecoder::convert<std::variant_alternative_t<I, AnyEvent>, Visit>...}};
  }(std::make_index_sequence<kEventKinds>{});

  if (map.exact) [[likely]] return (this->*kTables.first[static_cast<size_t>(map.own)])(kind, time, cpu, mask, visit);
  decode_generic(kind, time, cpu, mask);
  if (!good_) return true;
  if (map.own >= 0) return (this->*kTables.second[static_cast<size_t>(map.own)])(map, time, cpu, visit);
  return hand_over(UnknownEvent{time, cpu, map.definition, {values_.data(), map.definition->fields.size()}}, visit);
}

}  // namespace ringside::traces
