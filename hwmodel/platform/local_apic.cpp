#include "hwmodel/platform/local_apic.h"

#include "hwmodel/platform/local_apic_bits.h"

namespace ringside::hw {
using namespace apic_register;

LocalApic::LocalApic(unsigned cpu, Clock& clock, ApicPeers& peers)
    : cpu_(cpu),
      peers_(peers),
      base_(kResetPage | kBaseEnabled | (cpu == 0 ? kBaseBootstrap : 0)),
      timer_(clock, [this] { fire_lvt(kTimer); }) {
  reset();
  if (cpu != 0) return;
  // MODEL: no firmware runs. The first CPU starts as firmware leaves it, in virtual wire mode: enabled, the 8259A's
  // interrupts through LINT0, NMIs through LINT1 [MP 1.4 3.6.2.2 "Virtual Wire Mode"].
  spurious_ = kSpuriousReset | kSpuriousEnabled;
  lvt_[kLint0] = static_cast<uint32_t>(DeliveryMode::kExtInt) << apic_word::kDeliveryShift;
  lvt_[kLint1] = static_cast<uint32_t>(DeliveryMode::kNmi) << apic_word::kDeliveryShift;
}

// [SDM 3A 10.4.7.1 "Local APIC State After Power-Up or Reset"]. The identity and IA32_APIC_BASE stay.
void LocalApic::reset() {
  requests_.clear();
  in_service_.clear();
  level_.clear();
  task_priority_ = 0;
  xapic_id_ = (cpu_ & 0xff) << kXapicIdShift;
  logical_ = 0;
  destination_format_ = ~uint32_t{0};
  spurious_ = kSpuriousReset;
  icr_low_ = icr_high_ = 0;
  errors_ = errors_seen_ = 0;
  lvt_.fill(apic_word::kMasked);
  timer_.reset();
  nmi_pending_ = false;
}

LocalApic::Mode LocalApic::mode() const {
  if (!(base_ & kBaseEnabled)) return Mode::kDisabled;
  return base_ & kBaseX2apic ? Mode::kX2apic : Mode::kXapic;
}

uint64_t LocalApic::page() const { return base_ & kBasePage; }
bool LocalApic::software_enabled() const { return mode() != Mode::kDisabled && (spurious_ & kSpuriousEnabled); }

// [SDM 3A 10.8.3.1 "Task and Processor Priorities"]
uint8_t LocalApic::processor_priority() const {
  const int serving = in_service_.highest();
  if (serving < 0 || (task_priority_ >> 4) >= (serving >> 4)) return task_priority_;
  return static_cast<uint8_t>(serving & 0xf0);
}

int LocalApic::deliverable() const {
  const int vector = requests_.highest();
  if (vector < 0 || mode() == Mode::kDisabled) return -1;
  return (vector >> 4) > (processor_priority() >> 4) ? vector : -1;
}

int LocalApic::acknowledge() {
  const int vector = deliverable();
  if (vector < 0) return -1;
  requests_.remove(static_cast<uint8_t>(vector));
  in_service_.add(static_cast<uint8_t>(vector));
  return vector;
}

bool LocalApic::accepts_external() const {
  if (mode() == Mode::kDisabled) return cpu_ == 0;  // LINT0 is the INTR pin then, and it is wired to the first CPU only
  return !(lvt_[kLint0] & apic_word::kMasked) && apic_word::delivery(lvt_[kLint0]) == DeliveryMode::kExtInt;
}

void LocalApic::look() {
  if (nmi_pending_ || deliverable() >= 0) peers_.apic_attention(cpu_);
}

void LocalApic::set_task_priority(uint8_t cr8) {
  task_priority_ = static_cast<uint8_t>(cr8 << 4);
  look();
}

void LocalApic::request(uint8_t vector, TriggerMode trigger) {
  requests_.add(vector);
  if (trigger == TriggerMode::kLevel)
    level_.add(vector);
  else
    level_.remove(vector);
  look();
}

void LocalApic::end_of_interrupt() {
  const int vector = in_service_.highest();
  if (vector < 0) return;
  in_service_.remove(static_cast<uint8_t>(vector));
  if (level_.has(static_cast<uint8_t>(vector))) peers_.broadcast_eoi(static_cast<uint8_t>(vector));
  look();
}

void LocalApic::fire_lvt(Lvt entry) {
  const uint32_t word = lvt_[entry];
  if (word & apic_word::kMasked) return;
  const auto vector = static_cast<uint8_t>(word & apic_word::kVector);
  if (vector >= kFirstLegalVector)
    request(vector, TriggerMode::kEdge);
  else if (entry != kError)
    record_error(kReceiveIllegalVector);
}

void LocalApic::record_error(uint32_t bit) {
  const bool first = !(errors_ & bit);
  errors_ |= bit;
  if (first) fire_lvt(kError);
}

// --- messages ---

uint32_t LocalApic::id_register() const { return mode() == Mode::kX2apic ? cpu_ : xapic_id_; }

// In x2APIC mode it follows from the identity: cluster in 31:16, one bit of 15:0 [SDM 3A 10.12.10.2].
uint32_t LocalApic::logical_destination() const {
  return mode() == Mode::kX2apic ? (cpu_ >> 4) << 16 | 1u << (cpu_ & 0xf) : logical_;
}

bool LocalApic::matches(const ApicMessage& message) const {
  if (mode() == Mode::kDisabled) return false;
  if (message.broadcast) return true;
  const uint32_t destination = message.destination, logical = logical_destination();
  if (mode() == Mode::kX2apic) {
    if (message.destination_mode == DestinationMode::kPhysical) return destination == cpu_;
    return destination >> 16 == logical >> 16 && (destination & logical & 0xffff);
  }
  if (message.destination_mode == DestinationMode::kPhysical) return destination == xapic_id_ >> kXapicIdShift;
  const uint32_t mine = logical >> kXapicIdShift;
  if (destination_format_ >> 28 == kFormatFlat) return destination & mine & 0xff;
  // Cluster model: the cluster in the high nibble (0xf: all of them), members in the low one [SDM 3A 10.6.2.2].
  const bool cluster = destination >> 4 == 0xf || destination >> 4 == mine >> 4;
  return cluster && (destination & mine & 0xf);
}

bool LocalApic::accept(const ApicMessage& message) {
  switch (message.delivery) {
    case DeliveryMode::kFixed:
    case DeliveryMode::kLowestPriority:
      if (!software_enabled()) return false;
      if (message.vector < kFirstLegalVector) {
        record_error(kReceiveIllegalVector);
        return false;
      }
      request(message.vector, message.trigger);
      return true;
    case DeliveryMode::kNmi:
      nmi_pending_ = true;
      look();
      return true;
    case DeliveryMode::kInit:
      reset();
      peers_.init_cpu(cpu_);
      return true;
    case DeliveryMode::kStartup:
      peers_.start_cpu(cpu_, message.vector);
      return true;
    case DeliveryMode::kSmi:     // MODEL: no system management mode
    case DeliveryMode::kExtInt:  // only the I/O APIC's pin says this, and the chipset passes INTR on by level
    case DeliveryMode::kReserved:
      return false;
  }
  return false;
}

void LocalApic::send(uint32_t low, uint32_t destination) {
  const bool x2apic = mode() == Mode::kX2apic;
  ApicMessage message{
      .destination = x2apic ? destination : destination >> kXapicIdShift,
      .broadcast = false,
      .destination_mode = apic_word::destination_mode(low),
      .delivery = apic_word::delivery(low),
      .trigger = TriggerMode::kEdge,  // every interprocessor interrupt is [SDM 3A 10.6.1, note on the trigger mode]
      .vector = static_cast<uint8_t>(low & apic_word::kVector)};
  const bool physical = message.destination_mode == DestinationMode::kPhysical;
  message.broadcast =
      x2apic ? message.destination == kX2apicBroadcast : physical && message.destination == kXapicBroadcast;
  const bool has_vector = message.delivery == DeliveryMode::kFixed || message.delivery == DeliveryMode::kLowestPriority;
  if (has_vector && message.vector < kFirstLegalVector) return record_error(kSendIllegalVector);
  // INIT level de-assert set the arbitration IDs of the Pentium; later processors ignore it.
  if (message.delivery == DeliveryMode::kInit && !(low & kIcrAssert) && apic_word::trigger(low) == TriggerMode::kLevel)
    return;
  peers_.send_ipi(message, static_cast<Shorthand>((low >> kIcrShorthandShift) & 3), *this);
}

}  // namespace ringside::hw
