// Writes the code of one translation, by Xbyak, and notes the guest's state at each place as it goes. The sequences
// (emit_*.cpp) are free functions on an Emitter; the translator calls them in the order of the guest's instructions.
//
// The code is written into a buffer here and lies in the cache later: both move by the same distance, so RIP-relative
// operands and jumps out of the block are made with addresses as if the state page and the rest of the cache moved
// along ("here" addresses).
#pragma once

#define XBYAK_NO_OP_NAMES
#include <xbyak/xbyak.h>

#include "hwmodel/isa/decoded.h"
#include "vmm/techniques/bt/classify.h"
#include "vmm/techniques/bt/state_page.h"
#include "vmm/techniques/bt/translation.h"
#include "vmm/techniques/bt/translator.h"

namespace ringside::vmm::bt {

class Emitter : public Xbyak::CodeGenerator {
 public:
  // Written into `buffer`; `offset`: where in the cache the code will lie.
  using Buffer = uint8_t[kLongestTranslation];
  Emitter(Buffer& buffer, const Places& places, uint32_t offset, Translation& out);

  Translation& out;

  // --- addresses ---
  Xbyak::RegRip state(size_t member) { return rip + here(places_.state + member); }
  Xbyak::RegRip spill_slot(unsigned r) { return state(offsetof(StatePage, spill) + 8 * r); }
  Xbyak::RegRip in_cache(uint32_t offset) { return rip + here(places_.cache + offset); }
  const void* cache_address(uint32_t offset) { return here(places_.cache + offset); }
  const Places& places() const { return places_; }
  uint16_t at() const { return static_cast<uint16_t>(getSize()); }

  // --- registers ---
  static Xbyak::Reg64 r64(unsigned n) { return Xbyak::Reg64(static_cast<int>(n)); }
  void spill(unsigned r) { mov(qword[spill_slot(r)], r64(r)); }
  void reload(unsigned r) { mov(r64(r), qword[spill_slot(r)]); }

  // --- positions: what is true from here on ---
  // The guest is before instruction `i`, nothing has happened yet.
  Position& before(unsigned i);
  // As before(), while the registers of `restore` are in their slots.
  Position& within(unsigned i, uint16_t restore);
  // The guest goes on at `rip`: the instruction has happened.
  Position& beyond(uint64_t rip, uint16_t restore = 0);
  // The guest goes on at StatePage::target.
  Position& at_target(uint16_t restore);

  // --- traps and ways out ---
  void trap() { ud2(); }
  // Jump to the translation of `rip`, by way of a trap until it is known. The position before the jump is set by this.
  void exit_to(uint64_t rip);
  // The same, but it stays a trap: no interrupt may be taken before the instruction at `rip` has retired.
  void exit_held(uint64_t rip);
  // The rel32 of a conditional jump just written goes the same way.
  void exit_from(uint16_t rel32, uint64_t rip);
  // The traps of all exits; after the last instruction.
  void finish_exits();

  unsigned current = 0;    // index of the instruction being translated
  bool after_sti = false;  // it follows an STI
  uint32_t next_site = 1;
  Site& new_site();

 private:
  const void* here(uint64_t linear) {
    return reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(getCode()) + (linear - (places_.cache + offset_)));
  }
  Position& note(Position p);

  Places places_;
  uint32_t offset_;
};

constexpr uint16_t bit_of(unsigned r) { return static_cast<uint16_t>(1u << r); }

// A general register of 0..7, not RSP, RBP, that the instruction neither reads nor writes; `also_used` are taken too.
// There always is one.
unsigned free_register(const hw::Decoded& d, uint16_t also_used = 0);

// One guest instruction: its bytes, decoded, and where it lies.
struct GuestInstruction {
  const hw::Decoded& d;
  const uint8_t* bytes;
  uint64_t rip;
  uint64_t next() const { return rip + d.insn.length; }
  uint64_t branch_target() const { return next() + d.ops[0].imm.value.u; }
};

// --- the sequences, by file ---
void emit_copy(Emitter& e, const GuestInstruction& g);  // emit_copy.cpp
void emit_rebased(Emitter& e, const GuestInstruction& g);
void emit_load_address(Emitter& e, const GuestInstruction& g);
void emit_call_out(Emitter& e, const GuestInstruction& g);
// The guest's memory operand for an instruction of ours; `temp` may be used to reach it (RIP-relative ones out of
// reach), `temp` loaded if so.
Xbyak::Address guest_operand(Emitter& e, const GuestInstruction& g, unsigned operand, unsigned bits, unsigned temp);
bool operand_needs_register(const GuestInstruction& g);

void emit_jump(Emitter& e, const GuestInstruction& g);  // emit_branch.cpp
void emit_jump_if(Emitter& e, const GuestInstruction& g);
void emit_counter_branch(Emitter& e, const GuestInstruction& g);
void emit_call(Emitter& e, const GuestInstruction& g);
void emit_call_indirect(Emitter& e, const GuestInstruction& g);  // emit_indirect.cpp
void emit_jump_indirect(Emitter& e, const GuestInstruction& g);
void emit_return(Emitter& e, const GuestInstruction& g);
void emit_indirect_entry(Emitter& e);
void emit_lookup(Emitter& e);

void emit_cli(Emitter& e, const GuestInstruction& g);  // emit_flags.cpp
void emit_sti(Emitter& e, const GuestInstruction& g);
void emit_push_flags(Emitter& e, const GuestInstruction& g);
void emit_pop_flags(Emitter& e, const GuestInstruction& g);
void emit_set_ac(Emitter& e, const GuestInstruction& g, bool set);

void emit_read_control(Emitter& e, const GuestInstruction& g);  // emit_registers.cpp
void emit_read_selector(Emitter& e, const GuestInstruction& g);
void emit_push_selector(Emitter& e, const GuestInstruction& g);
void emit_machine_status(Emitter& e, const GuestInstruction& g);

}  // namespace ringside::vmm::bt
