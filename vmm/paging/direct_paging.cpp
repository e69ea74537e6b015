// Taking, checking, changing and dropping tables.
#include "vmm/paging/direct_paging.h"

#include <algorithm>
#include <cassert>

namespace ringside::vmm {

using namespace direct;
using State = FrameInfo::State;

namespace {
constexpr unsigned kEntries = 512;
constexpr unsigned index_of(HostPhysical entry) { return static_cast<unsigned>(entry.value % kPageSize / 8); }
uint64_t host_offset(const uint8_t* host) { return reinterpret_cast<uintptr_t>(host) % 8; }
constexpr bool is_monitor_slot(FrameType type, unsigned index) { return type == FrameType::kL4 && index == kPvMonitorSlot; }
}  // namespace

bool DirectPaging::spend() {
  if (budget_ == 0) return false;
  --budget_;
  ++entries_checked_;
  return true;
}

// --- stores into guest memory ---------------------------------------------------------------------------------------------

void DirectPaging::store(uint64_t* at, uint64_t value) {
  *at = value;
  if (told_) told_(reinterpret_cast<const uint8_t*>(at), sizeof value);
}

// Stores the processor does not see, into what may become a table again.
void DirectPaging::stored(const uint8_t* host, unsigned bytes) {
  if (told_) told_(host, bytes);
  const HostPhysical first(frames_.memory().address_of(host).value & ~uint64_t{7});
  const FrameInfo* info = frames_.guest(frame_of(first));
  if (!info || !info->was_table) return;
  for (uint64_t at = 0; at < bytes + host_offset(host); at += 8) flush_.edits.push_back({first + at});
}

// Present entries that change are listed: some machines' own translations must be told (RingFlush::edits).
void DirectPaging::store_entry(MachineFrame table, unsigned index, uint64_t value) {
  uint64_t* at = frames_.entries(table) + index;
  if (*at == value) return;
  if (present(*at)) flush_.edits.push_back({address_of(table) + index * 8});
  store(at, value);
}

// --- types ----------------------------------------------------------------------------------------------------------------------

// One reference more that needs `frame` to be a `type`: the first one has it checked.
Answer DirectPaging::take_type(MachineFrame frame, FrameType type) {
  FrameInfo* info = frames_.guest(frame);
  if (!info) return Answer::kInvalid;
  if (info->state == State::kDropping) return Answer::kAgain;  // the next slice finishes that first
  if (info->count >= frames_.most_references()) return Answer::kBusy;
  if (info->state == State::kInUse) {
    if (info->type != type) return Answer::kBusy;
    ++info->type_count, ++info->count;
    return Answer::kDone;
  }
  if (info->state == State::kIdle) {
    // The processor may still hold translations from the frame's former life, through which it could be written.
    if (info->type != type && info->type != FrameType::kNone && info->left_in_epoch == epoch_) {
      flush_.all = true;
      ++epoch_;
    }
    info->type = type;
    info->type_count = 1, ++info->count;
    info->next = 0;
    info->state = type == FrameType::kWritable ? State::kInUse : State::kChecking;
    return type == FrameType::kWritable ? Answer::kDone : check(frame, *info);
  }
  // Checking was cut short: its reference becomes ours. Or the checking is going on above us, and the table leads to itself.
  if (info->type != type) return Answer::kBusy;
  return check(frame, *info);
}

// Goes through the entries from where the last slice stopped. Recursion through check_entry is as deep as tables are.
Answer DirectPaging::check(MachineFrame frame, FrameInfo& info) {
  for (; info.next < kEntries; ++info.next) {
    if (!spend()) return Answer::kAgain;
    const Answer answer = check_entry(frame, info.type, info.next);
    if (answer == Answer::kAgain) return answer;
    if (answer != Answer::kDone) {
      refuse_table(frame, info);
      return answer;
    }
  }
  info.state = State::kInUse;
  info.was_table |= is_table(info.type);
  return Answer::kDone;
}

Answer DirectPaging::check_entry(MachineFrame frame, FrameType type, unsigned index) {
  const uint64_t entry = frames_.entries(frame)[index];
  if (type == FrameType::kDescriptors) {
    const auto safe = safe_descriptor(entry);
    if (!safe) return Answer::kInvalid;
    if (*safe != entry) store(frames_.entries(frame) + index, *safe);
    return Answer::kDone;
  }
  if (is_monitor_slot(type, index)) {
    store_entry(frame, index, monitor_entry_);
    return Answer::kDone;
  }
  if (!present(entry)) return Answer::kDone;
  const Answer answer = take_target(type, entry);
  if (answer != Answer::kDone) return answer;
  // Of a frame that never was a table nobody can have a shadow.
  if (frames_.guest(frame)->was_table) flush_.edits.push_back({address_of(frame) + index * 8});
  if (adjusted(entry) != entry) store(frames_.entries(frame) + index, adjusted(entry));
  return answer;
}

// An entry was refused: the frame does not become a table, and what the entries before it referred to is released.
Answer DirectPaging::refuse_table(MachineFrame frame, FrameInfo& info) {
  info.type_count = 0, --info.count;
  info.state = State::kDropping;
  dropped_.push_back({frame, 0, info.next});
  return Answer::kDone;
}

void DirectPaging::leave_type(MachineFrame frame) {
  FrameInfo& info = *frames_.guest(frame);
  assert(info.type_count > 0 && info.count > 0 && info.state == State::kInUse);
  --info.count;
  if (--info.type_count) return;
  if (is_table(info.type)) {
    info.state = State::kDropping;
    dropped_.push_back({frame, 0, kEntries});
  } else {
    drop_finished(frame);
  }
}

// The monitor's slot of a top table stays as it is: the processor may stand on that table until the next entry.
void DirectPaging::drop_finished(MachineFrame frame) {
  FrameInfo& info = *frames_.guest(frame);
  info.state = State::kIdle;
  info.left_in_epoch = epoch_;
}

// Releases what dropped tables referred to, which may drop more of them. False: the budget is used up.
bool DirectPaging::drain() {
  while (!dropped_.empty()) {
    Dropped& top = dropped_.back();
    if (top.next == top.end) {
      const MachineFrame frame = top.frame;
      dropped_.pop_back();
      drop_finished(frame);
      continue;
    }
    if (!spend()) return false;
    const MachineFrame frame = top.frame;
    const unsigned index = top.next++;
    const FrameType type = frames_.guest(frame)->type;
    if (!is_table(type) || is_monitor_slot(type, index)) continue;
    const uint64_t entry = frames_.entries(frame)[index];
    if (present(entry)) leave_target(type, entry);  // may push: `top` is no longer valid
  }
  return true;
}

// --- entries ----------------------------------------------------------------------------------------------------------------

// The references an entry of a `table` makes.
Answer DirectPaging::take_target(FrameType table, uint64_t entry) {
  if (entry & kForbidden) return Answer::kInvalid;
  if (table != FrameType::kL1) return take_type(target(entry), table_type(level_of(table) - 1));
  if (entry & kWritable) return take_type(target(entry), FrameType::kWritable);
  FrameInfo* info = frames_.guest(target(entry));
  if (!info) return Answer::kInvalid;
  if (info->count >= frames_.most_references()) return Answer::kBusy;
  ++info->count;
  return Answer::kDone;
}

void DirectPaging::leave_target(FrameType table, uint64_t entry) {
  if (table != FrameType::kL1 || (entry & kWritable)) return leave_type(target(entry));
  FrameInfo& info = *frames_.guest(target(entry));
  assert(info.count > 0);
  --info.count;
}

Answer DirectPaging::replace(MachineFrame table, FrameType type, unsigned index, uint64_t value) {
  const uint64_t old = frames_.entries(table)[index];
  const uint64_t matters = kPresent | kFrameMask | (type == FrameType::kL1 ? kWritable : 0);
  const bool same_target = present(old) && (old & matters) == (value & matters);
  if (present(value) && (value & kForbidden)) return Answer::kInvalid;
  if (present(value) && !same_target)
    if (const Answer answer = take_target(type, value); answer != Answer::kDone) return answer;
  store_entry(table, index, adjusted(value));
  if (present(old) && !same_target) leave_target(type, old);
  return Answer::kDone;
}

// A frame that is no table may be written here as well as through a mapping; it must be writable for that moment.
Answer DirectPaging::plain_store(HostPhysical address, uint64_t value) {
  const MachineFrame frame = frame_of(address);
  if (const Answer answer = take_type(frame, FrameType::kWritable); answer != Answer::kDone) return answer;
  uint64_t* at = frames_.entries(frame) + index_of(address);
  *at = value;
  stored(reinterpret_cast<const uint8_t*>(at), sizeof value);
  leave_type(frame);
  return Answer::kDone;
}

Answer DirectPaging::update(HostPhysical entry, uint64_t value, KeepBits keep) {
  if (!drain() || !spend()) return Answer::kAgain;
  FrameInfo* info = frames_.guest(frame_of(entry));
  if (!info || entry.value % 8) return Answer::kInvalid;
  const MachineFrame frame = frame_of(entry);
  const unsigned index = index_of(entry);
  if (info->state == State::kIdle || !is_table(info->type)) return plain_store(entry, value);
  if (info->state != State::kInUse) return Answer::kBusy;
  if (is_monitor_slot(info->type, index)) return Answer::kPermission;
  const uint64_t old = frames_.entries(frame)[index];
  if (keep == KeepBits::kAccessedDirty && present(old) && present(value)) value |= old & (kAccessed | kDirty);
  return replace(frame, info->type, index, value);
}

Answer DirectPaging::update_descriptor(HostPhysical address, uint64_t descriptor) {
  if (!drain() || !spend()) return Answer::kAgain;
  FrameInfo* info = frames_.guest(frame_of(address));
  if (!info || address.value % 8) return Answer::kInvalid;
  const auto safe = safe_descriptor(descriptor);
  if (!safe) return Answer::kInvalid;
  if (info->state == State::kIdle || info->type != FrameType::kDescriptors) return plain_store(address, *safe);
  store(frames_.entries(frame_of(address)) + index_of(address), *safe);
  return Answer::kDone;
}

// --- pins, roots, the monitor's references --------------------------------------------------------------------------------------

Answer DirectPaging::pin(MachineFrame frame, unsigned level) {
  if (!drain() || !spend()) return Answer::kAgain;
  FrameInfo* info = frames_.guest(frame);
  if (!info || level < 1 || level > 4 || info->pinned) return Answer::kInvalid;
  const Answer answer = take_type(frame, table_type(level));
  if (answer == Answer::kDone) info->pinned = true;
  return answer;
}

Answer DirectPaging::unpin(MachineFrame frame) {
  if (!drain() || !spend()) return Answer::kAgain;
  FrameInfo* info = frames_.guest(frame);
  if (!info || !info->pinned) return Answer::kInvalid;
  info->pinned = false;
  leave_type(frame);
  return Answer::kDone;
}

Answer DirectPaging::load_root(View view, MachineFrame frame) {
  if (!drain() || !spend()) return Answer::kAgain;
  MachineFrame& root = roots_[static_cast<size_t>(view)];
  if (frame.value == 0 && view == View::kKernel) return Answer::kInvalid;
  if (frame.value != 0)
    if (const Answer answer = take_type(frame, FrameType::kL4); answer != Answer::kDone) return answer;
  const MachineFrame old = root;
  root = frame;
  if (old.value != 0) leave_type(old);
  flush_.all = true;
  return Answer::kDone;
}

Answer DirectPaging::hold(MachineFrame frame, FrameType type) {
  if (!drain()) return Answer::kAgain;
  const Answer answer = take_type(frame, type);
  if (answer == Answer::kDone) held_.push_back({frame, type});
  return answer;
}

void DirectPaging::release(MachineFrame frame, FrameType type) {
  const auto at = std::find_if(held_.rbegin(), held_.rend(), [&](const Held& h) { return h.frame == frame && h.type == type; });
  assert(at != held_.rend());
  held_.erase(std::next(at).base());
  leave_type(frame);
}

// --- looking --------------------------------------------------------------------------------------------------------------------

// The level-1 entry of `linear` in the kernel view. Everything above is checked, so the walk stays within the guest's tables.
std::optional<HostPhysical> DirectPaging::table_entry(uint64_t linear, bool& writable) const {
  const uint64_t sign = linear >> 47;
  const MachineFrame top = root(View::kKernel);
  if ((sign != 0 && sign != 0x1ffff) || top.value == 0 || (linear >> 39 & 511) == kPvMonitorSlot) return std::nullopt;
  MachineFrame table = top;
  writable = true;
  for (unsigned shift = 39; shift > 12; shift -= 9) {
    const uint64_t entry = frames_.entries(table)[linear >> shift & 511];
    if (!present(entry)) return std::nullopt;
    writable &= (entry & kWritable) != 0;
    table = target(entry);
  }
  return address_of(table) + (linear >> 12 & 511) * 8;
}

std::optional<HostPhysical> DirectPaging::entry_of(uint64_t linear) const {
  bool writable;
  return table_entry(linear, writable);
}

std::optional<HostPhysical> DirectPaging::translate(uint64_t linear, Access access) const {
  bool writable;
  const auto at = table_entry(linear, writable);
  if (!at) return std::nullopt;
  const uint64_t entry = frames_.entries(frame_of(*at))[index_of(*at)];
  if (!present(entry) || (access == Access::kWrite && !(writable && (entry & kWritable)))) return std::nullopt;
  return address_of(target(entry)) + linear % kPageSize;
}

}  // namespace ringside::vmm
