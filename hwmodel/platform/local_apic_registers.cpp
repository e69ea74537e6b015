// The local APIC's registers, as memory (xAPIC) and as MSRs (x2APIC); what they control is in local_apic.cpp.
#include "hwmodel/platform/local_apic.h"
#include "hwmodel/platform/local_apic_bits.h"

namespace ringside::hw {

using namespace apic_register;

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
