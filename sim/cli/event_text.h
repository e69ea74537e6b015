// Events as lines for people and as JSON for programs, straight from the schema: a new event needs no code here.
// Called by `ringside events`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "traces/read/reader.h"

namespace ringside::cli {

// One field of an event: its name, its value as people read it, and as JSON.
struct FieldText {
  std::string name, text;
  nlohmann::ordered_json value;
};

struct EventText {
  std::string_view kind;
  uint64_t time = 0;
  uint32_t vcpu = 0;
  std::vector<FieldText> fields;
};

EventText describe(const traces::AnyEvent& event);

// "     1,234  0  exit  reason=IO_INSTRUCTION rip=0xffffffff81000000 ..."; fields that are empty texts are left out.
std::string line_of(uint64_t ordinal, const EventText& event);
nlohmann::ordered_json json_of(uint64_t ordinal, const EventText& event);

}  // namespace ringside::cli
