// One CPU with 2 MiB of RAM, descriptor tables, handlers and stacks laid out, in a chosen mode: the ground on which the tests of
// the system instructions and of event delivery stand. Linear addresses equal physical ones. Only tests include it.
#pragma once

#include <cstring>
#include <initializer_list>
#include <utility>

#include "hwmodel/exec/deliver.h"
#include "hwmodel/exec/run.h"
#include "hwmodel/exec/segmentation.h"
#include "hwmodel/machine/cpu.h"

namespace ringside::hw::testing {

// Where things lie.
namespace at {
constexpr uint64_t kGdt = 0x1000, kIdt = 0x2000, kTss = 0x3000, kPml4 = 0x4000, kPdpt = 0x5000, kPd = 0x6000, kLdt = 0x7000;
constexpr uint64_t kCode = 0x8000, kUserCode = 0x9000, kHandlers = 0xa000;      // the handler of vector v at kHandlers + 16 * v
constexpr uint64_t kStack = 0xd000, kRing0Stack = 0xe000, kUserStack = 0xf000, kIstStack = 0x10000, kRing1Stack = 0x11000;   // tops
constexpr uint64_t kData = 0x12000, kTss2 = 0x13000;
}  // namespace at

// Selectors of the GDT.
namespace sel {
constexpr uint16_t kCode64 = 0x08, kData = 0x10, kCode32 = 0x18, kUserCode32 = 0x23, kUserData = 0x2b, kUserCode64 = 0x33, kTss = 0x38,
                   kCode16 = 0x48, kData16 = 0x50, kConforming = 0x58, kLdt = 0x60, kTss2 = 0x70, kGate = 0x80, kSpare = 0x90, kCode1 = 0x99,
                   kData1 = 0xa1;
}

// Low byte 7..0 of the access rights: P DPL S type; flags: G D L AVL.
constexpr uint64_t descriptor(uint32_t base, uint32_t limit, uint8_t rights, uint8_t flags) {
  return (limit & 0xffff) | uint64_t{base & 0xffffff} << 16 | uint64_t{rights} << 40 | uint64_t{limit >> 16 & 15} << 48 |
         uint64_t{flags} << 52 | uint64_t{base >> 24} << 56;
}
constexpr uint8_t kFlat32 = 0xc, kFlat64 = 0xa;
constexpr uint64_t gate(uint16_t selector, uint32_t offset, uint8_t rights, uint8_t low = 0) {
  return (offset & 0xffff) | uint64_t{selector} << 16 | uint64_t{low} << 32 | uint64_t{rights} << 40 | uint64_t{offset >> 16} << 48;
}

enum class Mode : uint8_t { kReal, kProtected, kLong };

class SmallMachine {
 public:
  explicit SmallMachine(Mode wanted, uint64_t monitor_bytes = 0)
      : mode(wanted), ram(std::move(PhysicalMemory::create(2 << 20, monitor_bytes).value())), code(ram), cpu(0, ram, code) {
    reset(cpu);
    cpu.segment[kCs] = {.base = 0, .limit = 0xffff, .selector = 0, .rights = 0x93};
    cpu.rip = at::kCode;
    cpu.gpr[kRsp] = at::kStack;
    if (mode != Mode::kReal) enter_protected();
    if (mode == Mode::kLong) enter_long();
    cpu.mode_changed();
  }

  Mode mode;
  PhysicalMemory ram;
  CodeCache code;
  Cpu cpu;

  template <class T>
  void poke(uint64_t address, T value) {
    uint8_t* host = ram.host(GuestPhysical(address));
    std::memcpy(host, &value, sizeof value);
    code.written(host, sizeof value);
  }
  template <class T>
  T peek(uint64_t address) const {
    T value;
    std::memcpy(&value, ram.host(GuestPhysical(address)), sizeof value);
    return value;
  }
  void put(uint64_t address, std::initializer_list<uint8_t> bytes) {
    for (const uint8_t b : bytes) poke(address++, b);
  }
  void set_descriptor(uint16_t selector, uint64_t low, uint64_t high = 0, bool wide = false) {
    poke(at::kGdt + (selector & ~7u), low);
    if (wide) poke(at::kGdt + (selector & ~7u) + 8, high);
  }
  uint64_t get_descriptor(uint16_t selector) const { return peek<uint64_t>(at::kGdt + (selector & ~7u)); }

