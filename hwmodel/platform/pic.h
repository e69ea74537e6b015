// One 8259A interrupt controller, and the pair of them in a PC: the slave's output is the master's input 2.
// Called by the chipset: lines in, one INTR output, an acknowledge cycle. [Intel 8259A data sheet, 1988]
#pragma once

#include <cstdint>
#include <functional>

namespace ringside::hw {

class Pic {
 public:
  enum class Role : uint8_t { kMaster, kSlave };
  // `level_allowed`: which inputs ELCR may switch to level-triggered.
  Pic(Role role, uint8_t vector_base, uint8_t level_allowed)
      : role_(role), vector_base_(vector_base), level_allowed_(level_allowed) {}

  void set_line(unsigned input, bool level);
  // INT: an unmasked request of higher priority than what is in service.
  bool output() const { return pending_input() >= 0; }
  // The input whose request INTA accepts, or -1 if there is none any more (the chip then answers with the vector of
  // input 7).
  int acknowledge();
  uint8_t vector(unsigned input) const { return static_cast<uint8_t>(vector_base_ | input); }

  uint8_t read(unsigned a0);  // a0: 0 command port, 1 data port
  void write(unsigned a0, uint8_t value);
  uint8_t level_triggered() const { return level_triggered_; }
  void set_level_triggered(uint8_t mask);

  uint8_t requests() const { return requests_; }
  uint8_t in_service() const { return in_service_; }
  uint8_t mask() const { return mask_; }

 private:
  enum class Expects : uint8_t { kNothing, kIcw2, kIcw3, kIcw4 };
  int pending_input() const;
  unsigned rank(unsigned input) const { return (input - first_priority_) & 7; }  // 0 is the highest priority
  int highest(uint8_t inputs) const;
  void icw1(uint8_t value);
  void ocw2(uint8_t value);
  void ocw3(uint8_t value);
  void end_of_interrupt(int input);

  Role role_;
  uint8_t vector_base_;
  uint8_t level_allowed_;
  uint8_t lines_ = 0, requests_ = 0, in_service_ = 0;
  // MODEL: no firmware runs. The pair starts as firmware leaves it (vectors 0x08 and 0x70), with every input masked.
  uint8_t mask_ = 0xff;
  uint8_t level_triggered_ = 0;
  uint8_t first_priority_ = 0;  // the input of highest priority; rotation moves it
  Expects expects_ = Expects::kNothing;
  bool needs_icw4_ = false, single_ = false;
  bool automatic_eoi_ = false, rotate_in_automatic_eoi_ = false, special_mask_ = false, special_fully_nested_ = false;
  bool read_in_service_ = false, poll_ = false;
};

class PicPair {
 public:
  // `output(level)` is called when INTR changes.
  explicit PicPair(std::function<void(bool)> output) : output_(std::move(output)) {}

  void set_line(unsigned line, bool level);  // 0..15; 2 is the cascade and cannot be set
  bool output() const { return level_; }
  // The interrupt-acknowledge cycle. Without a request it gives the spurious vector of input 7, as the chip does.
  uint8_t acknowledge();

  // Ports: offset 0 command, 1 data; `unit` 0 master, 1 slave.
  uint8_t read(unsigned unit, unsigned a0);
  void write(unsigned unit, unsigned a0, uint8_t value);
  uint8_t read_elcr(unsigned unit) const { return unit_of(unit).level_triggered(); }
  void write_elcr(unsigned unit, uint8_t value);

  const Pic& master() const { return master_; }
  const Pic& slave() const { return slave_; }

 private:
  const Pic& unit_of(unsigned unit) const { return unit ? slave_ : master_; }
  Pic& unit_of(unsigned unit) { return unit ? slave_ : master_; }
  void update();

  std::function<void(bool)> output_;
  // The timer, the keyboard and the cascade, the clock and the coprocessor stay edge-triggered [82371AB 4.2.2.7
  // "ELCR1"].
  Pic master_{Pic::Role::kMaster, 0x08, 0xf8};
  Pic slave_{Pic::Role::kSlave, 0x70, 0xde};
  bool level_ = false;
};

}  // namespace ringside::hw
