#include "traces/schema/file_header.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "traces/base/text.h"
#include "traces/schema/crc32c.h"
#include "traces/schema/event_table.h"
#include "traces/schema/file_format.h"

namespace ringside::traces {
namespace {

using Json = nlohmann::ordered_json;

void append32(std::vector<uint8_t>& out, uint32_t value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

uint32_t load32(std::span<const uint8_t> bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Json field_json(const FieldInfo& field) {
  Json json = {{"name", field.name},
               {"unit", kUnitNames[static_cast<size_t>(field.unit)]},
               {"predict", kPredictNames[static_cast<size_t>(field.predict)]},
               {"text", field.text}};
  if (!field.names.empty()) json["names"] = std::vector<std::string>(field.names.begin(), field.names.end());
  return json;
}

Json event_json(const EventInfo& event) {
  Json fields = Json::array();
  for (const auto& field : event.fields) fields.push_back(field_json(field));
  return {{"name", event.name}, {"text", event.text}, {"fields", std::move(fields)}};
}

// ---- parsing: every rule has its message ----

struct Malformed {
  std::string what;
};

const Json& member(const Json& object, const char* key) {
  const auto at = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || at == object.end()) throw Malformed{text::tr("traces.header.missing", key)};
  return *at;
}

std::string string_member(const Json& object, const char* key, size_t longest) {
  const Json& value = member(object, key);
  if (!value.is_string() || value.get_ref<const std::string&>().size() > longest) throw Malformed{text::tr("traces.header.not_text", key, longest)};
  return value.get<std::string>();
}

const Json& array_member(const Json& object, const char* key, size_t most) {
  const Json& value = member(object, key);
  if (!value.is_array()) throw Malformed{text::tr("traces.header.not_list", key)};
  if (value.size() > most) throw Malformed{text::tr("traces.header.too_many", key, value.size(), most)};
  return value;
}

// The place of a name in a list of this version.
template <class E>
E named(std::span<const std::string_view> names, const std::string& name, const char* key) {
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) throw Malformed{text::tr("traces.header.unknown_name", key, name)};
  return static_cast<E>(at - names.begin());
}

constexpr size_t kLongestName = 100;
constexpr size_t kLongestText = 1000;

FieldDefinition parse_field(const Json& json) {
  FieldDefinition field;
  field.name = string_member(json, "name", kLongestName);
  field.unit = named<Unit>(kUnitNames, string_member(json, "unit", kLongestName), "unit");
  field.predict = named<Predict>(kPredictNames, string_member(json, "predict", kLongestName), "predict");
  field.text = string_member(json, "text", kLongestText);
  if (json.contains("names"))
    for (const auto& name : array_member(json, "names", 4096)) {
      if (!name.is_string() || name.get_ref<const std::string&>().size() > kLongestName)
        throw Malformed{text::tr("traces.header.not_text", "names", kLongestName)};
      field.names.push_back(name.get<std::string>());
    }
  return field;
}

EventDefinition parse_event(const Json& json) {
  EventDefinition event;
  event.name = string_member(json, "name", kLongestName);
  event.text = string_member(json, "text", kLongestText);
  for (const auto& field : array_member(json, "fields", kMaxFields)) event.fields.push_back(parse_field(field));
  return event;
}

Clock parse_clock(const Json& json) {
  Clock clock;
  clock.unit = named<ClockUnit>(kClockUnitNames, string_member(json, "unit", kLongestName), "unit");
  const Json& ticks = member(json, "ticks_per_second");
  if (!ticks.is_number_unsigned() || ticks.get<uint64_t>() == 0) throw Malformed{text::tr("traces.header.bad_ticks", ticks.dump())};
  clock.ticks_per_second = ticks.get<uint64_t>();
  return clock;
}

FileHeader parse_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Malformed{text::tr("traces.header.not_json")};
  FileHeader header;
  header.clock = parse_clock(member(json, "clock"));
  for (const auto& event : array_member(json, "events", kMaxEventKinds)) header.events.push_back(parse_event(event));
  return header;
}

}  // namespace

std::vector<uint8_t> encode_header(const Clock& clock) {
  Json events = Json::array();
  for (const auto& event : event_table()) events.push_back(event_json(event));
  const Json json = {{"clock", {{"unit", kClockUnitNames[static_cast<size_t>(clock.unit)]}, {"ticks_per_second", clock.ticks_per_second}}},
                     {"events", std::move(events)}};
  const std::string text = json.dump(1) + "\n";

  std::vector<uint8_t> out(kFileMagic.begin(), kFileMagic.end());
  append32(out, kFileVersion);
  append32(out, static_cast<uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
  append32(out, crc32c(out));
  return out;
}

Result<FileHeader> parse_header(std::span<const uint8_t> file, const std::string& path) {
  const auto refuse = [&path](const std::string& rule) { return fail(ExitCode::kInput, text::tr("traces.header.refused", path, rule)); };
  if (file.size() < kFixedHeaderSize) return refuse(text::tr("traces.header.too_short", file.size(), kFixedHeaderSize));
  if (!std::equal(kFileMagic.begin(), kFileMagic.end(), file.begin()))
    return refuse(text::tr("traces.header.no_magic", fmt::format("{:02x}", fmt::join(file.first(kFileMagic.size()), " "))));
  if (const uint32_t version = load32(file, 8); version < kOldestFileVersion || version > kFileVersion)
    return refuse(text::tr("traces.header.version", version, kOldestFileVersion, kFileVersion));
  const uint32_t json_size = load32(file, 12);
  if (json_size > kMaxHeaderJson) return refuse(text::tr("traces.header.too_large", json_size, kMaxHeaderJson));
  const size_t size = kFixedHeaderSize + json_size + sizeof(uint32_t);
  if (file.size() < size) return refuse(text::tr("traces.header.cut", size, file.size()));
  const uint32_t stored = load32(file, size - 4), computed = crc32c(file.first(size - 4));
  if (stored != computed) return refuse(text::tr("traces.header.checksum", fmt::format("{:08x}", stored), fmt::format("{:08x}", computed)));
  try {
    FileHeader header = parse_json({reinterpret_cast<const char*>(file.data()) + kFixedHeaderSize, json_size});
    header.size = size;
    return header;
  } catch (const Malformed& malformed) {
    return refuse(malformed.what);
  }
}

}  // namespace ringside::traces
