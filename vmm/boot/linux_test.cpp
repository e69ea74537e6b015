// The Linux loader on synthetic images: placement, boot_params, entry state, and every refusal.
#include "vmm/boot/linux.h"

#include <fstream>
#include <iostream>

#include "tests/catch.h"
#include "vmm/boot/decompress.h"
#include "vmm/boot/layout.h"
#include "vmm/boot/linux_header.h"
#include "vmm/testing/images.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

constexpr uint64_t kMiB = 1 << 20;

hw::PhysicalMemory ram(uint64_t bytes) { return hw::PhysicalMemory::create(bytes).value(); }

template <class T>
T read(const hw::PhysicalMemory& memory, uint64_t address) {
  T value{};
  REQUIRE(memory.read(GuestPhysical(address), value));
  return value;
}

// The sentence of a refusal, checked to be a finished one.
std::string refusal(const Result<BootState>& result) {
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find('{') == std::string::npos);
  CHECK(result.error().message.find("vmm.") == std::string::npos);
  CHECK(result.error().message.back() == '.');
  return result.error().message;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A vmlinux linked at 16 MiB with its virtual addresses high up, as Linux has it.
Bytes vmlinux() {
  return elf64(0x1000040, {{.physical = 0x1000000, .virtual_address = 0xffffffff81000000, .content = Bytes(0x1800, 0xaa), .memory_bytes = 0x3000},
                           {.physical = 0x1004000, .virtual_address = 0xffffffff81004000, .content = Bytes(0x10, 0xbb), .memory_bytes = 0}});
}

}  // namespace

TEST_CASE("a vmlinux is loaded segment by segment and entered in long mode") {
  auto memory = ram(64 * kMiB);
  memory.write(GuestPhysical(0x1002000), uint64_t{~0ull});  // where the zeroed part must be
  const Bytes initrd(5000, 0x55);
  const auto state = load_linux(memory, vmlinux(), {.command_line = "console=ttyS0", .initrd = initrd, .decompress = DecompressBy::kHost, .acpi_rsdp = GuestPhysical(0xe0000)});
  REQUIRE(state);
  const Registers& r = state.value().registers;
  CHECK(r.rip == 0x1000040);
  CHECK(r.gpr[hw::kRsi] == layout::kBootParams.value);
  CHECK(r.code_bits() == 64);
  CHECK(r.segment[hw::kCs].selector == 0x10);
  CHECK(r.segment[hw::kSs].selector == 0x18);
  CHECK_FALSE(r.rflags & hw::rflags::kIf);
  CHECK(read<uint8_t>(memory, 0x10017ff) == 0xaa);
  CHECK(read<uint64_t>(memory, 0x1002000) == 0);
  CHECK(read<uint8_t>(memory, 0x1004000) == 0xbb);

  const uint64_t zero_page = layout::kBootParams.value;
  CHECK(read<uint32_t>(memory, zero_page + 0x202) == kSetupMagic);
  const uint64_t command_line = read<uint32_t>(memory, zero_page + 0x228);
  CHECK(std::string(reinterpret_cast<const char*>(memory.host(GuestPhysical(command_line)))) == "console=ttyS0");
  const uint64_t ramdisk = read<uint32_t>(memory, zero_page + 0x218);
  CHECK(read<uint32_t>(memory, zero_page + 0x21c) == 5000);
  CHECK(ramdisk % kPageSize == 0);
  CHECK(ramdisk + 5000 <= 64 * kMiB);
  CHECK(read<uint8_t>(memory, ramdisk + 4999) == 0x55);
  CHECK(read<uint64_t>(memory, zero_page + 0x70) == 0xe0000);
  // E820: usable to 639 KiB, reserved holes, usable from 1 MiB to the end of RAM.
  CHECK(read<uint8_t>(memory, zero_page + 0x1e8) == 4);
  CHECK(read<uint64_t>(memory, zero_page + 0x2d0 + 8) == layout::kLowMemoryEnd.value);
  CHECK(read<uint64_t>(memory, zero_page + 0x2d0 + 3 * 20) == kMiB);
  CHECK(read<uint64_t>(memory, zero_page + 0x2d0 + 3 * 20 + 8) == 63 * kMiB);
  CHECK(read<uint8_t>(memory, zero_page + 0x0f) == 1);  // VGA text
}

