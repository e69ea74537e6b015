#include "hwmodel/platform/uart16550.h"

#include "hwmodel/platform/register_access.h"

// Registers [PC16550D 8.0 "Registers"], offset with DLAB clear (set: 0 and 1 are the divisor):
//   0 RBR/THR | 1 IER | 2 IIR/FCR | 3 LCR | 4 MCR | 5 LSR | 6 MSR | 7 SCR
//
// MODEL: transmission takes no guest time. A byte written to THR leaves at once whatever the divisor says, so THRE and
// TEMT are always set and a boot log does not cost 87 us a character. The receiver's character time-out is immediate
// too: bytes below the FIFO's trigger level are announced by it at once.

namespace ringside::hw {
namespace {

enum Register : unsigned {
  kData,
  kInterruptEnable,
  kInterruptId,
  kLineControl,
  kModemControl,
  kLineStatus,
  kModemStatus,
  kScratch
};

namespace ier {
constexpr uint8_t kReceived = 1, kTransmitterEmpty = 2, kLineStatus = 4, kModemStatus = 8, kAll = 0x0f;
}
// Identification, by priority [PC16550D table IV].
namespace iir {
constexpr uint8_t kNone = 0x01, kLineStatus = 0x06, kReceived = 0x04, kTimeOut = 0x0c, kTransmitterEmpty = 0x02,
                  kModemStatus = 0x00, kFifos = 0xc0;
}
namespace fcr {
constexpr uint8_t kEnable = 1, kClearReceiver = 2, kKept = 0xc9;
}
namespace lcr {
constexpr uint8_t kDivisorAccess = 0x80;
}
namespace mcr {
constexpr uint8_t kDtr = 1, kRts = 2, kOut1 = 4, kOut2 = 8, kLoopback = 0x10, kAll = 0x1f;
}
namespace lsr {
constexpr uint8_t kDataReady = 1, kOverrun = 2, kTransmitterEmpty = 0x60;
}
// Modem inputs are bits 7:4, what changed since the last read bits 3:0; the ring indicator reports only its trailing
// edge.
namespace msr {
constexpr uint8_t kCts = 0x10, kDsr = 0x20, kRing = 0x40, kDcd = 0x80;
}

constexpr unsigned kTriggerLevels[4] = {1, 4, 8, 14};
constexpr unsigned kClockDivided = 115200;  // 1.8432 MHz / 16

}  // namespace

Uart16550::Uart16550(IrqLine irq, std::function<void(uint8_t)> output)
    : irq_(std::move(irq)), output_(std::move(output)) {}

unsigned Uart16550::baud_rate() const { return divisor_ ? kClockDivided / divisor_ : 0; }

uint64_t Uart16550::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size,
                    [this](uint64_t lane) { return lane < 8 ? read_register(static_cast<unsigned>(lane)) : 0xff; });
}

void Uart16550::write(uint64_t offset, unsigned size, uint64_t value) {
  write_lanes(offset, size, value, [this](uint64_t lane, uint8_t byte) {
    if (lane < 8) write_register(static_cast<unsigned>(lane), byte);
  });
}

uint8_t Uart16550::read_register(unsigned index) {
  const bool divisor = line_control_ & lcr::kDivisorAccess;
  switch (index) {
    case kData:
      return divisor ? static_cast<uint8_t>(divisor_) : read_receiver();
    case kInterruptEnable:
      return divisor ? static_cast<uint8_t>(divisor_ >> 8) : interrupt_enable_;
    case kInterruptId: {
      const uint8_t id = interrupt_identification();
      if ((id & 0x0f) == iir::kTransmitterEmpty) transmitter_interrupt_ = false;  // reading it is the acknowledgement
      update_irq();
      return id;
    }
    case kLineControl:
      return line_control_;
    case kModemControl:
      return modem_control_;
    case kLineStatus: {
      const uint8_t status = line_status();
      line_errors_ = 0;
      update_irq();
      return status;
    }
    case kModemStatus:
      return read_modem_status();
    default:
      return scratch_;
  }
}

void Uart16550::write_register(unsigned index, uint8_t value) {
  const bool divisor = line_control_ & lcr::kDivisorAccess;
  switch (index) {
    case kData:
      if (divisor)
        divisor_ = static_cast<uint16_t>((divisor_ & 0xff00) | value);
      else
        transmit(value);
      return;
    case kInterruptEnable:
      if (divisor) {
        divisor_ = static_cast<uint16_t>((divisor_ & 0x00ff) | value << 8);
        return;
      }
      // Enabling the transmitter's interrupt while THR is empty raises it; Linux's driver tests for exactly this
      // [Linux drivers/tty/serial/8250/8250_port.c serial8250_do_startup, UART_BUG_THRE].
      if ((value & ~interrupt_enable_) & ier::kTransmitterEmpty) transmitter_interrupt_ = true;
      interrupt_enable_ = value & ier::kAll;
      return update_irq();
    case kInterruptId:
      return write_fifo_control(value);
    case kLineControl:
      line_control_ = value;
      return;
    case kModemControl:
      return write_modem_control(value);
    case kLineStatus:
      return;  // for factory tests
    case kModemStatus:
      return;  // read-only
    default:
      scratch_ = value;
      return;
  }
}

