// One shadow table: a page of entries the hardware walks instead of a table of the guest, and where it is used.
//
//   shadow entry  63 62..53   52     51 ........ 12  11   10    9      8 ... 0
//                 XD ignored  SWITCH frame / table   -   OPEN  DEVICE  as in long64.h, A and D always set
//   OPEN    writable for one emulated instruction although the page is a guest table; after_write() drops it
//   DEVICE  maps no RAM, for one emulated instruction
//   MONITOR (bit 11) of a top table: leads to the monitor's own part of the address space, no shadow of anything
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "hwmodel/mmu/entry/agile_shadow.h"
#include "hwmodel/mmu/rights.h"
#include "traces/base/types.h"

namespace ringside::vmm {

using ShadowFormat = hw::AgileShadowFormat;
using ShadowWord = ShadowFormat::Word;

namespace shadow_bit {
constexpr ShadowWord kDevice = 1 << 9, kOpen = 1 << 10, kMonitor = 1 << 11;
}

// On whose behalf tables are walked. A guest that runs deprivileged is at CPL 3 throughout: what its kernel may touch must be the user's in
// the tables the kernel runs on, and out of reach in those its processes run on.
enum class GuestView : uint8_t {
  kHardware,          // the processor knows the guest's privilege and applies the rules itself
  kKernel,            // everything the guest's supervisor may touch
  kKernelUserClosed,  // the same while SMAP is on and AC clear: without the pages of users
  kUser,
};
constexpr bool is_kernel(GuestView view) { return view == GuestView::kKernel || view == GuestView::kKernelUserClosed; }

// The guest's control bits that change what a shadow entry made from the same guest entry must say. With CR0.WP clear
// the supervisor may write read-only pages, and with EFER.NXE clear bit 63 is reserved; all else (SMEP, SMAP, PGE, AC)
// the hardware applies to shadow entries as it would to the guest's.
struct ShadowRole {
  bool write_protect = true, no_execute = true;
  GuestView view = GuestView::kHardware;
  bool smep = false;  // kernel views only: pages of users are not executable
  friend bool operator==(const ShadowRole&, const ShadowRole&) = default;
};

// What a shadow table is the shadow of. Equal keys, equal contents: tables are shared by all places that use them.
struct ShadowKey {
  uint64_t guest = 0;  // page of the guest's table; direct: first frame of the large page that is mapped in pieces
  uint8_t level = 0;
  bool direct = false;
  bool global = false;  // direct
  ShadowRole role;
  // Rights of the entries above, where they matter: while CR0.WP is clear (whether a page is the supervisor's decides there whether
  // read-only means something), and in kernel views that treat the pages of users differently.
  hw::Rights above = hw::rights::kAll;
  static bool counts_rights_above(const ShadowRole& role) {
    return role.view == GuestView::kHardware ? !role.write_protect : is_kernel(role.view) && (role.smep || role.view == GuestView::kKernelUserClosed);
  }

  uint64_t packed() const {
    return guest | level | uint64_t{direct} << 3 | uint64_t{global} << 4 | uint64_t{role.write_protect} << 5 |
           uint64_t{role.no_execute} << 6 | (uint64_t{above} & hw::rights::kGuest) << 7 | uint64_t{static_cast<uint8_t>(role.view)} << 60 | uint64_t{role.smep} << 62;
  }
};

struct ShadowTable;

// One entry of one shadow table.
struct EntryRef {
  ShadowTable* table = nullptr;
  uint16_t index = 0;
  friend bool operator==(const EntryRef&, const EntryRef&) = default;
};

struct ShadowTable {
  ShadowKey key;
  HostPhysical page;
  ShadowWord* entry = nullptr;
  bool root = false;       // CR3 has pointed here: kept although no entry leads here
  bool unsync = false;     // the guest may write its table without an exit: entries may be out of date
  bool scattered = false;  // used for more than one linear range
  bool placed = false;     // `linear` is known
  uint64_t linear = 0;     // first address of the range
  uint64_t last_fill = 0;  // number of the fill that went through it last
  unsigned writes = 0;     // emulated ones since then
  std::vector<EntryRef> parents;
  std::list<ShadowTable*>::iterator age;
};

}  // namespace ringside::vmm
