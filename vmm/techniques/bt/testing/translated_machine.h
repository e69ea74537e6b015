// A guest whose kernel runs translated, at CPL 3 of a modelled processor with tables of its own, and a monitor around
// it that is as simple as can be: the guest's own processor does everything that traps. The guest's RAM is mapped at
// three places, as kernels map theirs: at 0, at -2 GiB, and at an address no 32-bit displacement reaches. Only the
// tests and the benchmark of the translator include it.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "hwmodel/exec/testing/small_machine.h"
#include "vmm/techniques/bt/engine.h"

namespace ringside::vmm::bt::testing {

namespace hwt = hw::testing;

// Where the guest's RAM is seen.
constexpr uint64_t kLow = 0, kTop = 0xffffffff80000000, kFar = 0xffffc00000000000;

// The guest's kernel before anything has run: long mode, CPL 0, three mappings, handlers that halt.
inline void prepare(hwt::SmallMachine& m) {
  constexpr uint64_t kTopPdpt = 0x14000;
  constexpr uint64_t kTable = 0x27,
                     kLargePage = 0xe7;  // accessed and dirty: what the processor would set is no difference
  m.poke(hwt::at::kPml4, hwt::at::kPdpt | kTable);
  m.poke(hwt::at::kPml4 + 8 * 384, hwt::at::kPdpt | kTable);
  m.poke(hwt::at::kPml4 + 8 * 511, kTopPdpt | kTable);
  m.poke(hwt::at::kPdpt, hwt::at::kPd | kTable);
  m.poke(kTopPdpt + 8 * 510, hwt::at::kPd | kTable);
  m.poke(hwt::at::kPd, kLargePage);
  m.cpu.cr4 |= hw::cr4::kOsfxsr | hw::cr4::kOsxmmexcpt;
  m.cpu.cr0 &= ~(hw::cr0::kEm | hw::cr0::kTs);
  m.cpu.mode_changed();
  for (unsigned v = 0; v < 256; ++v) m.poke(hwt::at::kHandlers + 16 * v, uint8_t{0xf4});
  for (const uint8_t v : {8, 12, 13, 14})
    m.set_gate(v, hwt::sel::kCode64, 0xee, 1);  // their handlers need a stack that is there
}

class TranslatedMachine {
 public:
  static constexpr uint64_t kBase = 0xffff800000000000;
  static constexpr unsigned kMonitorBytes = 4 << 20;

  // `cache_bytes`: of the translation cache, up to 2 MiB.
  explicit TranslatedMachine(const EngineOptions& options = {}, EngineObserver* observer = nullptr,
                             uint32_t cache_bytes = 1 << 20)
      : guest(hwt::Mode::kLong, kMonitorBytes),
        ring(1, guest.ram, guest.code),
        source(guest.cpu),
        cache_bytes_(cache_bytes) {
    prepare(guest);
    make_tables();
    start_processor();
    engine = std::make_unique<BtEngine>(memory(), source, options, observer);
  }

  hwt::SmallMachine guest;  // its CPU is the virtual one
  hw::Cpu ring;             // the real one
  VirtualCpuCode source;
  std::unique_ptr<BtEngine> engine;
  uint64_t entries = 0, interpreted = 0, emulated = 0, ring_instructions = 0;

  // What stopped the processor.
  struct Event {
    enum class Kind : uint8_t { kException, kTime } kind = Kind::kTime;
    uint8_t vector = 0;
    uint64_t error = 0, cr2 = 0;
    RingContext context;
    StoppedBy by() const { return kind == Kind::kException && vector == 6 ? StoppedBy::kTrap : StoppedBy::kOther; }
  };

  // What the last run ended with is settled.
  void start_again() {
    guest.cpu.halted = false;
    last_stop = hw::StopNone{};
  }

  // Runs translated code from where the virtual CPU is for at most `instructions`. False: nothing can be translated
  // there.
  bool enter(Event& event, uint64_t instructions = ~0ull) {
    const auto rip = engine->enter_at(guest.cpu.rip);
    protect_new_pages();
    if (!rip) return false;
    engine->load(guest.cpu);
    ++entries;
    RingContext c;
    std::copy_n(guest.cpu.gpr.begin(), 16, c.gpr.begin());
    c.rip = *rip;
    c.rflags = guest.cpu.rflags();
    event = run(c, instructions);
    return true;
  }

