// CRC-32C against the published check values, and the two implementations against each other.
#include "traces/schema/crc32c.h"

#include <numeric>
#include <string_view>
#include <vector>

#include "tests/catch.h"

using namespace ringside::traces;

namespace {
std::span<const uint8_t> bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
}  // namespace

TEST_CASE("CRC-32C gives the check values of RFC 3720 appendix B.4") {
  std::vector<uint8_t> rising(32);
  std::iota(rising.begin(), rising.end(), uint8_t{0});
  for (auto* crc : {&crc32c, &crc32c_portable}) {
    CHECK(crc(bytes("123456789"), 0) == 0xe3069283);
    CHECK(crc(std::vector<uint8_t>(32, 0), 0) == 0x8a9136aa);
    CHECK(crc(std::vector<uint8_t>(32, 0xff), 0) == 0x62a8ab43);
    CHECK(crc(rising, 0) == 0x46dd794e);
    CHECK(crc({}, 0) == 0);
  }
}

TEST_CASE("both ways agree at every length, and a checksum continues over parts") {
  std::vector<uint8_t> data(100);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 37 + 11);
  const std::span<const uint8_t> all(data);
  for (size_t size = 0; size <= data.size(); ++size) {
    CHECK(crc32c(all.first(size)) == crc32c_portable(all.first(size)));
    CHECK(crc32c(all.subspan(size), crc32c(all.first(size))) == crc32c(all));
  }
}
