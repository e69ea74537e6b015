#include "traces/read/record_decoder.h"

#include <algorithm>

#include "traces/schema/event_table.h"

namespace ringside::traces {
namespace {

int index_of(std::span<const FieldInfo> fields, const std::string& name) {
  const auto at = std::find_if(fields.begin(), fields.end(), [&](const FieldInfo& f) { return f.name == name; });
  return at == fields.end() ? -1 : static_cast<int>(at - fields.begin());
}

SchemaMap::Kind map_kind(const EventDefinition& event) {
  SchemaMap::Kind kind;
  kind.definition = &event;
  kind.own_field.fill(-1);
  kind.by_site = std::ranges::any_of(event.fields, [](const FieldDefinition& field) { return field.predict == Predict::kSite; });
  const auto own = event_table();
  const auto match = std::find_if(own.begin(), own.end(), [&](const EventInfo& e) { return e.name == event.name; });
  if (match == own.end()) return kind;
  kind.own = static_cast<int>(match - own.begin());
  kind.exact = match->fields.size() == event.fields.size();
  for (size_t i = 0; i < event.fields.size(); ++i) {
    const auto& field = event.fields[i];
    const int at = index_of(match->fields, field.name);
    // A number never turns into a text or a list: such a field is no longer ours.
    const bool same_kind = at >= 0 && match->fields[static_cast<size_t>(at)].form() == field.form();
    if (same_kind) kind.own_field[i] = static_cast<int8_t>(at);
    kind.exact = kind.exact && same_kind && at == static_cast<int>(i) && match->fields[i].predict == field.predict;
  }
  return kind;
}

}  // namespace

SchemaMap::SchemaMap(const std::vector<EventDefinition>& events) {
  for (const auto& event : events) kinds_.push_back(map_kind(event));
}

void RecordDecoder::start(std::span<const uint8_t> records, uint64_t base_time) {
  next_ = records.data();
  end_ = next_ + records.size();
  good_ = true;
  prediction_.reset(base_time);
  last_.assign(schema_->size(), {});
  sites_.resize(schema_->size());
  for (size_t kind = 0; kind < schema_->size(); ++kind)
    if ((*schema_)[kind].by_site) sites_[kind].assign(kSites * (*schema_)[kind].definition->fields.size(), 0);
  last_time_.assign(schema_->size(), base_time);
  texts_.assign(1, std::string_view());
  codec_.reset();
}

std::span<const WalkReference> RecordDecoder::references(bool present) {
  if (!present) return {};
  const uint8_t* after = codec_.get(next_, end_, list_);
  good_ = good_ && after;
  if (after) next_ = after;
  return list_;
}

uint64_t RecordDecoder::text_number() {
  uint64_t number, size;
  next_ = get_varint(next_, number);
  if (number < texts_.size()) [[likely]] return number;
  const uint8_t* p = get_varint(next_, size);
  if (number > texts_.size() || p > end_ || size > kMaxText || size > static_cast<size_t>(end_ - p)) {
    good_ = false;
    return 0;
  }
  texts_.emplace_back(reinterpret_cast<const char*>(p), size);
  next_ = p + size;
  return number;
}

void RecordDecoder::decode_generic(size_t kind, uint64_t time, uint32_t vcpu, uint64_t mask) {
  const auto& map = (*schema_)[kind];
  const auto& fields = map.definition->fields;
  if (mask >> fields.size()) good_ = false;
  auto& lasts = last_[kind];
  for (size_t i = 0; i < fields.size() && good_; ++i) {
    const bool present = mask >> i & 1;
    uint64_t& last = fields[i].predict == Predict::kSite ? sites_[kind][prediction_.site() * fields.size() + i] : lasts[i];
    uint64_t value;
    if (fields[i].form() == FieldForm::kList) {
      value = present;
      values_[i] = {.references = references(present)};
    } else if (fields[i].form() == FieldForm::kInterned) {
      value = present ? text_number() : last;
      values_[i] = {.text = texts_[value]};
    } else {
      value = prediction_.predict(fields[i].predict, last, last_time_[kind], time, vcpu);
      uint64_t difference = 0;
      if (present) next_ = get_varint(next_, difference);
      value += unzigzag(difference);
      if (fields[i].predict == Predict::kRip) prediction_.set_rip(value);
      values_[i] = {.number = value};
    }
    last = value;
  }
  last_time_[kind] = time;
  if (map.own == static_cast<int>(kEventIndex<Exit>)) note<Exit>(time, vcpu);
  if (map.own == static_cast<int>(kEventIndex<Entry>)) note<Entry>(time, vcpu);
  if (next_ > end_) good_ = false;
}

}  // namespace ringside::traces
