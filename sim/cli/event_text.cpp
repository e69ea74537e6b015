#include "sim/cli/event_text.h"

#include <fmt/format.h>

#include "sim/quantities.h"
#include "traces/schema/event_table.h"

namespace ringside::cli {
namespace {

using traces::FieldInfo;
using traces::InstructionBytes;
using traces::Unit;

// Text of the guest's choosing: control characters would move the terminal's cursor.
std::string printable(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f) out += fmt::format("\\x{:02x}", byte);
    else if (c == '"' || c == '\\') (out += '\\') += c;
    else out += c;
  }
  return out + '"';
}

// JSON must be UTF-8; bytes that are not are shown as Latin-1 letters.
std::string utf8(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) out += c;
    else out += static_cast<char>(0xc0 | byte >> 6), out += static_cast<char>(0x80 | (byte & 0x3f));
  }
  return out;
}

FieldText describe_field(const FieldInfo& info, std::string_view text) {
  return {std::string(info.name), text.empty() ? "" : printable(text), utf8(text)};
}

FieldText describe_field(const FieldInfo& info, const InstructionBytes& code) {
  std::string hex;
  for (const char byte : code.view()) hex += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return {std::string(info.name), hex, hex};
}

FieldText describe_field(const FieldInfo& info, std::span<const traces::WalkReference> list) {
  const std::string text = traces::references_text(list);
  return {std::string(info.name), text, text};
}

template <class M>
FieldText describe_field(const FieldInfo& info, M member) {
  const auto number = static_cast<uint64_t>(member);
  std::string name(info.name);
  switch (info.unit) {
    case Unit::kAddress:
    case Unit::kBits: return {name, fmt::format("{:#x}", number), number};
    case Unit::kFlag: return {name, number ? "yes" : "no", number != 0};
    case Unit::kEnum: {
      const std::string value(number < info.names.size() ? std::string(info.names[number]) : std::to_string(number));
      return {name, value, value};
    }
    case Unit::kCount:
    case Unit::kTime:
    case Unit::kBytes:
    case Unit::kText:
    case Unit::kCode:
    case Unit::kReferences: break;
  }
  return {name, std::to_string(number), number};
}

}  // namespace

EventText describe(const traces::AnyEvent& event) {
  return std::visit(
      [](const auto& e) {
        EventText text{traces::Description<std::decay_t<decltype(e)>>::kName, e.time, e.vcpu, {}};
        traces::for_each_field(e, [&](const FieldInfo& info, const auto& member) { text.fields.push_back(describe_field(info, member)); });
        return text;
      },
      event);
}

std::string line_of(uint64_t ordinal, const EventText& event) {
  std::string line = fmt::format("{:>9} {:>17} {} {:<15}", ordinal, sim::grouped(event.time), event.vcpu, event.kind);
  for (const auto& field : event.fields)
    if (!field.text.empty()) line += fmt::format(" {}={}", field.name, field.text);
  return line;
}

nlohmann::ordered_json json_of(uint64_t ordinal, const EventText& event) {
  nlohmann::ordered_json object = {{"event", ordinal}, {"time", event.time}, {"vcpu", event.vcpu}, {"kind", event.kind}};
  for (const auto& field : event.fields) object[field.name] = field.value;
  return object;
}

}  // namespace ringside::cli
