// Fields of events as text, alike for all exporters: one place decides that addresses are hexadecimal and codes are bytes.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "traces/export/exporter.h"
#include "traces/schema/event_table.h"

namespace ringside::traces {

// A field's value without its C++ type: what UnknownEvent has too.
template <class M>
FieldValue plain_value(const M& member) {
  if constexpr (std::is_same_v<M, std::string_view>) return {.text = member};
  else if constexpr (std::is_same_v<M, InstructionBytes>) return {.text = member.view()};
  else if constexpr (std::is_same_v<M, std::span<const WalkReference>>) return {.references = member};
  else return {.number = static_cast<uint64_t>(member)};
}

// "0x3f8", "HLT", "12", "0f a2". `names` are those of an enum's values.
template <class Names>
std::string value_text(Unit unit, const Names& names, const FieldValue& value);
extern template std::string value_text(Unit, const std::span<const std::string_view>&, const FieldValue&);
extern template std::string value_text(Unit, const std::vector<std::string>&, const FieldValue&);

// Whether a value of this unit is a number in JSON: addresses and codes are not, JSON's numbers lose bits above 2^53.
bool is_json_number(Unit unit);
// `text` as a JSON string, quotes included; broken UTF-8 and controls made visible.
std::string json_string(std::string_view text);

// Calls visit(name, time, vcpu, each) for an event of any kind, where each(take) calls take(field name, unit, text of value).
template <class E, class Visit>
void visit_fields(const E& event, Visit&& visit) {
  if constexpr (std::is_same_v<E, UnknownEvent>) {
    visit(event.definition->name, event.time, event.vcpu, [&](auto&& take) {
      for (size_t i = 0; i < event.values.size(); ++i) {
        const auto& field = event.definition->fields[i];
        take(std::string_view(field.name), field.unit, value_text(field.unit, field.names, event.values[i]));
      }
    });
  } else {
    visit(Description<E>::kName, event.time, event.vcpu, [&](auto&& take) {
      for_each_field(event, [&](const FieldInfo& field, const auto& member) {
        take(field.name, field.unit, value_text(field.unit, field.names, plain_value(member)));
      });
    });
  }
}

}  // namespace ringside::traces
