// Fuzz target: guest tables and nested tables of the input's bytes in one small memory, so that each dimension's
// entries lead into the other's, itself, or nowhere; nested, agile and flattened walks. Every walk ends with a sound
// record, and caches change no result.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/walker.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

constexpr uint64_t kRam = 1 << 20;

void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <class T>
  T take() {
    T value{};
    const size_t n = std::min(sizeof value, size_);
    std::memcpy(&value, data_, n);
    data_ += n;
    size_ -= n;
    return value;
  }
  bool empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Eight pages of tables; an entry is (index, target page, low bits), or eight raw bytes.
void fill_tables(PhysicalMemory& memory, Input& in) {
  const unsigned entries = in.take<uint8_t>();
  for (unsigned i = 0; i < entries; ++i) {
    const auto where = in.take<uint16_t>();
    uint64_t word = where & 0x8000 ? in.take<uint64_t>() : (in.take<uint8_t>() & 0x0full) << 12 | in.take<uint16_t>();
    if (!(where & 0x8000) && (word & 0x800)) word = (word & ~0x800ull) | uint64_t{1} << 52;  // the agile switch
    std::memcpy(memory.host(GuestPhysical((where & 0xfffu) * 8)), &word, sizeof word);
  }
}

TranslationRegime take_regime(Input& in) {
  TranslationRegime regime;
  const auto choice = in.take<uint8_t>();
  regime.two_dimensional = choice & 1;
  regime.nested.root = in.take<uint8_t>() % 16 * 4096;
  regime.nested.levels = choice & 2 ? 5 : 4;
  regime.nested.accessed_dirty = choice & 4;
  regime.nested.shape = choice & 8 ? (choice & 16 ? TableShape::kArray : TableShape::kFlattened) : TableShape::kTree;
  regime.nested.array_bytes = in.take<uint32_t>();
  if (choice & 32) regime.shape = TableShape::kFlattened;
  if (regime.two_dimensional && (choice & 64))
    regime.start = choice & 128 ? WalkStart::kShadowRoot : WalkStart::kSwitchedRoot;
  regime.shadow_root = in.take<uint8_t>() % 16 * 4096;
  return regime;
}

void check_walk(const WalkResult& w) {
  require(w.step_count <= WalkResult::kMaxSteps);
  switch (w.outcome) {
    case WalkOutcome::kTranslated:
      require(w.mapped_shift >= 12 && w.mapped_shift <= w.page_shift && w.page_shift <= 30);
      require(w.physical.value <= kPhysicalAddressMask + kPageSize);
      break;
    case WalkOutcome::kPageFault:
      require(!(w.error_code & 8) || (w.error_code & 1));
      break;
    case WalkOutcome::kNestedViolation:
      require((w.qualification & 7) != 0 && (w.qualification & 0x80));
      break;
    case WalkOutcome::kNestedMisconfiguration:
      require(w.step_count > 0 && w.steps[w.step_count - 1].table == TableKind::kNested);
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  static PhysicalMemory memory = testing::make_memory(kRam);
  std::memset(memory.base(), 0, kRam);
  const TranslationRegime regime = take_regime(in);
  const auto mode = static_cast<PagingMode>(in.take<uint8_t>() % 5);
  CpuState cpu;
  Mmu mmu(cpu, memory);
  if (mode != PagingMode::kOff) testing::enter(cpu, mode);
  cpu.cr3 = in.take<uint8_t>() % 16 * 4096;
  if (in.take<uint8_t>() & 1) cpu.cr0 |= cr0::kWp;
  fill_tables(memory, in);
  mmu.set_regime(regime);
  mmu.update_mode();
  for (unsigned i = 0; i < 32 && !in.empty(); ++i) {
    const auto action = in.take<uint8_t>();
    const uint64_t linear = action & 0x80 ? in.take<uint32_t>() : in.take<uint16_t>();
    const auto kind = static_cast<AccessKind>(action % 3);
    const AccessMode who = action & 0x40 ? AccessMode::kUser : AccessMode::kSupervisor;
    WalkResult walk;
    mmu.peek_walk(linear, kind, who, walk);
    check_walk(walk);
    mmu.flush_all();
    mmu.flush_nested();
    const Translation t = mmu.translate(linear, kind, who);
    if (regime.two_dimensional || mode != PagingMode::kOff) {
      check_walk(mmu.last_walk());
      require(t.outcome == walk.outcome);
      if (t.ok) require(t.physical == GuestPhysical(walk.physical.value));
    }
  }
  return 0;
}
