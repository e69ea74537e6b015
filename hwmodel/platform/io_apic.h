// The I/O APIC: 24 pins, each with a redirection entry that turns its edges or level into a message to local APICs.
// Called by the chipset. [Intel 82093AA data sheet, 1996]
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "hwmodel/platform/apic_message.h"

namespace ringside::hw {

class IoApic {
 public:
  static constexpr unsigned kPins = 24;
  // Version 0x11, as KVM's: without an EOI register of its own, so guests end level interrupts through the local APIC.
  static constexpr uint8_t kVersion = 0x11;
  static constexpr uint8_t kFirstId = 0;  // at reset; a guest may set another

  // `send` delivers a message and answers whether any local APIC took it.
  explicit IoApic(std::function<bool(const ApicMessage&)> send) : send_(std::move(send)) {
    entries_.fill(apic_word::kMasked);
  }

  void set_pin(unsigned pin, bool level);
  // A local APIC ended a level-triggered interrupt: pins with that vector may speak again.
  void end_of_interrupt(uint8_t vector);
  // True if an unmasked pin passes the 8259A's INTR (delivery mode ExtINT) on while it is high; `message` says to whom.
  bool external_interrupt(ApicMessage& message) const;

  uint32_t read(uint64_t offset) const;  // 0x00 register select, 0x10 window
  void write(uint64_t offset, uint32_t value);
  uint64_t entry(unsigned pin) const { return entries_[pin]; }

 private:
  uint32_t read_register() const;
  void write_register(uint32_t value);
  void service(unsigned pin);
  ApicMessage message_of(uint64_t entry) const;

  std::function<bool(const ApicMessage&)> send_;
  // 63:56 destination | 16 mask | 15 level | 14 remote IRR | 13 polarity | 12 delivery status | 11 logical | 10:8
  // delivery | 7:0 vector
  std::array<uint64_t, kPins> entries_{};
  std::array<bool, kPins> level_{};
  uint8_t select_ = 0, id_ = kFirstId;
};

}  // namespace ringside::hw
