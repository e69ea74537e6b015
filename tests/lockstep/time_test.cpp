// Modelled time over a whole guest: detailed mode gives the guest the same results as fast mode, its cycles are all accounted, and time does
// not depend on where the monitor happens to look in.
#include <random>

#include "hwmodel/cost/profile.h"
#include "sim/guest_loading.h"
#include "tests/lockstep/teaching_run.h"
#include "vmm/boot/acpi.h"
#include "vmm/core/handlers.h"
#include "vmm/devices/pc_devices.h"
#include "vmm/techniques/hw/hw_machine.h"

using namespace ringside;
using namespace ringside::testing;

namespace {

struct Subject {
  const char* technique;
  const char* paging;
};
const Subject kSubjects[] = {{"native", "none"}, {"hw", "nested"}, {"hw", "shadow"}, {"hw", "agile"}};

// The teaching kernel on a modelled machine in detailed mode, driven here instead of by the run loop.
class TimedGuest {
 public:
  explicit TimedGuest(const Subject& subject) : machine_(make(subject)) {
    const auto output = [this](uint8_t byte) { console += static_cast<char>(byte); };
    devices_ = vmm::PcDevices::create(*machine_, requests_, {.serial_output = output, .debug_console_output = output}).value();
    const auto acpi = vmm::install_acpi(machine_->memory(), {.cpus = 1}).value();
    sim::Guest guest;
    guest.kernel = RINGSIDE_TEACHING_KERNEL;
    const auto loaded = sim::load(guest, machine_->memory(), acpi);
    REQUIRE(loaded.has_value());
    REQUIRE(vmm::apply(loaded.value().state, vcpu()).has_value());
    hardware().set_time_mode(hw::TimeMode::kDetailed);
  }

  // `stride(turn)`: how many instructions until the monitor looks in.
  template <class Stride>
  void run(Stride&& stride) {
    for (unsigned turn = 0; !requests_.pending(); ++turn) {
      vmm::RunBounds bounds;
      const uint64_t step = stride(turn);
      if (step) bounds.instruction_deadline = vcpu().instructions() + step;
      auto exit = vcpu().run(bounds);
      REQUIRE(exit.has_value());
      std::visit(vmm::overloaded{[&](vmm::PortExit& port) {
                                   vmm::handle_port_exit(machine_->bus(), port);
                                   vcpu().answer(port);
                                 },
                                 [](vmm::HardwareExit&) {}, [](vmm::InterruptedExit&) {},
                                 [](auto&) { FAIL("an exit the teaching kernel has no reason for"); }},
                 exit.value().cause);
      REQUIRE(hardware().account().balances(hardware().detailed_time()));
    }
  }

  hw::Machine& hardware() { return machine_->hardware(); }
  std::vector<uint64_t> books() {
    std::vector<uint64_t> all{hardware().now().value, vcpu().instructions(), hardware().idle_cycles()};
    for (size_t i = 0; i < hw::kCycleCategories; ++i) all.push_back(hardware().account().of(static_cast<hw::CycleCategory>(i)));
    return all;
  }
  std::string console;

 private:
  static std::unique_ptr<vmm::ModelMachine> make(const Subject& subject) {
    hw::MachineConfig config{.memory_bytes = 64 << 20};
    config.costs = hw::load_cost_profile("skylake").value();
    const std::string paging = subject.paging;
    if (paging == "none") return vmm::ModelMachine::create(config).value();
    const auto kind = paging == "nested" ? vmm::HwPaging::kNested : paging == "shadow" ? vmm::HwPaging::kShadow : vmm::HwPaging::kAgile;
    return vmm::create_hw_machine({.machine = config, .paging = kind}).value();
  }
  vmm::Vcpu& vcpu() { return machine_->vcpu(0); }

  std::unique_ptr<vmm::ModelMachine> machine_;
  vmm::DeviceRequests requests_;
  std::unique_ptr<vmm::PcDevices> devices_;
};

}  // namespace

TEST_CASE("detailed mode: the guest says the same as in fast mode, under every technique") {
  const auto native = run_teaching("model", "native", "none");
  REQUIRE(native.has_value());
  for (const Subject& subject : kSubjects) {
    INFO(subject.technique << " / " << subject.paging);
    TimedGuest guest(subject);
    guest.run([](unsigned) { return 0; });
    CHECK(guest.console == native.value().console);
  }
}

TEST_CASE("detailed mode: time and account do not depend on where the monitor looks in") {
  for (const Subject& subject : kSubjects) {
    INFO(subject.technique << " / " << subject.paging);
    TimedGuest whole(subject), sliced(subject);
    whole.run([](unsigned) { return 0; });
    std::mt19937 random(7);
    sliced.run([&](unsigned turn) { return 1 + random() % (turn % 16 ? 100 : 30'000); });
    CHECK(sliced.console == whole.console);
    CHECK(sliced.books() == whole.books());
  }
}
