#include "tests/layering/source_tree.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

namespace ringside::tests {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  // relative to the root, with '/'
  std::vector<std::string> lines;

  std::string folder() const { return path.substr(0, path.find('/')); }
  bool is_test() const {
    for (const char* ending : {"_test.cpp", "_fuzz.cpp", "_bench.cpp"})
      if (path.ends_with(ending)) return true;
    return folder() == "tests" || path.find("/testing/") != std::string::npos;  // helpers of a layer's tests
  }
};

SourceFile read(const fs::path& root, const fs::path& path) {
  SourceFile file{fs::relative(path, root).generic_string(), {}};
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) file.lines.push_back(line);
  return file;
}

// Position of a folder in the link order; one past the last for tests/, -1 for a name that is no layer.
int rank(const std::string& folder) {
  const auto order = layers();
  if (folder == "tests") return static_cast<int>(order.size());
  const auto at = std::find(order.begin(), order.end(), folder);
  return at == order.end() ? -1 : static_cast<int>(at - order.begin());
}

void check_include(const fs::path& root, const SourceFile& file, const std::string& where, const std::string& target,
                   std::vector<Violation>& out) {
  if (target.ends_with(".cpp")) out.push_back({"cpp include", where, "a .cpp file is included: " + target});
  const std::string folder = target.substr(0, target.find('/'));
  if (rank(folder) < 0 || !fs::exists(root / target)) {
    out.push_back({"missing include", where, "quoted includes are paths from the root, and there is no " + target});
    return;
  }
  const bool test_support = folder == "tests" && file.is_test();
  if (rank(folder) > rank(file.folder()) && !test_support)
    out.push_back({"upward include", where, file.folder() + " may not know " + folder + ": " + target});
}

void check_includes(const fs::path& root, const SourceFile& file, std::vector<Violation>& out) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*"([^"]+)")re");
  for (size_t i = 0; i < file.lines.size(); ++i) {
    std::smatch match;
    if (std::regex_search(file.lines[i], match, pattern))
      check_include(root, file, file.path + ":" + std::to_string(i + 1), match[1], out);
  }
}

// A .cpp whose header stands beside it is explained there; every other file says what it is in its first line.
void check_head_comment(const fs::path& root, const SourceFile& file, std::vector<Violation>& out) {
  if (file.path.ends_with(".cpp") && fs::exists(root / (file.path.substr(0, file.path.size() - 3) + "h"))) return;
  if (!file.lines.empty() && file.lines[0].starts_with("//") && file.lines[0].size() > 10) return;
  out.push_back({"head comment", file.path + ":1", "the file does not say in its first lines what it is"});
}

// Keys of all English catalogue files; malformed files are violations.
std::set<std::string> catalogue_keys(const fs::path& root, std::vector<Violation>& out) {
  std::set<std::string> keys;
  const fs::path folder = root / "traces/base/catalogue/en";
  if (!fs::exists(folder)) return keys;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    const auto json = nlohmann::json::parse(in, nullptr, false);
    const std::string where = fs::relative(entry.path(), root).generic_string();
    if (!json.is_object()) {
      out.push_back({"catalogue file", where, "not a JSON object"});
      continue;
    }
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) out.push_back({"catalogue file", where, "the text of " + key + " is not a string"});
      if (!keys.insert(key).second) out.push_back({"catalogue file", where, "a second text for " + key});
    }
  }
  return keys;
}

// The file as one text, whole-line comments left empty.
std::string code_of(const SourceFile& file) {
  std::string code;
  for (const auto& line : file.lines) {
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line.compare(start, 2, "//") != 0) code += line;
    code += '\n';
  }
  return code;
}

// Every literal key given to tr() or lookup() has a text.
void check_keys(const SourceFile& file, const std::set<std::string>& keys, std::vector<Violation>& out) {
  static const std::regex pattern(R"re(\b(?:tr|lookup)\(\s*"([A-Za-z0-9_.-]+)")re");
  const std::string code = code_of(file);
  for (auto match = std::sregex_iterator(code.begin(), code.end(), pattern); match != std::sregex_iterator(); ++match) {
    if (keys.contains((*match)[1])) continue;
    const auto line = 1 + std::count(code.begin(), code.begin() + match->position(1), '\n');
    out.push_back({"catalogue key", file.path + ":" + std::to_string(line), "no English text for " + (*match)[1].str()});
  }
}

}  // namespace

std::vector<std::string> layers() { return {"traces", "hwmodel", "vmm", "sim", "visualizer", "lessons"}; }

std::vector<fs::path> source_files(const fs::path& root) {
  std::vector<fs::path> files;
  auto folders = layers();
  folders.push_back("tests");
  for (const auto& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      if (entry.path().extension() == ".h" || entry.path().extension() == ".cpp") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Violation> check_source_tree(const fs::path& root) {
  std::vector<Violation> out;
  const auto keys = catalogue_keys(root, out);
  for (const auto& path : source_files(root)) {
    const SourceFile file = read(root, path);
    if (!file.path.starts_with("tests/guests/")) check_includes(root, file, out);  // guests are programs for another machine
    check_head_comment(root, file, out);
    if (!file.is_test()) check_keys(file, keys, out);
  }
  return out;
}

}  // namespace ringside::tests
