// Fuzz target: guest tables of the input's bytes in all paging modes (loops, tables in themselves, in the monitor's memory and outside RAM,
// reserved bits), accesses, stores into those tables, root and mode changes, under shadow, nested and agile paging with ample and with the
// least memory for the monitor. Every access must end as a native walk of the same tables does, and leave the same memory.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "vmm/paging/agile_paging.h"
#include "vmm/paging/nested_paging.h"
#include "vmm/paging/shadow_paging.h"
#include "vmm/testing/paging_twin.h"

using namespace ringside;
using namespace ringside::hw;
using namespace ringside::vmm;
using ringside::vmm::testing::Outcome;
using ringside::vmm::testing::PagingTwin;
namespace bit = ringside::hw::testing::bit;

namespace {

constexpr uint64_t kRam = 1 << 20;
constexpr unsigned kTables = 16;       // pages 0 to 15: an entry's target has four bits
constexpr unsigned kMostActions = 300;
constexpr PagingMode kModes[] = {PagingMode::kFourLevel, PagingMode::kFiveLevel, PagingMode::kPae, PagingMode::kLegacy32, PagingMode::kOff};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "paging_fuzz: %s\n", what);
  std::abort();
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <class T>
  T take() {
    T value{};
    const size_t n = std::min(sizeof value, size_);
    if (n) std::memcpy(&value, data_, n);
    data_ += n;
    size_ -= n;
    return value;
  }
  bool empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

enum class Kind : uint8_t { kShadow, kNested, kAgile };

struct Setting {
  Kind kind;
  const char* tlb;
  bool tight;   // the least memory that create() accepts
  bool tagged;  // PCIDs
};

Setting take_setting(Input& in) {
  const auto choice = in.take<uint8_t>();
  return {static_cast<Kind>(choice % 3), choice & 0x10 ? "skylake" : "none", (choice & 0x20) != 0, (choice & 0x40) != 0};
}

uint64_t pool_bytes(const Setting& s) {
  if (!s.tight) return 2 << 20;
  auto memory = hw::testing::make_memory(kRam);
  MonitorMemory none(memory, HostPhysical(PhysicalMemory::kMonitorStart), 0);
  return (s.kind == Kind::kNested ? NestedPaging::minimum_pages(none) : ShadowPaging::minimum_pages(none)) << kPageShift;
}

class World : public PagingTwin {
 public:
  World(const Setting& s, Input& in) : PagingTwin(kRam, pool_bytes(s), s.tlb), setting_(s), in_(in) {
    make_paging();
    mode_ = kModes[in_.take<uint8_t>() % std::size(kModes)];
    const unsigned entries = in_.take<uint8_t>();
    for (unsigned i = 0; i < entries; ++i) {
      const auto slot = static_cast<uint64_t>(in_.take<uint16_t>() % (kTables * 512)) * 8;
      const uint64_t word = take_word();
      for (auto* pc : {&native, &guest}) std::memcpy(pc->memory.host(GuestPhysical(slot)), &word, sizeof word);
    }
    cr3_ = take_cr3();
    enter_mode();
  }

  void run() {
    for (unsigned i = 0; i < kMostActions && !in_.empty(); ++i) act(in_.take<uint8_t>());
    require(!escaped, "an access reached the monitor's memory");
    require(same_memory(), "guest memory differs");
    if (auto* shadow = dynamic_cast<ShadowPaging*>(paging.get())) require(shadow->tables().consistent(), "shadow tables are inconsistent");
  }

 private:
  void make_paging() {
    switch (setting_.kind) {
      case Kind::kShadow: paging = std::move(ShadowPaging::create(monitor).value()); break;
      case Kind::kNested: paging = std::move(NestedPaging::create(monitor).value()); break;
      case Kind::kAgile: paging = std::move(AgilePaging::create(monitor, {.writes = 2, .interval = 1000}).value()); break;
    }
  }

