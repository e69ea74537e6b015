// Random kernel code translated, against the same code at CPL 0: whatever it does, registers, flags, memory and the
// exception it ends in are the same. Interrupted at random places on the way, so that the way back from the cache to
// the guest is tried everywhere.
#include <cstdlib>

#include "tests/catch.h"
#include "vmm/techniques/bt/testing/random_code.h"
#include "vmm/techniques/bt/testing/twin.h"

using namespace ringside;
using namespace ringside::vmm::bt;
using namespace ringside::vmm::bt::testing;
namespace at = hw::testing::at;
using hw::Cpu;

namespace {

constexpr uint64_t kCodeAt = 0x28000, kDataAt = 0x30000;
constexpr uint64_t kInstructions = 3000;

enum class Outcome : uint8_t { kEqual, kDiffers, kSkipped };

// One twin for many cases: memory stays equal, processors start anew.
class Cases {
 public:
  explicit Cases(uint64_t seed) : random_(seed) { renew(); }

  Outcome run() {
    const uint64_t place = any({kLow, kTop, kFar});
    const uint64_t offset =
        random_.below(4) ? random_.below(256) : 0xf00 + random_.below(256);  // often across a page's end
    code =
        random_.block(1 + static_cast<unsigned>(random_.below(40)), static_cast<int32_t>(kDataAt - kCodeAt - offset));
    store(kCodeAt + offset);
    start(place + kCodeAt + offset);
    Cpu& native = twin_->native.cpu;
    native.deadline = native.counters.instructions + kInstructions;
    const hw::Stop stop = hw::run(native);
    if (std::holds_alternative<hw::StopLimit>(stop) || tables_changed() || overran(kCodeAt + offset))
      return renew(), Outcome::kSkipped;
    const uint64_t slice = random_.below(2) ? ~0ull : 40 + random_.below(60);
    const bool ended = twin_->translated.run_to_halt(4 * kInstructions, slice);
    twin_->translated.start_again();
    difference = ended ? twin_->difference() : "the translated code does not end";
    if (std::holds_alternative<hw::StopTripleFault>(stop) && ended) difference.clear();  // nothing left to compare
    if (!difference.empty()) return renew(), Outcome::kDiffers;
    return Outcome::kEqual;
  }

  std::vector<uint8_t> code;
  std::string difference;
  const EngineCounters& counters() const { return twin_->translated.engine->counters(); }

 private:
  uint64_t any(std::initializer_list<uint64_t> of) { return of.begin()[random_.below(of.size())]; }

  void renew() {
    EngineOptions options;
    options.generations = 3;
    twin_ = std::make_unique<Twin>(options, cache_layout::kTranslations + 4 * kLongestTranslation);
    native_ = twin_->native.cpu;
    translated_ = twin_->translated.guest.cpu;
    tables_ = tables();
  }
  std::vector<uint8_t> tables() {
    const uint8_t* base = twin_->native.ram.host(GuestPhysical(0));
    std::vector<uint8_t> bytes(base + at::kPml4, base + at::kLdt);
    bytes.insert(bytes.end(), base + 0x14000, base + 0x15000);
    return bytes;
  }
  // The code wrote to its own page tables, which the harness's do not follow.
  bool tables_changed() { return tables() != tables_; }

  // A REP MOVS or STOS ran over the code, itself included: after how many bytes it notices is the processor's affair.
  bool overran(uint64_t physical) {
    unsigned changed = 0;
    for (size_t i = 0; i < code.size(); ++i) changed += twin_->native.peek<uint8_t>(physical + i) != code[i];
    return 2 * changed > code.size();
  }

  void store(uint64_t physical) {
    twin_->put(physical, code);
    twin_->translated.engine->page_written(physical, code.size());
  }
  void start(uint64_t rip) {
    uint64_t registers[16];
    for (uint64_t& r : registers) r = random_.below(3) ? random_.word() : random_.below(300);
    for (const auto r : {hw::kRbx, hw::kRsi, hw::kRdi, hw::kRbp}) registers[r] = kDataAt + 0x400 + random_.below(0x400);
    registers[hw::kRsp] = at::kIstStack + 0x1800 + 8 * random_.below(16);
    const uint64_t flags = (random_.word() & 0x40ed7) | 2;
    static_cast<hw::CpuState&>(twin_->native.cpu) = native_;
    static_cast<hw::CpuState&>(twin_->translated.guest.cpu) = translated_;
    twin_->set([&](Cpu& cpu) {
      std::copy_n(registers, 16, cpu.gpr.begin());
      cpu.rip = rip;
      cpu.set_rflags(flags & ~hw::rflags::kTf);
      cpu.segment[hw::kFs].base = kDataAt;
      cpu.pending = {};
    });
  }

  RandomCode random_;
  std::unique_ptr<Twin> twin_;
  hw::CpuState native_, translated_;
  std::vector<uint8_t> tables_;
};

std::string listing(const std::vector<uint8_t>& code) {
  std::string text;
  for (unsigned i = 0; i < code.size();) {
    unsigned length = 1;
    const std::string line = hw::disassemble(std::span(code).subspan(i), 64, i, length);
    text += fmt::format("{:4x}  {}\n", i, line);
    i += length;
  }
  return text;
}

void check_many(uint64_t seed, unsigned count) {
  Cases cases(seed);
  unsigned equal = 0, skipped = 0, failed = 0;
  for (unsigned i = 0; i < count && failed < 5; ++i) {
    switch (cases.run()) {
      case Outcome::kEqual:
        ++equal;
        break;
      case Outcome::kSkipped:
        ++skipped;
        break;
      case Outcome::kDiffers:
        ++failed;
        UNSCOPED_INFO("seed " << seed << ", case " << i << ": " << cases.difference << "\n" << listing(cases.code));
        break;
    }
  }
  CHECK(failed == 0);
  CHECK(skipped < count / 8);
}

}  // namespace

TEST_CASE("Random kernel code does translated what it does at CPL 0", "[bt]") {
  const char* wanted = std::getenv("RINGSIDE_BT_CASES");  // for long runs by hand
  check_many(1, wanted ? static_cast<unsigned>(std::atoi(wanted)) : 4000);
}
