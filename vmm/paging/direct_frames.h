// What the monitor knows of each frame of the machine under direct paging: what it is used as, and how often. Xen's frame table. The rules
// that keep it true are in direct_paging.h.
//
//   type_count   references that need the frame to be what `type` says: table entries, pins, loaded roots, the monitor's own
//   count        all references: these and read-only mappings
// A frame changes its type only while type_count is 0, so no table is ever mapped writable.
#pragma once

#include <cstdint>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "traces/base/types.h"

namespace ringside::vmm {

using MachineFrame = Strong64<struct MachineFrameTag>;  // machine address >> 12
constexpr HostPhysical address_of(MachineFrame frame) { return HostPhysical(frame.value << kPageShift); }
constexpr MachineFrame frame_of(HostPhysical address) { return MachineFrame(address.value >> kPageShift); }

enum class FrameType : uint8_t { kNone, kL1, kL2, kL3, kL4, kWritable, kDescriptors };
constexpr bool is_table(FrameType type) { return type >= FrameType::kL1 && type <= FrameType::kL4; }
constexpr unsigned level_of(FrameType type) { return static_cast<unsigned>(type); }
constexpr FrameType table_type(unsigned level) { return static_cast<FrameType>(level); }

struct FrameInfo {
  enum class State : uint8_t {
    kIdle,       // type_count 0; `type` is what the frame was last
    kChecking,   // its entries are being looked at, those below `next` are counted; waits for the next slice if that was cut short
    kInUse,      // all entries counted (tables, descriptors), or a plain writable frame
    kDropping,   // type_count 0, but what its entries referred to is not released yet
  };
  FrameType type = FrameType::kNone;
  State state = State::kIdle;
  bool pinned = false;
  bool was_table = false;        // once: a processor that keeps shadows of tables may still have one of its old contents
  uint16_t next = 0;             // kChecking
  uint32_t type_count = 0, count = 0;
  uint32_t left_in_epoch = 0;    // when type_count last became 0: the processor may remember translations until the epoch is over
};

class FrameTable {
 public:
  static constexpr uint32_t kMostReferences = (1u << 26) - 1;

  // RAM from `first` on is the guest's, the monitor's share excepted. `most_references`: of one frame; tests make it small.
  FrameTable(hw::PhysicalMemory& memory, MachineFrame first, uint32_t most_references = kMostReferences)
      : memory_(memory), first_(first), most_references_(most_references), info_(memory.size() >> kPageShift) {}

  // Null where the frame is no RAM or not the guest's.
  FrameInfo* guest(MachineFrame frame) {
    if (frame < first_ || frame.value >= hw::PhysicalMemory::kMonitorStart >> kPageShift) return nullptr;
    const uint8_t* at = memory_.host(GuestPhysical(frame.value << kPageShift));
    return at ? &info_[memory_.page_index(at)] : nullptr;
  }
  const FrameInfo* guest(MachineFrame frame) const { return const_cast<FrameTable*>(this)->guest(frame); }

  uint8_t* host(MachineFrame frame) const { return memory_.host(GuestPhysical(frame.value << kPageShift)); }
  uint64_t* entries(MachineFrame frame) const { return reinterpret_cast<uint64_t*>(host(frame)); }
  uint32_t most_references() const { return most_references_; }
  hw::PhysicalMemory& memory() const { return memory_; }

  // Calls visit(frame, info) for every frame of the guest, in the order of addresses.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (size_t i = 0; i < info_.size(); ++i) {
      const uint64_t frame = memory_.address_of(memory_.base() + (i << kPageShift)).value >> kPageShift;
      if (frame >= first_.value) visit(MachineFrame(frame), info_[i]);
    }
  }

 private:
  hw::PhysicalMemory& memory_;
  MachineFrame first_;
  uint32_t most_references_;
  std::vector<FrameInfo> info_;
};

}  // namespace ringside::vmm
