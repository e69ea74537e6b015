#include "hwmodel/platform/local_apic.h"

#include "hwmodel/mmu/address_width.h"

namespace ringside::hw {
namespace {

// Register indices: xAPIC offset / 16, x2APIC MSR - 0x800 [SDM 3A table 10-1, table 10-6].
enum Register : unsigned {
  kId = 0x02,
  kVersionRegister = 0x03,
  kTaskPriority = 0x08,
  kArbitrationPriority = 0x09,
  kProcessorPriority = 0x0a,
  kEoi = 0x0b,
  kRemoteRead = 0x0c,
  kLogicalDestination = 0x0d,
  kDestinationFormat = 0x0e,
  kSpurious = 0x0f,
  kInService = 0x10,
  kTriggerMode = 0x18,
  kRequests = 0x20,
  kErrorStatus = 0x28,
  kIcrLow = 0x30,
  kIcrHigh = 0x31,
  kFirstLvt = 0x32,
  kInitialCount = 0x38,
  kCurrentCount = 0x39,
  kDivide = 0x3e,
  kSelfIpi = 0x3f
};

// IA32_APIC_BASE [SDM 3A figure 10-5]: MAXPHYADDR-1:12 page | 11 enabled | 10 x2APIC | 8 bootstrap processor.
constexpr uint64_t kBasePage = ((uint64_t{1} << kPhysicalAddressBits) - 1) & ~uint64_t{0xfff}, kBaseEnabled = 1u << 11,
                   kBaseX2apic = 1u << 10, kBaseBootstrap = 1u << 8;
constexpr uint64_t kBaseKnown = kBasePage | kBaseEnabled | kBaseX2apic | kBaseBootstrap;
constexpr uint64_t kResetPage = 0xfee00000;

constexpr uint32_t kSpuriousEnabled = 1u << 8, kSpuriousWritable = 0x3ff, kSpuriousReset = 0xff;
constexpr uint32_t kFormatFlat = 0xf, kFormatFixed = 0x0fffffff;
constexpr uint32_t kIcrWritable = 0xccfff, kIcrAssert = 1u << 14, kIcrShorthandShift = 18;
constexpr uint32_t kDivideWritable = 0x0b;
constexpr unsigned kXapicIdShift = 24;
constexpr uint8_t kFirstLegalVector = 16;

// ESR [SDM 3A 10.5.3 "Error Handling"].
constexpr uint32_t kSendIllegalVector = 1u << 5, kReceiveIllegalVector = 1u << 6, kIllegalRegister = 1u << 7;

// Writable bits of the LVT entries in register order: timer, thermal, performance, LINT0, LINT1, error [SDM 3A figure
// 10-8].
constexpr uint32_t kLvtWritable[6] = {0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff};
constexpr uint32_t kLvtReadOnly = apic_word::kPending | apic_word::kRemoteIrr;
constexpr unsigned kTimerModeShift = 17;

}  // namespace

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

// --- messages
// ---------------------------------------------------------------------------------------------------------

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

// --- registers
// --------------------------------------------------------------------------------------------------------

bool LocalApic::known_register(unsigned index, uint32_t& value) const {
  if (index >= kInService && index < kRequests + 8) {
    const VectorSet& set = index < kTriggerMode ? in_service_ : index < kRequests ? level_ : requests_;
    value = set.word(index & 7);
    return true;
  }
  if (index >= kFirstLvt && index < kFirstLvt + kLvtEntries) {
    value = lvt_[index - kFirstLvt];
    return true;
  }
  switch (index) {
    case kId:
      value = id_register();
      return true;
    case kVersionRegister:
      value = kVersion;
      return true;
    case kTaskPriority:
      value = task_priority_;
      return true;
    case kArbitrationPriority:
      value = processor_priority();
      return true;
    case kProcessorPriority:
      value = processor_priority();
      return true;
    case kEoi:
      value = 0;
      return true;
    case kRemoteRead:
      value = 0;
      return true;
    case kLogicalDestination:
      value = logical_destination();
      return true;
    case kDestinationFormat:
      value = destination_format_;
      return true;
    case kSpurious:
      value = spurious_;
      return true;
    case kErrorStatus:
      value = errors_seen_;
      return true;
    case kIcrLow:
      value = icr_low_;
      return true;
    case kIcrHigh:
      value = icr_high_;
      return true;
    case kInitialCount:
      value = timer_.initial_count();
      return true;
    case kCurrentCount:
      value = timer_.current_count();
      return true;
    case kDivide:
      value = timer_.divide_configuration();
      return true;
    default:
      return false;
  }
}

uint32_t LocalApic::read_xapic(unsigned index) {
  uint32_t value = 0;
  if (!known_register(index, value)) record_error(kIllegalRegister);
  return value;
}

void LocalApic::write_xapic(unsigned index, uint32_t value) {
  uint32_t ignored;
  if (!known_register(index, ignored)) return record_error(kIllegalRegister);
  write_register(index, value);
}

// What both forms write. Read-only registers ignore it; the x2APIC form refuses it before it comes here.
void LocalApic::write_register(unsigned index, uint32_t value) {
  if (index >= kFirstLvt && index < kFirstLvt + kLvtEntries)
    return write_lvt(static_cast<Lvt>(index - kFirstLvt), value);
  switch (index) {
    case kTaskPriority:
      task_priority_ = static_cast<uint8_t>(value);
      return look();
    case kEoi:
      return end_of_interrupt();
    case kLogicalDestination:
      logical_ = value & 0xff000000;
      return;
    case kDestinationFormat:
      destination_format_ = value | kFormatFixed;
      return;
    case kSpurious:
      return write_spurious(value);
    case kErrorStatus:  // the write latches what was collected since the last one [SDM 3A 10.5.3]
      errors_seen_ = errors_;
      errors_ = 0;
      return;
    case kIcrLow:
      icr_low_ = value & kIcrWritable;
      return send(icr_low_, icr_high_);
    case kIcrHigh:
      icr_high_ = mode() == Mode::kX2apic ? value : value & 0xff000000;
      return;
    case kInitialCount:
      return timer_.set_initial_count(value);
    case kDivide:
      return timer_.set_divide(value);
    default:
      return;
  }
}

void LocalApic::write_lvt(Lvt entry, uint32_t value) {
  value &= kLvtWritable[entry];
  if (!software_enabled()) value |= apic_word::kMasked;  // and cannot be unmasked [SDM 3A 10.4.7.2]
  lvt_[entry] = value;
  if (entry == kTimer) {
    // 00 one-shot, 01 periodic, 10 TSC deadline, 11 reserved: taken as one-shot.
    const unsigned mode = (value >> kTimerModeShift) & 3;
    timer_.set_mode(mode == 3 ? ApicTimer::Mode::kOneShot : static_cast<ApicTimer::Mode>(mode));
  }
  if (entry == kLint0 && accepts_external()) peers_.apic_attention(cpu_);  // INTR may be waiting behind it
}

void LocalApic::write_spurious(uint32_t value) {
  spurious_ = value & kSpuriousWritable;
  if (software_enabled()) return;
  for (uint32_t& word : lvt_)
    word |= apic_word::kMasked;  // [SDM 3A 10.4.7.2 "Local APIC State After It Has Been Software Disabled"]
}

bool LocalApic::read_x2apic(unsigned index, uint64_t& value) const {
  if (mode() != Mode::kX2apic) return false;
  switch (index) {
    case kIcrLow:
      value = uint64_t{icr_high_} << 32 | icr_low_;
      return true;
    case kIcrHigh:
    case kDestinationFormat:
    case kArbitrationPriority:
    case kRemoteRead:  // not in this form
    case kEoi:
    case kSelfIpi:
      return false;  // write-only
    default:
      break;
  }
  uint32_t word = 0;
  if (!known_register(index, word)) return false;
  value = word;
  return true;
}

// Reserved bits and read-only registers are #GP [SDM 3A 10.12.1.2 "x2APIC Register Address Space", 10.12.1.3 "Reserved
// Bit Checking"].
bool LocalApic::write_x2apic(unsigned index, uint64_t value) {
  if (mode() != Mode::kX2apic) return false;
  uint64_t writable;
  if (index >= kFirstLvt && index < kFirstLvt + kLvtEntries) {
    writable = kLvtWritable[index - kFirstLvt] | kLvtReadOnly;
  } else {
    switch (index) {
      case kTaskPriority:
      case kSelfIpi:
        writable = 0xff;
        break;
      case kEoi:
      case kErrorStatus:
        writable = 0;
        break;
      case kSpurious:
        writable = kSpuriousWritable;
        break;
      case kIcrLow:
        writable = 0xffffffff00000000 | kIcrWritable;
        break;
      case kInitialCount:
        writable = 0xffffffff;
        break;
      case kDivide:
        writable = kDivideWritable;
        break;
      default:
        return false;
    }
  }
  if (value & ~writable) return false;
  if (index == kIcrLow) icr_high_ = static_cast<uint32_t>(value >> 32);
  if (index == kSelfIpi) {
    constexpr uint32_t kToSelf = static_cast<uint32_t>(Shorthand::kSelf) << kIcrShorthandShift;
    send(kToSelf | static_cast<uint32_t>(value), 0);
    return true;
  }
  write_register(index, static_cast<uint32_t>(value));
  return true;
}

// Allowed ways [SDM 3A figure 10-27 "Local x2APIC State Transitions"]: disabled to xAPIC to x2APIC, and from both back
// to disabled.
bool LocalApic::write_base_msr(uint64_t value) {
  if (value & ~kBaseKnown) return false;
  const bool enabled = value & kBaseEnabled, x2apic = value & kBaseX2apic;
  if (x2apic && !enabled) return false;
  if (x2apic && mode() == Mode::kDisabled) return false;
  if (enabled && !x2apic && mode() == Mode::kX2apic) return false;
  const bool enters_x2apic = x2apic && mode() == Mode::kXapic;
  base_ = value;
  if (!enabled) reset();
  if (enters_x2apic) icr_high_ = 0;
  if (accepts_external()) peers_.apic_attention(cpu_);
  return true;
}

}  // namespace ringside::hw
