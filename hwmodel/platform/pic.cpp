#include "hwmodel/platform/pic.h"

namespace ringside::hw {
namespace {

constexpr unsigned kCascadeInput = 2, kSpuriousInput = 7;

// ICW1: 4 marks it | 3 level-triggered (a PC's chipset ignores it in favour of ELCR [82371AB 4.2.2.1 "ICW1"]) | 1
// single | 0 ICW4 follows.
constexpr uint8_t kIcw1 = 0x10, kIcw1Single = 0x02, kIcw1NeedsIcw4 = 0x01;
// ICW4: 4 special fully nested | 1 automatic EOI | 0 8086 mode.
constexpr uint8_t kIcw4SpecialFullyNested = 0x10, kIcw4AutomaticEoi = 0x02;
// OCW2: 7 rotate | 6 specific | 5 EOI | 2:0 input. OCW3: 6:5 special mask (10 off, 11 on) | 3 marks it | 2 poll | 1:0
// read (10 IRR, 11 ISR).
constexpr uint8_t kOcw2Rotate = 0x80, kOcw2Specific = 0x40, kOcw2Eoi = 0x20;
constexpr uint8_t kOcw3 = 0x08, kOcw3EnableSpecialMask = 0x40, kOcw3SpecialMask = 0x20, kOcw3Poll = 0x04,
                  kOcw3Read = 0x02, kOcw3InService = 0x01;
constexpr uint8_t kPollPending = 0x80;

uint8_t bit(unsigned input) { return static_cast<uint8_t>(1u << input); }

}  // namespace

// Edge mode: a rise is remembered while the line stays high; a fall before the acknowledge withdraws the request.
// Level mode: the request is the line.
void Pic::set_line(unsigned input, bool level) {
  const uint8_t b = bit(input);
  const bool was = lines_ & b;
  if (level)
    lines_ |= b;
  else
    lines_ &= static_cast<uint8_t>(~b);
  if (!level)
    requests_ &= static_cast<uint8_t>(~b);
  else if (!was || (level_triggered_ & b))
    requests_ |= b;
}

void Pic::set_level_triggered(uint8_t mask) {
  level_triggered_ = mask & level_allowed_;
  requests_ |= lines_ & level_triggered_;
}

int Pic::highest(uint8_t inputs) const {
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned input = (first_priority_ + i) & 7;
    if (inputs & bit(input)) return static_cast<int>(input);
  }
  return -1;
}

int Pic::pending_input() const {
  const int request = highest(requests_ & static_cast<uint8_t>(~mask_));
  if (request < 0) return -1;
  // In special mask mode an input in service that is masked holds nobody off [8259A "Special Mask Mode"].
  uint8_t holding = in_service_;
  if (special_mask_) holding &= static_cast<uint8_t>(~mask_);
  // In special fully nested mode a slave in service may interrupt itself [8259A "The Special Fully Nested Mode"].
  if (special_fully_nested_ && role_ == Role::kMaster && request == static_cast<int>(kCascadeInput))
    holding &= static_cast<uint8_t>(~bit(kCascadeInput));
  const int serving = highest(holding);
  return serving < 0 || rank(static_cast<unsigned>(request)) < rank(static_cast<unsigned>(serving)) ? request : -1;
}

int Pic::acknowledge() {
  const int input = pending_input();
  if (input < 0) return -1;
  const uint8_t b = bit(static_cast<unsigned>(input));
  if (!(level_triggered_ & b)) requests_ &= static_cast<uint8_t>(~b);
  if (!automatic_eoi_)
    in_service_ |= b;
  else if (rotate_in_automatic_eoi_)
    first_priority_ = static_cast<uint8_t>((input + 1) & 7);
  return input;
}

uint8_t Pic::read(unsigned a0) {
  if (poll_) {  // the read after a poll command is the acknowledge [8259A "Poll Command"]
    poll_ = false;
    const int input = acknowledge();
    return input < 0 ? 0 : static_cast<uint8_t>(kPollPending | input);
  }
  if (a0) return mask_;
  return read_in_service_ ? in_service_ : requests_;
}

