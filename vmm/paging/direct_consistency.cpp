// The invariants of direct paging, recounted from the tables themselves. Only tests call this: it reads every table of the machine.
#include <fmt/format.h>

#include <unordered_map>

#include "vmm/paging/direct_paging.h"

namespace ringside::vmm {

using namespace direct;
using State = FrameInfo::State;

namespace {

// References found, by frame.
struct Recount {
  struct Found {
    uint64_t type_count = 0, count = 0;
    bool mixed = false;  // needed as two types at once
    FrameType type = FrameType::kNone;
  };
  std::unordered_map<uint64_t, Found> by_frame;

  void needs(MachineFrame frame, FrameType type) {
    Found& f = by_frame[frame.value];
    f.mixed |= f.type_count > 0 && f.type != type;
    f.type = type;
    ++f.type_count, ++f.count;
  }
  void reads(MachineFrame frame) { ++by_frame[frame.value].count; }
  void entry(FrameType table, uint64_t value) {
    if (table != FrameType::kL1) needs(target(value), table_type(level_of(table) - 1));
    else if (value & kWritable) needs(target(value), FrameType::kWritable);
    else reads(target(value));
  }
};

}  // namespace

std::optional<std::string> DirectPaging::inconsistency() const {
  Recount recount;
  std::optional<std::string> problem;
  const auto complain = [&](std::string text) {
    if (!problem) problem = std::move(text);
  };
  std::unordered_map<uint64_t, std::pair<unsigned, unsigned>> still_held;  // entries of dropped tables
  for (const Dropped& d : dropped_) still_held[d.frame.value] = {d.next, d.end};

  frames_.for_each([&](MachineFrame frame, const FrameInfo& info) {
    if (info.pinned) recount.needs(frame, info.type);
    if (info.state == State::kChecking) recount.needs(frame, info.type);
    if ((info.type_count > 0) != (info.state == State::kInUse || info.state == State::kChecking))
      complain(fmt::format("frame {:#x} is in state {} with type count {}", frame.value, static_cast<int>(info.state), info.type_count));
    if (info.state == State::kDropping && !still_held.contains(frame.value)) complain(fmt::format("frame {:#x} is dropped by nobody", frame.value));
    if (info.state == State::kIdle || !is_table(info.type)) return;
    unsigned first = 0, end = 512;
    if (info.state == State::kChecking) end = info.next;
    if (info.state == State::kDropping) std::tie(first, end) = still_held[frame.value];
    for (unsigned i = first; i < end; ++i) {
      const uint64_t value = frames_.entries(frame)[i];
      if (info.type == FrameType::kL4 && i == kPvMonitorSlot) {
        if (value != monitor_entry_) complain(fmt::format("the monitor's slot of frame {:#x} holds {:#x}", frame.value, value));
        continue;
      }
      if (!present(value)) continue;
      if ((value & kForbidden) || !(value & kUser)) complain(fmt::format("entry {} of frame {:#x} has bits {:#x}", i, frame.value, value));
      if (!frames_.guest(target(value))) complain(fmt::format("entry {} of frame {:#x} leads out of the guest: {:#x}", i, frame.value, value));
      else recount.entry(info.type, value);
    }
  });
  for (const MachineFrame root : roots_)
    if (root.value != 0) recount.needs(root, FrameType::kL4);
  for (const Held& held : held_) recount.needs(held.frame, held.type);

  frames_.for_each([&](MachineFrame frame, const FrameInfo& info) {
    const auto at = recount.by_frame.find(frame.value);
    const Recount::Found found = at == recount.by_frame.end() ? Recount::Found{} : at->second;
    if (found.mixed || (found.type_count && found.type != info.type))
      complain(fmt::format("frame {:#x} of type {} is used as {} too", frame.value, static_cast<int>(info.type), static_cast<int>(found.type)));
    if (found.type_count != info.type_count || found.count != info.count)
      complain(fmt::format("frame {:#x}: counted {} of type {} and {} in all, found {} and {}", frame.value, info.type_count,
                           static_cast<int>(info.type), info.count, found.type_count, found.count));
  });
  return problem;
}

}  // namespace ringside::vmm
