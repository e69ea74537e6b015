// A small world with the real processor below it, for tests; null and a printed reason where the host has no /dev/kvm. Used by tests only.
#pragma once

#include <iostream>
#include <memory>

#include "tests/catch.h"
#include "vmm/core/ring_world.h"
#include "vmm/machines/kvm/host_clock.h"
#include "vmm/machines/kvm/ring/kvm_ring_cpu.h"

namespace ringside::vmm::testing {

// One program at a time in a RingWorld on one processor.
struct RingBench {
  std::unique_ptr<RingWorld> world;
  std::unique_ptr<hw::Clock> clock;
  std::unique_ptr<RingCpu> cpu;
  RingContext context;
  RingControls controls;
  RingFlush flush;
  RingBounds bounds{.wall_deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20)};

  // Prepares `code` as the next thing to run.
  void load(std::vector<uint8_t> code) { context = world->context(code); }
  void load32(std::vector<uint8_t> code) { context = world->context32(code); }
  RingEvent enter() {
    auto event = cpu->enter(context, controls, flush, bounds);
    if (!event) FAIL(event.error().message);
    flush.clear();
    return event.value();
  }
  RingEvent run(std::vector<uint8_t> code) {
    load(std::move(code));
    return enter();
  }
  // The exception it has to be.
  RingException exception() {
    const RingEvent event = enter();
    REQUIRE(std::holds_alternative<RingException>(event));
    return std::get<RingException>(event);
  }
  RingException exception(std::vector<uint8_t> code) {
    load(std::move(code));
    return exception();
  }
};

inline std::unique_ptr<RingBench> ring_or_skip() {
  if (const auto system = KvmSystem::open(); !system) {
    std::cout << "SKIPPED: " << system.error().message << "\n";
    return nullptr;
  }
  auto bench = std::make_unique<RingBench>();
  auto world = RingWorld::create();
  if (!world) FAIL(world.error().message);
  bench->world = std::move(world.value());
  bench->clock = std::make_unique<HostClock>();
  const RingPages pages = ring_pages([&](uint64_t offset) { return bench->world->part_page(offset); });
  auto cpu = KvmRingCpu::create(bench->world->memory(), pages, bench->world->model(), *bench->clock);
  if (!cpu) FAIL(cpu.error().message);
  bench->cpu = std::move(cpu.value());
  bench->controls = bench->world->controls();
  return bench;
}

}  // namespace ringside::vmm::testing
