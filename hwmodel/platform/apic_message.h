// What travels between I/O APIC and local APICs: an interrupt message with its destination [SDM 3A 10.6, 10.7].
#pragma once

#include <cstdint>

namespace ringside::hw {

// The three-bit delivery mode of ICR, LVT and redirection entries; 3 is reserved (remote read in ICR).
enum class DeliveryMode : uint8_t { kFixed, kLowestPriority, kSmi, kReserved, kNmi, kInit, kStartup, kExtInt };
enum class DestinationMode : uint8_t { kPhysical, kLogical };
enum class TriggerMode : uint8_t { kEdge, kLevel };
enum class Shorthand : uint8_t { kNone, kSelf, kAll, kAllButSelf };

constexpr uint32_t kXapicBroadcast = 0xff, kX2apicBroadcast = 0xffffffff;

struct ApicMessage {
  uint32_t destination = 0;
  bool broadcast =
      false;  // the sender's form of "everybody": physical 0xff from I/O APIC and xAPIC, any 0xffffffff from x2APIC
  DestinationMode destination_mode = DestinationMode::kPhysical;
  DeliveryMode delivery = DeliveryMode::kFixed;
  TriggerMode trigger = TriggerMode::kEdge;
  uint8_t vector = 0;
};

// Fields of the low word that ICR, LVT and redirection entries have in common.
namespace apic_word {
constexpr uint32_t kVector = 0xff, kDeliveryShift = 8, kDelivery = 7u << 8, kLogical = 1u << 11, kPending = 1u << 12,
                   kPolarity = 1u << 13, kRemoteIrr = 1u << 14, kLevel = 1u << 15, kMasked = 1u << 16;
constexpr DeliveryMode delivery(uint64_t word) {
  return static_cast<DeliveryMode>((word & kDelivery) >> kDeliveryShift);
}
constexpr TriggerMode trigger(uint64_t word) { return word & kLevel ? TriggerMode::kLevel : TriggerMode::kEdge; }
constexpr DestinationMode destination_mode(uint64_t word) {
  return word & kLogical ? DestinationMode::kLogical : DestinationMode::kPhysical;
}
}  // namespace apic_word

}  // namespace ringside::hw