  // Goes on from a context, as after a hidden fault.
  Event run(const RingContext& c, uint64_t instructions = ~0ull) {
    std::copy_n(c.gpr.begin(), 16, ring.gpr.begin());
    ring.rip = c.rip;
    constexpr uint64_t kVirtual = hw::rflags::kIf | hw::rflags::kIopl | hw::rflags::kAc;
    ring.set_rflags((c.rflags & ~kVirtual) | hw::rflags::kIf);
    ring.cpl = 3;
    ring.segment[hw::kCs] = {.base = 0, .limit = ~0u, .selector = kUserCode, .rights = 0xa0fb};
    ring.segment[hw::kSs] = {.base = 0, .limit = ~0u, .selector = kUserData, .rights = 0xc0f3};
    for (const auto name : {hw::kDs, hw::kEs, hw::kFs, hw::kGs}) {
      ring.segment[name] = {
          .base = guest.cpu.segment[name].base, .limit = ~0u, .selector = kUserData, .rights = 0xc0f3};
    }
    ring.fpu = guest.cpu.fpu;
    ring.xmm = guest.cpu.xmm;
    ring.mxcsr = guest.cpu.mxcsr;
    ring.halted = false;
    ring.random_state = guest.cpu.random_state;
    ring.mode_changed();
    const uint64_t before = ring.counters.instructions;
    ring.deadline = instructions > ~0ull - before ? ~0ull : before + instructions;
    const hw::Stop stop = hw::run(ring);
    ring_instructions += ring.counters.instructions - before;
    guest.cpu.random_state = ring.random_state;
    guest.cpu.fpu = ring.fpu;
    guest.cpu.xmm = ring.xmm;
    guest.cpu.mxcsr = ring.mxcsr;
    return event_of(stop);
  }

  // The guest's state where it stopped goes into the virtual CPU.
  Stopped leave(const Event& event) {
    const Stopped s = engine->resolve(event.context, event.by());
    std::copy_n(s.guest.gpr.begin(), 16, guest.cpu.gpr.begin());
    guest.cpu.rip = s.guest.rip;
    guest.cpu.set_rflags(s.guest.rflags);
    engine->store(guest.cpu);
    guest.cpu.mode_changed();
    if (s.interrupt_shadow) guest.cpu.interrupt_shadow = 1;
    return s;
  }

  // One instruction on the virtual CPU, and what its stores mean for translations.
  void emulate() {
    ++emulated;
    std::vector<std::pair<uint64_t, std::vector<uint8_t>>> before;
    for (const uint64_t page : engine->pages_with_translations()) {
      const uint8_t* host = guest.ram.host(GuestPhysical(page));
      before.emplace_back(page, std::vector<uint8_t>(host, host + kPageSize));
    }
    const hw::CpuState old = guest.cpu;
    guest.cpu.attention = false;
    last_stop = hw::step(guest.cpu);
    ring.mmu.drop_fast();
    for (const auto& [page, bytes] : before) {
      const uint8_t* host = guest.ram.host(GuestPhysical(page));
      for (unsigned i = 0; i < kPageSize; ++i) {
        if (host[i] != bytes[i]) engine->page_written(page + i, 1);
      }
    }
    if (guest.cpu.cr3 != old.cr3 || guest.cpu.cr4 != old.cr4 || guest.cpu.cr0 != old.cr0) engine->mappings_changed();
  }

  // Until the guest halts, meets a triple fault or a device, or `steps` entries and emulations have been made. False:
  // it was still going on.
  bool run_to_halt(unsigned steps = 10000, uint64_t slice = ~0ull) {
    for (unsigned i = 0; i < steps; ++i) {
      if (guest.cpu.halted || last_stop.index() != 0) return true;
      if (needs_interpreter()) {
        emulate();
        continue;
      }
      Event event;
      if (!enter(event, slice)) {
        ++interpreted;
        emulate();
        continue;
      }
      const Stopped s = leave(event);
      if (s.at == Stopped::At::kOutside) return false;
      if (s.at == Stopped::At::kCallOut || (s.at == Stopped::At::kInside && event.kind == Event::Kind::kException))
        handle(event, s);
    }
    return false;
  }

  hw::Stop last_stop;

  EngineMemory memory() {
    EngineMemory m;
    m.base = kBase;
    m.state = monitor(kStateFrame);
    for (uint64_t i = 0; i < cache_bytes_ >> kPageShift; ++i) m.code_pages.push_back(monitor(kCodeFrame + i));
    m.code_written = [this](const uint8_t* host, unsigned size) { guest.code.written(host, size); };
    return m;
  }
  bool needs_interpreter() const {
    return guest.cpu.cpl != 0 || !guest.cpu.in_64bit_mode() || guest.cpu.interrupt_shadow ||
           (guest.cpu.system_flags & hw::rflags::kTf);
  }

 private:
  static constexpr uint16_t kKernelCode = 8, kUserData = 0x13, kUserCode = 0x1b, kTss = 0x20;
  // Frames of the monitor's memory.
  static constexpr uint64_t kPml4 = 0, kPdptLow = 1, kPd = 2, kPt = 3, kPdptHigh = 4, kPdptBase = 5, kPdBase = 6,
                            kPtSystem = 7, kPtState = 8, kPtCode = 9, kSystemFrames = 16, kStateFrame = 31,
                            kCodeFrame = 64;
  // In the first pages of the monitor's part of the address space.
  static constexpr uint64_t kGdt = kBase, kIdt = kBase + 0x1000, kTssBase = kBase + 0x2000, kStops = kBase + 0x3000,
                            kStackTop = kBase + 0x5000;
  static constexpr uint64_t kUser = 7, kSupervisor = 3, kReadOnlyUser = 5, kNoExecute = 1ull << 63;

