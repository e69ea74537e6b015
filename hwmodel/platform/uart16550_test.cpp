// The 16550A, probed and driven as Linux's 8250 driver does it.
#include "hwmodel/platform/uart16550.h"

#include <string>

#include "tests/catch.h"

using namespace ringside::hw;

namespace {

enum Register : uint64_t { kData, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScratch };

struct Fixture {
  std::string output;
  bool irq = false;
  unsigned edges = 0;
  Uart16550 uart{[this](bool level) {
                   edges += level && !irq;
                   irq = level;
                 },
                 [this](uint8_t byte) { output += static_cast<char>(byte); }};
  uint8_t in(uint64_t offset) { return static_cast<uint8_t>(uart.read(offset, 1)); }
  void out(uint64_t offset, uint8_t value) { uart.write(offset, 1, value); }
  void start() {  // FIFOs on, trigger 8, OUT2
    out(kFcr, 0x87);
    out(kMcr, 0x0b);
  }
  static constexpr uint64_t kFcr = 2;
};

}  // namespace

TEST_CASE("bytes go out at once and the line status stays ready") {
  Fixture f;
  for (const char c : std::string("Hello")) {
    CHECK((f.in(kLsr)&0x60) == 0x60);
    f.out(kData, static_cast<uint8_t>(c));
  }
  CHECK(f.output == "Hello");
}

// [Linux drivers/tty/serial/8250/8250_port.c autoconfig, autoconfig_16550a]
TEST_CASE("autoconfig finds a 16550A") {
  Fixture f;
  f.out(kIer, 0x00);
  CHECK((f.in(kIer)&0x0f) == 0x00);
  f.out(kIer, 0x0f);
  CHECK((f.in(kIer)&0x0f) == 0x0f);
  f.out(kIer, 0x00);
  const uint8_t mcr = f.in(kMcr);
  f.out(kMcr, 0x10 | 0x0a);
  CHECK((f.in(kMsr)&0xf0) == 0x90);  // loopback
  f.out(kMcr, mcr);
  f.out(kLcr, 0xbf);
  f.out(2, 0);
  f.out(kLcr, 0);
  f.out(2, 0x01);
  CHECK(f.in(kIir) >> 6 == 3);
  f.out(kLcr, 0x80);
  CHECK(f.in(2) != 0);  // no EFR: not an ST16650
  f.out(kLcr, 0xbf);
  CHECK(f.in(2) != 0);
  f.out(kLcr, 0);  // no NS super I/O: bank 2's register does not follow MCR's loopback bit
  const uint8_t status1 = f.in(kMcr);
  f.out(kLcr, 0xe0);
  CHECK(((f.in(2) ^ status1) & 0x10) == 0);
  f.out(kLcr, 0);
  f.out(kMcr, status1 ^ 0x10);
  f.out(kLcr, 0xe0);
  CHECK(((f.in(2) ^ (status1 ^ 0x10)) & 0x10) != 0);
  f.out(kLcr, 0);
  f.out(kMcr, status1);
  f.out(2, 0x21);
  const unsigned fifo64_first = f.in(kIir) >> 5;  // no 64-byte FIFO: not a TI16750
  f.out(2, 0x01);
  f.out(kLcr, 0x80);
  f.out(2, 0x21);
  CHECK(fifo64_first == 6);
  CHECK(f.in(kIir) >> 5 == 6);
  f.out(2, 0x01);
  f.out(kLcr, 0);
  f.out(kIer, 0x40);  // no XScale
  CHECK((f.in(kIer)&0x40) == 0);
}

// [Linux drivers/tty/serial/8250/8250_port.c serial8250_do_startup]
TEST_CASE("the start-up tests find neither UART_BUG_THRE nor UART_BUG_TXEN") {
  Fixture f;
  f.start();
  f.out(kIer, 0x02);
  const uint8_t iir1 = f.in(kIir);
  f.out(kIer, 0x00);
  f.out(kIer, 0x02);
  const uint8_t iir = f.in(kIir);
  f.out(kIer, 0x00);
  CHECK((iir1 & 0x01) == 0);
  CHECK((iir & 0x01) == 0);
  f.out(kIer, 0x02);
  CHECK((f.in(kLsr)&0x40) != 0);
  CHECK((f.in(kIir)&0x01) == 0);
  f.out(kIer, 0x00);
  CHECK_FALSE(f.irq);
}

