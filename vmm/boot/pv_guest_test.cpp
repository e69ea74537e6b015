// The loader of paravirtual kernels and their start of day.
#include "vmm/boot/pv_guest.h"

#include <random>

#include "tests/catch.h"
#include "vmm/boot/guest_image.h"
#include "vmm/boot/pv_start.h"
#include "vmm/techniques/pv/interface/ringside_pv.h"
#include "vmm/testing/images.h"

using namespace ringside;
using namespace ringside::vmm;
using namespace ringside::vmm::testing;

namespace {

void add_note(testing::Bytes& notes, uint32_t type, uint64_t value, uint32_t bytes, const char* owner = "Ringside") {
  const size_t at = notes.size(), name = std::strlen(owner) + 1, padded = (name + 3) & ~size_t{3};
  put<uint32_t>(notes, at, static_cast<uint32_t>(name));
  put<uint32_t>(notes, at + 4, bytes);
  put<uint32_t>(notes, at + 8, type);
  notes.resize(at + 12 + padded + bytes);
  std::memcpy(notes.data() + at + 12, owner, name);
  std::memcpy(notes.data() + at + 12 + padded, &value, bytes);
}

testing::Bytes kernel(uint64_t entry = 0x100000, uint64_t base = 0, uint32_t interface = kPvInterfaceMajor << 16) {
  testing::Bytes notes;
  add_note(notes, kPvNoteEntry, 77, 8, "Other");
  add_note(notes, kPvNoteEntry, entry, 8);
  add_note(notes, kPvNoteVirtBase, base, 8);
  add_note(notes, kPvNoteInterface, interface, 4);
  return elf64(0x100000, {{0x100000, 0x100000, {0x90, 0xf4}, 0x3000}, {0, 0, notes, 0, 4}});
}

}  // namespace

TEST_CASE("A kernel with notes is a paravirtual one") {
  CHECK(is_pv_kernel(kernel()));
  CHECK(detect_guest(kernel()).value() == GuestKind::kPv);
  CHECK_FALSE(is_pv_kernel(elf64(0x100000, {{}})));
  testing::Bytes cut = kernel();
  for (size_t size = 0; size < cut.size(); size += 61) is_pv_kernel(std::span(cut).first(size));
}

TEST_CASE("Loading places the kernel in pseudo-physical memory and builds its tables") {
  for (const uint64_t mib : {4u, 32u, 3100u, 4100u}) {
    auto memory = hw::PhysicalMemory::create(mib << 20).value();
    const uint64_t base = 0x4000'0000;
    const auto state = load_pv_guest(memory, kernel(base + 0x100000, base), {.command_line = "x=1"});
    REQUIRE(state.has_value());
    const Registers& r = state.value().registers;
    const PvMemory pages(memory);
    CHECK(pages.pages() == (mib - 1) << 8);
    CHECK(r.rip == base + 0x100000);
    CHECK(*pages.host(0x100001) == 0xf4);
    pv_start_info info;
    std::memcpy(&info, pages.host(r.gpr[hw::kRsi] - base), sizeof info);
    CHECK(std::string(info.magic) == kPvMagic);
    CHECK(std::string(info.command_line) == "x=1");
    CHECK(info.first_free > (info.table_base - base) >> 12);
    // The tables say the same as the lists.
    const auto walk = [&](uint64_t linear) -> uint64_t {
      uint64_t table = r.cr3;
      for (unsigned shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry = 0;
        REQUIRE(memory.read(GuestPhysical(table + (linear >> shift & 511) * 8), entry));
        if (!(entry & 1)) return 0;
        table = entry & 0x000ffffffffff000;
        if (shift == 12) return entry;
      }
      return 0;
    };
    CHECK(walk(base) == 0);
    for (uint64_t page = 1; page < info.mapped_pages; page += 37) {
      const uint64_t entry = walk(base + (page << 12));
      CHECK((entry & 0x000ffffffffff000) == address_of(pages.frame(page)).value);
      const bool table = page >= (info.table_base - base) >> 12 && page < ((info.table_base - base) >> 12) + info.table_frames;
      CHECK(((entry & 2) == 0) == table);
    }
    CHECK(walk(base + (info.mapped_pages << 12)) == 0);
  }
}

TEST_CASE("What cannot be loaded is refused with a sentence") {
  auto memory = hw::PhysicalMemory::create(4 << 20).value();
  const auto refused = [&](const testing::Bytes& image, const std::string& line = "") {
    const auto state = load_pv_guest(memory, image, {.command_line = line});
    return state.has_error() && !state.error().message.empty();
  };
  CHECK(refused(elf64(0x100000, {{}})));
  CHECK(refused(kernel(0x100000, 0x1000)));
  CHECK(refused(kernel(0x100000, 1ull << 62)));
  CHECK(refused(kernel(0x50)));
  CHECK(refused(kernel(0x100000, 0, 2 << 16)));
  CHECK(refused(kernel(), std::string(1024, 'x')));
  CHECK_FALSE(refused(kernel(), std::string(1023, 'x')));
  auto tiny = hw::PhysicalMemory::create(1 << 20).value();
  CHECK(load_pv_guest(tiny, kernel(), {}).has_error());
  auto small = hw::PhysicalMemory::create((2 << 20) + 0x10000).value();
  CHECK(load_pv_guest(small, kernel(), {}).has_value());
}

TEST_CASE("Spoilt paravirtual kernels never harm the loader") {
  const testing::Bytes good = kernel();
  std::mt19937 random(3);
  for (unsigned i = 0; i < 3000; ++i) {
    testing::Bytes image = good;
    for (unsigned n = 0; n < 1 + random() % 6; ++n) image[random() % 4 ? random() % 0x100 : 0x2000 + random() % 0x80] = static_cast<uint8_t>(random());
    auto memory = hw::PhysicalMemory::create(3 << 20).value();
    (void)load_pv_guest(memory, image, {.command_line = "x"});
  }
}
