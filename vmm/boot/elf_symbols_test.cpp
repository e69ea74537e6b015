// Names and addresses in ELF files made here, of both classes; files that lie about their tables.
#include "vmm/boot/elf_symbols.h"

#include <cstring>
#include <vector>

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

// Header, two sections (symbols, strings), their headers.
struct Elf {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(512);
  bool wide;
  explicit Elf(bool is_wide) : wide(is_wide) {
    std::memcpy(bytes.data(), "\x7f" "ELF", 4);
    bytes[4] = wide ? 2 : 1;
    const uint64_t headers = 256, header_bytes = wide ? 64 : 40, symbol_bytes = wide ? 24 : 16;
    word(wide ? 40 : 32, headers);
    put<uint16_t>(wide ? 58 : 46, static_cast<uint16_t>(header_bytes));
    put<uint16_t>(wide ? 60 : 48, 2);
    section(headers, 2, 64, 3 * symbol_bytes, 1);
    section(headers + header_bytes, 3, 192, 32, 0);
    std::memcpy(bytes.data() + 192, "\0start\0startle\0gone", 20);
    symbol(64 + symbol_bytes, 7, 0x100200, 1);      // startle
    symbol(64 + 2 * symbol_bytes, 15, 0x555, 0);    // gone: undefined
    symbol(64, 1, 0xffffffff80001000, 1);           // start
  }
  template <class T> void put(uint64_t at, T value) { std::memcpy(bytes.data() + at, &value, sizeof value); }
  void word(uint64_t at, uint64_t value) { wide ? put<uint64_t>(at, value) : put<uint32_t>(at, static_cast<uint32_t>(value)); }
  void section(uint64_t at, uint32_t type, uint64_t offset, uint64_t size, uint32_t link) {
    put<uint32_t>(at + 4, type);
    word(at + (wide ? 24 : 16), offset);
    word(at + (wide ? 32 : 20), size);
    put<uint32_t>(at + (wide ? 40 : 24), link);
  }
  void symbol(uint64_t at, uint32_t name, uint64_t value, uint16_t section_index) {
    put<uint32_t>(at, name);
    word(at + (wide ? 8 : 4), value);
    put<uint16_t>(at + (wide ? 6 : 14), section_index);
  }
};

}  // namespace

TEST_CASE("symbols: the whole name, defined ones only, in both classes") {
  for (const bool wide : {false, true}) {
    const Elf elf(wide);
    CHECK(symbol_address(elf.bytes, "start").value() == (wide ? 0xffffffff80001000 : 0x80001000));
    CHECK(symbol_address(elf.bytes, "startle").value() == 0x100200);
    for (const char* name : {"gone", "star", "tart", ""}) CHECK(symbol_address(elf.bytes, name).error().code == ExitCode::kInput);
  }
}

TEST_CASE("symbols: other files, stripped files and tables outside the file have none") {
  Elf stripped(true);
  stripped.put<uint16_t>(60, 0);
  CHECK_THAT(symbol_address(stripped.bytes, "start").error().message, Catch::Contains("no symbol table"));
  CHECK_THAT(symbol_address(std::vector<uint8_t>{1, 2, 3}, "start").error().message, Catch::Contains("ELF"));
  for (const uint64_t at : {40u, 58u, 256u + 24, 256u + 32, 256u + 40, 320u + 24}) {
    for (const uint64_t lie : {uint64_t{0}, uint64_t{500}, ~uint64_t{0}, ~uint64_t{0} / 2}) {
      Elf elf(true);
      elf.put<uint64_t>(at, lie);
      (void)symbol_address(elf.bytes, "start");
    }
  }
  for (size_t size = 0; size < 512; ++size) {
    const Elf elf(true);
    (void)symbol_address(std::span(elf.bytes).first(size), "start");
  }
}
