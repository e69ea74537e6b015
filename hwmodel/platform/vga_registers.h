// The registers of a VGA in 80x25 text mode, remembered but without effect: text memory is plain RAM at 0xB8000. A
// retrace bit that toggles keeps programs that wait for it moving. Whoever shows the screen reads cursor and start
// address here.
#pragma once

#include <array>

#include "hwmodel/platform/device.h"

namespace ringside::hw {

class VgaRegisters final : public Device {
 public:
  VgaRegisters();
  std::string_view name() const override { return "vga"; }
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  // In characters from the start of text memory.
  unsigned start_address() const { return crtc_[0x0c] << 8 | crtc_[0x0d]; }
  unsigned cursor() const { return crtc_[0x0e] << 8 | crtc_[0x0f]; }
  bool cursor_visible() const { return !(crtc_[0x0a] & 0x20); }

 private:
  uint8_t read_port(uint64_t offset);
  void write_port(uint64_t offset, uint8_t value);
  void write_attribute(uint8_t value);
  void write_crtc(uint8_t value);

  std::array<uint8_t, 32> crtc_{}, attribute_{};
  std::array<uint8_t, 8> sequencer_{};
  std::array<uint8_t, 16> graphics_{};
  std::array<uint8_t, 768> palette_{};
  uint8_t crtc_index_ = 0, attribute_index_ = 0, sequencer_index_ = 0, graphics_index_ = 0;
  uint8_t miscellaneous_ = 0x67, feature_ = 0, pixel_mask_ = 0xff, palette_state_ = 0;
  uint16_t palette_read_ = 0, palette_write_ = 0;
  bool attribute_expects_data_ = false;
  uint8_t input_status_ = 0;
};

}  // namespace ringside::hw
