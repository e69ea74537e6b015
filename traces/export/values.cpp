#include "traces/export/values.h"

#include <fmt/format.h>

#include "traces/schema/printable.h"

namespace ringside::traces {

template <class Names>
std::string value_text(Unit unit, const Names& names, const FieldValue& value) {
  switch (unit) {
    case Unit::kText: return printable(value.text);
    case Unit::kCode: {
      const auto* bytes = reinterpret_cast<const uint8_t*>(value.text.data());
      return fmt::format("{:02x}", fmt::join(bytes, bytes + value.text.size(), " "));
    }
    case Unit::kReferences: return references_text(value.references);
    case Unit::kAddress:
    case Unit::kBits: return fmt::format("{:#x}", value.number);
    case Unit::kEnum: return value.number < names.size() ? printable(names[value.number]) : fmt::format("{}", value.number);
    case Unit::kCount:
    case Unit::kTime:
    case Unit::kBytes:
    case Unit::kFlag: break;
  }
  return fmt::format("{}", value.number);
}

template std::string value_text(Unit, const std::span<const std::string_view>&, const FieldValue&);
template std::string value_text(Unit, const std::vector<std::string>&, const FieldValue&);

bool is_json_number(Unit unit) { return unit == Unit::kCount || unit == Unit::kTime || unit == Unit::kBytes || unit == Unit::kFlag; }

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace ringside::traces