TEST_CASE("the transmitter interrupt: an edge for every byte, cleared by reading IIR") {
  Fixture f;
  f.start();
  f.out(kIer, 0x02);
  CHECK(f.irq);
  CHECK(f.in(kIir) == 0xc2);
  CHECK_FALSE(f.irq);
  CHECK(f.in(kIir) == 0xc1);
  f.edges = 0;
  f.out(kData, 'a');
  CHECK(f.edges == 1);
  f.out(kData, 'b');
  CHECK(f.edges == 2);
  CHECK(f.irq);
  f.out(kIer, 0x00);
  CHECK_FALSE(f.irq);
}

TEST_CASE("OUT2 gates the interrupt, loopback shuts the gate") {
  Fixture f;
  f.out(kIer, 0x02);
  CHECK_FALSE(f.irq);
  f.out(kMcr, 0x08);
  CHECK(f.irq);
  f.out(kMcr, 0x18);
  CHECK_FALSE(f.irq);
  CHECK(f.in(kIir) == 0x02);  // it is pending all the same
}

TEST_CASE("received bytes interrupt at the trigger level, fewer by the time-out, and drain in order") {
  Fixture f;
  f.start();
  f.out(kIer, 0x01);
  f.uart.push_input("abc");
  CHECK(f.irq);
  CHECK(f.in(kIir) == 0xcc);
  f.uart.push_input("defgh");
  CHECK(f.in(kIir) == 0xc4);
  std::string got;
  while (f.in(kLsr)&0x01) got += static_cast<char>(f.in(kData));
  CHECK(got == "abcdefgh");
  CHECK_FALSE(f.irq);
  CHECK(f.in(kIir) == 0xc1);
}

TEST_CASE("more input than the FIFO holds waits outside") {
  Fixture f;
  f.start();
  const std::string sent(1000, 'x');
  f.uart.push_input(sent);
  CHECK(f.uart.input_waiting() == 1000 - 16);
  size_t got = 0;
  while (f.in(kLsr)&0x01) {
    CHECK(f.in(kData) == 'x');
    ++got;
  }
  CHECK(got == 1000);
  CHECK((f.in(kLsr)&0x02) == 0);
}

TEST_CASE("without FIFOs one byte at a time") {
  Fixture f;
  f.out(kMcr, 0x08);
  f.out(kIer, 0x01);
  f.uart.push_input("ab");
  CHECK(f.in(kIir) == 0x04);
  CHECK(f.in(kData) == 'a');
  CHECK(f.in(kData) == 'b');
  CHECK(f.in(kIir) == 0x01);
}

TEST_CASE("loopback returns bytes, overruns and modem signals") {
  Fixture f;
  f.out(2, 0x01);
  f.out(kMcr, 0x1f);
  f.in(kMsr);
  f.out(kData, 0xae);
  CHECK(f.output.empty());
  CHECK(f.in(kData) == 0xae);
  f.out(kIer, 0x04);
  for (int i = 0; i < 17; ++i) f.out(kData, static_cast<uint8_t>(i));
  CHECK(f.in(kIir) == 0xc6);
  CHECK((f.in(kLsr)&0x03) == 0x03);
  CHECK((f.in(kLsr)&0x02) == 0);  // reading clears it
  for (int i = 0; i < 16; ++i) CHECK(f.in(kData) == i);
  f.out(kMcr, 0x10);
  CHECK(f.in(kMsr) == 0x0f);  // all four fell
  CHECK(f.in(kMsr) == 0x00);
}

TEST_CASE("clearing the receiver FIFO and switching FIFOs drop what is in them") {
  Fixture f;
  f.start();
  f.uart.push_input("abc");
  f.out(2, 0x83);
  CHECK((f.in(kLsr)&0x01) == 0);
  f.uart.push_input("abc");
  f.out(2, 0x00);
  CHECK((f.in(kLsr)&0x01) == 0);
  CHECK(f.in(kIir) == 0x01);
}

TEST_CASE("divisor, scratch and modem status") {
  Fixture f;
  f.out(kLcr, 0x83);
  f.out(0, 0x01);
  f.out(1, 0x00);
  CHECK(f.in(0) == 0x01);
  CHECK(f.uart.baud_rate() == 115200);
  f.out(0, 0x00);
  CHECK(f.uart.baud_rate() == 0);
  f.out(kLcr, 0x03);
  CHECK(f.output.empty());
  f.out(kScratch, 0x5a);
  CHECK(f.in(kScratch) == 0x5a);
  CHECK(f.in(kMsr) == 0xb0);
  CHECK(f.in(8) == 0xff);
}
