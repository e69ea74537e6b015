// A 16550A serial port: FIFOs of 16 bytes, interrupts, loopback, modem control. Bytes go out to a function and come in
// through push_input. Not a terminal: whoever plugs it in connects both ends.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <string_view>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class Uart16550 final : public Device {
 public:
  Uart16550(IrqLine irq, std::function<void(uint8_t)> output);

  std::string_view name() const override { return "uart"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  // Bytes arriving on the wire. They wait outside until the receiver has room, so input is never lost to an overrun.
  void push_input(std::string_view bytes);
  size_t input_waiting() const { return input_.size(); }
  // What the guest programmed: 0 when the divisor is 0. Informative only, see MODEL in uart16550.cpp.
  unsigned baud_rate() const;

 private:
  static constexpr unsigned kFifoBytes = 16;

  uint8_t read_register(unsigned index);
  void write_register(unsigned index, uint8_t value);
  uint8_t interrupt_identification() const;
  uint8_t read_receiver();
  uint8_t read_modem_status();
  uint8_t line_status() const;
  void transmit(uint8_t byte);
  void receive(uint8_t byte);
  void refill();
  void write_fifo_control(uint8_t value);
  void write_modem_control(uint8_t value);
  uint8_t modem_inputs() const;
  void update_irq();

  IrqLine irq_;
  std::function<void(uint8_t)> output_;
  std::deque<uint8_t> input_;               // on the wire, not yet received
  std::array<uint8_t, kFifoBytes> fifo_{};  // receiver; the transmitter is always empty
  unsigned fifo_first_ = 0, fifo_count_ = 0;
  uint8_t last_received_ = 0;
  uint8_t interrupt_enable_ = 0, fifo_control_ = 0, line_control_ = 0, modem_control_ = 0, scratch_ = 0;
  uint8_t line_errors_ = 0, modem_deltas_ = 0;
  uint16_t divisor_ = 12;               // 9600 baud
  bool transmitter_interrupt_ = false;  // THR became empty and nobody has been told
  bool irq_level_ = false;
};

}  // namespace ringside::hw
