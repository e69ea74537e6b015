#include "vmm/techniques/bt/engine.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "vmm/techniques/bt/classify.h"

namespace ringside::vmm::bt {
namespace {

constexpr uint64_t kPageMask = ~uint64_t{kPageSize - 1};
// Retranslated instructions remembered at most: a guest that makes more starts over.
constexpr size_t kMostCalledOut = 4096;
constexpr unsigned kRcx = 1, kRsp = 4;
// Not the processor's but the guest's own. RF is set in the image a fault leaves, and is clear whenever an instruction
// is about to run.
constexpr uint64_t kVirtualFlags = hw::rflags::kIf | hw::rflags::kIopl | hw::rflags::kAc | hw::rflags::kRf;

}  // namespace

BtEngine::BtEngine(const EngineMemory& memory, GuestCode& code, const EngineOptions& options, EngineObserver* observer)
    : code_(code), options_(options), observer_(observer) {
  start(memory);
}

BtEngine::~BtEngine() = default;

void BtEngine::start(const EngineMemory& memory) {
  assert(memory.code_pages.size() * kPageSize <= ring_layout::kCodeBytes);
  state_ = reinterpret_cast<StatePage*>(memory.state);
  places_ = {.state = memory.base + ring_layout::kState, .cache = memory.base + ring_layout::kCode};
  // The stubs refer to nothing that depends on their own places, so those are known after the first making.
  stubs_ = Translator(options_.translator, places_).stubs();
  places_.lookup_stub = stubs_.lookup;
  places_.miss_stub = stubs_.miss;
  translator_ = std::make_unique<Translator>(options_.translator, places_);
  cache_ = std::make_unique<TranslationCache>(
      CacheMemory{places_.cache, memory.code_pages, memory.code_written}, options_.generations,
      [this](const Translation& t, Invalidation cause) { on_invalidation(t, cause); });
  cache_->start(stubs_, stubs_.miss);
  choose_popf_rules();
}

void BtEngine::move(const EngineMemory& memory) {
  cache_->flush(Invalidation::kFlushed);
  start(memory);
}

// --- entering
// ---------------------------------------------------------------------------------------------------------------

void BtEngine::load(const hw::CpuState& cpu) {
  StatePage& s = *state_;
  s.interrupt_flag = static_cast<uint32_t>(cpu.system_flags & hw::rflags::kIf);
  iopl_ = cpu.system_flags & hw::rflags::kIopl;
  s.other_flags = static_cast<uint32_t>(cpu.system_flags & (hw::rflags::kIopl | hw::rflags::kAc));
  s.cr0 = cpu.cr0;
  s.cr2 = cpu.cr2;
  s.cr3 = cpu.cr3;
  s.cr4 = cpu.cr4;
  s.cr8 = cpu.cr8;
  for (unsigned i = 0; i < s.selector.size(); ++i) s.selector[i] = cpu.segment[i].selector;
  s.ldtr = cpu.ldtr.selector;
  s.tr = cpu.tr.selector;
  choose_popf_rules();
}

void BtEngine::set_interrupt_pending(bool pending) {
  interrupt_pending_ = pending;
  choose_popf_rules();
}

void BtEngine::choose_popf_rules() {
  state_->interrupt_pending = interrupt_pending_;
  const PopfTable table = iopl_                ? PopfTable::kAlwaysRefuse
                          : interrupt_pending_ ? PopfTable::kInterruptWaits
                                               : PopfTable::kUsual;
  state_->popf_rules = places_.cache + cache_layout::kPopf + static_cast<uint32_t>(table) * sizeof(PopfRules);
}

std::optional<uint64_t> BtEngine::enter_at(uint64_t rip) {
  ++counters_.entries;
  Translation* t = find_or_make(rip);
  if (!t) {
    pending_ = {};
    return std::nullopt;
  }
  connect(*t);
  return places_.cache + t->offset + t->main_entry;
}

Translation* BtEngine::find_or_make(uint64_t rip) {
  if (Translation* t = cache_->active(rip)) {
    ++counters_.found;
    return t;
  }
  if (!is_canonical(rip)) return nullptr;
  if (Translation* t = wake(rip)) return t;
  return make(rip);
}

// A translation that slept while its address was mapped elsewhere.
Translation* BtEngine::wake(uint64_t rip) {
  if (cache_->all_at(rip).empty()) return nullptr;
  const auto first = code_.fetch(rip & kPageMask);
  if (!first) return nullptr;
  const auto second = code_.peek((rip & kPageMask) + kPageSize);
  const uint64_t physical[2] = {first->physical, second ? second->physical : ~0ull};
  Translation* t = cache_->dormant(rip, physical);
  if (!t) return nullptr;
  cache_->wake(*t);
  ++counters_.woken;
  return t;
}

Translation* BtEngine::make(uint64_t rip) {
  auto made = translator_->translate(code_, rip, cache_->next_offset(), called_out_, next_site_);
  if (!made) return nullptr;
  if (!cache_->fits(made->code.size())) {
    cache_->make_room();
    made = translator_->translate(code_, rip, cache_->next_offset(), called_out_, next_site_);
    if (!made) return nullptr;
  }
  for (unsigned i = 0; i < made->pages; ++i) {
    if (!cache_->has_translations(made->physical[i])) new_pages_.push_back(made->physical[i]);
  }
  Translation& t = cache_->add(std::move(made));
  ++counters_.translations;
  counters_.guest_bytes += t.guest_bytes;
  counters_.code_bytes += t.code.size();
  counters_.guest_instructions += t.instructions.size();
  if (observer_) observer_->on_translation(t, places_.cache);
  return &t;
}

// The branch that led to the monitor leads to `to` from now on.
void BtEngine::connect(Translation& to) {
  const Pending p = std::exchange(pending_, {});
  if (p.rip != to.rip) return;
  if (p.publish && !to.in_bucket) {
    cache_->publish(to);
    ++counters_.published;
  }
  if (!p.from) return;
  if (p.site) {
    const Site& site = p.from->sites[p.index];
    if (!site.compare || site.linked || !TranslationCache::can_remember(to.rip)) return;
    cache_->link_site(*p.from, p.index, to);
    ++counters_.remembered;
  } else {
    const Exit& exit = p.from->exits[p.index];
    if (!exit.linkable || exit.linked) return;
    cache_->link_exit(*p.from, p.index, to);
    ++counters_.links;
  }
  if (observer_) observer_->on_link(p.from->rip, to.rip, p.site ? traces::ChainKind::kRemembered : traces::ChainKind::kDirect);
}

// --- leaving
// ----------------------------------------------------------------------------------------------------------------

const Position* BtEngine::position_of(uint32_t offset, Translation*& translation) {
  translation = nullptr;
  uint32_t start = cache_layout::kStubs;
  const Translation* t = &stubs_.code;
  if (offset >= cache_layout::kTranslations) {
    t = translation = cache_->at_code(offset);
    if (!t) return nullptr;
    start = t->offset;
  }
  if (offset < start || offset - start >= t->code.size()) return nullptr;
  const auto after = std::upper_bound(t->positions.begin(), t->positions.end(), offset - start,
                                      [](uint32_t o, const Position& p) { return o < p.code; });
  return after == t->positions.begin() ? nullptr : &*std::prev(after);
}

// What the sequence at `p` has done to the guest's registers and flags for itself.
void BtEngine::undo(const Position& p, RingContext& guest) {
  if (p.finish == Finish::kPopFlags) {
    state_->interrupt_flag = static_cast<uint32_t>(guest.gpr[kRcx] & hw::rflags::kIf);
    state_->other_flags &= ~static_cast<uint32_t>(hw::rflags::kAc);
  }
  for (unsigned r = 0; r < 16; ++r) {
    if (p.restore >> r & 1) guest.gpr[r] = state_->spill[r];
  }
  guest.gpr[kRsp] += static_cast<uint64_t>(int64_t{p.rsp});
  guest.rip = p.rip_in_state ? state_->target : p.rip;
  guest.rflags = (guest.rflags & ~kVirtualFlags) | (state_->interrupt_flag & hw::rflags::kIf) |
                 (state_->other_flags & hw::rflags::kAc) | iopl_;
}

// An indirect branch went to an address that is none: it has not happened. (Its site is unknown only if the guest has
// written to the state page.)
void BtEngine::take_back(Translation* translation, const Position& p, Stopped& out) {
  TranslationCache::SiteRef ref{translation, p.site - 1u};
  if (!translation || !p.site) ref = cache_->site(state_->site);
  if (!ref.translation) return;
  const Site& site = ref.translation->sites[ref.index];
  out.at = Stopped::At::kCallOut;
  out.translation = ref.translation;
  out.instruction = &ref.translation->instructions[site.instruction];
  out.guest.gpr[kRsp] += static_cast<uint64_t>(int64_t{site.rsp_undo});
  out.guest.rip = ref.translation->rip + out.instruction->guest;
}

Stopped BtEngine::resolve(const RingContext& context, StoppedBy by) {
  Stopped out;
  out.guest = context;
  pending_ = {};
  const uint64_t offset = context.rip - places_.cache;
  Translation* t = nullptr;
  const Position* p = offset < ring_layout::kCodeBytes ? position_of(static_cast<uint32_t>(offset), t) : nullptr;
  if (!p) return out;
  const Trap trap = by == StoppedBy::kTrap ? p->trap : Trap::kNone;
  undo(*p, out.guest);
  out.translation = t;
  out.clean = !p->restore && !p->rip_in_state && !p->rsp && p->finish == Finish::kNone;
  out.interrupt_shadow = p->after_sti;
  out.at = Stopped::At::kInside;
  if (p->rip_in_state && !is_canonical(out.guest.rip)) {
    take_back(t, *p, out);
    ++counters_.call_outs;
    return out;
  }
  switch (trap) {
    case Trap::kNone:
      break;
    case Trap::kExit:
      ++counters_.exits;
      out.at = Stopped::At::kExit;
      if (t->state != Translation::State::kDropped)
        pending_ = {.from = t, .index = p->site, .site = false, .rip = out.guest.rip};
      return out;
    case Trap::kMiss: {
      ++counters_.misses;
      out.at = Stopped::At::kExit;
      const TranslationCache::SiteRef ref = t ? TranslationCache::SiteRef{t, p->site - 1u} : cache_->site(state_->site);
      const bool known = ref.translation && ref.translation->state != Translation::State::kDropped;
      pending_ = {.from = known ? ref.translation : nullptr,
                  .index = ref.index,
                  .site = true,
                  .rip = out.guest.rip,
                  .publish = true};
      return out;
    }
    case Trap::kCallOut:
      ++counters_.call_outs;
      out.at = Stopped::At::kCallOut;
      break;
  }
  if (!t) return out;
  for (const InstructionRecord& i : t->instructions) {
    if (t->rip + i.guest == out.guest.rip) out.instruction = &i;
  }
  return out;
}

void BtEngine::store(hw::CpuState& cpu) const {
  constexpr uint64_t kOurs = hw::rflags::kIf | hw::rflags::kAc;
  cpu.system_flags = (cpu.system_flags & ~kOurs) | (state_->interrupt_flag & hw::rflags::kIf) |
                     (state_->other_flags & hw::rflags::kAc);
}

bool BtEngine::still_valid(const RingContext& context) const {
  const uint64_t offset = context.rip - places_.cache;
  if (offset >= cache_layout::kStubs && offset < cache_layout::kTranslations) return true;
  if (offset >= ring_layout::kCodeBytes) return false;
  const Translation* t = cache_->at_code(static_cast<uint32_t>(offset));
  return t && t->state == Translation::State::kActive;
}

// --- memory and mappings
// ------------------------------------------------------------------------------------------------------

void BtEngine::page_written(uint64_t physical, uint64_t size) {
  while (size) {
    const uint64_t part = std::min(size, kPageSize - (physical & (kPageSize - 1)));
    cache_->drop_written(physical, static_cast<unsigned>(part));
    physical += part;
    size -= part;
  }
}

void BtEngine::mapping_changed(uint64_t linear) {
  const auto it = cache_->virtual_pages().find(linear & kPageMask);
  if (it == cache_->virtual_pages().end()) return;
  const auto now = code_.peek(linear & kPageMask);
  if (now && now->physical == it->second.physical) return;
  for (Translation* t : std::vector(it->second.translations)) {
    cache_->put_to_sleep(*t);
    on_invalidation(*t, Invalidation::kRemapped);
  }
}

void BtEngine::mappings_changed() {
  std::vector<uint64_t> pages;
  pages.reserve(cache_->virtual_pages().size());
  for (const auto& [page, translations] : cache_->virtual_pages()) pages.push_back(page);
  std::sort(pages.begin(), pages.end());  // the same trace on every host
  for (const uint64_t page : pages) mapping_changed(page);
}

void BtEngine::on_invalidation(const Translation& t, Invalidation cause) {
  if (pending_.from == &t) pending_.from = nullptr;
  switch (cause) {
    case Invalidation::kWritten:
      ++counters_.written;
      break;
    case Invalidation::kRemapped:
      ++counters_.remapped;
      break;
    case Invalidation::kEvicted:
      ++counters_.evicted;
      break;
    case Invalidation::kFlushed:
      ++counters_.flushed;
      break;
    case Invalidation::kRetranslated:
      ++counters_.retranslated;
      break;
  }
  if (observer_) observer_->on_invalidation(t, cause);
}

// --- adaptive retranslation
// ---------------------------------------------------------------------------------------------------

void BtEngine::traced_access(const Stopped& stopped) {
  if (options_.adaptive == Adaptive::kOff || !stopped.translation || !stopped.instruction) return;
  // The answer to resolve() is const to the monitor; the counter is ours.
  auto& instruction = const_cast<InstructionRecord&>(*stopped.instruction);
  if (++instruction.traps < options_.traps_before_retranslation || instruction.treatment == Treatment::kCallOut) return;
  if (called_out_.size() >= kMostCalledOut) called_out_.clear();
  const uint64_t rip = stopped.guest.rip;
  called_out_.insert(rip);
  if (observer_) observer_->on_retranslation(rip, instruction.traps);
  const auto it = cache_->virtual_pages().find(rip & kPageMask);
  if (it == cache_->virtual_pages().end()) return;
  for (Translation* t : std::vector(it->second.translations)) {
    if (t->rip <= rip && rip < t->rip + t->guest_bytes) cache_->drop(*t, Invalidation::kRetranslated);
  }
}

}  // namespace ringside::vmm::bt
