#include "sim/experiments/walk_world.h"

#include "hwmodel/mmu/entry/agile_shadow.h"

namespace ringside::sim {

Result<std::unique_ptr<WalkWorld>> WalkWorld::create(const WalkSetup& setup) {
  auto memory = BOOST_OUTCOME_TRYX(hw::PhysicalMemory::create(kGuestBase + kGuestBytes));
  return std::unique_ptr<WalkWorld>(new WalkWorld(std::move(memory), setup));
}

WalkWorld::WalkWorld(hw::PhysicalMemory memory, const WalkSetup& setup)
    : memory_(std::move(memory)),
      setup_(setup),
      // In one dimension the tables lie in the machine's own memory.
      guest_(memory_, setup.tables, two_dimensional() ? next_guest_table_ : next_machine_table_,
             two_dimensional() ? kGuestBase : 0) {
  request_.kind = hw::AccessKind::kWrite;
  request_.controls.mode = setup.tables.mode;
  request_.controls.write_protect = request_.controls.large_pages = true;
  request_.cr3 = guest_.root();
  hw::TranslationRegime& regime = request_.regime;
  if (setup.mode == WalkMode::kShadow) regime.table = hw::TableKind::kShadow;
  regime.shape = setup.tables.table;
  if (!two_dimensional()) return;

  nested_.emplace(memory_, setup.nested, next_machine_table_, 0);
  for (uint64_t at = 0; at < kGuestBytes; at += nested_->page_bytes(setup.host_leaf))
    nested_->map(at, setup.host_leaf, kGuestBase + at);
  regime.two_dimensional = true;
  regime.nested.root = nested_->root();
  regime.nested.shape = setup.nested.table;
  regime.nested.levels = static_cast<uint8_t>(setup.nested.levels);
  if (setup.nested.table == hw::TableShape::kArray) regime.nested.array_bytes = kGuestBytes;
  if (setup.mode != WalkMode::kAgile) return;

  if (setup.shadow_levels) {
    shadow_.emplace(memory_, guest_tree(setup.tables.mode), next_machine_table_, 0);
    regime.start = hw::WalkStart::kShadowRoot;
    regime.shadow_root = shadow_->root();
  } else if (setup.agile_root == AgileRoot::kSwitched) {
    regime.start = hw::WalkStart::kSwitchedRoot;
    regime.shadow_root = kGuestBase + guest_.root();
  }
}

void WalkWorld::map(uint64_t linear, uint64_t frame) {
  const uint64_t page = guest_.page_bytes(setup_.guest_leaf) - 1;
  guest_.map(linear, setup_.guest_leaf, frame & ~page);
  if (shadow_) map_shadow(linear, frame & ~page);
}

// The last shadow entry maps the page if the shadow is whole; else it switches to the guest's table of the next level.
void WalkWorld::map_shadow(uint64_t linear, uint64_t frame) {
  const unsigned last = setup_.tables.levels + 1 - setup_.shadow_levels;
  if (last == 1) return shadow_->map(linear, 1, kGuestBase + frame);
  const uint64_t table = guest_.entry_address(linear, last - 1) & ~(kPageSize - 1);
  shadow_->store(shadow_->entry_address(linear, last),
                 (kGuestBase + table) | shadow_->shape().inner_bits | hw::AgileShadowFormat::kSwitch);
}

const hw::WalkResult& WalkWorld::walk(uint64_t linear) {
  request_.linear = linear;
  request_.caches = caches_.get();
  hw::walk(memory_, request_, result_);
  return result_;
}

void WalkWorld::use_caches(const hw::TlbProfile& profile) { caches_ = std::make_unique<hw::WalkCaches>(profile); }

uint64_t WalkWorld::machine_address(uint64_t linear, uint64_t frame) const {
  const uint64_t page = guest_.page_bytes(setup_.guest_leaf) - 1;
  return (two_dimensional() ? kGuestBase : 0) + (frame & ~page) + (linear & page);
}

}  // namespace ringside::sim
