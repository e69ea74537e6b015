// The address space in which the stub edits page tables: a root of KvmRingCpu's own, in memory of its own that the virtual machine has above
// the monitor's RAM and no other table leads to. It maps the stub where every root maps it, so that a load of CR3 in the middle of a chain goes
// on at the next instruction, and all of machine RAM at linear = physical in the lower half, for the supervisor alone. The guest's roots thus need
// no mapping of the tables themselves.
#pragma once

#include <cstdint>

#include "hwmodel/machine/memory.h"
#include "vmm/machines/kvm/ring/ring_pages.h"

namespace ringside::vmm {

class EditSpace {
 public:
  // For the RAM of `memory`.
  static Result<EditSpace> create(const hw::PhysicalMemory& memory);
  EditSpace(EditSpace&& other) noexcept;
  EditSpace& operator=(EditSpace&&) = delete;
  ~EditSpace();

  // The memory behind it: becomes a slot of the virtual machine.
  uint64_t start() const { return start_; }
  uint64_t bytes() const { return bytes_; }
  uint8_t* host() const { return host_; }

  // Builds the tables for a stub at `linear` and a processor that walks `levels` of them. Whoever runs on them must forget the old ones.
  void build(uint64_t linear, const RingPageList& stub, unsigned levels);
  uint64_t root() const { return start_; }
  // Linear address at which the space shows a byte of RAM.
  static uint64_t linear_of(HostPhysical address) { return address.value; }

 private:
  EditSpace(const hw::PhysicalMemory& memory, uint8_t* host, uint64_t bytes);
  void map(uint64_t linear, uint64_t physical, unsigned level);
  void map_ram(uint64_t start, uint64_t bytes);
  uint64_t* table(uint64_t physical) const { return reinterpret_cast<uint64_t*>(host_ + (physical - start_)); }

  uint64_t low_, high_, monitor_;  // bytes of RAM in its three places
  uint64_t start_, bytes_, used_ = 0;
  uint8_t* host_;
  unsigned levels_ = 4;
};

}  // namespace ringside::vmm
