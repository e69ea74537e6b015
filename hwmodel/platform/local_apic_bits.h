// Register numbers and bits of the local APIC, shared by its two sources. [SDM 3A 10]
#pragma once

#include <cstdint>

#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/apic_message.h"

namespace ringside::hw::apic_register {

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

}  // namespace ringside::hw::apic_register
