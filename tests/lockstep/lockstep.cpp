#include "tests/lockstep/lockstep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ringside::testing {
namespace {

constexpr unsigned kMostUnknownPoints = 64;   // instructions in a row between which an event is on its way

sim::Run native_of(const Plan& plan) {
  sim::Run run = plan.run;
  run.guest.command_line = plan.native_command_line.value_or(run.guest.command_line);
  run.technique = "native";
  run.paging = "none";
  run.isa = "x86";
  run.monitor_memory.reset();
  return run;
}

uint64_t mask_of(vmm::PermittedDifferences permitted, std::string_view field) {
  uint64_t mask = 0;
  for (const auto& p : permitted) {
    if (p.field == field) mask |= p.mask;
  }
  return mask;
}

class Lockstep {
 public:
  explicit Lockstep(const Plan& plan) : plan_(plan), memory_mask_(mask_of(plan.permitted, "memory")) {
    for (const std::string& name : vmm::guest_state_names()) masks_.push_back(mask_of(plan.permitted, name));
  }

  Result<void> start() {
    native_ = BOOST_OUTCOME_TRYX(Side::create(native_of(plan_)));
    other_ = BOOST_OUTCOME_TRYX(Side::create(plan_.run, plan_.state_of));
    return success();
  }

  Result<void> advance() {
    if (plan_.align == Align::kInstructions) return advance_to(std::min(plan_.last, instructions() + plan_.every));
    for (uint64_t n = 0; n < plan_.every; ++n) {
      BOOST_OUTCOME_TRYV(native_->run_to_device());
      BOOST_OUTCOME_TRYV(other_->run_to_device());
    }
    return success();
  }
  // Both to the next point at which both states are known.
  Result<void> advance_to(uint64_t instructions) {
    for (unsigned i = 0; i < kMostUnknownPoints; ++i) {
      BOOST_OUTCOME_TRYV(other_->run_to(instructions + i));
      BOOST_OUTCOME_TRYV(native_->run_to(instructions + i));
      if (over() || (native_->state() && other_->state())) return success();
    }
    return success();  // look() tells
  }

  bool over() const { return native_->ended() || other_->ended(); }
  bool ended_alike() const { return native_->ended() && other_->ended(); }
  uint64_t instructions() const { return native_->instructions(); }

  enum class Depth : uint8_t { kRegisters, kMemoryToo };
  std::optional<Difference> look(Depth depth, Verdict& verdict) {
    ++verdict.comparisons;
    if (native_->ended() != other_->ended()) return differ("end", native_->ended(), other_->ended());
    if (over() && native_->end() != other_->end())
      return differ("end", static_cast<uint64_t>(native_->end()), static_cast<uint64_t>(other_->end()));
    if (native_->exit_value() != other_->exit_value()) return differ("exit value", native_->exit_value(), other_->exit_value());
    if (native_->console() != other_->console()) return differ("console", native_->console().size(), other_->console().size());
    if (plan_.align == Align::kDeviceAccesses && native_->last_device_access() != other_->last_device_access())
      return differ("device access: " + native_->last_device_access() + " / " + other_->last_device_access(), 0, 0);
    const auto a = native_->state(), b = other_->state();
    if (!over() && !(a && b)) return differ("state unknown for too long", a.has_value(), b.has_value());
    if (a && b) {
      if (auto difference = look_at_registers(*a, *b, verdict)) return difference;
    }
    if (depth == Depth::kRegisters) return std::nullopt;
    ++verdict.of_memory;
    return look_at_memory(verdict);
  }

 private:
  Difference differ(std::string field, uint64_t native, uint64_t other) const {
    const auto state = native_->state();
    return {native_->instructions(), state ? state->registers.rip : 0, std::move(field), native, other};
  }

  std::optional<Difference> look_at_registers(const vmm::GuestState& a, const vmm::GuestState& b, Verdict& verdict) {
    const auto native = guest_state_values(a), other = guest_state_values(b);
    if (plan_.align == Align::kInstructions && native_->instructions() != other_->instructions())
      return differ("instructions", native_->instructions(), other_->instructions());
    for (size_t i = 0; i < native.size(); ++i) {
      if (native[i] == other[i]) continue;
      if ((native[i] ^ other[i]) & ~masks_[i]) return differ(vmm::guest_state_names()[i], native[i], other[i]);
      ++verdict.excused;
    }
    return std::nullopt;
  }

  std::optional<Difference> look_at_memory(Verdict& verdict) {
    hw::PhysicalMemory& a = native_->machine().memory();
    hw::PhysicalMemory& b = other_->machine().memory();
    for (uint64_t page = 0; page < a.size(); page += kPageSize) {
      if (std::memcmp(a.base() + page, b.base() + page, kPageSize) == 0) continue;
      for (uint64_t at = page; at < page + kPageSize; at += 8) {
        uint64_t x, y;
        std::memcpy(&x, a.base() + at, 8);
        std::memcpy(&y, b.base() + at, 8);
        if (x == y) continue;
        if ((x ^ y) & ~memory_mask_) return differ(fmt::format("memory {:#x}", at), x, y);
        ++verdict.excused;
      }
    }
    return std::nullopt;
  }

  const Plan& plan_;
  const uint64_t memory_mask_;
  std::vector<uint64_t> masks_;  // of what may differ, by field
  std::unique_ptr<Side> native_, other_;
};

// The runs repeat, so the first instruction after which something differs is found by running both again, one at a time from the last
// point at which nothing did.
Result<Difference> first_difference(const Plan& plan, uint64_t same_at, Difference seen) {
  Lockstep again(plan);
  Verdict ignored;
  BOOST_OUTCOME_TRYV(again.start());
  BOOST_OUTCOME_TRYV(again.advance_to(same_at));
  while (!again.over() && again.instructions() < seen.instructions) {
    BOOST_OUTCOME_TRYV(again.advance_to(again.instructions() + 1));
    if (auto difference = again.look(Lockstep::Depth::kRegisters, ignored)) return *difference;
  }
  return seen;
}

}  // namespace

std::string Difference::text() const {
  return fmt::format("after {} instructions, at rip {:#x}: {}: native {:#x}, here {:#x}", instructions, rip, field, native, other);
}

Result<Verdict> compare_with_native(const Plan& plan) {
  Lockstep lockstep(plan);
  Verdict verdict;
  BOOST_OUTCOME_TRYV(lockstep.start());
  uint64_t same_at = 0;
  BOOST_OUTCOME_TRYV(lockstep.advance_to(plan.first));
  for (uint64_t i = 1;; ++i) {
    const bool memory = i % plan.memory_every == 0 || lockstep.over();
    const auto depth = memory ? Lockstep::Depth::kMemoryToo : Lockstep::Depth::kRegisters;
    if (auto difference = lockstep.look(depth, verdict)) {
      // All memory is looked at rarely: one instruction at a time would take for ever.
      const bool refine = plan.align == Align::kInstructions && !difference->field.starts_with("memory");
      verdict.difference = *difference;
      if (refine) verdict.difference = BOOST_OUTCOME_TRYX(first_difference(plan, same_at, *difference));
      break;
    }
    if (lockstep.over() || lockstep.instructions() >= plan.last) break;
    same_at = lockstep.instructions();
    BOOST_OUTCOME_TRYV(lockstep.advance());
  }
  verdict.instructions = lockstep.instructions();
  verdict.ended = lockstep.ended_alike();
  return verdict;
}

}  // namespace ringside::testing
