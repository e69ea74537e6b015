// The Multiboot loader on synthetic images: ELF32, ELF64, raw images, information structure, refusals.
#include "vmm/boot/multiboot1.h"

#include "tests/catch.h"
#include "vmm/boot/layout.h"
#include "vmm/testing/images.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr size_t kHeaderAt = 0x800;  // in the unused space before the first segment

hw::PhysicalMemory ram(uint64_t bytes = 16 * kMiB) { return hw::PhysicalMemory::create(bytes).value(); }

template <class T>
T read(const hw::PhysicalMemory& memory, uint64_t address) {
  T value{};
  REQUIRE(memory.read(GuestPhysical(address), value));
  return value;
}

std::string text_at(const hw::PhysicalMemory& memory, uint64_t address) {
  return reinterpret_cast<const char*>(memory.host(GuestPhysical(address)));
}

std::string refusal(const Result<BootState>& result) {
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find('{') == std::string::npos);
  CHECK(result.error().message.find("vmm.") == std::string::npos);
  return result.error().message;
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("ELF32 and ELF64 kernels are entered in 32-bit mode with magic and information") {
  const bool wide = GENERATE(false, true);
  const std::vector<TestSegment> segments = {{.physical = 0x100000, .virtual_address = 0x100000, .content = {1, 2, 3}, .memory_bytes = 0x2000}};
  const Bytes image = with_multiboot(wide ? elf64(0x100001, segments) : elf32(0x100001, segments), kHeaderAt, 3);
  REQUIRE(is_multiboot1(image));
  auto memory = ram();
  const Bytes module(100, 0x77);
  const auto state = load_multiboot1(memory, image, {.command_line = "kernel arg", .modules = {{module, "first"}, {module, "second one"}}});
  REQUIRE(state);
  const Registers& r = state.value().registers;
  CHECK(r.rip == 0x100001);
  CHECK(r.gpr[hw::kRax] == 0x2BADB002);
  CHECK(r.code_bits() == 32);
  CHECK_FALSE(r.paging());
  CHECK(read<uint8_t>(memory, 0x100002) == 3);

  const uint64_t info = r.gpr[hw::kRbx];
  const auto flags = read<uint32_t>(memory, info);
  CHECK((flags & 0x4d) == 0x4d);  // memory, command line, modules, memory map
  CHECK(read<uint32_t>(memory, info + 4) == 639);
  CHECK(read<uint32_t>(memory, info + 8) == 15 * 1024);
  CHECK(text_at(memory, read<uint32_t>(memory, info + 16)) == "kernel arg");
  REQUIRE(read<uint32_t>(memory, info + 20) == 2);
  const uint64_t modules = read<uint32_t>(memory, info + 24);
  const uint64_t second = read<uint32_t>(memory, modules + 16);
  CHECK(second % kPageSize == 0);
  CHECK(read<uint32_t>(memory, modules + 20) == second + 100);
  CHECK(read<uint8_t>(memory, second + 99) == 0x77);
  CHECK(text_at(memory, read<uint32_t>(memory, modules + 24)) == "second one");
  CHECK(read<uint32_t>(memory, modules) >= 0x102000);  // behind the kernel's zeroed part
  // The map: first entry's size field, start and length.
  const uint64_t map = read<uint32_t>(memory, info + 48);
  CHECK(read<uint32_t>(memory, map) == 20);
  CHECK(read<uint64_t>(memory, map + 12) == layout::kLowMemoryEnd.value);
  CHECK(read<uint32_t>(memory, info + 44) == 4 * 24);
}

TEST_CASE("raw images are placed by their address fields") {
  Bytes image(0x200, 0xcc);
  // Header at file offset 0x40 and address 0x200040: the image goes to 0x200000, with zeroed memory up to 0x201000.
  image = with_multiboot(image, 0x40, 1 << 16, {0x200040, 0x200000, 0, 0x201000, 0x200010});
  auto memory = ram();
  memory.write(GuestPhysical(0x200800), uint64_t{~0ull});
  const auto state = load_multiboot1(memory, image, {});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x200010);
  CHECK(read<uint8_t>(memory, 0x2001ff) == 0xcc);
  CHECK(read<uint64_t>(memory, 0x200800) == 0);
}

TEST_CASE("what is no Multiboot kernel or contradicts itself is refused") {
  auto memory = ram();
  const auto load = [&](const Bytes& image) { return load_multiboot1(memory, image, {}); };
  CHECK(contains(refusal(load({})), "1BADB002"));
  Bytes wrong_sum = with_multiboot(elf32(0x100000, {{}}), kHeaderAt, 0);
  wrong_sum[kHeaderAt + 8] ^= 1;
  CHECK(contains(refusal(load(wrong_sum)), "checksum"));
  CHECK_FALSE(is_multiboot1(with_multiboot(Bytes(0x4000), 8192 - 8, 0)));  // not wholly in the first 8 KiB
  CHECK_FALSE(is_multiboot1(with_multiboot(Bytes(0x4000), 0x42, 0)));      // not on a 4-byte boundary
  CHECK(contains(refusal(load(with_multiboot(elf32(0x100000, {{}}), kHeaderAt, 0x10))), "0x10"));
  CHECK(contains(refusal(load(with_multiboot(elf32(0x900000, {{}}), kHeaderAt, 0))), "0x900000"));
  CHECK(contains(refusal(load(with_multiboot(elf32(0xc0000000, {{.physical = 0xc0000000, .virtual_address = 0xc0000000}}), kHeaderAt, 0))), "not RAM"));
  CHECK(contains(refusal(load(with_multiboot(elf32(0x20000, {{.physical = 0x20000, .virtual_address = 0x20000}}), kHeaderAt, 0))), "Multiboot information"));
  const uint32_t kRaw = 1 << 16;
  CHECK(contains(refusal(load(with_multiboot(Bytes(0x100), 0x40, kRaw, {0x100000, 0x200000, 0, 0, 0x200000}))), "contradict"));
  CHECK(contains(refusal(load(with_multiboot(Bytes(0x100), 0x40, kRaw, {0x300040, 0x200000, 0, 0, 0x200000}))), "contradict"));
  CHECK(contains(refusal(load(with_multiboot(Bytes(0x100), 0x40, kRaw, {0x200040, 0x200000, 0x300000, 0, 0x200000}))), "0x300000"));
  CHECK(contains(refusal(load(with_multiboot(Bytes(0x100), 0x40, kRaw, {0x200040, 0x200000, 0x100000, 0, 0x200000}))), "0x100000"));
  Bytes cut = with_multiboot(Bytes(0x40), 0x40, kRaw);
  CHECK(contains(refusal(load(cut)), "cut off"));
}

TEST_CASE("modules and texts that do not fit are refused") {
  auto memory = ram(2 * kMiB);
  const Bytes image = with_multiboot(elf32(0x100000, {{}}), kHeaderAt, 0);
  const Bytes large(4 * kMiB);
  CHECK(contains(refusal(load_multiboot1(memory, image, {.command_line = "", .modules = {{large, "m"}}})), "Module 1"));
  CHECK(contains(refusal(load_multiboot1(memory, image, {.command_line = std::string(70'000, 'x'), .modules = {}})), "room"));
  CHECK(contains(refusal(load_multiboot1(memory, image, {.command_line = "", .modules = std::vector<MultibootModule>(65)})), "65"));
}
