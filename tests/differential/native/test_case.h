// One case of the comparison: an instruction, the state before it, and the state after it. Everything lies in memory at fixed
// addresses, so that the same linear addresses mean the same on the real CPU and in the model.
//
//   kFrame    1 page    registers in and out of the instruction in flight (host_cpu_enter.S knows the offsets)
//   kCode     slots of 64 bytes, one a case: instruction | JMP to "fell through" at its end | JMP to "taken" at 40 | their targets
//   kWindow   unmapped page | read-only page | read-write page | unmapped page
#pragma once

#include <array>
#include <cstdint>

namespace ringside::differential {

constexpr uint64_t kFrame = 0x10000000, kCode = 0x11000000, kWindow = 0x12000000, kPage = 4096;
constexpr uint64_t kReadOnlyPage = kWindow + kPage, kReadWritePage = kWindow + 2 * kPage, kWindowEnd = kWindow + 3 * kPage;
constexpr unsigned kSlotBytes = 64, kTakenOffset = 40, kFallThroughTarget = 48, kTakenTarget = 56;
constexpr unsigned kBatch = 1024;   // cases run by one child process

struct X87Slot {
  uint64_t mantissa;
  uint16_t sign_exponent;
  uint16_t reserved[3];
};
// The 64-bit FXSAVE image.
struct alignas(16) FpuImage {
  uint16_t control, status;
  uint8_t tags, reserved0;
  uint16_t opcode;
  uint64_t ip, dp;
  uint32_t mxcsr, mxcsr_mask;
  X87Slot st[8];              // ST(0) first
  uint64_t xmm[16][2];
  uint8_t reserved1[96];
};
static_assert(sizeof(FpuImage) == 512);

struct State {
  uint64_t gpr[16];           // in encoding order
  uint64_t flags;
  uint64_t reserved;
  FpuImage fpu;
};

// What happened to the instruction.
enum class Outcome : uint32_t { kFellThrough, kTaken, kFault };

struct Result {
  State state;
  Outcome outcome;
  uint32_t vector, error;     // of a fault
  uint64_t fault_address;
  std::array<uint8_t, kPage> memory;   // the read-write page
};

struct Case {
  State before;
  std::array<uint8_t, 16> bytes;
  uint32_t length;
  Result real;
};

using Page = std::array<uint8_t, kPage>;

}  // namespace ringside::differential
