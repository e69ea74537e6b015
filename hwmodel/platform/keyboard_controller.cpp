#include "hwmodel/platform/keyboard_controller.h"

#include "hwmodel/platform/register_access.h"

namespace ringside::hw {
namespace {

// Status register: 7 parity | 6 time-out | 5 mouse data | 4 not locked | 3 last write was a command | 2 self test
// passed | 1 input buffer full (never: commands are done at once) | 0 output buffer full.
constexpr uint8_t kOutputFull = 0x01, kCommandWritten = 0x08, kMouseData = 0x20, kTimeOut = 0x40;

// Commands to the controller [IBM PC/AT Technical Reference, "Keyboard Controller commands"].
constexpr uint8_t kReadConfiguration = 0x20, kWriteConfiguration = 0x60, kDisableMouse = 0xa7, kEnableMouse = 0xa8,
                  kTestMousePort = 0xa9, kSelfTest = 0xaa, kTestKeyboardPort = 0xab, kDisableKeyboard = 0xad,
                  kEnableKeyboard = 0xae, kReadInputPort = 0xc0, kReadOutputPort = 0xd0, kWriteOutputPort = 0xd1,
                  kWriteOutputBuffer = 0xd2, kWriteMouseBuffer = 0xd3, kWriteMouse = 0xd4;
constexpr uint8_t kToKeyboard = 0x01;  // internal: a data byte without a command goes to the keyboard

constexpr uint8_t kPortsDisabled = 0x30, kKeyboardDisabled = 0x10, kMouseDisabled = 0x20;
constexpr uint8_t kSelfTestPassed = 0x55, kClockStuckLow = 0x01, kResend = 0xfe;
constexpr uint8_t kResetLine = 0x01;  // output port bit 0, active low

}  // namespace

uint64_t KeyboardController::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size, [this](uint64_t lane) -> uint8_t {
    if (lane == 4) return status_;
    if (lane != 0) return 0xff;
    status_ &= static_cast<uint8_t>(~(kOutputFull | kMouseData | kTimeOut));
    return output_;
  });
}

void KeyboardController::write(uint64_t offset, unsigned, uint64_t value) {
  if (offset == 4) command(static_cast<uint8_t>(value));
  if (offset == 0) data(static_cast<uint8_t>(value));
}

void KeyboardController::answer(uint8_t value, uint8_t status_bits) {
  output_ = value;
  status_ = static_cast<uint8_t>((status_ & ~(kMouseData | kTimeOut)) | kOutputFull | status_bits);
}

// Every command that has an answer has it at once, so that probing for a keyboard never waits for a time-out (Linux
// would spin for half a second of guest time on each). MODEL: nothing raises IRQ 1 or 12, no device ever sends
// anything.
void KeyboardController::command(uint8_t command) {
  status_ |= kCommandWritten;
  expects_ = 0;
  switch (command) {
    case kReadConfiguration:
      return answer(configuration_);
    case kSelfTest:
      configuration_ |= kPortsDisabled;
      return answer(kSelfTestPassed);
    case kTestKeyboardPort:
    case kTestMousePort:
      return answer(kClockStuckLow);
    case kDisableKeyboard:
      configuration_ |= kKeyboardDisabled;
      return;
    case kEnableKeyboard:
      configuration_ &= static_cast<uint8_t>(~kKeyboardDisabled);
      return;
    case kDisableMouse:
      configuration_ |= kMouseDisabled;
      return;
    case kEnableMouse:
      configuration_ &= static_cast<uint8_t>(~kMouseDisabled);
      return;
    case kReadInputPort:
      return answer(0x80);  // keyboard not inhibited
    case kReadOutputPort:
      return answer(output_port_);
    case kWriteConfiguration:
    case kWriteOutputPort:
    case kWriteOutputBuffer:
    case kWriteMouseBuffer:
    case kWriteMouse:
      expects_ = command;
      return;
    default:
      break;
  }
  // 0xf0-0xff pulses the output port's lines whose bit is 0; line 0 is the CPU's reset.
  if (command >= 0xf0 && !(command & kResetLine)) reset_();
}

void KeyboardController::data(uint8_t value) {
  status_ &= static_cast<uint8_t>(~kCommandWritten);
  const uint8_t command = expects_ ? expects_ : kToKeyboard;
  expects_ = 0;
  switch (command) {
    case kWriteConfiguration:
      configuration_ = value;
      return;
    case kWriteOutputPort:
      output_port_ = value;
      if (!(value & kResetLine)) reset_();
      return;
    case kWriteOutputBuffer:
      return answer(value);
    // Not echoed: that is how a driver finds that there is no mouse port.
    case kWriteMouseBuffer:
      return answer(static_cast<uint8_t>(~value));
    case kWriteMouse:
      return answer(kResend, kMouseData | kTimeOut);
    default:
      return answer(kResend, kTimeOut);
  }
}

}  // namespace ringside::hw
