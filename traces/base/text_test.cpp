// The catalogue of texts: lookups, missing and malformed entries, and that every key used in the sources has an English text.
#include "traces/base/text.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace text = ringside::text;

namespace {

struct Use {
  std::string key;
  std::string where;
};

// Every literal key given to text::tr or text::lookup in the code of a file; comment lines do not count.
std::vector<Use> keys_used_in(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string code;
  for (std::string line; std::getline(in, line);) {
    const auto start = line.find_first_not_of(" \t");
    if (start != std::string::npos && line.compare(start, 2, "//") != 0) code += line + "\n";
  }
  static const std::regex pattern(R"re(text::(?:tr|lookup)\(\s*"([^"]+)")re");
  std::vector<Use> uses;
  for (auto match = std::sregex_iterator(code.begin(), code.end(), pattern); match != std::sregex_iterator(); ++match)
    uses.push_back({(*match)[1], path.string()});
  return uses;
}

std::vector<Use> keys_used() {
  std::vector<Use> uses;
  for (const char* folder : {"traces", "hwmodel", "vmm", "sim"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(std::filesystem::path(RINGSIDE_SOURCE_DIR) / folder)) {
      const std::string name = entry.path().filename().string();
      const bool source = name.ends_with(".cpp") || name.ends_with(".h");
      if (source && !name.ends_with("_test.cpp")) std::ranges::move(keys_used_in(entry.path()), std::back_inserter(uses));
    }
  return uses;
}

}  // namespace

TEST_CASE("every text key used in the sources has an English text") {
  const auto uses = keys_used();
  CHECK(uses.size() >= 20);  // the search sees the sources at all
  REQUIRE(text::set_language("en"));
  for (const auto& use : uses)
    if (!text::known(use.key)) FAIL_CHECK(use.key << " used in " << use.where << " has no text in catalogue/en");
}

TEST_CASE("a text is filled in; a key without one stands for itself") {
  CHECK(text::tr("traces.read.open", "a.rst", "no such file") == "Cannot open the trace a.rst: no such file.");
  CHECK(text::tr("traces.no_such_key", 1) == "traces.no_such_key");
  CHECK_FALSE(text::known("traces.no_such_key"));
}

TEST_CASE("a text with too few values comes back as it is, without a throw") {
  CHECK(text::tr("traces.read.open") == std::string(text::lookup("traces.read.open")));
}

TEST_CASE("an unknown language is refused and changes nothing") {
  CHECK_FALSE(text::set_language("tlh"));
  CHECK(text::tr("traces.module") == "traces");
}
