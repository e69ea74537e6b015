// A guest kernel that does whatever its bytes say: stores into every page it may write, hypercalls with numbers, pointers, frames and counts
// of all kinds, spoilt rings, traps at any moment. Whatever it does, the monitor must stand and its counts must be true. Driven by a seeded
// generator in the test and by libFuzzer in the fuzz target.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "vmm/techniques/pv/testing/small_guest.h"

namespace ringside::vmm::pv::testing {

class Bytes {
 public:
  explicit Bytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return at_ >= bytes_.size(); }
  uint8_t byte() { return empty() ? 0 : bytes_[at_++]; }
  uint64_t word() {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) value |= uint64_t{byte()} << i * 8;
    return value;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

class HostileGuest {
 public:
  explicit HostileGuest(const SmallGuest::Options& options) : guest(options) {}

  void act(Bytes& bytes) {
    switch (bytes.byte() % 16) {
      case 0:
      case 1:
      case 2: return build_entry(bytes);
      case 3: return scribble(bytes);
      case 4:
      case 5:
      case 6: return updates(bytes);
      case 7:
      case 8: return operations(bytes);
      case 9: return map(bytes);
      case 10: return multicall(bytes);
      case 11: return anything(bytes);
      case 12: return traps(bytes);
      case 13: return rings(bytes);
      case 14: return descriptors(bytes);
      case 15: return events(bytes);
    }
  }
  std::optional<std::string> problem() const { return guest.paging.inconsistency(); }

  SmallGuest guest;
  uint64_t taken = 0, refused = 0;  // hypercalls that answered 0 or more, and less

 private:
  static constexpr unsigned kPlayground = 24;  // pages of the initial mapping the guest makes tables of

  uint64_t playground(Bytes& b) const { return guest.free(16 + b.byte() % kPlayground); }
  MachineFrame frame(Bytes& b) {
    switch (b.byte() % 12) {
      case 0: return frame_of(HostPhysical(guest.entry_address(guest.free(0))));       // the initial level-1 table
      case 1: return guest.paging.root(DirectPaging::View::kKernel);
      case 2: return guest.frame_at(guest.info.shared_info);
      case 3: return guest.frame_at(guest.info.block_ring);
      case 4: return MachineFrame(b.byte());                                          // the machine's
      case 5: return MachineFrame(b.word() >> 12);
      default: return guest.frame_at(playground(b));
    }
  }
  uint64_t entry(Bytes& b) {
    constexpr uint64_t kFlags[] = {0, 1, 3, 5, 7, 7, 7, 3, 0x67, 0x87, 0x107, 0x1f, 1 | direct::kNx, 7 | 0xe00};
    return address_of(frame(b)).value | kFlags[b.byte() % std::size(kFlags)];
  }
  uint64_t linear(Bytes& b) {
    switch (b.byte() % 8) {
      case 0: return 0;
      case 1: return b.word();
      case 2: return 0xffff'8080'0000'0000ull + b.byte();   // the monitor's slot
      case 3: return playground(b) + 4096 - b.byte() % 16;  // over a page's end
      case 4: return guest.info.table_base + b.byte() * 8;
      case 5: return guest.info.shared_info + b.byte();
      default: return playground(b) + b.byte() * 8;
    }
  }
  void call(uint64_t number, const Arguments& a) {
    if (guest.domain->cpu.view != View::kKernel) return;
    const auto result = guest.call(number, a);
    if (result) ++(*result >= 0 ? taken : refused);
  }
  // What the guest's own store instruction may reach.
  void store(uint64_t where, uint64_t value) {
    if (const auto at = guest.paging.translate(where & ~7ull, DirectPaging::Access::kWrite))
      std::memcpy(guest.frames.host(frame_of(*at)) + at->value % kPageSize, &value, sizeof value);
  }

  // Argument structures go to pages the playground does not touch; if the guest unmapped them by other ways, the calls just fail.
  template <class T>
  void argument(unsigned index, const T& value) {
    const uint64_t words = sizeof(T) / 8;
    for (uint64_t i = 0; i < words; ++i) {
      uint64_t word;
      std::memcpy(&word, reinterpret_cast<const uint8_t*>(&value) + i * 8, 8);
      store(guest.free(2) + index * sizeof(T) + i * 8, word);
    }
  }
  uint64_t count(Bytes& b, unsigned prepared) { return b.byte() == 0xff ? b.word() : prepared; }

  void build_entry(Bytes& b) { store(playground(b) + (b.byte() % 4 ? b.byte() % 8 : 257) * 8, entry(b)); }
  void scribble(Bytes& b) { store(linear(b), b.word()); }

