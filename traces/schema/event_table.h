// The schema as data at run time: every event with its fields, made from the descriptions in events.h, and the same table as
// Markdown. Called by the writer (which stores it in each file), the exporters and `ringside schema`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "traces/schema/events.h"

namespace ringside::traces {

struct EventInfo {
  std::string_view name;
  std::string_view text;
  std::span<const FieldInfo> fields;
};

// In the order of AnyEvent.
std::span<const EventInfo> event_table();
// The reference of the trace schema: events, fields, units, values of enums, exit reasons with every numbering.
std::string schema_markdown();

// Calls `visit(info, value)` for each field of an event; value is the member itself.
template <Event E, class Visit>
void for_each_field(const E& event, Visit&& visit) {
  std::apply([&](const auto&... fields) { (visit(fields.info, event.*fields.member), ...); }, Description<E>::kFields);
}

}  // namespace ringside::traces
