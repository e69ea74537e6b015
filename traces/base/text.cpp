#include "traces/base/text.h"

#include <map>
#include <nlohmann/json.hpp>

namespace ringside::text {
namespace {

using Table = std::map<std::string, std::string, std::less<>>;

// All languages, parsed once on first use.
const std::map<std::string, Table, std::less<>>& tables() {
  static const auto parsed = [] {
    std::map<std::string, Table, std::less<>> all;
    for (unsigned i = 0; i < kCatalogueFileCount; ++i) {
      const auto json = nlohmann::json::parse(kCatalogueFiles[i].json);
      for (const auto& [key, value] : json.items()) all[kCatalogueFiles[i].language][key] = value.get<std::string>();
    }
    return all;
  }();
  return parsed;
}

std::string& current_language() {
  static std::string language = "en";
  return language;
}

const std::string* find(std::string_view language, std::string_view key) {
  const auto table = tables().find(language);
  if (table == tables().end()) return nullptr;
  const auto entry = table->second.find(key);
  return entry == table->second.end() ? nullptr : &entry->second;
}

}  // namespace

std::string_view lookup(std::string_view key) {
  if (const std::string* text = find(current_language(), key)) return *text;
  if (const std::string* text = find("en", key)) return *text;
  return key;
}

bool known(std::string_view key) { return find(current_language(), key) || find("en", key); }

bool set_language(std::string_view language) {
  if (!tables().contains(language)) return false;
  current_language() = language;
  return true;
}

}  // namespace ringside::text