  void updates(Bytes& b) {
    const unsigned n = 1 + b.byte() % 8;
    for (unsigned i = 0; i < n; ++i) {
      const uint64_t index = b.byte() % 4 ? b.byte() % 8 : b.byte() % 2 ? 257 : 511;
      argument(i, pv_mmu_update{address_of(frame(b)).value + index * 8 + (b.byte() % 8 ? 0 : b.byte() % 4), entry(b)});
    }
    call(kPvMmuUpdate, {guest.free(2), count(b, n), b.byte() % 4 ? guest.free(3) : linear(b)});
  }
  void operations(Bytes& b) {
    constexpr uint32_t kCommands[] = {kPvPinL1, kPvPinL1, kPvPinL2, kPvPinL3, kPvPinL4, kPvUnpin, kPvUnpin, kPvNewUserBase, kPvNewBase, kPvFlushTlb,
                                      kPvInvalidatePage, 99};
    const unsigned n = 1 + b.byte() % 4;
    for (unsigned i = 0; i < n; ++i) argument(i, pv_mmuext_op{kCommands[b.byte() % std::size(kCommands)], 0, frame(b).value});
    // A new base that does not map the argument pages would only end the game early.
    for (unsigned i = 0; i < n; ++i)
      if (b.byte() % 16 && guest.at<pv_mmuext_op>(guest.free(2) + i * sizeof(pv_mmuext_op)).command == kPvNewBase) return;
    call(kPvMmuextOp, {guest.free(2), count(b, n), 0});
  }
  void map(Bytes& b) { call(kPvUpdateVaMapping, {b.byte() % 4 ? playground(b) : linear(b), entry(b), b.byte() % 5u}); }
  void multicall(Bytes& b) {
    constexpr uint64_t kCalls[] = {kPvUpdateVaMapping, kPvMmuUpdate, kPvMmuextOp, kPvSetGdt, kPvMulticall, kPvIret, kPvVersion, kPvSchedOp, 77};
    const unsigned n = 1 + b.byte() % 8;
    for (unsigned i = 0; i < n; ++i) {
      pv_multicall_entry e{};
      e.call = kCalls[b.byte() % std::size(kCalls)];
      e.argument[0] = linear(b);
      e.argument[1] = e.call == kPvUpdateVaMapping ? entry(b) : b.byte() % 16;
      e.argument[2] = b.byte() % 3u;
      argument(i, e);
    }
    call(kPvMulticall, {b.byte() % 16 ? guest.free(2) : linear(b), count(b, n)});
  }
  void anything(Bytes& b) {
    uint64_t number = b.byte() % 40;
    if (number == kPvMmuextOp && b.byte() % 8) number = 41;
    Arguments a;
    for (uint64_t& x : a) x = b.byte() % 2 ? linear(b) : b.byte() % 2 ? b.byte() : b.word();
    call(b.byte() % 32 ? number : b.word(), a);
  }
  void traps(Bytes& b) {
    Domain& d = *guest.domain;
    Entered entered = Entered::kYes;
    d.cpu.trap[b.byte()] = {linear(b), static_cast<uint8_t>(b.byte() & 3), (b.byte() & 1) != 0};
    switch (b.byte() % 4) {
      case 0:
        entered = enter_by_trap(d, {.vector = b.byte(), .has_error = (b.byte() & 1) != 0, .software = (b.byte() & 1) != 0,
                                    .error = static_cast<uint32_t>(b.word()), .cr2 = b.word(), .dr6 = 0});
        break;
      case 1:
        if (d.cpu.view == View::kUser) entered = enter_by_syscall(d);
        break;
      case 2: entered = enter_by_event(d); break;
      case 3: {  // a frame to return by, good or bad
        const pv_iret_frame f{b.word(), 0, 0, b.byte() * 2u, linear(b), b.byte() % 2 ? 0xe033u : b.byte(), b.word(), linear(b), b.byte() % 2 ? 0xe02bu : b.byte()};
        argument(0, f);
        d.context.gpr[hw::kRsp] = guest.free(2);
        call(kPvIret, {});
        break;
      }
    }
    // Lost or in the user view: a machine would have ended it or trapped again; here the game goes on in the kernel.
    if (entered == Entered::kNo || b.byte() % 2) d.cpu.enter_view(View::kKernel, d.context);
    if (b.byte() % 4 == 0) d.context.gpr[hw::kRsp] = linear(b);
    else d.context.gpr[hw::kRsp] = guest.free(15) + 4096;
  }
  void rings(Bytes& b) {
    pv_block_ring& ring = guest.block_ring();
    const unsigned slot = b.byte() % kPvBlockRingSize;
    pv_block_request& r = ring.slot[slot].request;
    r.operation = b.byte() % 5;
    r.segments = b.byte() % 14;
    r.sector = b.byte() % 8 ? b.byte() : b.word();
    for (auto& s : r.segment) s = {frame(b).value, static_cast<uint8_t>(b.byte() % 9), static_cast<uint8_t>(b.byte() % 10), {}};
    ring.req_prod += b.byte() % 16 ? 1 + b.byte() % 4u : static_cast<uint32_t>(b.word());
    ring.rsp_event = static_cast<uint32_t>(b.byte());
    if (b.byte() % 4 == 0) ring.rsp_prod = static_cast<uint32_t>(b.word());
    pv_console_ring& console = guest.console_ring();
    console.out_prod += b.byte() % 16 ? b.byte() : static_cast<uint32_t>(b.word());
    if (b.byte() % 8 == 0) console.out_cons = console.in_cons = static_cast<uint32_t>(b.word());
    guest.domain->console.put_input(std::string_view("typed"));
    argument(0, pv_event_channel{0, 0, b.byte() % 2 ? guest.info.block_port : guest.info.console_port, 0});
    call(kPvEventChannelOp, {kPvSendEvent, guest.free(2)});
  }
  void descriptors(Bytes& b) {
    const unsigned n = 1 + b.byte() % 3;
    for (unsigned i = 0; i < n; ++i) argument(i, uint64_t{frame(b).value});
    if (b.byte() % 2) call(kPvSetGdt, {guest.free(2), b.byte() % 8 ? n * 512u - b.byte() : b.word()});
    else call(kPvUpdateDescriptor, {address_of(frame(b)).value + b.byte() * 8u, b.word()});
  }
  void events(Bytes& b) {
    argument(0, pv_event_channel{b.byte() % 3u, b.byte() % 8 ? 0u : 1u, b.byte() % 8 ? b.byte() % 8u : static_cast<uint32_t>(b.word()), 0});
    call(kPvEventChannelOp, {b.byte() % 12u, guest.free(2)});
    store(guest.info.shared_info + b.byte() * 8u, b.word());
    guest.domain->time_is(b.word());
  }
};

}  // namespace ringside::vmm::pv::testing
