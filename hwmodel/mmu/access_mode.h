// What is asked of a page: the kind of access and on whose behalf. Called by everybody who translates an address.
#pragma once

#include <cstdint>

namespace ringside::hw {

enum class AccessKind : uint8_t { kRead, kWrite, kFetch };
constexpr unsigned kAccessKinds = 3;

// [SDM 3A 4.6 "Access Rights"]: accesses at CPL 3 are user-mode accesses, except implicit ones to system structures
// (GDT, LDT, IDT, TSS), which are supervisor-mode accesses at any CPL and which EFLAGS.AC does not exempt from SMAP.
enum class AccessMode : uint8_t { kUser, kSupervisor, kSupervisorImplicit };

// Who looks, with EFLAGS.AC folded in: all that the permission rules depend on besides the control registers.
enum class AccessRole : uint8_t { kUser, kSupervisor, kSupervisorAc };
constexpr unsigned kAccessRoles = 3;

constexpr AccessRole access_role(AccessMode mode, bool ac) {
  if (mode == AccessMode::kUser) return AccessRole::kUser;
  return mode == AccessMode::kSupervisor && ac ? AccessRole::kSupervisorAc : AccessRole::kSupervisor;
}

}  // namespace ringside::hw
