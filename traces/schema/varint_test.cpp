// Variable-length integers: every length, every edge, and how many bytes each takes.
#include "traces/schema/varint.h"

#include <array>
#include <vector>

#include "tests/catch.h"

using namespace ringside::traces;

TEST_CASE("a varint comes back as it went in, with the length its size asks for") {
  std::vector<uint64_t> values = {0, 1, ~0ull, 0x0123456789abcdefull};
  for (unsigned bit = 0; bit < 64; ++bit)
    for (const uint64_t delta : {~0ull, 0ull, 1ull}) values.push_back((1ull << bit) + delta);
  for (const uint64_t value : values) {
    std::array<uint8_t, 32> bytes;
    bytes.fill(0xa5);
    const auto* end = put_varint(bytes.data(), value);
    uint64_t back = 0;
    const auto* read = get_varint(bytes.data(), back);
    CHECK(back == value);
    CHECK(read == end);
    size_t expected = 1;
    while (expected < 9 && value >> (7 * expected)) ++expected;
    CHECK(static_cast<size_t>(end - bytes.data()) == expected);
  }
}

TEST_CASE("zigzag keeps small differences of both signs small") {
  CHECK(zigzag(0) == 0);
  CHECK(zigzag(static_cast<uint64_t>(-1)) == 1);
  CHECK(zigzag(1) == 2);
  CHECK(zigzag(static_cast<uint64_t>(-64)) == 127);
  for (const uint64_t value : {0ull, 1ull, ~0ull, 1ull << 63, (1ull << 63) - 1, 0xdeadbeefull}) CHECK(unzigzag(zigzag(value)) == value);
}
