// Flat images, start modes, and the detection of image kinds.
#include "vmm/boot/flat.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "vmm/boot/guest_image.h"
#include "vmm/boot/layout.h"
#include "vmm/testing/images.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {
hw::PhysicalMemory ram() { return hw::PhysicalMemory::create(2 << 20).value(); }
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("a flat image starts where its mode's convention says") {
  auto memory = ram();
  const Bytes image = {0xf4, 0x90};
  auto state = load_flat(memory, image, {});
  REQUIRE(state);
  CHECK(state.value().registers.linear_rip() == 0x7c00);
  CHECK(state.value().registers.code_bits() == 16);
  state = load_flat(memory, image, {.mode = StartMode::kProtected});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x100000);
  CHECK(state.value().registers.code_bits() == 32);
  state = load_flat(memory, image, {.mode = StartMode::kLong, .load = GuestPhysical(0x180000), .entry = GuestPhysical(0x180001)});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x180001);
  CHECK(state.value().registers.code_bits() == 64);
  CHECK(*memory.host(GuestPhysical(0x180000)) == 0xf4);
}

TEST_CASE("real mode reaches entries up to 1 MiB by segment") {
  auto memory = ram();
  const auto state = load_flat(memory, Bytes(16), {.mode = StartMode::kReal, .load = GuestPhysical(0x80000), .entry = GuestPhysical(0x80005)});
  REQUIRE(state);
  const Registers& r = state.value().registers;
  CHECK(r.segment[hw::kCs].selector == 0x8000);
  CHECK(r.rip == 5);
  CHECK(r.linear_rip() == 0x80005);
}

TEST_CASE("flat images that cannot work are refused") {
  auto memory = ram();
  const auto refusal = [&](const Bytes& image, const FlatOptions& options) {
    const auto result = load_flat(memory, image, options);
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find('{') == std::string::npos);
    return result.error().message;
  };
  CHECK(contains(refusal({}, {}), "empty"));
  CHECK(contains(refusal(Bytes(16), {.load = GuestPhysical(0x200000)}), "0x200000"));
  CHECK(contains(refusal(Bytes(16), {.load = GuestPhysical(~0ull)}), "does not fit"));
  CHECK(contains(refusal(Bytes(16), {.mode = StartMode::kLong, .entry = GuestPhysical(0x100010)}), "0x100010"));
  CHECK(contains(refusal(Bytes(16), {.mode = StartMode::kReal, .load = GuestPhysical(0x110000)}), "real mode"));
  CHECK(contains(refusal(Bytes(16), {.mode = StartMode::kLong, .load = layout::kPageTables}), "page tables"));
  CHECK(contains(refusal(Bytes(16), {.mode = StartMode::kProtected, .load = layout::kGdt}), "descriptor table"));
}

TEST_CASE("start modes and guest kinds have names, and unknown ones are refused with the choices") {
  for (const StartMode mode : {StartMode::kReal, StartMode::kProtected, StartMode::kLong}) CHECK(start_mode_of(name_of(mode)).value() == mode);
  CHECK(contains(start_mode_of("virtual").error().message, "protected"));
  for (const GuestKind kind : {GuestKind::kLinux, GuestKind::kMultiboot1, GuestKind::kFlat, GuestKind::kPv}) CHECK(guest_kind_of(name_of(kind)).value() == kind);
  CHECK(contains(guest_kind_of("windows").error().message, "multiboot"));
}

TEST_CASE("image kinds are told apart by their marks") {
  CHECK(detect_guest(TestBzImage{}.build()).value() == GuestKind::kLinux);
  CHECK(detect_guest(elf64(0x100000, {{}})).value() == GuestKind::kLinux);
  CHECK(detect_guest(with_multiboot(elf64(0x100000, {{}}), 0x800, 0)).value() == GuestKind::kMultiboot1);
  CHECK_FALSE(detect_guest(Bytes(512, 0x90)));
}

TEST_CASE("files that cannot be read are explained") {
  const auto message = [](const std::string& path, uint64_t limit = 1000) { return read_image(path, limit).error().message; };
  CHECK(contains(message("/nonexistent/kernel"), "/nonexistent/kernel"));
  CHECK(contains(message("/"), "not a file"));
  const std::string path = (std::filesystem::temp_directory_path() / ("ringside-image-" + std::to_string(::getpid()))).string();
  std::ofstream(path).close();
  CHECK(contains(message(path), "empty"));
  std::ofstream(path) << "abc";
  CHECK(read_image(path).value() == Bytes{'a', 'b', 'c'});
  CHECK(contains(message(path, 2), "0 MiB"));
  std::filesystem::remove(path);
}
