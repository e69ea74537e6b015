#include "vmm/techniques/pv/kernel_entry.h"

#include <algorithm>

namespace ringside::vmm::pv {
namespace {

using namespace hw::rflags;

constexpr uint64_t kClearedOnEntry = kTf | kNt | kRf | kVm | kAc;
constexpr uint64_t kUserMayHave = kArithmetic | kTf | kDf | kNt | kRf | kAc | kId;
constexpr unsigned kSyscallBytes = 2, kIntBytes = 2, kInt3Bytes = 1;

struct Frame {
  uint64_t word[8];
  unsigned count;
};

// rcx, r11, [error], rip, cs, rflags, rsp, ss
Frame frame_of_context(const Domain& d, std::optional<uint32_t> error) {
  const RingContext& c = d.context;
  uint64_t cs = c.segment[hw::kCs].selector;
  if (d.cpu.view == View::kKernel) cs &= ~uint64_t{3};
  const uint64_t flags = (c.rflags & ~kIf) | (d.events.masked() ? 0 : kIf);
  if (error) return {{c.gpr[hw::kRcx], c.gpr[hw::kR11], *error, c.rip, cs, flags, c.gpr[hw::kRsp], c.segment[hw::kSs].selector}, 8};
  return {{c.gpr[hw::kRcx], c.gpr[hw::kR11], c.rip, cs, flags, c.gpr[hw::kRsp], c.segment[hw::kSs].selector}, 7};
}

enum class Events : uint8_t { kMasked, kAsTheyWere };

Entered enter(Domain& d, uint64_t address, std::optional<uint32_t> error, Events events) {
  if (!address) return Entered::kNo;
  const Frame frame = frame_of_context(d, error);
  const uint64_t stack = d.cpu.view == View::kUser ? d.cpu.kernel_sp : d.context.gpr[hw::kRsp];
  const uint64_t sp = (stack & ~uint64_t{15}) - frame.count * 8;
  if (!d.memory.write_bytes(sp, frame.word, frame.count * 8)) return Entered::kNo;
  d.cpu.enter_view(View::kKernel, d.context);
  RingContext& c = d.context;
  c.gpr[hw::kRsp] = sp;
  c.rip = address;
  c.rflags &= ~kClearedOnEntry;
  c.segment[hw::kCs] = flat_code64();
  c.segment[hw::kSs] = flat_data();
  if (events == Events::kMasked) d.events.set_masked(true);
  return Entered::kYes;
}

// INT n of code that may not raise that vector is a #GP whose error code names the gate [SDM 3A 6.13 "Error Code"].
RingException refused_software_interrupt(uint8_t vector) {
  return {.vector = 13, .has_error = true, .software = false, .error = vector * 8u + 2, .cr2 = 0, .dr6 = 0};
}

// A processor whose gates are closed to ring 3 reports INT n as just that fault: then it is turned into what the guest did.
RingException as_software_interrupt(const RingException& e) {
  if (e.vector != 13 || !e.has_error || (e.error & 7) != 2 || e.error >= 256 * 8) return e;
  return {.vector = static_cast<uint8_t>(e.error / 8), .has_error = false, .software = true, .error = 0, .cr2 = 0, .dr6 = 0};
}

bool canonical(uint64_t address) {
  const uint64_t sign = address >> 47;
  return sign == 0 || sign == 0x1ffff;
}

}  // namespace

Entered enter_by_trap(Domain& d, const RingException& reported) {
  RingException e = as_software_interrupt(reported);
  if (e.software && d.cpu.view == View::kUser && d.cpu.trap[e.vector].privilege < 3) e = refused_software_interrupt(e.vector);
  const TrapEntry& trap = d.cpu.trap[e.vector];
  if (e.software && trap.address) d.context.rip += e.vector == 3 ? kInt3Bytes : kIntBytes;
  if (e.vector == 14) d.events.set_cr2(e.cr2);
  if (e.vector == 7) d.cpu.task_switched = false;  // as Xen: the handler may use the registers at once
  return enter(d, trap.address, e.has_error ? std::optional(e.error) : std::nullopt, trap.masks_events ? Events::kMasked : Events::kAsTheyWere);
}

Entered enter_by_syscall(Domain& d) {
  RingContext& c = d.context;
  c.rip += kSyscallBytes;
  c.gpr[hw::kRcx] = c.rip;
  c.gpr[hw::kR11] = c.rflags;
  return enter(d, d.cpu.syscall_callback, std::nullopt, Events::kMasked);
}

Entered enter_by_event(Domain& d) {
  if (!d.callback_due()) return Entered::kYes;
  return enter(d, d.cpu.event_callback, std::nullopt, Events::kMasked);
}

Entered leave_by_iret(Domain& d) {
  pv_iret_frame f;
  RingContext& c = d.context;
  if (!d.memory.read(c.gpr[hw::kRsp], f)) return Entered::kNo;
  const auto code = d.descriptors.load(static_cast<uint16_t>(f.cs), Descriptors::For::kCode);
  const auto stack = d.descriptors.load(static_cast<uint16_t>(f.ss), Descriptors::For::kStack);
  if (!code || !stack || !canonical(f.rip)) {
    if (!d.cpu.failsafe_callback) return Entered::kNo;
    c.rip = d.cpu.failsafe_callback;  // the frame is still on the stack
    d.events.set_masked(true);
    return Entered::kYes;
  }
  d.cpu.enter_view((f.cs & 3) == 3 ? View::kUser : View::kKernel, c);
  c.gpr[hw::kRax] = f.rax;
  c.gpr[hw::kR11] = f.flags & kPvIretInSyscall ? f.rflags : f.r11;
  c.gpr[hw::kRcx] = f.flags & kPvIretInSyscall ? f.rip : f.rcx;
  c.gpr[hw::kRsp] = f.rsp;
  c.rip = f.rip;
  c.rflags = (f.rflags & kUserMayHave) | kFixed | kIf;
  c.segment[hw::kCs] = *code;
  c.segment[hw::kSs] = *stack;
  d.events.set_masked(!(f.rflags & kIf));
  return Entered::kYes;
}

}  // namespace ringside::vmm::pv
