// The parts of the ring-0 stub that need no KVM: its bytes, chains, what a trap means, segments, floating-point formats, CPUID.
#include <cstring>

#include "hwmodel/exec/cpuid.h"
#include "tests/catch.h"
#include "vmm/core/ring_world.h"
#include "vmm/machines/kvm/ring/ring_cpuid.h"
#include "vmm/machines/kvm/ring/ring_fpu.h"
#include "vmm/machines/kvm/ring/ring_segments.h"
#include "vmm/machines/kvm/ring/ring_stub.h"
#include "vmm/machines/kvm/ring/ring_trap.h"

using namespace ringside;
using namespace ringside::vmm;

namespace {

std::unique_ptr<RingWorld> world() {
  auto made = RingWorld::create();
  REQUIRE(made);
  return std::move(made.value());
}

RingPageList pages_at(RingWorld& world, uint64_t offset) {
  RingPageList list;
  for (size_t i = 0; i < list.size(); ++i) list[i] = world.part_page(offset + i * kPageSize);
  return list;
}

RingContext wide_context() {
  RingContext c;
  c.rip = 0x1000;
  c.segment[hw::kCs].rights = hw::access_rights::kL;
  return c;
}

// What `exception` means when the guest's code at rip is `at`, preceded by `before`.
RingEvent meaning(RingException exception, std::vector<uint8_t> at, RingContext& context, std::vector<uint8_t> before = {},
                  SyscallEnabled syscall = SyscallEnabled::kYes) {
  return event_of(exception, {.at = at, .before = before}, syscall, context);
}
RingEvent meaning(RingException exception, std::vector<uint8_t> at) {
  RingContext context = wide_context();
  return meaning(exception, std::move(at), context);
}

constexpr RingException kUndefined{.vector = 6};
constexpr RingException general(uint32_t error) { return {.vector = 13, .has_error = true, .error = error}; }

bool is_software(const RingEvent& event, uint8_t vector) {
  const auto* e = std::get_if<RingException>(&event);
  return e && e->software && e->vector == vector && !e->has_error;
}
bool is_plain(const RingEvent& event, uint8_t vector) {
  const auto* e = std::get_if<RingException>(&event);
  return e && !e->software && e->vector == vector;
}
bool is_call(const RingEvent& event, RingSystemCall::By by) {
  const auto* e = std::get_if<RingSystemCall>(&event);
  return e && e->by == by;
}

}  // namespace

TEST_CASE("a software interrupt is one however the host reports it") {
  CHECK(is_software(meaning(general(0x80 * 8 + 2), {0xcd, 0x80}), 0x80));
  CHECK(is_software(meaning(kUndefined, {0xcd, 0x21}), 0x21));
  CHECK(is_software(meaning(kUndefined, {0xcc}), 3));
  CHECK(is_software(meaning(kUndefined, {0x66, 0x48, 0xcd, 0x21}), 0x21));
  CHECK(is_plain(meaning(kUndefined, {0xf0, 0xcd, 0x21}), 6));  // LOCK
  CHECK(is_plain(meaning(kUndefined, {0xcd}), 6));              // the page ends
  CHECK(is_plain(meaning(general(0x80 * 8 + 3), {0xcd, 0x80}), 13));  // an external event's

  RingContext context = wide_context();
  CHECK(is_software(meaning({.vector = 3}, {0x90}, context, {0x90, 0xcc}), 3));
  CHECK(context.rip == 0x0fff);
  context = wide_context();
  CHECK(is_software(meaning({.vector = 3}, {0x90}, context, {0xcd, 0x03}), 3));
  CHECK(context.rip == 0x0ffe);
  context = wide_context();
  CHECK(is_software(meaning({.vector = 4}, {0x90}, context, {0xcd, 0x04}), 4));
  CHECK(context.rip == 0x0ffe);
  context = wide_context();
  CHECK(is_software(meaning({.vector = 4}, {0x90}, context, {0x90, 0xce}), 4));
  CHECK(context.rip == 0x0fff);
}

TEST_CASE("INTO exists outside 64-bit mode and traps on overflow alone") {
  for (const bool wide : {false, true}) {
    for (const bool overflow : {false, true}) {
      RingContext context = wide_context();
      if (!wide) context.segment[hw::kCs].rights = hw::access_rights::kDb;
      context.rflags = overflow ? hw::rflags::kOf : 0;
      CHECK(is_software(meaning(kUndefined, {0xce}, context), 4) == (!wide && overflow));
    }
  }
}

