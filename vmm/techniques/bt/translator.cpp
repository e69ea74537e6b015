#include "vmm/techniques/bt/translator.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/isa/decoder.h"
#include "vmm/techniques/bt/emitter.h"
#include "vmm/techniques/bt/state_page.h"

namespace ringside::vmm::bt {
namespace {

constexpr unsigned kLongestInstruction = 15;
constexpr uint64_t kPageMask = ~uint64_t{kPageSize - 1};

// The guest's bytes of one block: from one page, or of one instruction across two.
class Bytes {
 public:
  Bytes(GuestCode& code, uint64_t rip) : code_(code), rip_(rip) {}

  // As many bytes at `offset` as lie on the block's pages; the first instruction may have the second page. Empty: none
  // can be fetched.
  std::span<const uint8_t> at(unsigned offset, Translation& t) {
    const unsigned in_page = static_cast<unsigned>(rip_ & (kPageSize - 1)) + offset;
    if (in_page >= kPageSize) return {};
    if (!first_) {
      first_ = code_.fetch(rip_ & kPageMask);
      if (!first_) return {};
      t.physical[0] = first_->physical;
    }
    const unsigned left = std::min<unsigned>(kPageSize - in_page, kLongestInstruction);
    std::memcpy(buffer_, first_->bytes + in_page, left);
    return {buffer_, left};
  }

  // The instruction at the block's start does not fit its page.
  std::span<const uint8_t> straddling(unsigned have, Translation& t) {
    const auto second = code_.fetch((rip_ & kPageMask) + kPageSize);
    if (!second) return {};
    t.physical[1] = second->physical;
    t.pages = 2;
    std::memcpy(buffer_ + have, second->bytes, kLongestInstruction - have);
    return {buffer_, kLongestInstruction};
  }

