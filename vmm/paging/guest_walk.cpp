#include "vmm/paging/guest_walk.h"

#include "hwmodel/mmu/accessed_dirty.h"
#include "hwmodel/mmu/entry/legacy32.h"
#include "hwmodel/mmu/entry/long64.h"
#include "hwmodel/mmu/entry/pae.h"
#include "hwmodel/mmu/fault.h"

namespace ringside::vmm {

using namespace hw;

FaultingAccess faulting_access(const Cpu& cpu, uint64_t linear, uint32_t error) {
  const WalkResult& last = cpu.mmu.last_walk();
  if (last.outcome != WalkOutcome::kTranslated && last.linear.value == linear) return {linear, last.kind, last.who};
  FaultingAccess access{linear};
  if (error & fault_code::kWrite) access.kind = AccessKind::kWrite;
  if (error & fault_code::kFetch) access.kind = AccessKind::kFetch;
  const bool ac = (cpu.system_flags & rflags::kAc) != 0;
  access.who = access_role(error & fault_code::kUser ? AccessMode::kUser : AccessMode::kSupervisor, ac);
  return access;
}

const GuestWalk& GuestWalker::walk(const CpuState& cpu, const FaultingAccess& access) {
  controls_ = paging_controls(cpu);
  access_ = access;
  walk_.ok = false;
  walk_.error = 0;
  walk_.path.depth = 0;
  switch (controls_.mode) {
    case PagingMode::kOff:
      walk_.ok = true;
      walk_.guest_physical = access.linear;
      break;
    case PagingMode::kLegacy32:
      walk_format<Legacy32Format>(cpu, Legacy32Format::kTopLevel);
      break;
    case PagingMode::kPae:
      walk_format<PaeFormat>(cpu, PaeFormat::kTopLevel);
      break;
    case PagingMode::kFourLevel:
      walk_format<Long64Format>(cpu, 4);
      break;
    case PagingMode::kFiveLevel:
      walk_format<Long64Format>(cpu, 5);
      break;
  }
  return walk_;
}

template <class Format>
void GuestWalker::walk_format(const CpuState& cpu, unsigned top) {
  const Format format(controls_);
  record_.start(access_.linear, access_.kind, access_.who);
  const TableCursor root{Format::root(cpu.cr3), static_cast<uint8_t>(top), rights::kAll};
  const Descent end =
      descend(format, ram_, TableKind::kGuest, 0, root, access_.linear, record_, walk_.path, walk_.leaf);
  if (end != Descent::kLeaf) {
    const FaultReason reason = end == Descent::kNotPresent ? FaultReason::kNotPresent : FaultReason::kReservedBits;
    walk_.error = fault_error_code(reason, access_.kind, access_.who, controls_);
    return;
  }
  if (!permitted(walk_.leaf.rights, access_.kind, access_.who, controls_)) {
    walk_.error = fault_error_code(FaultReason::kForbidden, access_.kind, access_.who, controls_);
    return;
  }
  walk_.ok = true;
  walk_.guest_physical = walk_.leaf.page | (access_.linear & bit_range(Format::shift(walk_.leaf.level) - 1, 0));
}

void GuestWalker::set_flags() {
  switch (controls_.mode) {
    case PagingMode::kOff:
      break;
    case PagingMode::kLegacy32:
      return set_flags_of<Legacy32Format>();
    case PagingMode::kPae:
      return set_flags_of<PaeFormat>();
    case PagingMode::kFourLevel:
    case PagingMode::kFiveLevel:
      return set_flags_of<Long64Format>();
  }
}

template <class Format>
void GuestWalker::set_flags_of() {
  const Format format(controls_);
  mark_accessed_dirty(format, walk_.path, access_.kind, record_);
  for (unsigned i = 0; i < walk_.path.depth; ++i) {
    walk_.path.entry[i].word |= missing_flags(format, walk_.path, i, access_.kind);
  }
  if (walk_.path.depth) walk_.leaf.word = walk_.path.entry[walk_.path.depth - 1].word;
}

}  // namespace ringside::vmm
