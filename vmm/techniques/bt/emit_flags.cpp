// CLI, STI, PUSHF, POPF, CLAC, STAC in line. While translated code runs the processor's IF is 1 and its IOPL and AC are
// 0; the virtual ones are words of the state page, at the places they have in RFLAGS, so that adding them to the
// processor's image gives the guest's.
#include "hwmodel/machine/cpu_state.h"
#include "vmm/techniques/bt/emitter.h"

namespace ringside::vmm::bt {
namespace {

constexpr unsigned kRcx = 1, kRdx = 2;
constexpr uint16_t kBoth = bit_of(kRcx) | bit_of(kRdx);
constexpr size_t kInterruptFlag = offsetof(StatePage, interrupt_flag), kOtherFlags = offsetof(StatePage, other_flags);

// Not 0 in ECX: traps, the monitor does the instruction. Uses no other register.
void call_out_unless_zero(Emitter& e, uint16_t restore) {
  Xbyak::Label good;
  e.jrcxz(good);
  e.within(e.current, restore).trap = Trap::kCallOut;
  e.trap();
  e.L(good);
  e.within(e.current, restore);
}

}  // namespace

void emit_cli(Emitter& e, const GuestInstruction&) { e.mov(e.dword[e.state(kInterruptFlag)], 0); }

void emit_sti(Emitter& e, const GuestInstruction&) {
  e.spill(kRcx);
  e.within(e.current, bit_of(kRcx));
  e.mov(e.ecx, e.dword[e.state(offsetof(StatePage, interrupt_pending))]);
  call_out_unless_zero(e, bit_of(kRcx));
  e.reload(kRcx);
  e.mov(e.dword[e.state(kInterruptFlag)], static_cast<uint32_t>(hw::rflags::kIf));
}

void emit_push_flags(Emitter& e, const GuestInstruction& g) {
  e.spill(kRcx);
  e.spill(kRdx);
  e.within(e.current, kBoth);
  e.pushfq();
  e.within(e.current, kBoth).rsp = 8;
  e.mov(e.rcx, e.qword[e.rsp]);
  e.mov(e.edx, e.dword[e.state(kInterruptFlag)]);
  e.lea(e.rcx, e.ptr[e.rcx + e.rdx - static_cast<int>(hw::rflags::kIf)]);
  e.mov(e.edx, e.dword[e.state(kOtherFlags)]);
  e.lea(e.rcx, e.ptr[e.rcx + e.rdx]);
  e.mov(e.qword[e.rsp], e.rcx);
  e.beyond(g.next(), kBoth);
  e.reload(kRdx);
  e.reload(kRcx);
}

void emit_pop_flags(Emitter& e, const GuestInstruction& g) {
  constexpr size_t kImage = offsetof(StatePage, scratch);
  e.spill(kRcx);
  e.spill(kRdx);
  e.within(e.current, kBoth);
  e.mov(e.rdx, e.qword[e.rsp]);  // faults as POPF would
  e.mov(e.qword[e.state(kImage)], e.rdx);
  e.movzx(e.edx, e.byte[e.state(kImage + 2)]);
  e.lea(e.rcx, e.ptr[e.in_cache(cache_layout::kPopfHigh)]);
  e.movzx(e.ecx, e.byte[e.rcx + e.rdx]);
  call_out_unless_zero(e, kBoth);
  e.movzx(e.edx, e.byte[e.state(kImage + 1)]);
  e.mov(e.rcx, e.qword[e.state(offsetof(StatePage, popf_rules))]);
  e.lea(e.rdx, e.ptr[e.rcx + e.rdx * 8]);
  e.mov(e.ecx, e.dword[e.rdx + offsetof(PopfRule, refuse)]);
  call_out_unless_zero(e, kBoth);
  e.mov(e.ecx, e.dword[e.rdx + offsetof(PopfRule, interrupt_flag)]);
  e.popfq();
  e.beyond(g.next(), kBoth).finish = Finish::kPopFlags;
  e.mov(e.dword[e.state(kInterruptFlag)], e.ecx);
  e.mov(e.byte[e.state(kOtherFlags + 2)], 0);
  e.beyond(g.next(), kBoth);
  e.reload(kRdx);
  e.reload(kRcx);
}

void emit_set_ac(Emitter& e, const GuestInstruction&, bool set) {
  e.mov(e.byte[e.state(kOtherFlags + 2)], set ? static_cast<uint32_t>(hw::rflags::kAc >> 16) : 0u);
}

}  // namespace ringside::vmm::bt
