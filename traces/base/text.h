// The catalogue of user-facing texts: tr("key", values...) formats the text of that key in the current language.
// Texts live in base/catalogue/<language>/*.json, one file per module, as {"key": "fmt format string"}.
// A test checks that every key used in the sources exists.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace ringside::text {

struct CatalogueFile {
  const char* language;
  const char* json;
};
extern const CatalogueFile kCatalogueFiles[];
extern const unsigned kCatalogueFileCount;

// The format string of a key; English where the current language lacks it; the key itself where no language has it.
std::string_view lookup(std::string_view key);
// True if the current language or English has the key.
bool known(std::string_view key);
// "en" (default) or another language of the catalogue; false if the catalogue has none of that name.
bool set_language(std::string_view language);

// Text of `key` with fmt arguments filled in. A malformed catalogue entry yields the raw format string, never a throw.
template <class... Args>
std::string tr(std::string_view key, const Args&... args) {
  try {
    return fmt::format(fmt::runtime(lookup(key)), args...);
  } catch (const fmt::format_error&) {
    return std::string(lookup(key));
  }
}

}  // namespace ringside::text
