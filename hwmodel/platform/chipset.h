// The controllers every PC has and that sit inside the machine (KVM calls this the in-kernel irqchip): two 8259A PICs,
// an 8254 PIT with port 0x61, one I/O APIC, one local APIC per CPU. Accesses to them never stop the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "hwmodel/machine/observer.h"
#include "hwmodel/platform/device.h"

namespace ringside::hw {

class Chipset {
 public:
  // `attention(cpu)` is called whenever what interrupt_pending(cpu) answers may have become true.
  Chipset(Clock& clock, unsigned cpus, std::function<void(unsigned cpu)> attention);
  ~Chipset();

  Observer* observer = nullptr;
  // INIT and SIPI messages: the machine resets a CPU, or starts it at vector << 12. Unset: they are lost, as without
  // that CPU.
  std::function<void(unsigned cpu)> on_init;
  std::function<void(unsigned cpu, uint8_t vector)> on_startup;

  // ISA lines 0..15 (GSI 0..23 for the I/O APIC; ISA IRQ 0 arrives at GSI 2, as the MADT's override says).
  void set_irq(unsigned line, bool level);
  IrqLine line(unsigned line);

  // --- the CPU's side -----------------------------------------------------------------------------------------------
  bool interrupt_pending(unsigned cpu) const;  // a vector would be delivered now if IF allowed it
  bool nmi_pending(unsigned cpu) const;
  void acknowledge_nmi(unsigned cpu);
  // The interrupt-acknowledge cycle: the vector, or -1 when it was withdrawn (then nothing is delivered).
  int acknowledge(unsigned cpu);
  // CR8 is the local APIC's task priority, bits 7:4.
  uint8_t task_priority(unsigned cpu) const;
  void set_task_priority(unsigned cpu, uint8_t cr8);
  // IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC registers 0x800..0x83f. False: no such register or bad value
  // (#GP).
  bool read_msr(unsigned cpu, uint32_t msr, uint64_t& value);
  bool write_msr(unsigned cpu, uint32_t msr, uint64_t value);

  // --- accesses that stay inside; false: not ours, the machine stops and the monitor's bus answers
  // --------------------------
  bool port_read(uint16_t port, unsigned size, uint32_t& value);
  bool port_write(uint16_t port, unsigned size, uint32_t value);
  bool mmio_read(unsigned cpu, GuestPhysical address, unsigned size, uint64_t& value);
  bool mmio_write(unsigned cpu, GuestPhysical address, unsigned size, uint64_t value);
  // True if the page of `address` belongs to a controller (the local APIC's page may move with IA32_APIC_BASE).
  bool owns_mmio(unsigned cpu, GuestPhysical address) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ringside::hw
