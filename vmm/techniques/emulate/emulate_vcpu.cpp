#include "vmm/techniques/emulate/emulate_vcpu.h"

#include <algorithm>
#include <thread>

namespace ringside::vmm {

std::vector<NamedCounter> EmulateVcpu::technique_counters() const {
  const hw::MmuCounters& m = cpu().mmu.counters;
  return {{"interpreted_instructions", cpu().counters.instructions}, {"soft_tlb_misses", m.l1_data_misses + m.l1_fetch_misses}};
}

HostPacedVcpu::HostPacedVcpu(hw::Machine& machine, unsigned index) : EmulateVcpu(machine, index) { machine_.return_after_idle(); }

uint64_t HostPacedVcpu::host_time() const {
  return static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - began_).count());
}

void HostPacedVcpu::catch_up() {
  const uint64_t host = host_time(), guest = machine_.now().value;
  if (host > guest) cpu().time.idle(host - guest);
}

// In pieces: the run loop wants to look at its bounds, and somebody may interrupt.
void HostPacedVcpu::wait_for_host(const RunBounds& bounds) {
  using namespace std::chrono;
  const uint64_t host = host_time(), guest = machine_.now().value;
  if (guest <= host) return;
  const auto until = steady_clock::now() + std::min<nanoseconds>(nanoseconds(guest - host), milliseconds(10));
  std::this_thread::sleep_until(std::min(until, bounds.wall_deadline));
}

Result<Exit> HostPacedVcpu::run(const RunBounds& bounds) {
  wait_for_host(bounds);
  catch_up();
  RunBounds stretch = bounds;
  stretch.instruction_deadline = std::min(bounds.instruction_deadline, instructions() + kStretch);
  auto exit = EmulateVcpu::run(stretch);
  if (!exit) return exit;
  auto* interrupted = std::get_if<InterruptedExit>(&exit.value().cause);
  if (interrupted && interrupted->by == InterruptedBy::kInstructions && instructions() < bounds.instruction_deadline)
    interrupted->by = InterruptedBy::kSlice;
  return exit;
}

}  // namespace ringside::vmm