uint8_t Uart16550::interrupt_identification() const {
  const bool fifos = fifo_control_ & fcr::kEnable;
  const unsigned trigger = fifos ? kTriggerLevels[fifo_control_ >> 6] : 1;
  const uint8_t base = fifos ? iir::kFifos : 0;
  if ((interrupt_enable_ & ier::kLineStatus) && line_errors_) return base | iir::kLineStatus;
  if ((interrupt_enable_ & ier::kReceived) && fifo_count_ >= trigger) return base | iir::kReceived;
  if ((interrupt_enable_ & ier::kReceived) && fifo_count_) return base | iir::kTimeOut;
  if ((interrupt_enable_ & ier::kTransmitterEmpty) && transmitter_interrupt_) return base | iir::kTransmitterEmpty;
  if ((interrupt_enable_ & ier::kModemStatus) && modem_deltas_) return base | iir::kModemStatus;
  return base | iir::kNone;
}

// OUT2 gates the interrupt onto the bus of a PC; in loopback the pin is disconnected and the gate is shut.
void Uart16550::update_irq() {
  const bool gate = (modem_control_ & mcr::kOut2) && !(modem_control_ & mcr::kLoopback);
  const bool level = gate && !(interrupt_identification() & iir::kNone);
  if (level == irq_level_) return;
  irq_level_ = level;
  irq_(level);
}

uint8_t Uart16550::line_status() const {
  return static_cast<uint8_t>(lsr::kTransmitterEmpty | line_errors_ | (fifo_count_ ? lsr::kDataReady : 0));
}

void Uart16550::transmit(uint8_t byte) {
  // Writing THR takes the request back and its leaving raises it again: on an edge-triggered line both must be seen.
  transmitter_interrupt_ = false;
  update_irq();
  if (modem_control_ & mcr::kLoopback)
    receive(byte);
  else
    output_(byte);
  transmitter_interrupt_ = true;
  update_irq();
}

void Uart16550::receive(uint8_t byte) {
  const unsigned room = fifo_control_ & fcr::kEnable ? kFifoBytes : 1;
  if (fifo_count_ >= room) {
    line_errors_ |= lsr::kOverrun;
    // Without FIFOs the new byte replaces the unread one; with them it is lost [PC16550D 8.4 "Line Status Register"].
    if (room == 1) fifo_[fifo_first_] = byte;
  } else {
    fifo_[(fifo_first_ + fifo_count_++) % kFifoBytes] = byte;
  }
  update_irq();
}

uint8_t Uart16550::read_receiver() {
  if (fifo_count_) {
    last_received_ = fifo_[fifo_first_];
    fifo_first_ = (fifo_first_ + 1) % kFifoBytes;
    --fifo_count_;
  }
  update_irq();
  refill();
  return last_received_;
}

void Uart16550::push_input(std::string_view bytes) {
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  refill();
}

void Uart16550::refill() {
  const unsigned room = fifo_control_ & fcr::kEnable ? kFifoBytes : 1;
  while (!(modem_control_ & mcr::kLoopback) && !input_.empty() && fifo_count_ < room) {
    const uint8_t byte = input_.front();
    input_.pop_front();
    receive(byte);
  }
}

void Uart16550::write_fifo_control(uint8_t value) {
  const bool toggles = (value ^ fifo_control_) & fcr::kEnable;
  // The other bits count only in a write that has the enable bit set [PC16550D 8.5 "FIFO Control Register"].
  fifo_control_ = value & fcr::kEnable ? value & fcr::kKept : 0;
  if (toggles || ((value & fcr::kEnable) && (value & fcr::kClearReceiver))) fifo_count_ = 0;
  update_irq();
  refill();
}

void Uart16550::write_modem_control(uint8_t value) {
  const uint8_t before = modem_inputs();
  modem_control_ = value & mcr::kAll;
  const auto changed = static_cast<uint8_t>(before ^ modem_inputs());
  const uint8_t ring_ended = before & ~modem_inputs() & msr::kRing;
  modem_deltas_ |= static_cast<uint8_t>(((changed & ~msr::kRing) | ring_ended) >> 4);
  update_irq();
  refill();
}

// A cable to a peer that is always ready; in loopback the outputs come back as inputs.
uint8_t Uart16550::modem_inputs() const {
  if (!(modem_control_ & mcr::kLoopback)) return msr::kDcd | msr::kDsr | msr::kCts;
  uint8_t inputs = 0;
  if (modem_control_ & mcr::kRts) inputs |= msr::kCts;
  if (modem_control_ & mcr::kDtr) inputs |= msr::kDsr;
  if (modem_control_ & mcr::kOut1) inputs |= msr::kRing;
  if (modem_control_ & mcr::kOut2) inputs |= msr::kDcd;
  return inputs;
}

uint8_t Uart16550::read_modem_status() {
  const auto status = static_cast<uint8_t>(modem_inputs() | modem_deltas_);
  modem_deltas_ = 0;
  update_irq();
  return status;
}

}  // namespace ringside::hw