  // Two bytes: target page and flags; or a special target; or eight raw bytes.
  uint64_t take_word() {
    const auto compact = in_.take<uint16_t>();
    const uint64_t word = compact & 0xfff, page = compact >> 12;
    switch (in_.take<uint8_t>() % 16) {
      case 0: return word | uint64_t{0xfee0} << 16;                                           // a device
      case 1: return word | (PhysicalMemory::kMonitorStart + page * kPageSize);  // the monitor's tables
      case 2: return word | uint64_t{1} << (40 + page);                          // outside RAM, reserved bits, NX
      case 3: return in_.take<uint64_t>();
      case 4: return word | bit::kNx | page << kPageShift;
      default: return word | page << kPageShift;
    }
  }
  uint64_t take_cr3() {
    const auto choice = in_.take<uint8_t>();
    const uint64_t low = setting_.tagged && mode_ == PagingMode::kFourLevel ? choice >> 6 : 0;
    if (choice & 0x20) return (choice & 0x10 ? PhysicalMemory::kMonitorStart : uint64_t{0xfffff000}) | low;
    return (choice & 15) * kPageSize | low;
  }
  // An index of two bits for each level, so that linear addresses meet the entries there are.
  uint64_t take_linear() {
    const auto choice = in_.take<uint16_t>();
    constexpr unsigned kIndex[] = {0, 1, 2, 511};
    const auto shape = hw::testing::shape_of(mode_);
    if (!shape.levels) return choice * uint64_t{97};
    uint64_t linear = 0;
    for (unsigned level = shape.levels; level >= 1; --level) {
      unsigned index = kIndex[choice >> (2 * level) & 3];
      if (mode_ == PagingMode::kPae && level == 3) index &= 3;
      linear = linear << shape.index_bits | index;
    }
    linear = linear << 12 | (choice & 3) << 10 | (choice >> 12) * 8;
    if (mode_ == PagingMode::kPae || mode_ == PagingMode::kLegacy32) return static_cast<uint32_t>(linear);
    const unsigned width = 12 + 9 * shape.levels;
    return static_cast<uint64_t>(static_cast<int64_t>(linear << (64 - width)) >> (64 - width));
  }

  void enter_mode() {
    set_mode([&](CpuState& cpu) {
      cpu.cr0 = cr0::kNe | cr0::kEt | cr0::kPe | (toggles_ & 1 ? cr0::kWp : 0);
      cpu.cr4 = 0;
      cpu.efer = 0;
      if (mode_ != PagingMode::kOff) hw::testing::enter(cpu, mode_);
      if (toggles_ & 2) cpu.cr4 |= cr4::kSmep;
      if (toggles_ & 4) cpu.cr4 |= cr4::kSmap;
      if (toggles_ & 8) cpu.efer |= efer::kNxe;
      if (toggles_ & 16) cpu.system_flags |= rflags::kAc;
      else cpu.system_flags &= ~rflags::kAc;
      if (setting_.tagged && mode_ == PagingMode::kFourLevel) cpu.cr4 |= cr4::kPcide;
      cpu.cr3 = cr3_;
    });
    invalidate_all();
  }

  // The monitor's one documented departure (outside_ram() in nested_paging.cpp): a table of 32-bit paging that is not in RAM.
  bool table_outside_ram(const Outcome& expected, const Outcome& got) const {
    return mode_ == PagingMode::kLegacy32 && got.kind == Outcome::Kind::kFault && (got.error & 9) == 9 && expected.physical >= 0xfffff000;
  }
  void compare(uint64_t linear, AccessKind kind, AccessMode mode, const uint64_t* store) {
    const Outcome expected = access_native(linear, kind, mode);
    if (store && expected.kind == Outcome::Kind::kRam)
      std::memcpy(native.memory.host(GuestPhysical(expected.physical)), store, sizeof *store);
    const Outcome got = access_guest(linear, kind, mode, store);
    if (got == expected) return;
    if (table_outside_ram(expected, got)) {
      std::memcpy(native.memory.base(), guest.memory.base(), kRam);
      return;
    }
    std::fprintf(stderr, "paging_fuzz: %s, mode %d, cr3 %#lx: linear %#lx kind %d by %d: native %s, got %s\n", std::string(paging->name()).c_str(),
                 static_cast<int>(mode_), cr3_, linear, static_cast<int>(kind), static_cast<int>(mode),
                 expected.text().c_str(), got.text().c_str());
    std::abort();
  }

  void act(uint8_t action) {
    const auto mode = static_cast<AccessMode>(action / 8 % 3);
    switch (action % 8) {
      case 0: case 1: case 2: compare(take_linear(), static_cast<AccessKind>(action % 8), mode, nullptr); break;
      case 3: case 4: {  // the guest stores an entry wherever this leads, and invalidates as it must
        const uint64_t linear = take_linear(), word = take_word();
        compare(linear, AccessKind::kWrite, AccessMode::kSupervisor, &word);
        invalidate_all();
        break;
      }
      case 5:
        cr3_ = take_cr3();
        load_cr3(cr3_, (action & 0x80) && setting_.tagged && mode_ == PagingMode::kFourLevel);
        break;
      case 6:
        toggles_ ^= static_cast<uint8_t>(1u << action / 8 % 5);
        if (action & 0x80) mode_ = kModes[in_.take<uint8_t>() % std::size(kModes)], cr3_ = take_cr3();
        enter_mode();
        break;
      case 7:
        if (action & 8) {
          invlpg(take_linear());
        } else {
          guest.cpu.counters.instructions += 700;
          paging->time_passed(guest.cpu);
        }
        break;
    }
  }

  Setting setting_;
  Input& in_;
  PagingMode mode_ = PagingMode::kFourLevel;
  uint64_t cr3_ = 0;
  uint8_t toggles_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  const Setting setting = take_setting(in);
  World(setting, in).run();
  return 0;
}
