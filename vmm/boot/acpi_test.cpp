// ACPI tables: found by search, linked, checksummed, in agreement with the ports; AML encodings; and what iasl thinks of the DSDT.
#include "vmm/boot/acpi.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "hwmodel/platform/ports.h"
#include "tests/catch.h"
#include "vmm/boot/aml.h"
#include "vmm/boot/layout.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

using Bytes = std::vector<uint8_t>;

template <class T>
T read(const hw::PhysicalMemory& memory, uint64_t address) {
  T value{};
  REQUIRE(memory.read(GuestPhysical(address), value));
  return value;
}

uint8_t sum(const hw::PhysicalMemory& memory, uint64_t address, uint64_t bytes) {
  uint8_t total = 0;
  for (uint64_t i = 0; i < bytes; ++i) total = static_cast<uint8_t>(total + read<uint8_t>(memory, address + i));
  return total;
}

std::string signature(const hw::PhysicalMemory& memory, uint64_t address) {
  return std::string(reinterpret_cast<const char*>(memory.host(GuestPhysical(address))), 4);
}

// Finds the RSDP as a guest does and returns the tables its XSDT lists, by signature.
std::map<std::string, uint64_t> find_tables(const hw::PhysicalMemory& memory) {
  uint64_t rsdp = 0;
  for (uint64_t at = 0xe0000; at < 0x100000 && !rsdp; at += 16)
    if (std::memcmp(memory.host(GuestPhysical(at)), "RSD PTR ", 8) == 0) rsdp = at;
  REQUIRE(rsdp);
  CHECK(sum(memory, rsdp, 20) == 0);
  CHECK(sum(memory, rsdp, 36) == 0);
  std::map<std::string, uint64_t> tables;
  const uint64_t xsdt = read<uint64_t>(memory, rsdp + 24), rsdt = read<uint32_t>(memory, rsdp + 16);
  tables["XSDT"] = xsdt;
  tables["RSDT"] = rsdt;
  const uint32_t count = (read<uint32_t>(memory, xsdt + 4) - 36) / 8;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t table = read<uint64_t>(memory, xsdt + 36 + i * 8);
    CHECK(table == read<uint32_t>(memory, rsdt + 36 + i * 4));
    tables[signature(memory, table)] = table;
  }
  tables["DSDT"] = read<uint64_t>(memory, tables.at("FACP") + 140);
  return tables;
}

hw::PhysicalMemory with_tables(unsigned cpus = 1) {
  auto memory = hw::PhysicalMemory::create(2 << 20).value();
  REQUIRE(install_acpi(memory, {.cpus = cpus}).value() == layout::kAcpiTables);
  return memory;
}

}  // namespace

TEST_CASE("the tables are found by search, linked and add up to zero") {
  const auto memory = with_tables();
  const auto tables = find_tables(memory);
  for (const char* name : {"XSDT", "RSDT", "FACP", "APIC", "DSDT"}) {
    CAPTURE(name);
    REQUIRE(tables.count(name));
    CHECK(signature(memory, tables.at(name)) == name);
    CHECK(sum(memory, tables.at(name), read<uint32_t>(memory, tables.at(name) + 4)) == 0);
  }
}

TEST_CASE("the FADT says what the ports say") {
  const auto memory = with_tables();
  const uint64_t fadt = find_tables(memory).at("FACP");
  CHECK(read<uint32_t>(memory, fadt + 4) == 244);
  CHECK(read<uint16_t>(memory, fadt + 46) == 9);
  CHECK(read<uint32_t>(memory, fadt + 56) == hw::ports::kPm1aEvent);
  CHECK(read<uint64_t>(memory, fadt + 152) == hw::ports::kPm1aEvent);
  CHECK(read<uint32_t>(memory, fadt + 64) == hw::ports::kPm1aControl);
  CHECK(read<uint32_t>(memory, fadt + 76) == hw::ports::kPmTimer);
  CHECK(read<uint8_t>(memory, fadt + 91) == 4);
  CHECK((read<uint32_t>(memory, fadt + 112) >> 10 & 1) == 1);
  CHECK(read<uint64_t>(memory, fadt + 120) == hw::ports::kResetControl);
  CHECK(read<uint8_t>(memory, fadt + 128) == hw::ports::kResetValue);
  const uint64_t facs = read<uint32_t>(memory, fadt + 36);
  CHECK(facs % 64 == 0);
  CHECK(signature(memory, facs) == "FACS");
  CHECK(read<uint64_t>(memory, fadt + 132) == 0);
  CHECK(read<uint32_t>(memory, fadt + 40) == read<uint64_t>(memory, fadt + 140));
}