  // The gate of a vector; rights: P DPL 0 type.
  void set_gate(uint8_t vector, uint16_t selector, uint8_t rights, uint8_t ist = 0) {
    const uint32_t handler = static_cast<uint32_t>(at::kHandlers + 16 * vector);
    if (mode == Mode::kLong) {
      poke(at::kIdt + 16 * vector, gate(selector, handler, rights, ist));
      poke(at::kIdt + 16 * vector + 8, uint64_t{0});
    } else {
      poke(at::kIdt + 8 * vector, gate(selector, handler, rights));
    }
  }

  // Executes the bytes at cs:rip once. True if the instruction retired without an event being delivered.
  bool run(std::initializer_list<uint8_t> bytes) {
    put(linear_rip(), bytes);
    return step_once();
  }
  bool step_once() {
    const uint64_t before = cpu.counters.instructions;
    const uint64_t events = cpu.counters.exceptions;
    last_stop = step(cpu);
    return cpu.counters.instructions == before + 1 && cpu.counters.exceptions == events;
  }
  uint64_t linear_rip() const { return cpu.in_64bit_mode() ? cpu.rip : static_cast<uint32_t>(cpu.segment[kCs].base + cpu.rip); }
  // The vector whose handler is about to run, or -1.
  int handler() const {
    const uint64_t rip = linear_rip();
    return rip >= at::kHandlers && rip < at::kHandlers + 16 * 256 ? static_cast<int>((rip - at::kHandlers) / 16) : -1;
  }

  // To CPL 3 (32-bit, or 64-bit in long mode), or to another 32-bit code segment, as if a return had gone there.
  void enter_user() { enter(mode == Mode::kLong ? sel::kUserCode64 : sel::kUserCode32, sel::kUserData, at::kUserCode, at::kUserStack); }
  void enter(uint16_t cs, uint16_t ss, uint64_t rip, uint64_t rsp) {
    Descriptor c, s;
    c.low = get_descriptor(cs) | 1ull << 40;
    s.low = get_descriptor(ss) | 1ull << 40;
    cpu.segment[kCs] = to_segment(c, cs);
    cpu.segment[kSs] = to_segment(s, ss);
    cpu.cpl = cs & 3;
    cpu.rip = rip;
    cpu.gpr[kRsp] = rsp;
    cpu.mode_changed();
  }
  void enter_v86(uint16_t cs = 0x800, uint16_t ip = 0, uint16_t ss = 0xe00, uint16_t sp = 0xffe) {
    for (const SegmentName name : {kEs, kDs, kFs, kGs}) cpu.segment[name] = v86_segment(0);
    cpu.segment[kCs] = v86_segment(cs);
    cpu.segment[kSs] = v86_segment(ss);
    cpu.system_flags |= rflags::kVm;
    cpu.cpl = 3;
    cpu.rip = ip;
    cpu.gpr[kRsp] = sp;
    cpu.mode_changed();
  }
  void set_iopl(unsigned iopl) { cpu.system_flags = (cpu.system_flags & ~rflags::kIopl) | uint64_t{iopl} << 12; }

  // Slot `i` (8 bytes in long mode, 4 in protected, 2 in real mode) of the current stack.
  uint64_t stack(unsigned i) const {
    const uint64_t sp = cpu.in_64bit_mode() ? cpu.gpr[kRsp] : static_cast<uint32_t>(cpu.segment[kSs].base + cpu.gpr[kRsp]);
    if (mode == Mode::kLong) return peek<uint64_t>(sp + 8 * i);
    return mode == Mode::kProtected ? peek<uint32_t>(sp + 4 * i) : peek<uint16_t>(sp + 2 * i);
  }

