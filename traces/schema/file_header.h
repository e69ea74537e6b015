// The head of a trace file: clock and schema as JSON, so that a file says by itself what is in it. Written by ChunkFile,
// parsed by the reader, which compares the file's schema with its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "traces/base/result.h"
#include "traces/schema/event_kinds.h"
#include "traces/schema/field.h"

namespace ringside::traces {

// A schema as it stands in a file: what FieldInfo and EventInfo say, owned.
struct FieldDefinition {
  std::string name;
  Unit unit = Unit::kCount;
  Predict predict = Predict::kLast;
  std::string text;
  std::vector<std::string> names;

  FieldForm form() const { return form_of(unit); }
};
struct EventDefinition {
  std::string name;
  std::string text;
  std::vector<FieldDefinition> fields;
};
struct FileHeader {
  Clock clock;
  std::vector<EventDefinition> events;
  size_t size = 0;  // bytes of the header in the file; the first chunk follows
};

// The header of a file written by this version.
std::vector<uint8_t> encode_header(const Clock& clock);
// Error kInput names the rule broken and the value seen. `path` is for the message.
Result<FileHeader> parse_header(std::span<const uint8_t> file, const std::string& path);

}  // namespace ringside::traces
