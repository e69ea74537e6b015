#include "vmm/machines/model/walk_event.h"

namespace ringside::vmm {
namespace {

static_assert(hw::WalkResult::kMaxSteps <= traces::kMaxReferences);

traces::WalkTable table_of(hw::TableKind kind) {
  switch (kind) {
    case hw::TableKind::kGuest: return traces::WalkTable::kGuest;
    case hw::TableKind::kShadow: return traces::WalkTable::kShadow;
    case hw::TableKind::kNested: return traces::WalkTable::kNested;
  }
  return traces::WalkTable::kGuest;
}

traces::WalkMode mode_of(hw::WalkMode mode) {
  switch (mode) {
    case hw::WalkMode::kNative: return traces::WalkMode::kNative;
    case hw::WalkMode::kNested: return traces::WalkMode::kNested;
    case hw::WalkMode::kShadow: return traces::WalkMode::kShadow;
    case hw::WalkMode::kAgile: return traces::WalkMode::kAgile;
  }
  return traces::WalkMode::kNative;
}

traces::AccessKind kind_of(hw::AccessKind kind) {
  switch (kind) {
    case hw::AccessKind::kRead: return traces::AccessKind::kRead;
    case hw::AccessKind::kWrite: return traces::AccessKind::kWrite;
    case hw::AccessKind::kFetch: return traces::AccessKind::kFetch;
  }
  return traces::AccessKind::kRead;
}

traces::AccessRole role_of(hw::AccessRole role) {
  switch (role) {
    case hw::AccessRole::kUser: return traces::AccessRole::kUser;
    case hw::AccessRole::kSupervisor: return traces::AccessRole::kSupervisor;
    case hw::AccessRole::kSupervisorAc: return traces::AccessRole::kSupervisorAc;
  }
  return traces::AccessRole::kSupervisor;
}

traces::WalkOutcome outcome_of(hw::WalkOutcome outcome) {
  switch (outcome) {
    case hw::WalkOutcome::kTranslated: return traces::WalkOutcome::kTranslated;
    case hw::WalkOutcome::kPageFault: return traces::WalkOutcome::kPageFault;
    case hw::WalkOutcome::kNestedViolation: return traces::WalkOutcome::kNestedViolation;
    case hw::WalkOutcome::kNestedMisconfiguration: return traces::WalkOutcome::kNestedMisconfiguration;
  }
  return traces::WalkOutcome::kTranslated;
}

}  // namespace

WalkEvent::WalkEvent(const hw::WalkResult& walk) {
  for (unsigned i = 0; i < walk.references(); ++i) {
    const hw::WalkStep& step = walk.steps[i];
    steps_[i] = {step.address.value, step.entry, table_of(step.table), step.level, step.serves, step.set_accessed, step.set_dirty};
  }
  event_ = {.linear = walk.linear.value,
            .kind = kind_of(walk.kind),
            .role = role_of(walk.who),
            .mode = mode_of(walk.mode),
            .outcome = outcome_of(walk.outcome),
            .references = walk.references(),
            .cached_levels = walk.cached_levels,
            .nested_tlb_hits = walk.nested_tlb_hits,
            .nested_table_hits = walk.nested_table_hits,
            .page_shift = walk.page_shift,
            .mapped_shift = walk.mapped_shift,
            .rights = walk.rights,
            .error = walk.error_code,
            .qualification = walk.qualification,
            .guest_physical = walk.guest_physical.value,
            .physical = walk.physical.value,
            .cycles = walk.cycles};
}

traces::Walk WalkEvent::event() const {
  traces::Walk event = event_;
  event.steps = std::span(steps_).first(event.references);
  return event;
}

}  // namespace ringside::vmm
