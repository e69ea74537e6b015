// Fuzz target: page tables made of the input's bytes (loops, self maps, targets outside RAM, reserved bits), accesses
// and flushes chosen by it. Nothing may be touched outside RAM, every walk ends, and what a walk allows agrees with its
// own record.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/mmu/mmu.h"
#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/walk_result.h"

using namespace ringside;
using namespace ringside::hw;

namespace {

constexpr uint64_t kRam = 1 << 20;  // tables point to each other often

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

// Entries that are plausible as well as random ones: small addresses, common bits.
void fill_tables(PhysicalMemory& memory, Input& in, unsigned tables) {
  for (unsigned i = 0; i < tables * 8; ++i) {
    const auto slot = in.take<uint16_t>();
    uint64_t word = in.take<uint64_t>();
    if (slot & 0x8000) word = (word & 0xff1ff) | (word & 1 ? 0 : uint64_t{1});
    const uint64_t at = 0x1000 + (slot & 0x7fffu) * 8 % (kRam / 2);
    std::memcpy(memory.host(GuestPhysical(at)), &word, sizeof word);
  }
}

void check_walk(const WalkResult& w, unsigned levels) {
  require(w.step_count >= 1 && w.step_count <= levels);
  for (unsigned i = 1; i < w.step_count; ++i) require(w.steps[i].level + 1 == w.steps[i - 1].level);
  if (w.outcome == WalkOutcome::kTranslated) {
    require(w.error_code == 0 && w.page_shift >= 12 && w.page_shift <= 30);
    require(((w.physical.value ^ w.linear.value) & ((uint64_t{1} << w.page_shift) - 1)) == 0);
    require(w.physical.value <= kPhysicalAddressMask);
  } else {
    require(w.outcome == WalkOutcome::kPageFault);
    require(!(w.error_code & fault_code::kReserved) || (w.error_code & fault_code::kPresent));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  static PhysicalMemory memory = testing::make_memory(kRam);
  std::memset(memory.base(), 0, kRam);
  CpuState cpu;
  Mmu mmu(cpu, memory);
  const auto mode = static_cast<PagingMode>(1 + in.take<uint8_t>() % 4);
  testing::enter(cpu, mode);
  const unsigned levels = testing::shape_of(mode).levels;
  const auto controls = in.take<uint8_t>();
  if (controls & 1) cpu.cr0 |= cr0::kWp;
  if (controls & 2) cpu.cr4 |= cr4::kSmap;
  if (controls & 4) cpu.cr4 |= cr4::kSmep;
  if (controls & 8) cpu.efer |= efer::kNxe;
  if (controls & 16) cpu.cr4 |= cr4::kPge;
  if (controls & 32) cpu.cr4 ^= cr4::kPse;
  cpu.cr3 = in.take<uint32_t>() % (2 * kRam);
  fill_tables(memory, in, in.take<uint8_t>() % 16);
  mmu.update_mode();
  for (unsigned i = 0; i < 64 && !in.empty(); ++i) {
    const auto action = in.take<uint8_t>();
    const bool wide = mode == PagingMode::kFourLevel || mode == PagingMode::kFiveLevel;
    uint64_t linear = in.take<uint32_t>();
    if (wide && (action & 0x80)) linear = static_cast<uint64_t>(static_cast<int64_t>(linear << 32 | linear) >> 16);
    cpu.cpl = action & 0x40 ? 3 : 0;
    mmu.update_mode();
    const auto kind = static_cast<AccessKind>(action % 3);
    const AccessMode who = cpu.cpl == 3 ? AccessMode::kUser : AccessMode::kSupervisor;
    WalkResult walk;
    mmu.peek_walk(linear, kind, who, walk);
    check_walk(walk, levels);
    const Translation t = mmu.translate(linear, kind, who);
    const FastEntry& fast = mmu.fast_entry(linear);
    if (t.ok && fast.read_tag == (linear & ~uint64_t{0xfff}) && kind != AccessKind::kFetch) {
      auto* host = reinterpret_cast<uint8_t*>(linear + fast.addend);
      require(host >= memory.base() && host < memory.base() + kRam);
    }
    if (action & 0x20) mmu.flush_page(linear);
    if (action & 0x10) mmu.flush_all();
    if ((action & 0x30) == 0x30) {
      // Nothing cached: the access and the record of its walk agree.
      mmu.peek_walk(linear, kind, who, walk);
      const Translation again = mmu.translate(linear, kind, who);
      require(again.ok == (walk.outcome == WalkOutcome::kTranslated) && again.error_code == walk.error_code);
      if (again.ok) require(again.physical.value == walk.physical.value);
    }
  }
  return 0;
}
