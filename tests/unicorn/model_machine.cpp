#include "tests/unicorn/model_machine.h"

#include <cstring>
#include <utility>

#include "hwmodel/exec/run.h"
#include "hwmodel/exec/segmentation.h"
#include "tests/unicorn/environment.h"

namespace ringside::differential {

ModelMachine::ModelMachine(Mode mode)
    : mode_(mode), memory_(std::move(hw::PhysicalMemory::create(layout::kBytes).value())), code_(memory_), cpu_(std::make_unique<hw::Cpu>(0, memory_, code_)) {
  build_environment(mode, {memory_.host(GuestPhysical(0)), layout::kBytes});
  build_initial_state();
  cpu_->observer = &event_;
}

// The state the reference reaches by its prologue, written down directly.
void ModelMachine::build_initial_state() {
  using namespace hw;
  reset(*cpu_);
  initial_ = *cpu_;
  const auto selectors = initial_selectors(mode_);
  for (unsigned s = 0; s < 6; ++s) {
    const bool code = s == kCs;
    const bool small = mode_ == Mode::kReal16 || mode_ == Mode::kProtected16;
    const bool long_code = code && mode_ == Mode::kLong64;
    uint32_t rights = access_rights::kP | access_rights::kS | (code ? 0xb : 0x3);
    if (mode_ != Mode::kReal16) rights |= access_rights::kG;
    if (!small && !long_code) rights |= access_rights::kDb;
    if (long_code) rights |= access_rights::kL;
    initial_.segment[s] = {.base = kSegmentBase[s], .limit = mode_ == Mode::kReal16 ? 0xffff : 0xffffffff, .selector = selectors[s], .rights = rights};
  }
  initial_.cr0 = initial_cr0(mode_);
  initial_.cr4 = kCr4;
  initial_.gdtr = {layout::kGdt, 8 * kGdtEntries - 1};
  initial_.idtr = mode_ == Mode::kReal16 ? TableRegister{0, 0x3ff} : TableRegister{layout::kIdt, 0xfff};
  if (mode_ == Mode::kCompatibility32 || mode_ == Mode::kLong64) {
    initial_.efer = kEfer;
    initial_.cr3 = layout::kTables;
  }
  initial_.tr = {.base = 0, .limit = 0xffff, .selector = 0, .rights = access_rights::kP | 0xb};
  initial_.ldtr = {.base = 0, .limit = 0, .selector = 0, .rights = access_rights::kUnusable};
}

void ModelMachine::rebuild() {
  build_environment(mode_, {memory_.host(GuestPhysical(0)), layout::kBytes});
  code_.clear();
  cpu_->mmu.flush_all();
}

Outcome ModelMachine::run(const TestCase& test) {
  hw::Cpu& cpu = *cpu_;
  uint8_t* ram = memory_.host(GuestPhysical(0));
  fill_window({ram, layout::kBytes}, test);
  std::memcpy(ram + test.address, test.bytes.data(), test.bytes.size());
  code_.written(ram + test.address, test.bytes.size());

  static_cast<hw::CpuState&>(cpu) = initial_;
  for (unsigned r = 0; r < 16; ++r) cpu.gpr[r] = test.before.gpr[r];
  cpu.set_rflags(test.before.rflags);
  cpu.rip = test.address;
  cpu.cr2 = test.before.cr2;
  cpu.pending = {};
  cpu.replies.clear();
  cpu.want_single = false;
  cpu.mode_changed();
  event_.vector = -1;
  const hw::Stop stop = hw::step(cpu);

  Outcome outcome;
  if (event_.vector >= 0 || std::holds_alternative<hw::StopTripleFault>(stop)) {
    outcome.ending = Ending::kException;
    outcome.vector = event_.vector >= 0 ? static_cast<unsigned>(event_.vector) : cpu.pending.vector;
  } else if (!std::holds_alternative<hw::StopNone>(stop)) {
    outcome.ending = Ending::kOutside;
  }
  State& after = outcome.after;
  for (unsigned r = 0; r < 16; ++r) after.gpr[r] = cpu.gpr[r];
  after.rip = cpu.rip;
  after.rflags = cpu.rflags();
  after.cr0 = cpu.cr0;
  after.cr2 = cpu.cr2;
  for (unsigned s = 0; s < 6; ++s) after.selector[s] = cpu.segment[s].selector;
  return outcome;
}

}  // namespace ringside::differential
