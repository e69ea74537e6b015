// The fault policy of the guest's own page tables: who may do what with a page of which rights, and the error code of
// the page fault otherwise. Pure functions of accumulated rights; finding the rights is the walk's part.
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/mmu/access_mode.h"
#include "hwmodel/mmu/paging_mode.h"
#include "hwmodel/mmu/rights.h"

namespace ringside::hw {

// Page-fault error code [SDM 3A 4.7 "Page-Fault Exceptions"]:
//   31..5  4   3    2   1   0
//   zero   I/D RSVD U/S W/R P
namespace fault_code {
constexpr uint32_t kPresent = 1 << 0, kWrite = 1 << 1, kUser = 1 << 2, kReserved = 1 << 3, kFetch = 1 << 4;
}

enum class FaultReason : uint8_t { kNotPresent, kReservedBits, kForbidden };

// [SDM 3A 4.6.1 "Determination of Access Rights"], for a translation of the guest's tables.
constexpr bool permitted(Rights r, AccessKind kind, AccessRole who, const PagingControls& c) {
  const bool user_page = r & rights::kUser, writable = r & rights::kWrite, executable = r & rights::kExecute;
  if (who == AccessRole::kUser) {
    if (!user_page) return false;
    return kind == AccessKind::kRead || (kind == AccessKind::kWrite ? writable : executable);
  }
  if (kind == AccessKind::kFetch) return executable && !(user_page && c.smep);
  if (user_page && c.smap && who != AccessRole::kSupervisorAc) return false;
  return kind == AccessKind::kRead || writable || !c.write_protect;
}

// I/D tells a fetch apart only where fetches can be forbidden: CR4.SMEP, or EFER.NXE with PAE entries [SDM 3A 4.7].
constexpr uint32_t fault_error_code(FaultReason reason, AccessKind kind, AccessRole who, const PagingControls& c) {
  uint32_t code = reason == FaultReason::kNotPresent ? 0 : fault_code::kPresent;
  if (reason == FaultReason::kReservedBits) code |= fault_code::kReserved;
  if (kind == AccessKind::kWrite) code |= fault_code::kWrite;
  if (who == AccessRole::kUser) code |= fault_code::kUser;
  const bool no_execute = c.no_execute && c.mode != PagingMode::kLegacy32;
  if (kind == AccessKind::kFetch && (c.smep || no_execute)) code |= fault_code::kFetch;
  return code;
}

// permitted() tabulated for one setting of the control registers: one load and one shift per TLB hit.
class PermissionTable {
 public:
  PermissionTable() : PermissionTable(PagingControls{}) {}
  explicit PermissionTable(const PagingControls& controls) {
    for (unsigned kind = 0; kind < kAccessKinds; ++kind) {
      for (unsigned who = 0; who < kAccessRoles; ++who) {
        for (unsigned r = 0; r <= rights::kGuest; ++r) {
          if (permitted(static_cast<Rights>(r), static_cast<AccessKind>(kind), static_cast<AccessRole>(who),
                        controls)) {
            allowed_[kind][who] |= static_cast<uint8_t>(1u << r);
          }
        }
      }
    }
  }
  // Also asks the dimension below for its right.
  bool allows(Rights r, AccessKind kind, AccessRole who) const {
    const unsigned guest = allowed_[static_cast<unsigned>(kind)][static_cast<unsigned>(who)] >> (r & rights::kGuest);
    return guest & (r >> (rights::kNestedShift + static_cast<unsigned>(kind))) & 1;
  }

 private:
  std::array<std::array<uint8_t, kAccessRoles>, kAccessKinds> allowed_{};  // bit r: rights r suffice
};

}  // namespace ringside::hw
