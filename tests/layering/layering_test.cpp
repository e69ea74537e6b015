// The repository keeps its rules, and each rule can fail: small bad trees are written and must be caught.
#include <unistd.h>

#include <fstream>

#include "tests/catch.h"
#include "tests/layering/source_tree.h"

using namespace ringside::tests;
namespace fs = std::filesystem;

namespace {

// A tree in a temporary folder, removed with the object.
class Tree {
 public:
  Tree() {
    std::string name = (fs::temp_directory_path() / "ringside-layering-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    root = name;
    add("traces/base/catalogue/en/traces.json", R"({"traces.known": "text"})");
    add("traces/base/a.h", "// A file that keeps every rule.\n#pragma once\n");
    add("vmm/b.h", "// Another one, a layer above.\n#include \"traces/base/a.h\"\n");
  }
  ~Tree() { fs::remove_all(root); }
  void add(const std::string& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  fs::path root;
};

// The rules broken by one more file in an otherwise good tree.
std::vector<std::string> rules_broken_by(const std::string& path, const std::string& text) {
  const Tree tree;
  tree.add(path, text);
  std::vector<std::string> rules;
  for (const auto& violation : check_source_tree(tree.root)) rules.push_back(violation.rule);
  return rules;
}

using Rules = std::vector<std::string>;
const std::string kHead = "// A head comment that says what this is.\n";

}  // namespace

TEST_CASE("the repository keeps the rules of its source tree") {
  const auto files = source_files(RINGSIDE_SOURCE_DIR);
  CHECK(files.size() > 20);  // the walk sees the tree at all
  for (const auto& violation : check_source_tree(RINGSIDE_SOURCE_DIR))
    FAIL_CHECK(violation.where << ": " << violation.rule << ": " << violation.what);
}

TEST_CASE("a good tree breaks no rule") {
  CHECK(rules_broken_by("sim/c.cpp", kHead + "#include \"vmm/b.h\"\n#include <vector>\nauto t = tr(\"traces.known\");\n").empty());
}

TEST_CASE("an upward include is caught") {
  CHECK(rules_broken_by("traces/base/c.h", kHead + "#include \"vmm/b.h\"\n") == Rules{"upward include"});
  CHECK(rules_broken_by("traces/base/c.h", kHead + "  #  include \"vmm/b.h\"  // why\n") == Rules{"upward include"});
}

TEST_CASE("only tests may include from tests/") {
  const Tree tree;
  tree.add("tests/catch.h", kHead);
  tree.add("vmm/c_test.cpp", kHead + "#include \"tests/catch.h\"\n");
  CHECK(check_source_tree(tree.root).empty());
  tree.add("vmm/c.cpp", kHead + "#include \"tests/catch.h\"\n");
  CHECK(check_source_tree(tree.root).size() == 1);
}

TEST_CASE("an include that is no path from the root is caught") {
  CHECK(rules_broken_by("vmm/c.h", kHead + "#include \"b.h\"\n") == Rules{"missing include"});
}

TEST_CASE("a .cpp including a .cpp is caught") {
  const Tree tree;
  tree.add("vmm/c.cpp", kHead);
  tree.add("vmm/d.cpp", kHead + "#include \"vmm/c.cpp\"\n");
  const auto violations = check_source_tree(tree.root);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0].rule == "cpp include");
  CHECK(violations[0].where == "vmm/d.cpp:2");
}

TEST_CASE("a file without a head comment is caught, a .cpp beside its header is not") {
  CHECK(rules_broken_by("vmm/c.h", "#pragma once\n") == Rules{"head comment"});
  CHECK(rules_broken_by("vmm/c.cpp", "") == Rules{"head comment"});
  CHECK(rules_broken_by("vmm/b.cpp", "#include \"vmm/b.h\"\n").empty());
}

TEST_CASE("a key on the line after its call is seen, one in a comment is not") {
  CHECK(rules_broken_by("vmm/c.cpp", kHead + "auto t = text::tr(\n    \"traces.unknown\", 1);\n") == Rules{"catalogue key"});
  CHECK(rules_broken_by("vmm/c.cpp", kHead + "  // text::tr(\"key\", values)\n").empty());
}

TEST_CASE("a text key without a text and a malformed catalogue are caught") {
  CHECK(rules_broken_by("vmm/c.cpp", kHead + "auto t = text::tr(\"traces.unknown\", 1);\n") == Rules{"catalogue key"});
  CHECK(rules_broken_by("traces/base/catalogue/en/vmm.json", "{\"a\": 1}") == Rules{"catalogue file"});
  CHECK(rules_broken_by("traces/base/catalogue/en/vmm.json", "{\"traces.known\": \"again\"}") == Rules{"catalogue file"});
  CHECK(rules_broken_by("traces/base/catalogue/en/vmm.json", "{") == Rules{"catalogue file"});
}
