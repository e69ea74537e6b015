#include "sim/experiments/paging_world.h"

#include <cassert>
#include <cstring>

#include "hwmodel/mmu/walk_result.h"
#include "vmm/paging/agile_paging.h"
#include "vmm/paging/nested_paging.h"
#include "vmm/paging/shadow_paging.h"

namespace ringside::sim {
namespace {

constexpr uint64_t kMonitorBytes = uint64_t{32} << 20;
constexpr unsigned kMostExits = 64;  // that one access may need: more would be an endless loop of the monitor
constexpr uint64_t kPiece = uint64_t{2} << 20;

template <class Paging, class... Options>
Result<std::unique_ptr<vmm::GuestPaging>> created(vmm::MonitorMemory& pool, const Options&... options) {
  auto paging = Paging::create(pool, options...);
  if (!paging) return paging.error();
  return std::unique_ptr<vmm::GuestPaging>(std::move(paging.value()));
}

}  // namespace

Result<std::unique_ptr<PagingWorld>> PagingWorld::create(const PagingWorldSetup& setup) {
  auto memory = BOOST_OUTCOME_TRYX(hw::PhysicalMemory::create(setup.guest_bytes, setup.paging == WorldPaging::kNative ? 0 : kMonitorBytes));
  std::unique_ptr<PagingWorld> world(new PagingWorld(std::move(memory), setup));
  BOOST_OUTCOME_TRYV(world->make_paging(setup));
  return world;
}

PagingWorld::PagingWorld(hw::PhysicalMemory memory, const PagingWorldSetup& setup)
    : memory_(std::move(memory)), code_(memory_), cpu_(0, memory_, code_), guest_bytes_(setup.guest_bytes) {
  cpu_.mmu.set_tlb_profile(setup.tlb);
  cpu_.mmu.observer = &counter_;
  tables_ = std::make_unique<TableTree>(memory_, guest_tree(hw::PagingMode::kFourLevel), next_table_, 0);
  for (uint64_t at = 0; at < guest_bytes_; at += kPiece) tables_->map(kWindow + at, 2, at);
}

PagingWorld::~PagingWorld() = default;

Result<void> PagingWorld::make_paging(const PagingWorldSetup& setup) {
  if (setup.paging == WorldPaging::kNative) return success();
  pool_ = std::make_unique<vmm::MonitorMemory>(memory_, HostPhysical(hw::PhysicalMemory::kMonitorStart), kMonitorBytes);
  switch (setup.paging) {
    case WorldPaging::kNative: break;
    case WorldPaging::kShadow: paging_ = BOOST_OUTCOME_TRYX(created<vmm::ShadowPaging>(*pool_)); break;
    case WorldPaging::kNested: paging_ = BOOST_OUTCOME_TRYX(created<vmm::NestedPaging>(*pool_)); break;
    case WorldPaging::kAgile: paging_ = BOOST_OUTCOME_TRYX(created<vmm::AgilePaging>(*pool_, setup.policy)); break;
  }
  return success();
}

void PagingWorld::start() {
  cpu_.cr0 = hw::cr0::kPe | hw::cr0::kPg | hw::cr0::kWp | hw::cr0::kNe;
  cpu_.cr4 = hw::cr4::kPae | hw::cr4::kPge;
  cpu_.efer = hw::efer::kLme | hw::efer::kLma | hw::efer::kNxe;
  cpu_.cr3 = tables_->root();
  cpu_.mmu.update_mode();
  if (paging_) paging_->install(cpu_);
}

bool PagingWorld::handle_exit(const hw::Translation& translation, uint64_t linear, bool& emulating) {
  ++exits_;
  if (!paging_) return false;
  const hw::WalkResult walk = cpu_.mmu.last_walk();
  const vmm::FaultAction action = translation.outcome == hw::WalkOutcome::kPageFault
                                      ? paging_->page_fault(cpu_, linear, translation.error_code)
                                      : paging_->nested_fault(cpu_, walk.guest_physical.value, walk.qualification);
  switch (action) {
    case vmm::FaultAction::kResume: emulating = false; return true;
    case vmm::FaultAction::kEmulate: emulating = true; return true;
    case vmm::FaultAction::kInjectFault:
    case vmm::FaultAction::kDevice: break;  // there is nothing but RAM here
  }
  return false;
}

bool PagingWorld::touch(uint64_t linear, hw::AccessKind kind, hw::AccessMode mode, const uint64_t* store) {
  bool emulating = false;
  for (unsigned exit = 0; exit < kMostExits; ++exit) {
    const hw::Translation t = cpu_.mmu.translate(linear, kind, mode);
    if (t.ok) {
      if (store) std::memcpy(memory_.host(t.physical), store, sizeof *store);
      if (emulating) paging_->after_write(cpu_);
      return true;
    }
    if (!handle_exit(t, linear, emulating)) return false;
  }
  assert(!"an access that the monitor never lets through");
  return false;
}

bool PagingWorld::access(uint64_t linear, hw::AccessKind kind, hw::AccessMode mode) { return touch(linear, kind, mode, nullptr); }

void PagingWorld::update(uint64_t entry, uint64_t word, uint64_t linear) {
  ++updates_;
  [[maybe_unused]] const bool done = touch(kWindow + entry, hw::AccessKind::kWrite, hw::AccessMode::kSupervisor, &word);
  assert(done);
  // Shadow paging has INVLPG exit; natively and under the others the processor does it alone.
  if (dynamic_cast<vmm::AgilePaging*>(paging_.get()) || !dynamic_cast<vmm::ShadowPaging*>(paging_.get())) return cpu_.mmu.flush_page(linear);
  ++exits_;
  paging_->invalidated(cpu_, vmm::GuestPaging::Invalidation::kPage, linear);
}

void PagingWorld::pass(uint64_t cycles) {
  cpu_.time.idle(cycles);
  if (paging_) paging_->time_passed(cpu_);
}

void PagingWorld::reset_counts() {
  counter_.shares = {};
  exits_ = updates_ = 0;
}

}  // namespace ringside::sim