  uint64_t physical(uint64_t frame) const { return hw::PhysicalMemory::kMonitorStart + frame * kPageSize; }
  uint8_t* monitor(uint64_t frame) { return guest.ram.host(GuestPhysical(physical(frame))); }
  void entry(uint64_t frame, unsigned index, uint64_t value) { std::memcpy(monitor(frame) + 8 * index, &value, 8); }

  void make_tables() {
    entry(kPml4, 0, physical(kPdptLow) | kUser);
    entry(kPml4, 384, physical(kPdptLow) | kUser);
    entry(kPml4, 511, physical(kPdptHigh) | kUser);
    entry(kPml4, 256, physical(kPdptBase) | kUser);
    entry(kPdptLow, 0, physical(kPd) | kUser);
    entry(kPdptHigh, 510, physical(kPd) | kUser);
    entry(kPd, 0, physical(kPt) | kUser);
    for (unsigned i = 0; i < 512; ++i) entry(kPt, i, i * kPageSize | kUser | kNoExecute);
    entry(kPdptBase, 0, physical(kPdBase) | kUser);
    entry(kPdBase, 0, physical(kPtSystem) | kUser);
    entry(kPdBase, 1, physical(kPtCode) | kUser);
    for (unsigned i = 0; i < 8; ++i) entry(kPtSystem, i, physical(kSystemFrames + i) | kSupervisor);
    entry(kPtSystem, ring_layout::kState >> kPageShift, physical(kStateFrame) | kUser | kNoExecute);
    for (unsigned i = 0; i < cache_bytes_ >> kPageShift; ++i)
      entry(kPtCode, i, physical(kCodeFrame + i) | kReadOnlyUser);
  }

  void put_system(uint64_t linear, uint64_t value) {
    std::memcpy(monitor(kSystemFrames) + (linear - kBase), &value, 8);
  }
  void start_processor() {
    hw::reset(ring);
    ring.cr0 = hw::cr0::kPe | hw::cr0::kPg | hw::cr0::kWp | hw::cr0::kEt | hw::cr0::kNe;
    ring.cr4 = hw::cr4::kPae | hw::cr4::kOsfxsr | hw::cr4::kOsxmmexcpt;
    ring.cr3 = physical(kPml4);
    ring.efer = hw::efer::kLme | hw::efer::kLma | hw::efer::kNxe | hw::efer::kSce;
    put_system(kGdt + kKernelCode, hwt::descriptor(0, 0xfffff, 0x9b, hwt::kFlat64));
    put_system(kGdt + (kUserData & ~7), hwt::descriptor(0, 0xfffff, 0xf3, hwt::kFlat32));
    put_system(kGdt + (kUserCode & ~7), hwt::descriptor(0, 0xfffff, 0xfb, hwt::kFlat64));
    put_system(kTssBase + 4, kStackTop);
    for (unsigned v = 0; v < 256; ++v) {
      const uint64_t handler = kStops + 4 * v;
      put_system(kIdt + 16 * v, hwt::gate(kKernelCode, static_cast<uint32_t>(handler), 0xee));
      put_system(kIdt + 16 * v + 8, handler >> 32);
      monitor(kSystemFrames)[kStops - kBase + 4 * v] = 0xf4;
    }
    ring.gdtr = {kGdt, 0xfff};
    ring.idtr = {kIdt, 0xfff};
    ring.tr = {.base = kTssBase, .limit = 0x67, .selector = kTss, .rights = 0x8b};
  }

  Event event_of(const hw::Stop& stop) {
    Event e;
    std::copy_n(ring.gpr.begin(), 16, e.context.gpr.begin());
    e.context.rip = ring.rip;
    e.context.rflags = ring.rflags();
    if (!std::holds_alternative<hw::StopHalt>(stop)) return e;
    e.kind = Event::Kind::kException;
    e.vector = static_cast<uint8_t>((ring.rip - 1 - kStops) / 4);
    e.cr2 = ring.cr2;
    const bool has_error = e.vector == 8 || (e.vector >= 10 && e.vector <= 14) || e.vector == 17;
    std::array<uint64_t, 6> frame{};
    const uint64_t bytes = has_error ? 48 : 40;
    std::memcpy(frame.data() + (has_error ? 0 : 1), monitor(kSystemFrames) + (kStackTop - kBase - bytes), bytes);
    e.error = frame[0];
    e.context.rip = frame[1];
    e.context.rflags = frame[3];
    e.context.gpr[4] = frame[4];
    return e;
  }

  void handle(const Event& event, const Stopped& s) {
    if (event.vector == 14 && s.at == Stopped::At::kInside && protected_.contains(event.cr2 & 0x1ff000))
      engine->traced_access(s);
    emulate();
  }

  // Write-protects what has translations, under all its addresses.
  void protect_new_pages() {
    for (const uint64_t page : engine->take_new_pages()) {
      protected_.insert(page);
      entry(kPt, static_cast<unsigned>(page >> kPageShift), page | kReadOnlyUser | kNoExecute);
      for (const uint64_t at : {kLow, kTop, kFar}) ring.mmu.flush_page(at + page);
    }
  }

  uint32_t cache_bytes_;
  std::set<uint64_t> protected_;
};

}  // namespace ringside::vmm::bt::testing
