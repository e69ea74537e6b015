// Branches whose target is a guest address found when they run: the address is looked up without touching the flags, by
// LEA and JRCXZ.
//
//   RCX, RDX put aside; target in RCX and in the state page
//   in-line cache (CALL, JMP):  lea rcx, [rcx - remembered]; jrcxz hit; ...; hit: rcx back; jmp translation
//   hash table (all):           rdx = table[low 16 bits of the target]; jmp rdx
//   indirect entry (of every translation): lea rcx, [rcx - its rip]; jrcxz mine; on to the bucket's next; mine: rdx,
//   rcx back
//
// Addresses that are no target of a branch (not canonical) never get into either, so they arrive at the miss trap, and
// the monitor takes the instruction back and lets the virtual processor fault on it. A CALL would have pushed by then:
// it looks itself.
#include "vmm/techniques/bt/emitter.h"

namespace ringside::vmm::bt {
namespace {

constexpr unsigned kRcx = 1, kRdx = 2;
constexpr uint16_t kBoth = bit_of(kRcx) | bit_of(kRdx);

// lea rcx, [rcx + disp32], whatever the displacement.
void lea_rcx(Emitter& e, uint32_t displacement) {
  e.db(0x48);
  e.db(0x8d);
  e.db(0x89);
  e.dd(displacement);
}

// RCX = the operand, noted in the state page too.
void load_target(Emitter& e, const GuestInstruction& g) {
  e.spill(kRcx);
  e.within(e.current, bit_of(kRcx));
  if (g.d.is_mem(0)) {
    if (operand_needs_register(g)) e.mov(e.rcx, g.next() + static_cast<uint64_t>(g.d.ops[0].mem.disp.value));
    e.mov(e.rcx, guest_operand(e, g, 0, 64, kRcx));
  } else {
    e.mov(e.rcx, Emitter::r64(static_cast<unsigned>(ZydisRegisterGetId(g.d.ops[0].reg.value))));
  }
  e.mov(e.qword[e.state(offsetof(StatePage, target))], e.rcx);
}

void compare_remembered(Emitter& e, Site& site, Xbyak::Label& hit) {
  lea_rcx(e, 0);  // remembers nothing: its jump leads to the trap below
  site.compare = static_cast<uint16_t>(e.at() - 4);
  e.jrcxz(hit);
}

void to_hash_table(Emitter& e, const Site& site) {
  e.mov(e.dword[e.state(offsetof(StatePage, site))], site.id);
  e.at_target(kBoth);
  e.mov(e.rcx, e.qword[e.state(offsetof(StatePage, target))]);
  e.jmp(e.cache_address(e.places().lookup_stub), Xbyak::CodeGenerator::T_NEAR);
}

// The in-line cache was right: on to the translation it remembers, or to the trap while it remembers none.
void to_remembered(Emitter& e, Site& site) {
  e.at_target(bit_of(kRcx));
  e.reload(kRcx);
  e.at_target(0);
  e.db(0xe9);
  site.jump = e.at();
  e.dd(0);
  site.stub = e.at();
  e.at_target(0).trap = Trap::kMiss;
  e.trap();
}

void push_return_address(Emitter& e, uint64_t address, const Xbyak::Reg64& temp) {
  if (fits_32(address)) return e.push(static_cast<uint32_t>(address));
  e.mov(temp, address);
  e.push(temp);
}

// Goes on if the target's bits 63:48 equal its bit 47; else traps as a call-out, nothing having happened. Uses RCX and
// RDX.
void check_canonical(Emitter& e) {
  constexpr size_t kTarget = offsetof(StatePage, target), kScratch = offsetof(StatePage, scratch);
  Xbyak::Label good;
  e.movsx(e.edx, e.word[e.state(kTarget + 4)]);  // high half: sixteen times bit 47
  e.mov(e.dword[e.state(kScratch)], e.edx);
  e.movzx(e.edx, e.word[e.state(kScratch + 2)]);
  e.not_(e.rdx);
  e.movzx(e.ecx, e.word[e.state(kTarget + 6)]);
  e.lea(e.rcx, e.ptr[e.rcx + e.rdx + 1]);  // the difference: NOT x is -x - 1
  e.jrcxz(good);
  e.within(e.current, kBoth).trap = Trap::kCallOut;
  e.trap();
  e.L(good);
  e.within(e.current, kBoth);
}

}  // namespace

void emit_lookup(Emitter& e) {
  e.movzx(e.ecx, e.cx);
  e.lea(e.rdx, e.ptr[e.in_cache(cache_layout::kHash)]);
  e.mov(e.rdx, e.qword[e.rdx + e.rcx * 8]);
  e.mov(e.rcx, e.qword[e.state(offsetof(StatePage, target))]);
  e.jmp(e.rdx);
}

void emit_call_indirect(Emitter& e, const GuestInstruction& g) {
  load_target(e, g);
  Site& site = e.new_site();
  Xbyak::Label hit;
  compare_remembered(e, site, hit);
  e.spill(kRdx);
  e.within(e.current, kBoth);
  check_canonical(e);
  push_return_address(e, g.next(), e.rcx);
  e.at_target(kBoth);
  to_hash_table(e, site);
  e.L(hit);
  e.within(e.current, bit_of(kRcx));
  push_return_address(e, g.next(), e.rcx);
  to_remembered(e, site);
}

void emit_jump_indirect(Emitter& e, const GuestInstruction& g) {
  load_target(e, g);
  Site& site = e.new_site();
  Xbyak::Label hit;
  compare_remembered(e, site, hit);
  e.spill(kRdx);
  e.within(e.current, kBoth);
  to_hash_table(e, site);
  e.L(hit);
  to_remembered(e, site);
}

void emit_return(Emitter& e, const GuestInstruction& g) {
  const int32_t more = g.d.is_imm(0) ? static_cast<int32_t>(g.d.ops[0].imm.value.u & 0xffff) : 0;
  Site& site = e.new_site();
  site.rsp_undo = -8 - more;
  e.spill(kRcx);
  e.within(e.current, bit_of(kRcx));
  e.pop(e.rcx);
  e.within(e.current, bit_of(kRcx)).rsp = -8;
  e.spill(kRdx);
  e.within(e.current, kBoth).rsp = -8;
  e.mov(e.qword[e.state(offsetof(StatePage, target))], e.rcx);
  if (more) {
    e.lea(e.rsp, e.ptr[e.rsp + more]);
    e.within(e.current, kBoth).rsp = site.rsp_undo;
  }
  e.mov(e.dword[e.state(offsetof(StatePage, site))], site.id);
  e.at_target(kBoth);
  emit_lookup(e);
}

void emit_indirect_entry(Emitter& e) {
  e.at_target(kBoth);
  const uint64_t minus = 0 - e.out.rip;
  if (fits_32(minus)) {
    lea_rcx(e, static_cast<uint32_t>(minus));
  } else {
    e.mov(e.rdx, minus);
    e.lea(e.rcx, e.ptr[e.rcx + e.rdx]);
  }
  Xbyak::Label mine;
  e.jrcxz(mine);
  e.mov(e.rcx, e.qword[e.state(offsetof(StatePage, target))]);
  e.jmp(e.cache_address(e.places().miss_stub), Xbyak::CodeGenerator::T_NEAR);
  e.out.mismatch_jump = e.at() - 4u;
  e.L(mine);
  e.reload(kRdx);
  e.reload(kRcx);
  e.out.main_entry = e.at();
}

}  // namespace ringside::vmm::bt
