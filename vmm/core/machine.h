// Machine: the bare computer a monitor sits on. Two exist: `model` (machines/model) and `kvm` (machines/kvm).
// Owns RAM, processors, the device bus and the clock; the PC's devices are plugged in by devices/pc_devices.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hwmodel/machine/memory.h"
#include "hwmodel/platform/bus.h"
#include "hwmodel/platform/device.h"
#include "vmm/core/vcpu.h"

namespace ringside::vmm {

enum class TimeUnit : uint8_t { kModelledCycles, kHostNanoseconds };

// What a machine can and cannot do, as facts for reports and for options that depend on them.
struct Capabilities {
  bool deterministic = false;         // the same run gives the same trace, byte for byte
  bool counts_instructions = false;   // RunLimits::instructions works
  bool single_step = false;
  bool hardware_exits = false;        // raw exit reasons are the SDM's: the guest runs in non-root mode
  bool sees_inside = false;           // page walks, TLB flushes, exceptions: events below the level of exits
  TimeUnit time_unit = TimeUnit::kHostNanoseconds;
  std::vector<std::string> notes;     // sentences for a person: what this host's machine lacks
};

// A counter the machine keeps by itself (KVM's statistics, the model's CPU counters), read at a point of the run.
struct NamedCounter {
  std::string name;
  uint64_t value = 0;
};

class Machine {
 public:
  virtual ~Machine() = default;

  virtual std::string_view name() const = 0;   // "model" or "kvm"
  virtual const Capabilities& capabilities() const = 0;

  virtual hw::PhysicalMemory& memory() = 0;
  virtual unsigned vcpu_count() const = 0;
  virtual Vcpu& vcpu(unsigned index) = 0;
  virtual hw::Bus& bus() = 0;
  virtual hw::Clock& clock() = 0;
  // ISA interrupt line 0..15; asserting it reaches the interrupt controllers inside the machine.
  virtual hw::IrqLine irq_line(unsigned line) = 0;

  // Counters as they stand; empty where the machine has none.
  virtual std::vector<NamedCounter> counters() = 0;
  // Sentences about the run so far that a person should know: what a technique could not keep from its guest, for example.
  virtual std::vector<std::string> findings() const { return {}; }
};

}  // namespace ringside::vmm