void Pic::write(unsigned a0, uint8_t value) {
  if (!a0) {
    if (value & kIcw1)
      icw1(value);
    else if (value & kOcw3)
      ocw3(value);
    else
      ocw2(value);
    return;
  }
  switch (expects_) {
    case Expects::kNothing:
      mask_ = value;
      return;
    case Expects::kIcw2:
      vector_base_ = value & 0xf8;
      expects_ = !single_ ? Expects::kIcw3 : needs_icw4_ ? Expects::kIcw4 : Expects::kNothing;
      return;
    case Expects::kIcw3:  // the wiring is the board's: what the guest says about it is ignored
      expects_ = needs_icw4_ ? Expects::kIcw4 : Expects::kNothing;
      return;
    case Expects::kIcw4:
      special_fully_nested_ = value & kIcw4SpecialFullyNested;
      automatic_eoi_ = value & kIcw4AutomaticEoi;
      expects_ = Expects::kNothing;
      return;
  }
}

// Everything starts anew; a line that is high must fall and rise before it counts as an edge again.
void Pic::icw1(uint8_t value) {
  requests_ = lines_ & level_triggered_;
  in_service_ = 0;
  mask_ = 0;
  first_priority_ = 0;
  automatic_eoi_ = rotate_in_automatic_eoi_ = special_mask_ = special_fully_nested_ = read_in_service_ = poll_ = false;
  single_ = value & kIcw1Single;
  needs_icw4_ = value & kIcw1NeedsIcw4;
  expects_ = Expects::kIcw2;
}

void Pic::end_of_interrupt(int input) {
  if (input >= 0) in_service_ &= static_cast<uint8_t>(~bit(static_cast<unsigned>(input)));
}

void Pic::ocw2(uint8_t value) {
  const bool rotate = value & kOcw2Rotate, specific = value & kOcw2Specific, eoi = value & kOcw2Eoi;
  const int level = value & 7;
  if (!eoi && !specific) {
    rotate_in_automatic_eoi_ = rotate;
    return;
  }
  if (!eoi && !rotate) return;  // no operation
  // A non-specific EOI in special mask mode does not end an interrupt whose input is masked [8259A "Special Mask
  // Mode"].
  const uint8_t candidates = special_mask_ ? in_service_ & static_cast<uint8_t>(~mask_) : in_service_;
  const int input = specific ? level : highest(candidates);
  if (eoi) end_of_interrupt(input);
  if (rotate && input >= 0) first_priority_ = static_cast<uint8_t>((input + 1) & 7);
}

void Pic::ocw3(uint8_t value) {
  if (value & kOcw3EnableSpecialMask) special_mask_ = value & kOcw3SpecialMask;
  if (value & kOcw3Poll)
    poll_ = true;
  else if (value & kOcw3Read)
    read_in_service_ = value & kOcw3InService;
}

void PicPair::update() {
  master_.set_line(kCascadeInput, slave_.output());
  const bool level = master_.output();
  if (level == level_) return;
  level_ = level;
  output_(level);
}

void PicPair::set_line(unsigned line, bool level) {
  if (line == kCascadeInput) return;
  unit_of(line >> 3).set_line(line & 7, level);
  update();
}

uint8_t PicPair::acknowledge() {
  uint8_t vector = master_.vector(kSpuriousInput);
  const int input = master_.acknowledge();
  if (input == static_cast<int>(kCascadeInput)) {
    const int slave_input = slave_.acknowledge();
    vector = slave_.vector(slave_input < 0 ? kSpuriousInput : static_cast<unsigned>(slave_input));
    // The slave drops its output during the cycle, so that a second request of its is a new edge for the master.
    master_.set_line(kCascadeInput, false);
  } else if (input >= 0) {
    vector = master_.vector(static_cast<unsigned>(input));
  }
  update();
  return vector;
}

uint8_t PicPair::read(unsigned unit, unsigned a0) {
  const uint8_t value = unit_of(unit).read(a0);
  update();  // a poll is an acknowledge
  return value;
}

void PicPair::write(unsigned unit, unsigned a0, uint8_t value) {
  unit_of(unit).write(a0, value);
  // After ICW1 of the master the slave's output must count as a new edge.
  if (unit == 0 && a0 == 0 && (value & kIcw1)) master_.set_line(kCascadeInput, false);
  update();
}

void PicPair::write_elcr(unsigned unit, uint8_t value) {
  unit_of(unit).set_level_triggered(value);
  update();
}

}  // namespace ringside::hw
