// What binary translation costs on this host and on the modelled processor: translating a byte of guest code, how often an entry finds its
// translation, and how much slower kernel code runs translated than native, in a straight line and full of calls. `./dev bench techniques`.
#include <chrono>
#include <cstdio>

#include "vmm/techniques/bt/testing/random_code.h"
#include "vmm/techniques/bt/testing/twin.h"

using namespace ringside;
using namespace ringside::vmm::bt;
using namespace ringside::vmm::bt::testing;

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr uint64_t kCodeAt = 0x28000;

// The guest's memory as pages of code, all of it at one place.
class Bytes final : public GuestCode {
 public:
  explicit Bytes(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) { bytes_.resize((bytes_.size() + 2 * kPageSize) & ~(kPageSize - 1)); }
  std::optional<GuestCodePage> fetch(uint64_t linear) override {
    if (linear >= bytes_.size()) return std::nullopt;
    return GuestCodePage{linear & ~(kPageSize - 1), bytes_.data() + (linear & ~(kPageSize - 1))};
  }
  std::optional<GuestCodePage> peek(uint64_t linear) override { return fetch(linear); }
  uint64_t size() const { return bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
};

void translation_cost() {
  RandomCode random(1);
  std::vector<uint8_t> code;
  while (code.size() < 256 << 10) {
    const auto more = random.block(40, 0x1000);
    code.insert(code.end(), more.begin(), more.end());
  }
  Bytes guest(code);
  const Places places{.state = 0xffff800000100000, .cache = 0xffff800000200000, .lookup_stub = 0x80000, .miss_stub = 0x80020};
  const Translator translator({}, places);
  uint64_t blocks = 0, bytes = 0, instructions = 0, out = 0;
  uint32_t site = 1;
  const auto start = Clock::now();
  for (uint64_t rip = 0; rip < code.size();) {
    const auto t = translator.translate(guest, rip, 0x90000, {}, site);
    ++blocks;
    bytes += t->guest_bytes;
    instructions += t->instructions.size();
    out += t->code.size();
    rip += t->guest_bytes;
  }
  const double time = seconds_since(start);
  std::printf("translation, mixed kernel-like code (%llu blocks, %.1f instructions each)\n", static_cast<unsigned long long>(blocks),
              static_cast<double>(instructions) / static_cast<double>(blocks));
  std::printf("  %-58s %8.1f ns\n", "a guest byte", time / static_cast<double>(bytes) * 1e9);
  std::printf("  %-58s %8.1f ns\n", "a guest instruction", time / static_cast<double>(instructions) * 1e9);
  std::printf("  %-58s %8.2f\n", "bytes of translation a guest byte", static_cast<double>(out) / static_cast<double>(bytes));
}

void slowdown(const char* name, const std::vector<uint8_t>& code, uint64_t place) {
  constexpr uint32_t kTurns = 1'000'000;
  Twin twin;
  twin.put(kCodeAt, code);
  twin.set([&](hw::Cpu& cpu) {
    cpu.gpr[hw::kRcx] = kTurns;
    cpu.gpr[hw::kRsp] = hwt::at::kStack;
    cpu.rip = place + kCodeAt;
  });
  hw::Cpu& native = twin.native.cpu;
  auto start = Clock::now();
  hw::run(native);
  const double native_time = seconds_since(start);
  const auto native_instructions = static_cast<double>(native.counters.instructions);
  start = Clock::now();
  if (!twin.translated.run_to_halt() || !twin.difference().empty()) std::printf("  !! the translation goes wrong: %s\n", twin.difference().c_str());
  const double translated_time = seconds_since(start);
  const EngineCounters& c = twin.translated.engine->counters();
  const double hits = static_cast<double>(c.found) / static_cast<double>(c.entries);
  std::printf("  %-38s %10.2f %14.2f %10.2f %12llu %9.1f%%\n", name, native_time / kTurns * 1e9,
              static_cast<double>(twin.translated.ring_instructions) / native_instructions, translated_time / native_time,
              static_cast<unsigned long long>(c.exits + c.misses + c.call_outs), hits * 100);
}

}  // namespace

int main() {
  translation_cost();
  std::printf("\nkernel code translated beside native, on the modelled processor\n");
  std::printf("  %-38s %10s %14s %10s %12s %10s\n", "loop", "native ns", "instructions x", "time x", "to monitor", "cache hits");
  // add, xor, lea, load, store, shifts; dec ecx; jnz
  const std::vector<uint8_t> straight = {0x48, 0x01, 0xc8, 0x48, 0x31, 0xc2, 0x48, 0x8d, 0x14, 0x4a, 0x48, 0x8b, 0x04, 0x24, 0x48, 0x89, 0x44, 0x24, 0xf8,
                                         0x48, 0xc1, 0xe0, 0x03, 0x48, 0x29, 0xd0, 0x48, 0x0f, 0xaf, 0xc2, 0xff, 0xc9, 0x75, 0xde, 0xf4};
  slowdown("straight line, 9 instructions", straight, kLow);
  // call leaf; dec ecx; jnz; hlt; leaf: add rax, rcx; ret
  const std::vector<uint8_t> calls = {0xe8, 5, 0, 0, 0, 0xff, 0xc9, 0x75, 0xf7, 0xf4, 0x48, 0x01, 0xc8, 0xc3};
  slowdown("call and return", calls, kLow);
  slowdown("call and return, top 2 GiB", calls, kTop);
  slowdown("call and return, beyond 32 bits", calls, kFar);
  // lea rax, [rip + leaf]; call rax
  const std::vector<uint8_t> indirect = {0x48, 0x8d, 0x05, 0x07, 0, 0, 0, 0xff, 0xd0, 0xff, 0xc9, 0x75, 0xf3, 0xf4, 0x48, 0x01, 0xca, 0xc3};
  slowdown("call through a register", indirect, kTop);
  slowdown("cli, sti", {0xfa, 0xfb, 0xff, 0xc9, 0x75, 0xfa, 0xf4}, kTop);
  slowdown("pushfq, cli, popfq", {0x9c, 0xfa, 0x9d, 0xff, 0xc9, 0x75, 0xf9, 0xf4}, kTop);
  slowdown("mov rax, cr3", {0x0f, 0x20, 0xd8, 0xff, 0xc9, 0x75, 0xf9, 0xf4}, kTop);
  return 0;
}
