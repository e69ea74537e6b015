// What people may write for sizes, counts and durations, and what is refused.
#include "sim/quantities.h"

#include "tests/catch.h"

using namespace ringside::sim;
using namespace std::chrono_literals;

TEST_CASE("sizes") {
  CHECK(parse_size("256M").value() == 256u << 20);
  CHECK(parse_size("1g").value() == 1u << 30);
  CHECK(parse_size("64KiB").value() == 65536);
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("0x100000").value() == 0x100000);
  for (const char* bad : {"", "M", "-1M", "12X", "12MM", "1.5G", "0x10M", "0x", " 1", "1 M", "12KiBB"}) {
    INFO(bad);
    REQUIRE(parse_size(bad).has_error());
    CHECK(parse_size(bad).error().code == ringside::ExitCode::kUsage);
    CHECK(parse_size(bad).error().message.find(bad) != std::string::npos);
  }
  CHECK(parse_size("18446744073709551615").has_value());
  CHECK(parse_size("18446744073709551616").has_error());
  CHECK(parse_size("99999999999G").has_error());
}

TEST_CASE("counts are decimal") {
  CHECK(parse_count("100M").value() == 100'000'000);
  CHECK(parse_count("3k").value() == 3000);
  CHECK(parse_count("1KiB").has_error());
}

TEST_CASE("durations") {
  CHECK(parse_duration("20").value() == 20s);
  CHECK(parse_duration("0.25").value() == 250ms);
  CHECK(parse_duration("500ms").value() == 500ms);
  CHECK(parse_duration("2m").value() == 120s);
  CHECK(parse_duration("1h").value() == 3600s);
  for (const char* bad : {"", "s", "-1", "0", "nan", "inf", "1e3", "5 s", "5x", "999999999999h"}) {
    INFO(bad);
    CHECK(parse_duration(bad).has_error());
  }
}

TEST_CASE("texts of quantities") {
  CHECK(size_text(256u << 20) == "256 MiB");
  CHECK(size_text(1234) == "1234 B");
  CHECK(count_text(9999) == "9999");
  CHECK(count_text(1'480'000'000) == "1.48 G");
  CHECK(count_text(999'999) == "1.00 M");
  CHECK(duration_text(12'345ms) == "12.3 s");
  CHECK(duration_text(250ms) == "250 ms");
  CHECK(duration_text(999ns) == "999 ns");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1234567) == "1,234,567");
}
