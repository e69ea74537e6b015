// Start of day of a paravirtual guest: which machine frames it gets, and the pages its kernel finds behind itself: start info, shared info,
// rings, frame lists, page tables. What each is for is in techniques/pv/interface. Used by the loader (pv_guest.h) and by tests.
//
//   kernel | start info | shared info | console ring | block ring | stack | p2m list | m2p list | page tables | free ...
//   pseudo-physical, page by page; the initial tables map all of it and some free pages at virt_base
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "traces/base/result.h"
#include "vmm/boot/boot_state.h"
#include "vmm/paging/direct_frames.h"

namespace ringside::vmm {

// Machine frames of a guest by pseudo-physical page. The order is reversed: a kernel that takes one number for the other does not get far.
class PvMemory {
 public:
  explicit PvMemory(hw::PhysicalMemory& memory);
  uint64_t pages() const { return frames_.size(); }
  uint64_t machine_frames() const { return machine_frames_; }  // one more than the highest
  MachineFrame frame(uint64_t page) const { return frames_[page]; }
  // `address` is pseudo-physical and lies in the guest.
  uint8_t* host(uint64_t address) const { return memory_.host(GuestPhysical(vmm::address_of(frame(address >> kPageShift)).value)) + address % kPageSize; }
  bool contains(uint64_t address, uint64_t bytes) const { return address <= pages() << kPageShift && bytes <= (pages() << kPageShift) - address; }
  void copy_in(uint64_t address, const void* from, uint64_t bytes) const;
  void clear(uint64_t address, uint64_t bytes) const;

 private:
  hw::PhysicalMemory& memory_;
  std::vector<MachineFrame> frames_;
  uint64_t machine_frames_ = 0;
};

// The first frame a paravirtual guest may own: below lies what a PC keeps to itself.
constexpr MachineFrame kFirstPvFrame{0x100000 >> kPageShift};

struct PvKernel {
  uint64_t entry = 0;      // linear
  uint64_t virt_base = 0;  // linear address of pseudo-physical 0, a multiple of 2 MiB
  uint64_t end = 0;        // pseudo-physical
};

// Builds everything and answers with the registers the kernel starts with; cr3 is the machine address of its top table.
Result<Registers> build_pv_start(const PvMemory& memory, const PvKernel& kernel, const std::string& command_line);

}  // namespace ringside::vmm