TEST_CASE("the identity map of the start state covers 4 GiB") {
  auto memory = ram(64 * kMiB);
  REQUIRE(load_linux(memory, vmlinux(), {}));
  const auto pml4 = read<uint64_t>(memory, layout::kPageTables.value);
  for (const uint64_t address : {0ull, 0x1000000ull, 0xc0000000ull, 0xffe00000ull}) {
    const auto pdpt = read<uint64_t>(memory, (pml4 & ~0xfffull) + (address >> 30) * 8);
    const auto pd = read<uint64_t>(memory, (pdpt & ~0xfffull) + (address >> 21 & 511) * 8);
    CHECK((pd & ~0x1fffffull) == (address & ~0x1fffffull));
    CHECK((pd & 0x83) == 0x83);
  }
}

TEST_CASE("a bzImage's payload is unpacked on the host, whatever packed it") {
  auto memory = ram(64 * kMiB);
  const Bytes kernel = vmlinux();
  // Uncompressed payloads need no packer here; the packed forms are tested in decompress_test.
  const TestBzImage image{.payload = kernel, .preferred = 0x1000000, .init_size = 0x20000};
  const auto state = load_linux(memory, image.build(), {.command_line = "x"});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x1000040);
  CHECK(contains(state.value().description, "9.9.9-test"));
  CHECK(read<uint8_t>(memory, 0x1000000) == 0xaa);
  CHECK(read<uint16_t>(memory, layout::kBootParams.value + 0x206) == 0x20f);
  CHECK(read<uint8_t>(memory, layout::kBootParams.value + 0x210) == 0xff);
}

TEST_CASE("a bzImage that unpacks itself is entered at its own 64-bit or 32-bit entry") {
  auto memory = ram(64 * kMiB);
  TestBzImage image{.payload = {1, 2, 3}};
  auto state = load_linux(memory, image.build(), {.command_line = "", .initrd = {}, .decompress = DecompressBy::kGuest});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x200200);
  CHECK(state.value().registers.code_bits() == 64);
  CHECK(read<uint32_t>(memory, layout::kBootParams.value + 0x214) == 0x200000);
  image.xloadflags = 0;
  state = load_linux(memory, image.build(), {.command_line = "", .initrd = {}, .decompress = DecompressBy::kGuest});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x200000);
  CHECK(state.value().registers.code_bits() == 32);
  CHECK_FALSE(state.value().registers.paging());
}

TEST_CASE("a bzImage without a payload is entered as it is") {
  auto memory = ram(64 * kMiB);
  const auto state = load_linux(memory, TestBzImage{}.build(), {});
  REQUIRE(state);
  CHECK(state.value().registers.rip == 0x200200);
}

TEST_CASE("a 32-bit vmlinux is entered in protected mode") {
  auto memory = ram(64 * kMiB);
  const auto state = load_linux(memory, elf32(0x1000000, {{.physical = 0x1000000, .virtual_address = 0xc1000000}}), {});
  REQUIRE(state);
  CHECK(state.value().registers.code_bits() == 32);
}

