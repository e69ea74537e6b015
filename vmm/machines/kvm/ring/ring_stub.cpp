// The bytes of the stub.
#include "vmm/machines/kvm/ring/ring_stub.h"

#include <cassert>
#include <initializer_list>

namespace ringside::vmm {

namespace {

void put(const RingArea& area, uint64_t offset, std::initializer_list<uint8_t> bytes) {
  std::copy(bytes.begin(), bytes.end(), area.at(offset));
}

// "out port, al", and UD2 should anything ever come back.
void put_entry(const RingArea& area, uint64_t offset, uint16_t port) {
  put(area, offset, {0xe6, static_cast<uint8_t>(port), 0x0f, 0x0b});
}

// 64-bit interrupt gate, DPL 0 [SDM 3A figure 6-8 "64-Bit IDT Gate Descriptors"].
void put_gate(const RingArea& area, uint64_t offset, uint64_t target) {
  constexpr uint64_t kPresentInterruptGate = 0x8eull << 40;
  area.set_word(offset, (target & 0xffff) | uint64_t{ring_layout::kMonitorCode} << 16 | kPresentInterruptGate | (target >> 16 & 0xffff) << 48);
  area.set_word(offset + 8, target >> 32);
}

}  // namespace

void RingStub::place(uint64_t linear) {
  linear_ = linear;
  for (uint64_t offset = 0; offset < kChain; offset += 8) area_.set_word(offset, 0);
  for (uint16_t vector = 0; vector < ring_port::kVectors; ++vector) {
    const uint64_t entry = kEntries + vector * kCodeSlot;
    put_gate(area_, vector * 16, linear + entry);
    put_entry(area_, entry, static_cast<uint16_t>(ring_port::kVector + vector));
  }
  put_entry(area_, kSyscallEntry, ring_port::kSyscall);
  put_entry(area_, kCompatSyscallEntry, ring_port::kCompatSyscall);

  // TSS [SDM 3A figure 7-11 "64-Bit TSS Format"]: RSP0 at 4; an I/O map base beyond the limit forbids every port.
  const uint64_t stack = linear + kStackTop;
  std::memcpy(area_.at(kTss + 4), &stack, sizeof stack);
  constexpr uint16_t kNoIoMap = kTssLimit + 1;
  std::memcpy(area_.at(kTss + 0x66), &kNoIoMap, sizeof kNoIoMap);

  const auto gadget_at = [](Gadget which) { return kGadgets + static_cast<uint64_t>(which) * kCodeSlot; };
  put(area_, gadget_at(Gadget::kStore), {0x5f, 0x8f, 0x07, 0xc3});             // pop rdi; pop qword [rdi]; ret
  put(area_, gadget_at(Gadget::kInvalidate), {0x5f, 0x0f, 0x01, 0x3f, 0xc3});  // pop rdi; invlpg [rdi]; ret
  put(area_, gadget_at(Gadget::kSetRoot), {0x5f, 0x0f, 0x22, 0xdf, 0xc3});     // pop rdi; mov cr3, rdi; ret
  put(area_, gadget_at(Gadget::kSetCr4), {0x5f, 0x0f, 0x22, 0xe7, 0xc3});      // pop rdi; mov cr4, rdi; ret
  put(area_, gadget_at(Gadget::kIret), {0x5f, 0x48, 0xcf});                    // pop rdi; iretq
  put_entry(area_, gadget_at(Gadget::kDone), ring_port::kDone);
}

std::optional<uint64_t> RingStub::word(uint64_t linear) const {
  const uint64_t offset = linear - linear_;
  if (offset >= ring_layout::kStubBytes || offset % 8 != 0) return std::nullopt;
  return area_.word(offset);
}

void RingChain::add(uint64_t word) {
  assert(words_ < kWords);
  stub_.area().set_word(RingStub::kChain + 8 * words_++, word);
}

void RingChain::leave(uint64_t rdi, uint64_t rip, uint64_t cs, uint64_t rflags, uint64_t rsp, uint64_t ss) {
  add(RingStub::Gadget::kIret);
  for (const uint64_t word : {rdi, rip, cs, rflags, rsp, ss}) add(word);
}

}  // namespace ringside::vmm