 private:
  GuestCode& code_;
  uint64_t rip_;
  std::optional<GuestCodePage> first_;
  uint8_t buffer_[kLongestInstruction];
};

enum class Fetched : uint8_t { kInstruction, kInvalid, kNothing };

// Decodes the instruction at `offset`; kInvalid: the bytes are none, which is the guest's to see.
Fetched fetch(Bytes& bytes, unsigned offset, Translation& t, hw::Decoded& d, std::span<const uint8_t>& out) {
  out = bytes.at(offset, t);
  if (out.empty()) return Fetched::kNothing;
  if (hw::decode_instruction(out, 64, d)) return Fetched::kInstruction;
  if (out.size() == kLongestInstruction) return Fetched::kInvalid;
  // Cut short by the page's end, perhaps. Only a block's first instruction may go beyond it.
  if (offset) return Fetched::kNothing;
  out = bytes.straddling(static_cast<unsigned>(out.size()), t);
  if (out.empty()) return Fetched::kNothing;
  return hw::decode_instruction(out, 64, d) ? Fetched::kInstruction : Fetched::kInvalid;
}

void emit(Emitter& e, const GuestInstruction& g, Sequence sequence) {
  switch (sequence) {
    case Sequence::kCopy:
      return emit_copy(e, g);
    case Sequence::kRebase:
      return emit_rebased(e, g);
    case Sequence::kLoadAddress:
      return emit_load_address(e, g);
    case Sequence::kCallOut:
      return emit_call_out(e, g);
    case Sequence::kJump:
      return emit_jump(e, g);
    case Sequence::kJumpIf:
      return emit_jump_if(e, g);
    case Sequence::kCounterBranch:
      return emit_counter_branch(e, g);
    case Sequence::kCall:
      return emit_call(e, g);
    case Sequence::kCallIndirect:
      return emit_call_indirect(e, g);
    case Sequence::kJumpIndirect:
      return emit_jump_indirect(e, g);
    case Sequence::kReturn:
      return emit_return(e, g);
    case Sequence::kCli:
      return emit_cli(e, g);
    case Sequence::kSti:
      return emit_sti(e, g);
    case Sequence::kPushFlags:
      return emit_push_flags(e, g);
    case Sequence::kPopFlags:
      return emit_pop_flags(e, g);
    case Sequence::kClac:
      return emit_set_ac(e, g, false);
    case Sequence::kStac:
      return emit_set_ac(e, g, true);
    case Sequence::kReadControl:
      return emit_read_control(e, g);
    case Sequence::kReadSelector:
      return emit_read_selector(e, g);
    case Sequence::kPushSelector:
      return emit_push_selector(e, g);
    case Sequence::kMachineStatus:
      return emit_machine_status(e, g);
  }
}

}  // namespace

std::unique_ptr<Translation> Translator::translate(GuestCode& code, uint64_t rip, uint32_t offset,
                                                   const std::unordered_set<uint64_t>& called_out,
                                                   uint32_t& next_site) const {
  if (!is_canonical(rip)) return nullptr;
  auto t = std::make_unique<Translation>();
  t->rip = rip;
  Bytes bytes(code, rip);
  Emitter::Buffer buffer;
  Emitter e(buffer, places_, offset, *t);
  e.next_site = next_site;
  emit_indirect_entry(e);

  bool left = false, full = false;  // by a branch or a call-out; or the block ends here and goes on in the next
  while (!left && !full) {
    hw::Decoded d;
    std::span<const uint8_t> raw;
    const Fetched fetched = fetch(bytes, t->guest_bytes, *t, d, raw);
    if (fetched == Fetched::kNothing) break;
    const uint64_t here = rip + t->guest_bytes;
    Plan plan{.reason = Reason::kNoInstruction};
    unsigned length = 1;
    if (fetched == Fetched::kInstruction) {
      plan = classify(d, here);
      length = d.insn.length;
      if (plan.treatment != Treatment::kCallOut && called_out.contains(here))
        plan = {.reason = Reason::kTracedMemory, .uses_fpu = plan.uses_fpu};
    }
    e.current = static_cast<unsigned>(t->instructions.size());
    t->instructions.push_back({.guest = static_cast<uint16_t>(t->guest_bytes),
                               .length = static_cast<uint8_t>(length),
                               .treatment = plan.treatment,
                               .reason = plan.reason,
                               .uses_fpu = plan.uses_fpu,
                               .code = e.at()});
    t->guest.insert(t->guest.end(), raw.begin(), raw.begin() + length);
    t->guest_bytes += length;
    e.before(e.current);
    emit(e, {d, raw.data(), here}, plan.sequence);
    t->instructions.back().code_length = static_cast<uint16_t>(e.at() - t->instructions.back().code);
    e.after_sti = plan.sequence == Sequence::kSti;
    left = plan.ends_block;
    // Interrupts are held off for one instruction after STI: it belongs to the same block if at all possible.
    full = t->pages == 2 || (t->instructions.size() >= options_.longest_block && !e.after_sti);
  }
  if (t->instructions.empty()) return nullptr;
  if (!left) e.after_sti ? e.exit_held(rip + t->guest_bytes) : e.exit_to(rip + t->guest_bytes);
  e.finish_exits();
  t->code.assign(e.getCode(), e.getCode() + e.getSize());
  next_site = e.next_site;
  return t;
}

Translator::Stubs Translator::stubs() const {
  Stubs s;
  Emitter::Buffer buffer;
  Emitter e(buffer, places_, cache_layout::kStubs, s.code);
  constexpr uint16_t kBoth = bit_of(1) | bit_of(2);
  s.lookup = cache_layout::kStubs + e.at();
  e.at_target(kBoth);
  emit_lookup(e);
  s.miss = cache_layout::kStubs + e.at();
  e.at_target(kBoth).trap = Trap::kMiss;
  e.trap();
  s.code.code.assign(e.getCode(), e.getCode() + e.getSize());
  return s;
}

}  // namespace ringside::vmm::bt