TEST_CASE("images that are no kernel, truncated or absurd are refused with the value seen") {
  auto memory = ram(64 * kMiB);
  const auto load = [&](const Bytes& image) { return load_linux(memory, image, {}); };
  CHECK(contains(refusal(load({})), "HdrS"));
  CHECK(contains(refusal(load(Bytes(100, 1))), "HdrS"));
  Bytes image = TestBzImage{.payload = vmlinux()}.build();
  image.resize(image.size() - 4096);
  CHECK(contains(refusal(load(image)), "truncated"));
  image.resize(0x240);
  CHECK(contains(refusal(load(image)), "truncated"));
  CHECK(contains(refusal(load(TestBzImage{.version = 0x201}.build())), "2.01"));
  TestBzImage outside{.payload = vmlinux()};
  Bytes b = outside.build();
  put<uint32_t>(b, 0x248, 0x7fffffff);
  CHECK(contains(refusal(load(b)), "outside"));
  CHECK(contains(refusal(load(TestBzImage{.payload = Bytes(100, 0x11)}.build())), "no ELF file"));
  CHECK(contains(refusal(load(TestBzImage{.payload = {0x1f, 0x8b, 0x08, 0, 0, 0}}.build())), "gzip"));
  CHECK(contains(refusal(load(elf64(0x1000000, {{.physical = 0x1000000}}, 183))), "183"));
  CHECK(contains(refusal(load(elf64(0x5000000, {{.physical = 0x1000000}}))), "0x5000000"));
  CHECK(contains(refusal(load(elf64(0x1000000, {{.physical = 0x1000000, .content = Bytes(64)}, {.physical = 0x1000020}}))), "overlap"));
  CHECK(contains(refusal(load(elf64(0x9000, {{.physical = 0x9000, .virtual_address = 0x9000}}))), "1 MiB"));
  CHECK(contains(refusal(load(elf64(~0ull - 10, {{.physical = ~0ull - 10, .content = Bytes(64)}}))), "address space"));
}

TEST_CASE("RAM too small is refused with the size that would do") {
  auto memory = ram(8 * kMiB);
  const std::string text = refusal(load_linux(memory, vmlinux(), {}));
  CHECK(contains(text, "8 MiB"));
  CHECK(contains(text, "17 MiB"));
  auto larger = ram(18 * kMiB);
  const Bytes initrd(4 * kMiB);
  CHECK(contains(refusal(load_linux(larger, vmlinux(), {.command_line = "", .initrd = initrd})), "4096 KiB"));
}

TEST_CASE("an initrd stays below the kernel's limit") {
  auto memory = ram(128 * kMiB);
  const TestBzImage image{.payload = vmlinux(), .initrd_max = 64 * kMiB - 1};
  const Bytes initrd(kMiB, 1);
  REQUIRE(load_linux(memory, image.build(), {.command_line = "", .initrd = initrd}));
  CHECK(read<uint32_t>(memory, layout::kBootParams.value + 0x218) == 63 * kMiB);
}

TEST_CASE("a command line longer than the kernel takes is refused") {
  auto memory = ram(64 * kMiB);
  const TestBzImage image{.command_line_max = 20};
  CHECK(load_linux(memory, image.build(), {.command_line = std::string(20, 'x')}));
  CHECK(contains(refusal(load_linux(memory, image.build(), {.command_line = std::string(21, 'x')})), "20"));
  CHECK(contains(refusal(load_linux(memory, image.build(), {.command_line = std::string("a\0b", 3)})), "zero byte"));
}

TEST_CASE("RAM above 4 GiB appears in the memory map") {
  auto memory = hw::PhysicalMemory::create(4096 * kMiB);  // lazily backed by the host
  if (!memory) {
    std::cout << "SKIPPED, the host does not give 4 GiB of address space: " << memory.error().message << "\n";
    return;
  }
  REQUIRE(load_linux(memory.value(), vmlinux(), {}));
  const uint64_t table = layout::kBootParams.value + 0x2d0;
  CHECK(read<uint8_t>(memory.value(), layout::kBootParams.value + 0x1e8) == 5);
  CHECK(read<uint64_t>(memory.value(), table + 4 * 20) == hw::PhysicalMemory::kHoleEnd);
  CHECK(read<uint64_t>(memory.value(), table + 4 * 20 + 8) == 1024 * kMiB);
}
