// What the translator makes of one basic block of the guest's kernel: code for the translation cache, and the tables
// that lead from any place in it back to the guest instruction and the exact state there. Made by Translator, kept by
// TranslationCache, read by the engine, the trace and the listing of `ringside translate`.
//
//   indirect entry ──> is RCX + ... this block?  ──no──> the next one of its hash bucket
//   main entry     ──> instruction, instruction, ... ──> exits: jumps to other translations once those are known, traps
//   before
#pragma once

#include <cstdint>
#include <vector>

#include "traces/schema/translation_kinds.h"

namespace ringside::vmm::bt {

using traces::Treatment;
using Reason = traces::TreatmentReason;

struct InstructionRecord {
  uint16_t guest = 0;  // offset from the block's rip
  uint8_t length = 0;
  Treatment treatment = Treatment::kIdentical;
  Reason reason = Reason::kNone;
  bool uses_fpu = false;
  uint16_t code = 0, code_length = 0;  // in the translation
  uint32_t traps = 0;                  // of its memory accesses, for adaptive retranslation
};

// What a trap instruction in the translation stands for.
enum class Trap : uint8_t { kNone, kExit, kCallOut, kMiss };

// Something a sequence had begun to change and the monitor finishes for it.
enum class Finish : uint8_t {
  kNone,
  kPopFlags,  // interrupt_flag = ECX, AC = 0
};

// The state of the guest at a place in the translation, valid from `code` up to the next one's.
struct Position {
  uint16_t code = 0;
  uint16_t instruction = 0;  // index of the record it belongs to (the last one for exits)
  uint16_t restore = 0;      // bit r: general register r is in its spill slot
  Trap trap = Trap::kNone;
  Finish finish = Finish::kNone;
  bool rip_in_state = false;  // the guest's rip is StatePage::target; else `rip`
  bool after_sti = false;     // no interrupt before the instruction at rip has retired
  uint16_t site = 0;  // of a kExit: index into exits; of a kMiss or with rip_in_state: index into sites + 1, 0 unknown
  int32_t rsp = 0;    // to be added to RSP
  uint64_t rip = 0;
};

struct Translation;

// A way out of the block to a known guest address: a jump whose displacement is patched when that address has a
// translation.
struct Exit {
  uint16_t jump = 0;  // offset of the rel32
  uint16_t stub = 0;  // offset of the trap it leads to before
  uint64_t rip = 0;
  bool linkable = true;
  Translation* linked = nullptr;
};

// An indirect branch: CALL, JMP or RET.
struct Site {
  uint32_t id = 0;  // what it leaves in StatePage::site
  uint16_t instruction = 0;
  int32_t rsp_undo = 0;  // RSP before the instruction minus RSP at the miss: of a RET, which has popped
  // The in-line cache of CALL and JMP: if RCX + compare is 0, jump. 0: has none.
  uint16_t compare = 0;         // offset of the disp32 that holds minus the remembered target
  uint16_t jump = 0, stub = 0;  // as in Exit
  Translation* linked = nullptr;
};

struct Translation {
  uint64_t rip = 0;  // guest address of the first instruction
  uint64_t physical[2] =
      {};  // guest-physical pages of its bytes; the second is only used where an instruction straddles
  unsigned pages = 1;
  uint32_t guest_bytes = 0;
  uint32_t offset = 0;         // in the translation cache
  uint32_t main_entry = 0;     // offset within the code; the indirect entry is at 0
  uint32_t mismatch_jump = 0;  // offset of the rel32 that leads on where the indirect entry is not this block's
  std::vector<uint8_t> code;
  std::vector<uint8_t> guest;  // the bytes translated
  std::vector<InstructionRecord> instructions;
  std::vector<Position> positions;
  std::vector<Exit> exits;
  std::vector<Site> sites;

  // --- kept by the cache ---
  enum class State : uint8_t { kActive, kDormant, kDropped } state = State::kActive;
  bool in_bucket = false;  // reachable through the hash table
  unsigned generation = 0;
  std::vector<Translation*> linked_from;  // one entry per exit or in-line cache that leads here
};

}  // namespace ringside::vmm::bt
