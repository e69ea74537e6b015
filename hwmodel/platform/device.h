// The contract of every device: it sees offsets into its own range and never its address; it raises a line and keeps
// time through what it is given. Both machines use the same devices (the model all of them, kvm those the kernel does
// not emulate).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "traces/base/types.h"

namespace ringside::hw {

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  // `size` is 1, 2, 4 or 8 bytes. Reads of registers that do not exist return all ones. Never fails, whatever the guest
  // does.
  virtual uint64_t read(uint64_t offset, unsigned size) = 0;
  virtual void write(uint64_t offset, unsigned size, uint64_t value) = 0;
};

// An interrupt line: level(true) asserts it.
using IrqLine = std::function<void(bool level)>;

// Guest time and callbacks at points of it. On the model time is modelled cycles at 1 GHz; on kvm it is the host's
// clock in ns.
class Clock {
 public:
  using Timer = unsigned;
  virtual ~Clock() = default;
  virtual Cycles now() const = 0;                               // 1 cycle = 1 ns of guest time
  virtual Timer add_timer(std::function<void()> callback) = 0;  // disarmed at first
  virtual void arm(Timer timer, Cycles when) = 0;               // replaces an earlier deadline; the past fires at once
  virtual void disarm(Timer timer) = 0;
};

}  // namespace ringside::hw
