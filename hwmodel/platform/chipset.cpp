#include "hwmodel/platform/chipset.h"

#include <cassert>

#include "hwmodel/platform/apic_bus.h"
#include "hwmodel/platform/pic.h"
#include "hwmodel/platform/pit.h"
#include "hwmodel/platform/ports.h"
#include "hwmodel/platform/register_access.h"

namespace ringside::hw {
namespace {

constexpr unsigned kIsaLines = 16;
constexpr unsigned kExternalPin = 0;  // the 8259A's INTR [MP 1.4 figure 3-4 "Virtual Wire Mode via I/O APIC"]
constexpr uint32_t kMsrApicBase = 0x1b, kMsrTscDeadline = 0x6e0, kMsrX2apicFirst = 0x800, kMsrX2apicLast = 0x83f;

enum class Controller : uint8_t { kNone, kPic, kPit };

bool within(uint16_t port, PortRange range) { return port >= range.first && port - range.first < range.count; }

Controller controller_at(uint16_t port) {
  if (within(port, ports::kMasterPic) || within(port, ports::kSlavePic) || within(port, ports::kElcr))
    return Controller::kPic;
  if (within(port, ports::kPit) || within(port, ports::kSystemControlB)) return Controller::kPit;
  return Controller::kNone;
}

std::string_view name_of(Controller controller) { return controller == Controller::kPic ? "pic" : "pit"; }

uint64_t page_of(GuestPhysical address) { return address.value & ~uint64_t{mmio::kControllerBytes - 1}; }

}  // namespace

struct Chipset::Parts {
  Parts(Chipset& owner, Clock& clock, unsigned cpus, std::function<void(unsigned)> attention_of)
      : attention(std::move(attention_of)),
        pic([this](bool level) { external_changed(level); }),
        pit(clock, [this](bool level) { set_irq(irq::kTimer, level); }),
        apics(clock, cpus,
              {.attention = attention,
               .init =
                   [&owner](unsigned cpu) {
                     if (owner.on_init) owner.on_init(cpu);
                   },
               .start =
                   [&owner](unsigned cpu, uint8_t vector) {
                     if (owner.on_startup) owner.on_startup(cpu, vector);
                   }}) {}

  void set_irq(unsigned line, bool level) {
    if (line == irq::kCascade) return;  // inside the pair; pin 2 of the I/O APIC is the timer's
    if (line < kIsaLines) pic.set_line(line, level);
    apics.io().set_pin(irq::gsi(line), level);
  }

  void external_changed(bool level) {
    apics.io().set_pin(kExternalPin, level);
    external_attention();
  }

  void external_attention() {
    for (unsigned cpu = 0; cpu < apics.cpus(); ++cpu) {
      if (external_pending(cpu)) attention(cpu);
    }
  }

  // INTR reaches the CPU through LINT0, around a disabled local APIC, or as an ExtINT message of the I/O APIC.
  bool external_pending(unsigned cpu) const {
    if (!pic.output()) return false;
    if (apics.local(cpu).accepts_external()) return true;
    ApicMessage message;
    return apics.io().external_interrupt(message) && apics.local(cpu).matches(message);
  }

  uint8_t read_port(uint16_t port) {
    if (within(port, ports::kMasterPic)) return pic.read(0, port & 1);
    if (within(port, ports::kSlavePic)) return pic.read(1, port & 1);
    if (within(port, ports::kElcr)) return pic.read_elcr(port & 1);
    if (within(port, ports::kPit)) return pit.read(port - ports::kPit.first);
    if (within(port, ports::kSystemControlB)) return pit.read_control_b();
    return 0xff;
  }

  void write_port(uint16_t port, uint8_t value) {
    if (within(port, ports::kMasterPic))
      pic.write(0, port & 1, value);
    else if (within(port, ports::kSlavePic))
      pic.write(1, port & 1, value);
    else if (within(port, ports::kElcr))
      pic.write_elcr(port & 1, value);
    else if (within(port, ports::kPit))
      pit.write(port - ports::kPit.first, value);
    else if (within(port, ports::kSystemControlB))
      pit.write_control_b(value);
  }

  bool is_local_apic(unsigned cpu, GuestPhysical address) const {
    const LocalApic& apic = apics.local(cpu);
    return apic.mode() == LocalApic::Mode::kXapic && page_of(address) == apic.page();
  }
  static bool is_io_apic(GuestPhysical address) { return page_of(address) == mmio::kIoApic; }

