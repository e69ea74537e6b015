// Guest RAM: both sides of the hole, ranges, and sizes no machine can have.
#include "hwmodel/machine/memory.h"

#include <utility>

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;

namespace {
constexpr uint64_t kMiB = 1 << 20, kGiB = 1 << 30;
}

TEST_CASE("small RAM lies below the hole and starts as zero") {
  auto memory = PhysicalMemory::create(16 * kMiB);
  REQUIRE(memory);
  PhysicalMemory& ram = memory.value();
  CHECK(ram.size() == 16 * kMiB);
  CHECK(ram.high_size() == 0);
  CHECK(*ram.host(GuestPhysical(16 * kMiB - 1)) == 0);
  CHECK(ram.host(GuestPhysical(16 * kMiB)) == nullptr);
  CHECK(ram.host(GuestPhysical(PhysicalMemory::kHoleEnd)) == nullptr);
  CHECK(ram.write(GuestPhysical(0x1234), uint32_t{0xdeadbeef}));
  uint32_t value = 0;
  CHECK(ram.read(GuestPhysical(0x1234), value));
  CHECK(value == 0xdeadbeef);
  CHECK(ram.address_of(ram.host(GuestPhysical(0x1234))) == GuestPhysical(0x1234));
}

TEST_CASE("large RAM goes on above 4 GiB; the host lends it lazily") {
  auto memory = PhysicalMemory::create(8 * kGiB);
  REQUIRE(memory);
  PhysicalMemory& ram = memory.value();
  CHECK(ram.low_size() == 3 * kGiB);
  CHECK(ram.high_size() == 5 * kGiB);
  CHECK(ram.host(GuestPhysical(PhysicalMemory::kHoleStart)) == nullptr);
  CHECK(ram.host(GuestPhysical(PhysicalMemory::kHoleEnd - 1)) == nullptr);
  const GuestPhysical high(PhysicalMemory::kHoleEnd + 2 * kGiB);
  CHECK(ram.write(high, uint64_t{42}));
  CHECK(ram.address_of(ram.host(high)) == high);
  CHECK(ram.host(high) == ram.base() + 5 * kGiB);
  ram.page_flags(ram.host(high)) |= PhysicalMemory::kHasCode;
  CHECK(ram.page_flags(ram.host(high + 4095)) == PhysicalMemory::kHasCode);
  CHECK(ram.page_flags(ram.host(high + 4096)) == 0);
}

TEST_CASE("a range must lie in one piece of RAM") {
  auto memory = PhysicalMemory::create(4 * kGiB);
  REQUIRE(memory);
  const PhysicalMemory& ram = memory.value();
  CHECK(ram.contains(GuestPhysical(0), 3 * kGiB));
  CHECK_FALSE(ram.contains(GuestPhysical(0), 3 * kGiB + 1));
  CHECK_FALSE(ram.contains(GuestPhysical(3 * kGiB - 4), 8));
  CHECK(ram.contains(GuestPhysical(4 * kGiB), kGiB));
  CHECK_FALSE(ram.contains(GuestPhysical(5 * kGiB - 4), 8));
  CHECK_FALSE(ram.contains(GuestPhysical(4096), ~uint64_t{0}));
  CHECK_FALSE(ram.contains(GuestPhysical(~uint64_t{0}), 2));
  uint64_t value = 1;
  CHECK_FALSE(ram.read(GuestPhysical(3 * kGiB - 4), value));
  CHECK(value == 0);
}

TEST_CASE("impossible sizes are refused in words") {
  for (const uint64_t size : {uint64_t{0}, uint64_t{4096}, 16 * kMiB + 1, ~uint64_t{0} << 12, uint64_t{1} << 50}) {
    const auto memory = PhysicalMemory::create(size);
    REQUIRE_FALSE(memory);
    CHECK(memory.error().code == ExitCode::kUsage);
    CHECK(memory.error().message.find(std::to_string(size)) != std::string::npos);
  }
}

TEST_CASE("moving hands the mapping over") {
  auto a = PhysicalMemory::create(kMiB);
  auto b = PhysicalMemory::create(2 * kMiB);
  REQUIRE((a && b));
  *a.value().host(GuestPhysical(7)) = 77;
  PhysicalMemory moved(std::move(a.value()));
  CHECK(*moved.host(GuestPhysical(7)) == 77);
  CHECK(a.value().size() == 0);
  CHECK(a.value().host(GuestPhysical(7)) == nullptr);
  b.value() = std::move(moved);
  CHECK(b.value().size() == kMiB);
  CHECK(*b.value().host(GuestPhysical(7)) == 77);
}
