// Which mistyped names get a suggestion.
#include "sim/suggest.h"

#include "tests/catch.h"

using ringside::sim::nearest;

TEST_CASE("the nearest name is suggested, a far one is not") {
  const std::vector<std::string> names = {"--kernel", "--initrd", "--memory", "--max-exits", "--max-instructions"};
  CHECK(nearest("--kernle", names) == "--kernel");
  CHECK(nearest("--initd", names) == "--initrd");
  CHECK(nearest("--max-exit", names) == "--max-exits");
  CHECK(nearest("--frobnicate", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest(std::string(100'000, 'x'), names).empty());
  CHECK(nearest("run", {}).empty());
}
