// The local APIC of one CPU: requests by priority, its local sources (timer, LINT pins, errors), interprocessor
// interrupts, in xAPIC (memory-mapped) and x2APIC (MSR) form. Called by the chipset; talks to the others through
// ApicPeers. [SDM 3A 10]
#pragma once

#include <array>
#include <cstdint>

#include "hwmodel/platform/apic_message.h"
#include "hwmodel/platform/apic_timer.h"
#include "hwmodel/platform/vector_set.h"

namespace ringside::hw {

class LocalApic;

// What a local APIC needs of its surroundings.
class ApicPeers {
 public:
  virtual ~ApicPeers() = default;
  virtual void send_ipi(const ApicMessage& message, Shorthand shorthand, LocalApic& sender) = 0;
  virtual void broadcast_eoi(uint8_t vector) = 0;
  // The CPU may have something to take now.
  virtual void apic_attention(unsigned cpu) = 0;
  virtual void init_cpu(unsigned cpu) = 0;
  virtual void start_cpu(unsigned cpu, uint8_t vector) = 0;
};

class LocalApic {
 public:
  enum class Mode : uint8_t { kDisabled, kXapic, kX2apic };
  static constexpr uint32_t kVersion = 0x50014;  // 0x14, 6 LVT entries, no EOI-broadcast suppression: as KVM's

  LocalApic(unsigned cpu, Clock& clock, ApicPeers& peers);

  unsigned cpu() const { return cpu_; }
  Mode mode() const;

  // --- the CPU's side ---
  int deliverable() const;        // the vector the CPU would take now, or -1
  int acknowledge();              // takes it: IRR to ISR
  bool accepts_external() const;  // the 8259A's INTR reaches the CPU through this APIC (virtual wire) or around it
  bool nmi_pending() const { return nmi_pending_; }
  void acknowledge_nmi() { nmi_pending_ = false; }
  uint8_t task_priority() const { return static_cast<uint8_t>(task_priority_ >> 4); }
  void set_task_priority(uint8_t cr8);
  uint8_t processor_priority() const;

  // --- the bus's side ---
  bool matches(const ApicMessage& message) const;
  bool accept(const ApicMessage& message);  // false: not taken

  // --- registers: index = xAPIC offset / 16 = x2APIC MSR - 0x800. False from the x2 forms: #GP ---
  uint32_t read_xapic(unsigned index);
  void write_xapic(unsigned index, uint32_t value);
  bool read_x2apic(unsigned index, uint64_t& value) const;
  bool write_x2apic(unsigned index, uint64_t value);
  uint64_t base_msr() const { return base_; }
  bool write_base_msr(uint64_t value);
  uint64_t page() const;  // guest-physical page of the registers
  uint64_t tsc_deadline() const { return timer_.tsc_deadline().value; }
  void write_tsc_deadline(uint64_t value) { timer_.set_tsc_deadline(Cycles(value)); }

 private:
  enum Lvt : uint8_t { kTimer, kThermal, kPerformance, kLint0, kLint1, kError };
  static constexpr unsigned kLvtEntries = 6;

  bool software_enabled() const;
  uint32_t id_register() const;
  uint32_t logical_destination() const;
  bool known_register(unsigned index, uint32_t& value) const;
  void write_register(unsigned index, uint32_t value);
  void write_lvt(Lvt entry, uint32_t value);
  void write_spurious(uint32_t value);
  void send(uint32_t low, uint32_t destination);
  void end_of_interrupt();
  void fire_lvt(Lvt entry);
  void record_error(uint32_t bit);
  void request(uint8_t vector, TriggerMode trigger);
  void look();
  void reset();

  unsigned cpu_;
  ApicPeers& peers_;
  uint64_t base_;
  VectorSet requests_, in_service_, level_;  // IRR, ISR, TMR
  uint8_t task_priority_ = 0;
  uint32_t xapic_id_ = 0, logical_ = 0, destination_format_ = 0, spurious_ = 0;
  uint32_t icr_low_ = 0, icr_high_ = 0;
  uint32_t errors_ = 0, errors_seen_ = 0;  // collected, and latched for the guest by its write to ESR
  std::array<uint32_t, kLvtEntries> lvt_{};
  ApicTimer timer_;
  bool nmi_pending_ = false;
};

}  // namespace ringside::hw