  Stop last_stop;

 private:
  void enter_protected() {
    set_descriptor(sel::kCode64, descriptor(0, 0xfffff, 0x9a, kFlat64));
    set_descriptor(sel::kData, descriptor(0, 0xfffff, 0x92, kFlat32));
    set_descriptor(sel::kCode32, descriptor(0, 0xfffff, 0x9a, kFlat32));
    set_descriptor(sel::kUserCode32, descriptor(0, 0xfffff, 0xfa, kFlat32));
    set_descriptor(sel::kUserData, descriptor(0, 0xfffff, 0xf2, kFlat32));
    set_descriptor(sel::kUserCode64, descriptor(0, 0xfffff, 0xfa, kFlat64));
    set_descriptor(sel::kCode16, descriptor(0, 0xffff, 0x9a, 0));
    set_descriptor(sel::kData16, descriptor(0, 0xffff, 0x92, 0));
    set_descriptor(sel::kConforming, descriptor(0, 0xfffff, 0x9e, kFlat32));
    set_descriptor(sel::kLdt, descriptor(at::kLdt, 0xff, 0x82, 0), 0, true);
    set_descriptor(sel::kTss2, descriptor(at::kTss2, 0x67, 0x89, 0), 0, true);
    set_descriptor(sel::kTss, descriptor(at::kTss, 0x1000, 0x8b, 0), 0, true);
    set_descriptor(sel::kCode1, descriptor(0, 0xfffff, 0xba, kFlat32));
    set_descriptor(sel::kData1, descriptor(0, 0xfffff, 0xb2, kFlat32));
    cpu.gdtr = {at::kGdt, 0xff};
    cpu.idtr = {at::kIdt, 0xfff};
    cpu.tr = {.base = at::kTss, .limit = 0x1000, .selector = sel::kTss, .rights = 0x8b};
    cpu.cr0 |= cr0::kPe;
    Descriptor data;
    data.low = get_descriptor(sel::kData) | 1ull << 40;
    for (const SegmentName name : {kEs, kSs, kDs, kFs, kGs}) cpu.segment[name] = to_segment(data, sel::kData);
    Descriptor cs;
    cs.low = get_descriptor(sel::kCode32) | 1ull << 40;
    cpu.segment[kCs] = to_segment(cs, sel::kCode32);
    if (mode == Mode::kLong) return;
    poke(at::kTss + 4, static_cast<uint32_t>(at::kRing0Stack));
    poke(at::kTss + 8, uint32_t{sel::kData});
    poke(at::kTss + 12, static_cast<uint32_t>(at::kRing1Stack));
    poke(at::kTss + 16, uint32_t{sel::kData1});
    poke(at::kTss + 102, uint16_t{0x68});
    for (unsigned v = 0; v < 256; ++v) set_gate(static_cast<uint8_t>(v), sel::kCode32, 0xee);
  }

  void enter_long() {
    poke(at::kPml4, at::kPdpt | 7);
    poke(at::kPdpt, at::kPd | 7);
    poke(at::kPd, uint64_t{0x87});   // the first 2 MiB
    cpu.cr3 = at::kPml4;
    cpu.cr4 |= cr4::kPae;
    cpu.cr0 |= cr0::kPg | cr0::kWp;
    cpu.efer = efer::kLme | efer::kLma | efer::kSce | efer::kNxe;
    Descriptor cs;
    cs.low = get_descriptor(sel::kCode64) | 1ull << 40;
    cpu.segment[kCs] = to_segment(cs, sel::kCode64);
    poke(at::kTss + 4, at::kRing0Stack);
    poke(at::kTss + 36, at::kIstStack);
    poke(at::kTss + 102, uint16_t{0x68});
    for (unsigned v = 0; v < 256; ++v) set_gate(static_cast<uint8_t>(v), sel::kCode64, 0xee);
  }
};

}  // namespace ringside::hw::testing