TEST_CASE("the MADT lists every CPU, the I/O APIC and the overrides") {
  const unsigned cpus = GENERATE(1u, 4u);
  const auto memory = with_tables(cpus);
  const uint64_t madt = find_tables(memory).at("APIC");
  const uint32_t length = read<uint32_t>(memory, madt + 4);
  std::map<int, int> entries;
  bool timer_override = false, sci_level = false;
  for (uint32_t at = 44; at < length;) {
    const auto type = read<uint8_t>(memory, madt + at), bytes = read<uint8_t>(memory, madt + at + 1);
    REQUIRE(bytes >= 2);
    ++entries[type];
    if (type == 1) CHECK(read<uint32_t>(memory, madt + at + 4) == 0xfec00000);
    if (type == 2 && read<uint8_t>(memory, madt + at + 3) == 0) timer_override = read<uint32_t>(memory, madt + at + 4) == 2;
    if (type == 2 && read<uint8_t>(memory, madt + at + 3) == 9) sci_level = (read<uint16_t>(memory, madt + at + 8) & 0xc) == 0xc;
    at += bytes;
  }
  CHECK(entries[0] == static_cast<int>(cpus));
  CHECK(entries[1] == 1);
  CHECK(timer_override);
  CHECK(sci_level);
}

TEST_CASE("AML encodings") {
  CHECK(aml::integer(0) == Bytes{0});
  CHECK(aml::integer(1) == Bytes{1});
  CHECK(aml::integer(5) == Bytes{0x0a, 5});
  CHECK(aml::integer(0x1234) == Bytes{0x0b, 0x34, 0x12});
  CHECK(aml::integer(0x12345678) == Bytes{0x0c, 0x78, 0x56, 0x34, 0x12});
  CHECK(aml::integer(1ull << 40) == Bytes{0x0e, 0, 0, 0, 0, 0, 1, 0, 0});
  CHECK(aml::package_length(62) == Bytes{63});
  CHECK(aml::package_length(63) == Bytes{0x41, 0x04});          // 65 bytes in all
  CHECK(aml::package_length(0x1000) == Bytes{0x83, 0x00, 0x01}); // 4099
  CHECK(aml::name("\\_S5", aml::package({aml::integer(5)})) == Bytes{0x08, '\\', '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 5});
}

TEST_CASE("iasl disassembles the DSDT to the sleep package") {
  if (std::system("command -v iasl >/dev/null 2>&1") != 0) {
    std::cout << "SKIPPED: iasl (package acpica-tools) is not installed\n";
    return;
  }
  namespace fs = std::filesystem;
  const auto memory = with_tables();
  const uint64_t dsdt = find_tables(memory).at("DSDT");
  const fs::path folder = fs::temp_directory_path() / ("ringside-acpi-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "dsdt.aml", std::ios::binary)
      .write(reinterpret_cast<const char*>(memory.host(GuestPhysical(dsdt))), read<uint32_t>(memory, dsdt + 4));
  const std::string command = "cd '" + folder.string() + "' && iasl -d dsdt.aml >/dev/null 2>&1";
  CHECK(std::system(command.c_str()) == 0);
  std::ifstream file(folder / "dsdt.dsl");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  CHECK(text.find("\\_S5") != std::string::npos);
  CHECK(text.find("0x05") != std::string::npos);
  fs::remove_all(folder);
}