TEST_CASE("system calls are recognized at their entry, by #UD and by #GP") {
  CHECK(is_call(meaning(kUndefined, {0x0f, 0x05}), RingSystemCall::By::kSyscall));
  CHECK(is_call(meaning(kUndefined, {0x48, 0x0f, 0x05}), RingSystemCall::By::kSyscall));
  CHECK(is_call(meaning(kUndefined, {0x0f, 0x34}), RingSystemCall::By::kSysenter));
  CHECK(is_call(meaning(general(0), {0x0f, 0x34}), RingSystemCall::By::kSysenter));
  CHECK(is_plain(meaning(general(0), {0x0f, 0x05}), 13));
  CHECK(is_plain(meaning(general(0), {0xfa}), 13));
  CHECK(is_plain(meaning(kUndefined, {0x0f, 0x0b}), 6));

  RingContext context = wide_context();
  CHECK(is_plain(meaning(kUndefined, {0x0f, 0x05}, context, {}, SyscallEnabled::kNo), 6));
  context.segment[hw::kCs].rights = hw::access_rights::kDb;  // Intel's processors have it in 64-bit mode alone
  CHECK(is_plain(meaning(kUndefined, {0x0f, 0x05}, context), 6));

  context = wide_context();
  context.gpr[hw::kRcx] = 0x5002;
  context.gpr[hw::kR11] = 0x246;
  CHECK(is_call(event_of_syscall(SyscallEnabled::kYes, context), RingSystemCall::By::kSyscall));
  CHECK(context.rip == 0x5000);
  CHECK(context.rflags == 0x246);
  CHECK(is_plain(event_of_syscall(SyscallEnabled::kNo, context), 6));
  CHECK(ends_with_syscall(std::vector<uint8_t>{0x0f, 0x05}));
  CHECK_FALSE(ends_with_syscall(std::vector<uint8_t>{0x05}));
  CHECK_FALSE(ends_with_syscall(std::vector<uint8_t>{0x0f, 0x34}));
}

