// Lists of references come back whatever is in them, take a byte a reference where nothing is new, and broken bytes are
// refused without reading beyond them.
#include "traces/schema/reference_codec.h"

#include <random>

#include "tests/catch.h"

using namespace ringside::traces;

namespace {

// A walk of four levels to `page`, through the same upper tables each time.
std::vector<WalkReference> native_walk(uint64_t page) {
  return {{0x1000, 0x2067, WalkTable::kGuest, 4, 0, false, false},
          {0x2008, 0x3067, WalkTable::kGuest, 3, 0, false, false},
          {0x3010, 0x4067, WalkTable::kGuest, 2, 0, false, false},
          {0x4000 + 8 * (page & 511), page << 12 | 0x67, WalkTable::kGuest, 1, 0, true, false}};
}

struct Pair {
  ReferenceCodec writer, reader;
  std::vector<uint8_t> bytes;
  std::vector<WalkReference> back;

  size_t pass(const std::vector<WalkReference>& list) {
    bytes.assign(ReferenceCodec::kMaxBytes + 32, 0xee);
    const uint8_t* end = writer.put(bytes.data(), list);
    const size_t size = static_cast<size_t>(end - bytes.data());
    REQUIRE(size <= ReferenceCodec::kMaxBytes);
    CHECK(reader.get(bytes.data(), end, back) == end);
    CHECK(back == list);
    return size;
  }
};

}  // namespace

TEST_CASE("a walk that repeats the one before takes a byte a reference") {
  Pair pair;
  CHECK(pair.pass(native_walk(7)) > 8);
  CHECK(pair.pass(native_walk(7)) == 5);   // the count and four heads
  CHECK(pair.pass(native_walk(8)) <= 10);  // a new leaf: its address and its value
  CHECK(pair.pass({}) == 1);
  CHECK(pair.pass(native_walk(7)) <= 8);   // an entry seen before
}

TEST_CASE("any list comes back") {
  std::mt19937_64 random(1);
  Pair pair;
  for (int round = 0; round < 2000; ++round) {
    std::vector<WalkReference> list(random() % (kMaxReferences + 1));
    for (WalkReference& r : list) {
      const uint64_t bits = random();
      r = {round % 3 ? random() : random() % 64 * 8, round % 3 == 1 ? random() : random() % 8, static_cast<WalkTable>(bits % 3), static_cast<uint8_t>(bits >> 8 & 7),
           static_cast<uint8_t>(bits >> 16 & 7), (bits >> 24 & 1) != 0, (bits >> 25 & 1) != 0};
    }
    pair.pass(list);
  }
}

TEST_CASE("a list longer than the format allows is cut") {
  Pair pair;
  const std::vector<WalkReference> list(kMaxReferences + 5, WalkReference{0x1000, 1, WalkTable::kNested, 1, 2, false, false});
  pair.bytes.assign(ReferenceCodec::kMaxBytes + 32, 0);
  const uint8_t* end = pair.writer.put(pair.bytes.data(), list);
  REQUIRE(pair.reader.get(pair.bytes.data(), end, pair.back) == end);
  CHECK(pair.back.size() == kMaxReferences);
}

TEST_CASE("broken lists are refused") {
  const auto refused = [](std::vector<uint8_t> bytes) {
    const size_t size = bytes.size();
    bytes.resize(size + 32, 0xff);
    std::vector<WalkReference> list;
    return ReferenceCodec().get(bytes.data(), bytes.data() + size, list) == nullptr;
  };
  CHECK(refused({}));
  CHECK(refused({(kMaxReferences + 1) << 1 | 1, 0}));  // too many
  CHECK(refused({2 << 1 | 1, 0}));                     // the second is missing
  CHECK(refused({1 << 1 | 1, 0x20}));                  // a bit without meaning
  CHECK(refused({1 << 1 | 1, 1, 3}));                  // a table that does not exist
  CHECK(refused({1 << 1 | 1, 2}));                     // the address is missing
  CHECK_FALSE(refused({1 << 1 | 1, 0}));
}

TEST_CASE("any bytes as a list end in a refusal or in a list within bounds") {
  std::mt19937_64 random(2);
  ReferenceCodec codec;
  std::vector<WalkReference> list;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes(random() % 64 + 32);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(round % 2 ? random() : random() & 0x1f);
    const uint8_t* end = bytes.data() + bytes.size() - 32;
    const uint8_t* after = codec.get(bytes.data(), end, list);
    CHECK(list.size() <= kMaxReferences);
    if (after) CHECK(after <= end);
  }
}

TEST_CASE("references as text") {
  const std::vector<WalkReference> list = {{0x1000, 0x2067, WalkTable::kGuest, 4, 0, true, false}, {0x3000, 7, WalkTable::kNested, 1, 2, true, true}};
  CHECK(references_text(list) == "guest4@0x1000=0x2067+A; nested1/2@0x3000=0x7+A+D");
  CHECK(references_text({}).empty());
}
