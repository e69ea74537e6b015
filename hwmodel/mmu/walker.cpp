#include "hwmodel/mmu/walker.h"

#include "hwmodel/mmu/entry/legacy32.h"
#include "hwmodel/mmu/entry/long64.h"
#include "hwmodel/mmu/entry/pae.h"
#include "hwmodel/mmu/fault.h"
#include "hwmodel/mmu/walk_table.h"

namespace ringside::hw {
namespace {

void page_fault(FaultReason reason, const WalkRequest& request, WalkResult& out) {
  out.outcome = WalkOutcome::kPageFault;
  out.error_code = fault_error_code(reason, request.kind, request.who, request.controls);
}

template <class Format>
void walk(PhysicalMemory& memory, unsigned top_level, const WalkRequest& request, WalkResult& out, TableKind table) {
  const Format format(request.controls);
  MachineMemory below(memory);
  WalkPath path;
  Leaf leaf;
  const TableCursor root{Format::root(request.cr3), static_cast<uint8_t>(top_level), rights::kAll};
  const auto no_cache = [](const TableCursor&) {};
  switch (descend(format, below, table, 0, root, request.linear, no_cache, out, path, leaf)) {
    case Descent::kNotPresent:
      return page_fault(FaultReason::kNotPresent, request, out);
    case Descent::kMalformed:
      return page_fault(FaultReason::kReservedBits, request, out);
    case Descent::kStoppedBelow:
      return;  // machine memory stops nobody
    case Descent::kLeaf:
      break;
  }
  out.rights = leaf.rights;
  if (!permitted(leaf.rights, request.kind, request.who, request.controls)) {
    return page_fault(FaultReason::kForbidden, request, out);
  }
  if (request.flags == FlagUpdate::kWrite) mark_accessed_dirty(format, path, request.kind, out);
  const unsigned shift = Format::shift(leaf.level);
  out.page_shift = out.mapped_shift = static_cast<uint8_t>(shift);
  out.global = format.global(static_cast<typename Format::Word>(leaf.word));
  out.dirty = (leaf.word & Format::dirty()) || request.kind == AccessKind::kWrite;
  out.physical = HostPhysical(leaf.page | (request.linear & bit_range(shift - 1, 0)));
  out.guest_physical = GuestPhysical(out.physical.value);
}

}  // namespace

void walk_native(PhysicalMemory& memory, const WalkRequest& request, WalkResult& out, TableKind table) {
  out.start(request.linear, request.kind, request.who);
  switch (request.controls.mode) {
    case PagingMode::kOff:
      break;  // nothing to walk; the caller maps one to one
    case PagingMode::kLegacy32:
      return walk<Legacy32Format>(memory, Legacy32Format::kTopLevel, request, out, table);
    case PagingMode::kPae:
      return walk<PaeFormat>(memory, PaeFormat::kTopLevel, request, out, table);
    case PagingMode::kFourLevel:
      return walk<Long64Format>(memory, 4, request, out, table);
    case PagingMode::kFiveLevel:
      return walk<Long64Format>(memory, 5, request, out, table);
  }
}

}  // namespace ringside::hw