  std::function<void(unsigned)> attention;
  PicPair pic;
  Pit pit;
  ApicBus apics;
};

Chipset::Chipset(Clock& clock, unsigned cpus, std::function<void(unsigned)> attention)
    : parts_(std::make_unique<Parts>(*this, clock, cpus, std::move(attention))) {
  assert(cpus > 0);
}

Chipset::~Chipset() = default;

void Chipset::set_irq(unsigned line, bool level) { parts_->set_irq(line, level); }

IrqLine Chipset::line(unsigned line) {
  return [parts = parts_.get(), line](bool level) { parts->set_irq(line, level); };
}

bool Chipset::interrupt_pending(unsigned cpu) const {
  return parts_->apics.local(cpu).deliverable() >= 0 || parts_->external_pending(cpu);
}

bool Chipset::nmi_pending(unsigned cpu) const { return parts_->apics.local(cpu).nmi_pending(); }
void Chipset::acknowledge_nmi(unsigned cpu) { parts_->apics.local(cpu).acknowledge_nmi(); }

// The 8259A comes first, as in KVM [Linux arch/x86/kvm/irq.c kvm_cpu_get_interrupt].
int Chipset::acknowledge(unsigned cpu) {
  if (parts_->external_pending(cpu)) return parts_->pic.acknowledge();
  return parts_->apics.local(cpu).acknowledge();
}

uint8_t Chipset::task_priority(unsigned cpu) const { return parts_->apics.local(cpu).task_priority(); }
void Chipset::set_task_priority(unsigned cpu, uint8_t cr8) { parts_->apics.local(cpu).set_task_priority(cr8); }

bool Chipset::read_msr(unsigned cpu, uint32_t msr, uint64_t& value) {
  const LocalApic& apic = parts_->apics.local(cpu);
  if (msr == kMsrApicBase)
    value = apic.base_msr();
  else if (msr == kMsrTscDeadline)
    value = apic.tsc_deadline();
  else
    return msr >= kMsrX2apicFirst && msr <= kMsrX2apicLast && apic.read_x2apic(msr - kMsrX2apicFirst, value);
  return true;
}

bool Chipset::write_msr(unsigned cpu, uint32_t msr, uint64_t value) {
  LocalApic& apic = parts_->apics.local(cpu);
  if (msr == kMsrApicBase) return apic.write_base_msr(value);
  if (msr == kMsrTscDeadline) {
    apic.write_tsc_deadline(value);
    return true;
  }
  return msr >= kMsrX2apicFirst && msr <= kMsrX2apicLast && apic.write_x2apic(msr - kMsrX2apicFirst, value);
}

// A wider access is split into bytes; lanes beyond the controller belong to nobody.
bool Chipset::port_read(uint16_t port, unsigned size, uint32_t& value) {
  const Controller controller = controller_at(port);
  if (controller == Controller::kNone) return false;
  value = static_cast<uint32_t>(
      read_lanes(port, size, [this](uint64_t lane) { return parts_->read_port(static_cast<uint16_t>(lane)); }));
  if (observer) observer->on_device_access(name_of(controller), false, false, port, size, value);
  return true;
}

bool Chipset::port_write(uint16_t port, unsigned size, uint32_t value) {
  const Controller controller = controller_at(port);
  if (controller == Controller::kNone) return false;
  if (observer) observer->on_device_access(name_of(controller), false, true, port, size, value);
  write_lanes(port, size, value,
              [this](uint64_t lane, uint8_t byte) { parts_->write_port(static_cast<uint16_t>(lane), byte); });
  return true;
}

bool Chipset::owns_mmio(unsigned cpu, GuestPhysical address) const {
  return parts_->is_local_apic(cpu, address) || Parts::is_io_apic(address);
}

// Registers are 32 bits wide at multiples of 16. MODEL: other accesses are undefined in hardware [SDM 3A 10.4.1]; here
// a read gives the bytes of the register it falls into and zero between registers, and a write that is not a whole
// register is ignored.
bool Chipset::mmio_read(unsigned cpu, GuestPhysical address, unsigned size, uint64_t& value) {
  const bool local = parts_->is_local_apic(cpu, address);
  if (!local && !Parts::is_io_apic(address)) return false;
  const uint64_t offset = address.value & (mmio::kControllerBytes - 1), byte = offset & 0xf;
  value = 0;
  if (byte < 4) {
    const uint32_t word = local ? parts_->apics.local(cpu).read_xapic(static_cast<unsigned>(offset >> 4))
                                : parts_->apics.io().read(offset - byte);
    value = (word >> (8 * byte)) & value_mask(size);
  }
  if (observer) observer->on_device_access(local ? "lapic" : "ioapic", true, false, address.value, size, value);
  return true;
}

bool Chipset::mmio_write(unsigned cpu, GuestPhysical address, unsigned size, uint64_t value) {
  const bool local = parts_->is_local_apic(cpu, address);
  if (!local && !Parts::is_io_apic(address)) return false;
  if (observer) observer->on_device_access(local ? "lapic" : "ioapic", true, true, address.value, size, value);
  const uint64_t offset = address.value & (mmio::kControllerBytes - 1);
  if ((offset & 0xf) != 0 || size < 4) return true;
  const auto word = static_cast<uint32_t>(value);
  if (local) {
    parts_->apics.local(cpu).write_xapic(static_cast<unsigned>(offset >> 4), word);
  } else {
    parts_->apics.io().write(offset, word);
    if (parts_->pic.output()) parts_->external_attention();  // pin 0 may just have been opened for it
  }
  return true;
}

}  // namespace ringside::hw
