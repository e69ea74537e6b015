// The PC around the processor: the bus devices both machines offer, wired to interrupt lines, to the clock and to the run's
// requests. Made once per machine, before the guest runs; owns the devices, the machine's bus only knows them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "traces/base/result.h"
#include "vmm/core/machine.h"
#include "vmm/devices/requests.h"

namespace ringside::hw {
class AcpiPm;
class Uart16550;
class VgaRegisters;
}  // namespace ringside::hw

namespace ringside::vmm {

struct PcOptions {
  std::function<void(uint8_t)> serial_output{};        // bytes the guest sends to COM1; may be empty
  std::function<void(uint8_t)> debug_console_output{}; // bytes at port 0xE9; may be empty
  // Time of day (UTC, seconds since 1970) at guest time 0. A fixed default: the model's runs must repeat.
  int64_t epoch_seconds = 1'735'689'600;              // 2025-01-01
};

class PcDevices {
 public:
  static Result<std::unique_ptr<PcDevices>> create(Machine& machine, DeviceRequests& requests, const PcOptions& options);
  ~PcDevices();

  hw::Uart16550& serial();
  hw::AcpiPm& acpi();
  const hw::VgaRegisters& vga() const;

 private:
  struct Parts;
  explicit PcDevices(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace ringside::vmm
