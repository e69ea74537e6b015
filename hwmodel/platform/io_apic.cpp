#include "hwmodel/platform/io_apic.h"

namespace ringside::hw {
namespace {

constexpr uint64_t kSelect = 0x00, kWindow = 0x10;
constexpr uint8_t kIdRegister = 0, kVersionRegister = 1, kArbitrationRegister = 2, kFirstEntryRegister = 0x10;
constexpr unsigned kIdShift = 24, kMaximumEntryShift = 16, kDestinationShift = 56;
constexpr uint64_t kReadOnly = apic_word::kRemoteIrr | apic_word::kPending;
constexpr uint64_t kWritable = 0xff0000000001afffull & ~kReadOnly;

}  // namespace

ApicMessage IoApic::message_of(uint64_t entry) const {
  const auto destination = static_cast<uint32_t>(entry >> kDestinationShift);
  return {.destination = destination,
          .broadcast = destination == kXapicBroadcast && !(entry & apic_word::kLogical),
          .destination_mode = apic_word::destination_mode(entry),
          .delivery = apic_word::delivery(entry),
          .trigger = apic_word::trigger(entry),
          .vector = static_cast<uint8_t>(entry & apic_word::kVector)};
}

// MODEL: `level` means asserted; the polarity bit is kept but does not invert, since the lines of this machine have no
// voltage.
void IoApic::set_pin(unsigned pin, bool level) {
  if (pin >= kPins) return;
  const bool rises = level && !level_[pin];
  level_[pin] = level;
  const uint64_t entry = entries_[pin];
  if (entry & apic_word::kLevel) {
    if (level) service(pin);
  } else if (rises) {
    service(pin);  // an edge on a masked pin is not held pending [82093AA 3.2.4 "Interrupt Mask"]
  }
}

void IoApic::service(unsigned pin) {
  uint64_t& entry = entries_[pin];
  if (entry & (apic_word::kMasked | apic_word::kRemoteIrr)) return;
  const ApicMessage message = message_of(entry);
  if (message.delivery == DeliveryMode::kExtInt) return;  // follows the pin's level, see external_interrupt
  // MODEL: a message nobody takes is not retried; a level speaks again at its next change, unmasking or EOI.
  const bool accepted = send_(message);
  if (accepted && (entry & apic_word::kLevel)) entry |= apic_word::kRemoteIrr;
}

void IoApic::end_of_interrupt(uint8_t vector) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    uint64_t& entry = entries_[pin];
    if ((entry & apic_word::kVector) != vector || !(entry & apic_word::kLevel)) continue;
    entry &= ~uint64_t{apic_word::kRemoteIrr};
    if (level_[pin]) service(pin);
  }
}

bool IoApic::external_interrupt(ApicMessage& message) const {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    const uint64_t entry = entries_[pin];
    if (!level_[pin] || (entry & apic_word::kMasked) || apic_word::delivery(entry) != DeliveryMode::kExtInt) continue;
    message = message_of(entry);
    return true;
  }
  return false;
}

uint32_t IoApic::read(uint64_t offset) const {
  if (offset == kSelect) return select_;
  if (offset == kWindow) return read_register();
  return ~uint32_t{0};
}

void IoApic::write(uint64_t offset, uint32_t value) {
  if (offset == kSelect) select_ = static_cast<uint8_t>(value);
  if (offset == kWindow) write_register(value);
}

uint32_t IoApic::read_register() const {
  if (select_ == kIdRegister || select_ == kArbitrationRegister) return uint32_t{id_} << kIdShift;
  if (select_ == kVersionRegister) return kVersion | (kPins - 1) << kMaximumEntryShift;
  const unsigned pin = (select_ - kFirstEntryRegister) / 2u;
  if (select_ < kFirstEntryRegister || pin >= kPins) return ~uint32_t{0};
  return static_cast<uint32_t>(entries_[pin] >> (select_ & 1 ? 32 : 0));
}

void IoApic::write_register(uint32_t value) {
  if (select_ == kIdRegister) {
    id_ = (value >> kIdShift) & 0x0f;
    return;
  }
  const unsigned pin = (select_ - kFirstEntryRegister) / 2u;
  if (select_ < kFirstEntryRegister || pin >= kPins) return;
  const unsigned shift = select_ & 1 ? 32 : 0;
  const uint64_t written = uint64_t{0xffffffff} << shift & kWritable;
  uint64_t& entry = entries_[pin];
  entry = (entry & ~written) | (uint64_t{value} << shift & written);
  // Linux clears a stuck remote IRR by making the pin edge-triggered for a moment [Linux arch/x86/kernel/apic/io_apic.c
  // __eoi_ioapic_pin].
  if (!(entry & apic_word::kLevel))
    entry &= ~uint64_t{apic_word::kRemoteIrr};
  else if (level_[pin])
    service(pin);
}

}  // namespace ringside::hw
