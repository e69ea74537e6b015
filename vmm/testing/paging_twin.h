// Two machines with the same guest tables: one walks them natively, without any TLB, the other under a paging of the
// monitor. Every access is made on both and must end the same: translation, fault with its error code, or device.
// Only tests include it.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/machine/cpu.h"
#include "hwmodel/mmu/testing/tables.h"
#include "hwmodel/mmu/tlb_profile.h"
#include "hwmodel/mmu/walk_result.h"
#include "vmm/paging/guest_paging.h"
#include "vmm/paging/monitor_memory.h"

namespace ringside::vmm::testing {

struct Pc {
  Pc(uint64_t bytes, uint64_t monitor_bytes, const char* tlb)
      : memory(std::move(hw::PhysicalMemory::create(bytes, monitor_bytes).value())), code(memory), cpu(0, memory, code) {
    cpu.mmu.set_tlb_profile(*hw::find_tlb_profile(tlb));
  }
  hw::PhysicalMemory memory;
  hw::CodeCache code;
  hw::Cpu cpu;
};

struct Outcome {
  enum class Kind : uint8_t { kRam, kDevice, kFault, kStuck } kind = Kind::kStuck;
  uint64_t physical = 0;
  uint32_t error = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
  std::string text() const {
    std::ostringstream out;
    out << (kind == Kind::kRam ? "RAM " : kind == Kind::kDevice ? "device " : kind == Kind::kFault ? "fault " : "STUCK ")
        << std::hex << (kind == Kind::kFault ? error : physical);
    return out.str();
  }
};

class PagingTwin {
 public:
  static constexpr unsigned kMostExits = 64;  // for one access

  PagingTwin(uint64_t guest_bytes, uint64_t monitor_bytes, const char* tlb)
      : native(guest_bytes, 0, "none"),
        guest(guest_bytes, monitor_bytes, tlb),
        monitor(guest.memory, HostPhysical(hw::PhysicalMemory::kMonitorStart), monitor_bytes) {}

  // Control registers of both, as `change` sets them; the paging is told.
  template <class Change>
  void set_mode(Change&& change) {
    for (Pc* pc : {&native, &guest}) {
      change(static_cast<hw::CpuState&>(pc->cpu));
      pc->cpu.mmu.update_mode();
    }
    paging->install(guest.cpu);
  }
  void load_cr3(uint64_t cr3, bool keep) {
    native.cpu.cr3 = guest.cpu.cr3 = cr3;
    native.cpu.mmu.update_mode();
    guest.cpu.mmu.update_mode();
    paging->cr3_loaded(guest.cpu, keep);
  }
  void invlpg(uint64_t linear) { paging->invalidated(guest.cpu, GuestPaging::Invalidation::kPage, linear); }
  void invalidate_all() { paging->invalidated(guest.cpu, GuestPaging::Invalidation::kAll, 0); }

  Outcome access_native(uint64_t linear, hw::AccessKind kind, hw::AccessMode mode) {
    const hw::Translation t = native.cpu.mmu.translate(linear, kind, mode);
    if (!t.ok) return {Outcome::Kind::kFault, 0, t.error_code};
    const bool ram = native.memory.host(t.physical);
    return {ram ? Outcome::Kind::kRam : Outcome::Kind::kDevice, t.physical.value, 0};
  }

  // As the exit handler does it. `store`: what the instruction writes, if it writes.
  Outcome access_guest(uint64_t linear, hw::AccessKind kind, hw::AccessMode mode, const uint64_t* store = nullptr) {
    bool emulating = false, device = false;
    uint64_t device_address = 0;
    for (unsigned exit = 0; exit < kMostExits; ++exit) {
      const hw::Translation t = guest.cpu.mmu.translate(linear, kind, mode);
      if (t.ok) {
        if (store && !device) std::memcpy(guest.memory.host(t.physical), store, sizeof *store);
        if (device) paging->unmap_device_page(guest.cpu, linear, device_address);
        if (emulating) paging->after_write(guest.cpu);
        if (device && guest.memory.host(t.physical)) return {Outcome::Kind::kStuck, t.physical.value, 0};
        const uint64_t physical = device ? device_address : t.physical.value;
        if (!device && physical >= hw::PhysicalMemory::kMonitorStart) escaped = true;
        return {device ? Outcome::Kind::kDevice : Outcome::Kind::kRam, physical, 0};
      }
      const hw::WalkResult& walk = guest.cpu.mmu.last_walk();
      ++exits;
      const FaultAction action =
          t.outcome == hw::WalkOutcome::kPageFault
              ? paging->page_fault(guest.cpu, linear, t.error_code)
              : paging->nested_fault(guest.cpu, walk.guest_physical.value, walk.qualification);
      if (device) paging->unmap_device_page(guest.cpu, linear, device_address);
      device = false;
      switch (action) {
        case FaultAction::kResume:
          emulating = false;
          break;
        case FaultAction::kInjectFault:
          if (paging->details().linear != linear) return {Outcome::Kind::kStuck, paging->details().linear, 0};
          return {Outcome::Kind::kFault, 0, paging->details().error};
        case FaultAction::kEmulate:
          ++emulated;
          emulating = true;
          break;
        case FaultAction::kDevice:
          device = true;
          device_address = paging->details().guest_physical;
          paging->map_device_page(guest.cpu, linear, device_address);
          break;
      }
    }
    return {};
  }

  bool same_memory() const {
    return std::memcmp(const_cast<hw::PhysicalMemory&>(native.memory).base(),
                       const_cast<hw::PhysicalMemory&>(guest.memory).base(), native.memory.size()) == 0;
  }

  Pc native, guest;
  MonitorMemory monitor;
  std::unique_ptr<GuestPaging> paging;
  uint64_t exits = 0, emulated = 0;
  bool escaped = false;  // an access reached the monitor's memory
};

}  // namespace ringside::vmm::testing
