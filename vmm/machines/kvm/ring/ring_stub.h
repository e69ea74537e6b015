// All the code a real processor runs at CPL 0 below a deprivileged guest, and the tables that lead there. Written into the stub's 64 KiB of the
// monitor's part (core/ring_layout.h), which every root page table maps at the same linear addresses for the supervisor alone.
//
//   page 0     IDT: 32 interrupt gates of DPL 0, so that INT n faults | TSS: RSP0 is the end of page 1, no port is allowed | code
//   page 1     the stack on which an exception at CPL 3 pushes its frame
//   2 to 15    the chain
//
// Code is of two kinds. An *entry* is one OUT whose port says which vector or system call it was: the exit to user space. A *gadget* does one
// thing the monitor can't do from outside (a store to a page table, INVLPG, a load of CR3 or CR4, IRETQ to the guest) with operands it pops, and
// goes on with RET. A RingChain is the list of gadgets and operands, in the order in which a CPL 0 with RSP at the list pops them: however much
// there is to do, it costs one KVM_RUN and no instruction that isn't needed, which matters where the host interprets CPL 0 (0.6 us each).
#pragma once

#include <cstdint>
#include <optional>

#include "vmm/machines/kvm/ring/ring_pages.h"

namespace ringside::vmm {

// Ports the entries write to. Nothing else in the virtual machine can: the guest has IOPL 0 and no I/O permission bitmap.
namespace ring_port {
constexpr uint16_t kVector = 0x40, kVectors = 32;  // port kVector + n: exception n
constexpr uint16_t kSyscall = 0x60, kCompatSyscall = 0x61, kDone = 0x62;
}  // namespace ring_port

class RingStub {
 public:
  static constexpr uint16_t kIdtLimit = ring_port::kVectors * 16 - 1, kTssLimit = 0x67;
  static constexpr uint64_t kStackTop = 2 * kPageSize, kChain = 2 * kPageSize;  // offsets

  explicit RingStub(RingArea area) : area_(area) {}

  // Writes everything for a stub that is seen at `linear`.
  void place(uint64_t linear);
  uint64_t linear() const { return linear_; }

  uint64_t idt() const { return linear_; }
  uint64_t tss() const { return linear_ + kTss; }
  uint64_t syscall_entry() const { return linear_ + kSyscallEntry; }
  uint64_t compat_syscall_entry() const { return linear_ + kCompatSyscallEntry; }
  enum class Gadget : uint8_t { kStore, kInvalidate, kSetRoot, kSetCr4, kIret, kDone };
  uint64_t gadget(Gadget which) const { return linear_ + kGadgets + static_cast<uint64_t>(which) * kCodeSlot; }

  // A word of the stub at a linear address, where there is one: frames are read this way.
  std::optional<uint64_t> word(uint64_t linear) const;
  const RingArea& area() const { return area_; }

 private:
  static constexpr uint64_t kTss = 0x200, kCodeSlot = 16, kEntries = 0x300, kSyscallEntry = kEntries + ring_port::kVectors * kCodeSlot,
                            kCompatSyscallEntry = kSyscallEntry + kCodeSlot, kGadgets = kCompatSyscallEntry + kCodeSlot;

  RingArea area_;
  uint64_t linear_ = 0;
};

// A program for the stub; see above. Written in place: only one at a time, and only while the processor stands still.
class RingChain {
 public:
  static constexpr unsigned kWords = (ring_layout::kStubBytes - RingStub::kChain) / 8;
  static constexpr unsigned kMostStores = 2048;  // in one chain, with room for all the rest

  explicit RingChain(const RingStub& stub) : stub_(stub) {}

  void store(uint64_t linear, uint64_t value) { add(RingStub::Gadget::kStore), add(linear), add(value); }
  void invalidate(uint64_t linear) { add(RingStub::Gadget::kInvalidate), add(linear); }
  void set_root(uint64_t cr3) { add(RingStub::Gadget::kSetRoot), add(cr3); }
  void set_cr4(uint64_t cr4) { add(RingStub::Gadget::kSetCr4), add(cr4); }
  // One of these two ends it: to the guest, with its RDI and the five words IRETQ pops, or back to user space.
  void leave(uint64_t rdi, uint64_t rip, uint64_t cs, uint64_t rflags, uint64_t rsp, uint64_t ss);
  void done() { add(RingStub::Gadget::kDone); }

  unsigned room() const { return kWords - words_; }
  // Where a processor at CPL 0 must stand to run it.
  uint64_t rip() const { return stub_.area().word(RingStub::kChain); }
  uint64_t rsp() const { return stub_.linear() + RingStub::kChain + 8; }

 private:
  void add(RingStub::Gadget which) { add(stub_.gadget(which)); }
  void add(uint64_t word);

  const RingStub& stub_;
  unsigned words_ = 0;
};

}  // namespace ringside::vmm
