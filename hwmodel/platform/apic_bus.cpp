#include "hwmodel/platform/apic_bus.h"

namespace ringside::hw {

ApicBus::ApicBus(Clock& clock, unsigned cpus, Cpus callbacks)
    : callbacks_(std::move(callbacks)), io_([this](const ApicMessage& message) { return send(message); }) {
  for (unsigned cpu = 0; cpu < cpus; ++cpu) local_.push_back(std::make_unique<LocalApic>(cpu, clock, *this));
}

bool ApicBus::send(const ApicMessage& message) {
  if (message.delivery == DeliveryMode::kLowestPriority) return send_to_lowest(message);
  bool accepted = false;
  for (auto& apic : local_) {
    if (apic->matches(message)) accepted |= apic->accept(message);
  }
  return accepted;
}

// MODEL: the winner is the CPU of lowest processor priority, the first of equals: deterministic where hardware rotates.
bool ApicBus::send_to_lowest(const ApicMessage& message) {
  LocalApic* lowest = nullptr;
  for (auto& apic : local_) {
    if (apic->matches(message) && (!lowest || apic->processor_priority() < lowest->processor_priority()))
      lowest = apic.get();
  }
  return lowest && lowest->accept(message);
}

void ApicBus::send_ipi(const ApicMessage& message, Shorthand shorthand, LocalApic& sender) {
  switch (shorthand) {
    case Shorthand::kNone:
      send(message);
      return;
    case Shorthand::kSelf:
      sender.accept(message);
      return;
    case Shorthand::kAll:
    case Shorthand::kAllButSelf:
      for (auto& apic : local_) {
        if (shorthand == Shorthand::kAllButSelf && apic.get() == &sender) continue;
        if (apic->mode() != LocalApic::Mode::kDisabled) apic->accept(message);
      }
      return;
  }
}

}  // namespace ringside::hw
