// The binary translator as the monitor sees it: where in the translation cache the guest's kernel goes on, and what the
// guest's state is when it has stopped there. Knows nothing of traps, shadow tables and devices;
// techniques/bt/bt_mode.cpp plugs it into the deprivileged loop.
//
//   load(virtual processor) ── enter_at(rip) ──> run at CPL 3 ──> stopped ── resolve() ──> the guest's own registers
//   and rip ── store()
//
// The seam in words: translated code needs hardware CR0.AM clear, IF set, IOPL and AC 0, no single stepping, and the
// cache's pages readable and executable and the state page writable at CPL 3 in the kernel's view only. Translations
// are made of guest-physical pages: those must be write-protected and writes to them told (page_written); and of
// mappings: their change must be told (mappings_changed, mapping_changed).
#pragma once

#include <memory>
#include <optional>
#include <unordered_set>

#include "vmm/core/ring_cpu.h"
#include "vmm/core/ring_layout.h"
#include "vmm/techniques/bt/state_page.h"
#include "vmm/techniques/bt/translation_cache.h"

namespace ringside::vmm::bt {

// Where the monitor's part of the address space is, and how the monitor reaches it. Both are zero-filled memory of the
// machine.
struct EngineMemory {
  uint64_t base = 0;         // linear: ring_layout.h tells what lies where from here
  uint8_t* state = nullptr;  // a page
  std::vector<uint8_t*> code_pages;  // up to ring_layout::kCodeBytes; as much as the cache may hold
  std::function<void(const uint8_t* host, unsigned size)> code_written;
};

enum class Adaptive : uint8_t { kOff, kOn };

struct EngineOptions {
  TranslatorOptions translator;
  unsigned generations = 8;
  Adaptive adaptive = Adaptive::kOn;
  unsigned traps_before_retranslation = 16;
};

struct EngineCounters {
  uint64_t translations = 0, guest_bytes = 0, code_bytes = 0, guest_instructions = 0;
  uint64_t entries = 0, found = 0;                    // enter_at: of those, answered by a translation that was there
  uint64_t links = 0, remembered = 0, published = 0;  // direct jumps, in-line caches, hash entries filled
  uint64_t exits = 0, misses = 0, call_outs = 0;      // traps by kind
  uint64_t written = 0, remapped = 0, evicted = 0, flushed = 0, retranslated = 0, woken = 0;
};

// Who wants to know, for the trace.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  // `cache`: linear address of the translation cache.
  virtual void on_translation(const Translation& translation, uint64_t cache) = 0;
  virtual void on_link(uint64_t from, uint64_t to, traces::ChainKind kind) = 0;
  virtual void on_invalidation(const Translation& translation, Invalidation cause) = 0;
  virtual void on_retranslation(uint64_t rip, uint32_t traps) = 0;
};

// What stopped the processor, as far as it matters here: the trap instruction of the cache (#UD), or anything else.
enum class StoppedBy : uint8_t { kTrap, kOther };

struct Stopped {
  enum class At : uint8_t {
    kOutside,  // not in translated code: `guest` is what was given
    kExit,     // between blocks: go on at guest.rip
    kCallOut,  // the virtual processor does the instruction at guest.rip
    kInside,   // at guest.rip, by an exception of that instruction or an interruption before it
  } at = At::kOutside;
  RingContext guest;              // as if the guest had run itself: rflags with the virtual IF, IOPL and AC
  bool clean = false;              // the place is the start of an instruction: nothing of a sequence has happened
  bool interrupt_shadow = false;  // an STI retired just before: no interrupt now
  const Translation* translation = nullptr;
  const InstructionRecord* instruction = nullptr;  // at guest.rip; null at kExit
};

class BtEngine {
 public:
  BtEngine(const EngineMemory& memory, GuestCode& code, const EngineOptions& options,
           EngineObserver* observer = nullptr);
  ~BtEngine();

  // The monitor's part of the address space has moved: all translations go.
  void move(const EngineMemory& memory);

  // --- entering ---
  // The virtual processor's state as translated code sees it. Cheap: call it before each entry.
  void load(const hw::CpuState& cpu);
  // An interrupt waits for the virtual IF: STI and POPF that set it call out.
  void set_interrupt_pending(bool pending);
  // Where the kernel's code at `rip` is in the cache, translated if need be. Nothing: no code can be fetched there; the
  // virtual processor steps and raises what is due.
  std::optional<uint64_t> enter_at(uint64_t rip);

  // --- leaving ---
  // The guest's state where `context` stopped. Pointers in the answer live until the next call that may drop
  // translations.
  Stopped resolve(const RingContext& context, StoppedBy by);
  // What translated code changed of the virtual processor beyond registers: IF and AC. Registers come with
  // Stopped::guest.
  void store(hw::CpuState& cpu) const;
  // `context` may run on where it stopped (a hidden fault was mended): its translation is still in force.
  bool still_valid(const RingContext& context) const;

  // --- the guest's memory and mappings ---
  bool has_translations(uint64_t physical_page) const { return cache_->has_translations(physical_page); }
  std::vector<uint64_t> pages_with_translations() const { return cache_->physical_pages(); }
  // Pages that came to have translations since the last call: to be write-protected.
  std::vector<uint64_t> take_new_pages() { return std::exchange(new_pages_, {}); }
  // The guest, the monitor for it, or a device wrote there.
  void page_written(uint64_t physical, uint64_t size);
  // CR3, CR4, CR0.WP or EFER changed, or the whole TLB was flushed / the page of `linear` was.
  void mappings_changed();
  void mapping_changed(uint64_t linear);

  // --- adaptive retranslation ---
  // The instruction of `stopped` trapped because it wrote traced memory.
  void traced_access(const Stopped& stopped);

  const EngineCounters& counters() const { return counters_; }
  const TranslationCache& cache() const { return *cache_; }
  StatePage& state() { return *state_; }
  const StatePage& state() const { return *state_; }

 private:
  struct Pending {
    Translation* from = nullptr;
    unsigned index = 0;
    bool site = false;
    uint64_t rip = 0;
    bool publish = false;
  };

  void start(const EngineMemory& memory);
  Translation* find_or_make(uint64_t rip);
  Translation* wake(uint64_t rip);
  Translation* make(uint64_t rip);
  void connect(Translation& to);
  void choose_popf_rules();
  const Position* position_of(uint32_t offset, Translation*& translation);
  void undo(const Position& p, RingContext& guest);
  void take_back(Translation* translation, const Position& p, Stopped& out);
  void on_invalidation(const Translation& t, Invalidation cause);

  GuestCode& code_;
  EngineOptions options_;
  EngineObserver* observer_;
  EngineCounters counters_;
  Places places_;
  StatePage* state_ = nullptr;
  std::unique_ptr<Translator> translator_;
  Translator::Stubs stubs_;
  std::unique_ptr<TranslationCache> cache_;
  std::unordered_set<uint64_t> called_out_;  // guest addresses retranslated into call-outs
  std::vector<uint64_t> new_pages_;
  uint32_t next_site_ = 1;
  Pending pending_;
  bool interrupt_pending_ = false;
  uint64_t iopl_ = 0;
};

}  // namespace ringside::vmm::bt
