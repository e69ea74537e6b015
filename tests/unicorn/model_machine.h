// The modelled CPU under test, with the same memory as the reference.
#pragma once

#include <memory>
#include <span>

#include "hwmodel/exec/code_cache.h"
#include "hwmodel/machine/cpu.h"
#include "hwmodel/machine/observer.h"
#include "tests/unicorn/test_case.h"

namespace ringside::differential {

class ModelMachine {
 public:
  explicit ModelMachine(Mode mode);
  Outcome run(const TestCase& test);
  // After a store outside the data window.
  void rebuild();
  std::span<const uint8_t> memory() const { return {memory_.host(GuestPhysical(0)), layout::kBytes}; }

 private:
  // Remembers the first event delivered: what the instruction raised.
  class FirstEvent : public hw::Observer {
   public:
    int vector = -1;
    void on_event_delivered(uint8_t v, uint32_t, bool, uint64_t) override { if (vector < 0) vector = v; }
  };
  void build_initial_state();
  Mode mode_;
  hw::PhysicalMemory memory_;
  hw::CodeCache code_;
  std::unique_ptr<hw::Cpu> cpu_;
  hw::CpuState initial_;
  FirstEvent event_;
};

}  // namespace ringside::differential
