// What connects the APICs: takes a message from an I/O APIC or a local APIC to those it is for, with the arbitration of
// lowest-priority delivery, and end-of-interrupt back to the I/O APIC. Called by the chipset, which owns both.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "hwmodel/platform/io_apic.h"
#include "hwmodel/platform/local_apic.h"

namespace ringside::hw {

class ApicBus final : public ApicPeers {
 public:
  struct Cpus {
    std::function<void(unsigned cpu)> attention, init;
    std::function<void(unsigned cpu, uint8_t vector)> start;
  };
  ApicBus(Clock& clock, unsigned cpus, Cpus callbacks);

  LocalApic& local(unsigned cpu) { return *local_[cpu]; }
  const LocalApic& local(unsigned cpu) const { return *local_[cpu]; }
  unsigned cpus() const { return static_cast<unsigned>(local_.size()); }
  IoApic& io() { return io_; }
  const IoApic& io() const { return io_; }

  // True if any local APIC took it.
  bool send(const ApicMessage& message);
  void send_ipi(const ApicMessage& message, Shorthand shorthand, LocalApic& sender) override;
  void broadcast_eoi(uint8_t vector) override { io_.end_of_interrupt(vector); }
  void apic_attention(unsigned cpu) override { callbacks_.attention(cpu); }
  void init_cpu(unsigned cpu) override { callbacks_.init(cpu); }
  void start_cpu(unsigned cpu, uint8_t vector) override { callbacks_.start(cpu, vector); }

 private:
  bool send_to_lowest(const ApicMessage& message);

  Cpus callbacks_;
  IoApic io_;
  std::vector<std::unique_ptr<LocalApic>> local_;
};

}  // namespace ringside::hw