TEST_CASE("the stub's gates lead to their OUTs, and its stack lies in the stub") {
  const auto w = world();
  RingStub stub(RingArea(w->memory(), pages_at(*w, ring_layout::kStub)));
  constexpr uint64_t kLinear = 0xffff800000010000;
  stub.place(kLinear);
  for (unsigned vector = 0; vector < ring_port::kVectors; ++vector) {
    const uint64_t low = stub.word(stub.idt() + vector * 16).value(), high = stub.word(stub.idt() + vector * 16 + 8).value();
    const uint64_t target = (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32;
    CHECK((low >> 16 & 0xffff) == ring_layout::kMonitorCode);
    CHECK((low >> 40 & 0xff) == 0x8e);  // present, DPL 0, interrupt gate
    const uint8_t* code = stub.area().at(target - kLinear);
    CHECK(code[0] == 0xe6);
    CHECK(code[1] == ring_port::kVector + vector);
  }
  uint64_t rsp0;
  std::memcpy(&rsp0, stub.area().at(stub.tss() - kLinear + 4), 8);
  CHECK(rsp0 == kLinear + RingStub::kStackTop);
  CHECK_FALSE(stub.word(kLinear - 8));
  CHECK_FALSE(stub.word(kLinear + ring_layout::kStubBytes));
  CHECK_FALSE(stub.word(kLinear + 4));
}

TEST_CASE("a chain is the gadgets and operands in the order they are popped, and the largest fits") {
  const auto w = world();
  RingStub stub(RingArea(w->memory(), pages_at(*w, ring_layout::kStub)));
  stub.place(0xffff800000010000);
  RingChain chain(stub);
  chain.store(0x1234, 0x5678);
  chain.leave(1, 2, 3, 4, 5, 6);
  CHECK(chain.rip() == stub.gadget(RingStub::Gadget::kStore));
  uint64_t at = chain.rsp();
  for (const uint64_t word : {uint64_t{0x1234}, uint64_t{0x5678}, stub.gadget(RingStub::Gadget::kIret), uint64_t{1}, uint64_t{2}, uint64_t{3},
                              uint64_t{4}, uint64_t{5}, uint64_t{6}}) {
    CHECK(stub.word(at) == word);
    at += 8;
  }
  RingChain longest(stub);
  for (unsigned i = 0; i < RingChain::kMostStores; ++i) longest.store(i, i);
  CHECK(longest.room() > 2 * 300 + 16);  // page flushes, roots, the way out
}

TEST_CASE("hidden parts follow from the shadow GDT's descriptors and back") {
  const auto w = world();
  const RingArea gdt(w->memory(), pages_at(*w, ring_layout::kGdt));
  const RingContext context = w->context({});
  const hw::Segment code = loaded_segment(gdt, RingWorld::kCode64);
  CHECK(code.long_code());
  CHECK(code.dpl() == 3);
  CHECK(code.limit == 0xffffffff);
  CHECK(loaded_segment(gdt, RingWorld::kBasedData).base == RingWorld::kDataBase);
  CHECK_FALSE(loaded_segment(gdt, 0).usable());
  CHECK_FALSE(loaded_segment(gdt, 3).usable());

  const auto loads = [&](hw::Segment s, StackOrCode which, bool wide) { return iret_loads(gdt, s, which, wide); };
  hw::Segment cs = context.segment[hw::kCs], ss = context.segment[hw::kSs];
  CHECK(loads(cs, StackOrCode::kCode, true));
  CHECK(loads(ss, StackOrCode::kStack, true));
  CHECK_FALSE(loads(ss, StackOrCode::kCode, true));
  CHECK_FALSE(loads(cs, StackOrCode::kStack, true));
  ss.base = 16;  // matters outside 64-bit mode alone
  CHECK(loads(ss, StackOrCode::kStack, true));
  CHECK_FALSE(loads(ss, StackOrCode::kStack, false));
  cs.selector = 0x13;  // the GDT has nothing there
  CHECK_FALSE(loads(cs, StackOrCode::kCode, true));
  cs.selector = RingWorld::kCode32;
  CHECK_FALSE(loads(cs, StackOrCode::kCode, true));
  ss.selector = 3;
  CHECK_FALSE(loads(ss, StackOrCode::kStack, true));

  write_monitor_descriptors(gdt, 0xffff800000010200, 0x67);
  const hw::Segment tss = loaded_segment(gdt, ring_layout::kMonitorTss);
  CHECK(tss.limit == 0x67);
  CHECK((tss.base | gdt.word(ring_layout::kMonitorTss + 8) << 32) == 0xffff800000010200);
  CHECK(loaded_segment(gdt, ring_layout::kMonitorCode).rights == monitor_code().rights);
  CHECK(loaded_segment(gdt, ring_layout::kMonitorStack).rights == monitor_stack().rights);
}

TEST_CASE("floating-point state survives both ways, whatever the top of the stack") {
  for (unsigned top = 0; top < 8; ++top) {
    hw::CpuState state;
    state.fpu.status = static_cast<uint16_t>(top << 11);
    state.fpu.empty = 0x5a;
    for (unsigned i = 0; i < 8; ++i) state.fpu.st[i] = {.mantissa = 0x8000000000000000 + i, .sign_exponent = static_cast<uint16_t>(0x4000 + i)};
    for (unsigned i = 0; i < 16; ++i) state.xmm[i] = {.lo = i, .hi = ~uint64_t{i}};
    state.mxcsr = 0x1fa0;
    const FxsaveImage image = fxsave_of(state);
    CHECK(image.st[0].lo == 0x8000000000000000 + top);  // FXSAVE's first register is the top
    CHECK(image.st[0].hi == 0x4000 + top);
    hw::CpuState back;
    fpu_of(image, back);
    CHECK(back.fpu.empty == 0x5a);
    CHECK(back.mxcsr == 0x1fa0);
    for (unsigned i = 0; i < 8; ++i) CHECK(back.fpu.st[i].mantissa == state.fpu.st[i].mantissa);
    CHECK(back.fpu.st[7].sign_exponent == 0x4007);
    CHECK(back.xmm[15].hi == ~uint64_t{15});
  }
}

TEST_CASE("the guest is told of the model's features, as far as the host has them") {
  const auto w = world();
  kvm_cpuid_entry2 one{}, seven{}, width{};
  one.function = 1, one.ecx = one.edx = ~0u & ~(1u << 25);  // all but SSE in EDX, and bit 25 in ECX
  seven.function = 7, seven.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, seven.ebx = 1;
  width.function = 0x80000008, width.eax = 39;
  const std::vector<kvm_cpuid_entry2> host{one, seven, width};
  CHECK(physical_address_bits(host) == 39);
  CHECK(physical_address_bits({}) == 36);
  bool saw_one = false, saw_seven = false, saw_width = false;
  for (const kvm_cpuid_entry2& e : ring_cpuid(w->model(), host)) {
    if (e.function == 0) CHECK(std::memcmp(&e.ebx, "Genu", 4) == 0);
    if (e.function == 1) {
      saw_one = true;
      CHECK(e.edx & 1);               // FPU: the model announces it and the host has it
      CHECK_FALSE(e.edx & 1u << 25);  // SSE
      CHECK(e.eax == hw::kCpuSignature);
    }
    if (e.function == 7 && e.index == 0) {
      saw_seven = true;
      CHECK(e.ebx == 1);
    }
    if (e.function == 0x80000008) {
      saw_width = true;
      CHECK((e.eax & 0xff) == 39);
    }
  }
  CHECK(saw_one);
  CHECK(saw_seven);
  CHECK(saw_width);
}
