// The rules a source tree must keep, as one function from a folder to the list of what breaks them: one-way includes,
// head comments, no .cpp inside a .cpp, every catalogue key present. Called by layering_test.cpp on the
// repository, and on small bad trees to show that each rule can fail.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ringside::tests {

struct Violation {
  std::string rule;   // "upward include", "missing include", "cpp include", "head comment", "catalogue key", "catalogue file"
  std::string where;  // file:line, relative to the root
  std::string what;   // one sentence
};

// Layers in link order; a file of one may include those of the same and of earlier ones.
// The visualizer's app/ may link sim; it and lessons come last and nothing includes them.
std::vector<std::string> layers();

// C++ files (.h, .cpp) below the layers' folders and tests/, sorted; build and hidden folders are not entered.
std::vector<std::filesystem::path> source_files(const std::filesystem::path& root);

std::vector<Violation> check_source_tree(const std::filesystem::path& root);

}  // namespace ringside::tests
