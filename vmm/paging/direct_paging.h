// Direct paging: the processor walks the guest's own page tables, and this monitor has checked every entry in them. The guest sees its
// tables read-only and asks for changes; each is taken only if afterwards
//   - every present entry of a table of level n > 1 leads to a table of level n - 1, and of level 1 to RAM of the guest;
//   - no frame is a table and mapped writable at once, nor two kinds of table;
//   - the monitor's slot of every top table is the monitor's.
// References are counted as they come and go (direct_frames.h). Checking a table means checking the whole tree below it, which may be long:
// all work is done in slices, bought from a budget. What is cut short answers kAgain and goes on when asked again.
// Called by techniques/pv's hypercalls; one guest processor, so nothing here runs twice at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vmm/core/ring_cpu.h"
#include "vmm/paging/direct_answer.h"
#include "vmm/paging/direct_entry.h"
#include "vmm/paging/direct_frames.h"

namespace ringside::vmm {

enum class KeepBits : uint8_t { kNone, kAccessedDirty };

class DirectPaging {
 public:
  // `monitor_entry`: what the monitor's slot of every top table holds.
  DirectPaging(FrameTable& frames, uint64_t monitor_entry) : frames_(frames), monitor_entry_(monitor_entry) {}

  // Buys work for the next requests: about so many entries may be looked at before they answer kAgain; enough to get one further in any case.
  void refill(uint64_t entries) { budget_ = std::max(entries, kLeastBudget); }
  static constexpr uint64_t kLeastBudget = 8;  // the request, an entry of each level, and one to spare
  // Finishes what dropped tables still refer to; every request does so first. False: the budget is used up.
  bool drain();

  // --- what the guest asks for ----------------------------------------------------------------------------------------
  // Writes one entry of a table in use, or a word of a frame that is nothing in particular.
  Answer update(HostPhysical entry, uint64_t value, KeepBits keep);
  Answer pin(MachineFrame frame, unsigned level);
  Answer unpin(MachineFrame frame);
  // Roots of the two views; the user view may have none (frame 0).
  enum class View : uint8_t { kKernel, kUser };
  Answer load_root(View view, MachineFrame frame);
  MachineFrame root(View view) const { return roots_[static_cast<size_t>(view)]; }
  // One descriptor of a descriptor frame in use, or a word of a frame that is nothing in particular.
  Answer update_descriptor(HostPhysical address, uint64_t descriptor);

  // --- references of the monitor itself ---------------------------------------------------------------------------------
  // While held, the frame stays what `type` says: descriptor frames in the GDT, rings, pages a device writes to.
  Answer hold(MachineFrame frame, FrameType type);
  void release(MachineFrame frame, FrameType type);

  // --- looking ------------------------------------------------------------------------------------------------------------
  enum class Access : uint8_t { kRead, kWrite };
  // Machine address of a linear one in the kernel view, as the processor would find it; sets no bits.
  std::optional<HostPhysical> translate(uint64_t linear, Access access) const;
  // Machine address of the level-1 entry of a linear address, where there is a table for it.
  std::optional<HostPhysical> entry_of(uint64_t linear) const;

  // What the processor must forget before the guest runs again; whoever enters it clears this.
  RingFlush& flush() { return flush_; }
  // Called with each store into guest memory: decoded code may lie there.
  void on_store(std::function<void(const uint8_t*, unsigned)> told) { told_ = std::move(told); }
  // Whoever else writes guest memory for the monitor says so here; within one page.
  void stored(const uint8_t* host, unsigned bytes);
  FrameTable& frames() const { return frames_; }
  // Every entry looked at so far: what validation costs.
  uint64_t entries_checked() const { return entries_checked_; }

  // The first contradiction between the counts and the tables, in words; for tests.
  std::optional<std::string> inconsistency() const;

 private:
  struct Dropped {
    MachineFrame frame;
    unsigned next, end;  // entries still to be released
  };
  bool spend();
  Answer take_type(MachineFrame frame, FrameType type);
  Answer check(MachineFrame frame, FrameInfo& info);
  Answer check_entry(MachineFrame frame, FrameType type, unsigned index);
  Answer refuse_table(MachineFrame frame, FrameInfo& info);
  void leave_type(MachineFrame frame);
  void drop_finished(MachineFrame frame);
  Answer take_target(FrameType table, uint64_t entry);
  void leave_target(FrameType table, uint64_t entry);
  Answer replace(MachineFrame table, FrameType type, unsigned index, uint64_t value);
  Answer plain_store(HostPhysical address, uint64_t value);
  void store(uint64_t* at, uint64_t value);
  void store_entry(MachineFrame table, unsigned index, uint64_t value);
  std::optional<HostPhysical> table_entry(uint64_t linear, bool& writable) const;

  FrameTable& frames_;
  uint64_t monitor_entry_;
  std::array<MachineFrame, 2> roots_{};
  struct Held {
    MachineFrame frame;
    FrameType type;
  };
  std::vector<Held> held_;
  std::vector<Dropped> dropped_;
  uint64_t budget_ = ~0ull, entries_checked_ = 0;
  uint32_t epoch_ = 1;
  RingFlush flush_;
  std::function<void(const uint8_t*, unsigned)> told_;
};

}  // namespace ringside::vmm
