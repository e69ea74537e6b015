// Runs every assembly test of cases/ on a fresh modelled machine and compares what it reports with the head of its file.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "hwmodel/machine/machine.h"
#include "tests/catch.h"

namespace {

using namespace ringside;
namespace fs = std::filesystem;

constexpr uint64_t kImageAddress = 0x8000;
constexpr uint64_t kInstructionLimit = 1'000'000;  // the longest case needs 20 000, most of them in the environment
constexpr uint16_t kConsole = 0xe9, kExit = 0xf4;

// The result block in the order env.inc writes it.
const char* const kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",   "rsi",    "rdi",   "r8",  "r9",  "r10", "r11", "r12", "r13", "r14",
                              "r15", "flags", "count", "vector", "error", "rip", "cr2", "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"};

const std::map<std::string, uint64_t> kFlags = {{"CF", 0x1}, {"PF", 0x4}, {"AF", 0x10}, {"ZF", 0x40}, {"SF", 0x80}, {"DF", 0x400}, {"OF", 0x800}};

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Bits of "CF|ZF"; "none" has none.
uint64_t flag_bits(const std::string& text) {
  uint64_t bits = 0;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '|');) {
    if (word == "none") continue;
    const auto flag = kFlags.find(word);
    if (flag == kFlags.end()) FAIL("no such flag: " << word);
    bits |= flag->second;
  }
  return bits;
}

struct Case {
  std::map<std::string, std::string> expect;
  uint64_t value_mask = ~0ull;
};

Case parse(const std::string& source) {
  Case test;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("#define MODE", 0) == 0 && line != "#define MODE 64") test.value_mask = 0xffffffff;
    if (line.rfind("// expect ", 0) != 0) continue;
    std::istringstream words(line.substr(10));
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      REQUIRE(equals != std::string::npos);
      test.expect[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  test.expect.emplace("count", "0");
  return test;
}

// What the guest wrote to the console until it ended itself; empty if it did not.
std::string run(const std::string& image) {
  auto machine = hw::Machine::create({.memory_bytes = 8 << 20});
  REQUIRE(machine.has_value());
  hw::Machine& m = *machine.value();
  hw::Cpu& cpu = m.cpu(0);
  std::copy(image.begin(), image.end(), m.memory().host(GuestPhysical(kImageAddress)));
  cpu.segment[hw::kCs].selector = 0;
  cpu.segment[hw::kCs].base = 0;
  cpu.rip = kImageAddress;
  cpu.mode_changed();

  std::string console;
  for (;;) {
    const hw::Stop stop = m.run(0, kInstructionLimit);
    const auto* port = std::get_if<hw::StopPort>(&stop);
    if (!port) {
      UNSCOPED_INFO("stopped by alternative " << stop.index() << " at rip " << std::hex << cpu.rip << ", console bytes " << console.size());
      return {};
    }
    if (port->port == kExit) return console;
    if (port->port == kConsole && port->write) console.push_back(static_cast<char>(port->value));
    m.reply(0, ~0ull);
  }
}

std::map<std::string, uint64_t> results(const std::string& console) {
  std::map<std::string, uint64_t> values;
  for (size_t i = 0; i < std::size(kNames); ++i) std::memcpy(&values[kNames[i]], console.data() + 8 * i, 8);
  return values;
}

// "name: expected .., got .." for each difference, and the exception seen last.
std::string differences(const Case& test, std::map<std::string, uint64_t> got) {
  std::ostringstream text;
  const auto ignore = test.expect.find("ignore");
  uint64_t compared = ignore == test.expect.end() ? 0 : flag_bits(ignore->second);
  compared = flag_bits("CF|PF|AF|ZF|SF|DF|OF") & ~compared;
  for (const auto& [name, value] : test.expect) {
    if (name == "ignore") continue;
    if (!got.count(name)) FAIL("no such name: " << name);
    const uint64_t want = name == "flags" ? flag_bits(value) : value[0] == '-' ? -std::stoull(value.substr(1), nullptr, 0) : std::stoull(value, nullptr, 0);
    const uint64_t mask = name == "flags" ? compared : test.value_mask;
    if ((want & mask) != (got[name] & mask))
      text << std::hex << name << ": expected 0x" << (want & mask) << ", got 0x" << (got[name] & mask) << "\n";
  }
  if (!text.str().empty())
    text << std::hex << "last exception: vector 0x" << got["vector"] << " error 0x" << got["error"] << " rip 0x" << got["rip"] << " count " << got["count"] << "\n";
  return text.str();
}

}  // namespace

TEST_CASE("assembly tests give the registers, flags and exceptions of their heads") {
  const fs::path folder = fs::path(RINGSIDE_SOURCE_DIR) / "tests/asm/cases";
  std::vector<fs::path> sources;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".S") sources.push_back(entry.path());
  std::sort(sources.begin(), sources.end());
  CHECK(sources.size() >= 40);
  for (const fs::path& source : sources) {
    DYNAMIC_SECTION(source.stem().string()) {
      const std::string image = read_text(fs::path(ASM_IMAGES) / (source.stem().string() + ".bin"));
      REQUIRE_FALSE(image.empty());
      const std::string console = run(image);
      CHECK(console.size() == 8 * std::size(kNames));
      if (console.size() == 8 * std::size(kNames)) CHECK(differences(parse(read_text(source)), results(console)) == "");
    }
  }
}
