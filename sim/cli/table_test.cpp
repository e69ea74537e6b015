// The two forms of a table: aligned text and JSON.
#include "sim/cli/table.h"

#include <sstream>

#include "tests/catch.h"

using namespace ringside::cli;

TEST_CASE("a table aligns its columns and gives its raw values as JSON") {
  Table table({{"Reason", "reason", Align::kLeft}, {"Samples", "samples"}, {"", "", Align::kLeft}});
  table.add({text_cell("port"), number_cell(1234567), text_cell("\u00b1 1")});
  table.add({text_cell("halt"), number_cell(7), text_cell("x")});
  std::ostringstream out;
  table.print(out);
  CHECK(out.str() ==
        "Reason    Samples  \n"
        "port    1,234,567  \u00b1 1\n"
        "halt            7  x\n");
  CHECK(table.json() == nlohmann::ordered_json::parse(R"([{"reason": "port", "samples": 1234567}, {"reason": "halt", "samples": 7}])"));
}
