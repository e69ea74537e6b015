// Ports a kernel writes to be heard without a driver: the debug console 0xE9, isa-debug-exit 0xF4, and Ringside's
// marker. Each hands what it gets to a function of whoever plugs it in.
#pragma once

#include <functional>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

// One byte, one character; reads 0xE9, by which a guest knows it is there [Bochs port_e9_hack; QEMU isa-debugcon].
class DebugConsole final : public Device {
 public:
  static constexpr uint8_t kPresent = 0xe9;
  explicit DebugConsole(std::function<void(uint8_t)> output) : output_(std::move(output)) {}
  std::string_view name() const override { return "debugcon"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  std::function<void(uint8_t)> output_;
};

// Ends the run with the value written. QEMU's own exit status for it is (value << 1) | 1.
class DebugExit final : public Device {
 public:
  explicit DebugExit(std::function<void(uint32_t)> exit) : exit_(std::move(exit)) {}
  static constexpr uint32_t exit_status(uint32_t value) { return (value << 1) | 1; }
  std::string_view name() const override { return "debug-exit"; }
  uint64_t read(uint64_t, unsigned) override { return 0; }  // as QEMU's
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  std::function<void(uint32_t)> exit_;
};

// A guest marks a phase of its work: the value goes into the trace. Narrow writes are zero-extended; reads give the
// last marker.
class MarkerPort final : public Device {
 public:
  explicit MarkerPort(std::function<void(uint32_t)> mark) : mark_(std::move(mark)) {}
  std::string_view name() const override { return "marker"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  std::function<void(uint32_t)> mark_;
  uint32_t last_ = 0;
};

}  // namespace ringside::hw
