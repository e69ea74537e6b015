#include "hwmodel/platform/vga_registers.h"

#include "hwmodel/platform/register_access.h"

namespace ringside::hw {
namespace {

// Offsets from 0x3c0 [IBM VGA, "Video Subsystem registers"].
enum Port : uint64_t {
  kAttribute = 0x00,
  kAttributeData = 0x01,
  kMiscellaneousWrite = 0x02,
  kSequencerIndex = 0x04,
  kSequencerData = 0x05,
  kPixelMask = 0x06,
  kPaletteRead = 0x07,
  kPaletteWrite = 0x08,
  kPaletteData = 0x09,
  kFeatureRead = 0x0a,
  kMiscellaneousRead = 0x0c,
  kGraphicsIndex = 0x0e,
  kGraphicsData = 0x0f,
  kCrtcIndex = 0x14,
  kCrtcData = 0x15,
  kInputStatus = 0x1a
};

constexpr uint8_t kDisplayDisabled = 0x01, kVerticalRetrace = 0x08;
constexpr unsigned kVerticalRetraceEnd = 0x11;
constexpr uint8_t kCrtcProtect = 0x80;  // in the retrace-end register: registers 0-7 are read-only

// Mode 3, 80x25 characters of 9x16, as a VGA BIOS sets it.
constexpr std::array<uint8_t, 25> kCrtcMode3{0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
                                             0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
                                             0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
constexpr std::array<uint8_t, 21> kAttributeMode3{0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                                                  0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00};
constexpr std::array<uint8_t, 5> kSequencerMode3{0x03, 0x00, 0x03, 0x00, 0x02};
constexpr std::array<uint8_t, 9> kGraphicsMode3{0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff};

template <size_t N>
uint8_t get(const std::array<uint8_t, N>& registers, uint8_t index) {
  return index < N ? registers[index] : 0;
}

template <size_t N>
void set(std::array<uint8_t, N>& registers, uint8_t index, uint8_t value) {
  if (index < N) registers[index] = value;
}

}  // namespace

VgaRegisters::VgaRegisters() {
  for (size_t i = 0; i < kCrtcMode3.size(); ++i) crtc_[i] = kCrtcMode3[i];
  for (size_t i = 0; i < kAttributeMode3.size(); ++i) attribute_[i] = kAttributeMode3[i];
  for (size_t i = 0; i < kSequencerMode3.size(); ++i) sequencer_[i] = kSequencerMode3[i];
  for (size_t i = 0; i < kGraphicsMode3.size(); ++i) graphics_[i] = kGraphicsMode3[i];
}

uint64_t VgaRegisters::read(uint64_t offset, unsigned size) {
  return read_lanes(offset, size, [this](uint64_t lane) { return read_port(lane); });
}

void VgaRegisters::write(uint64_t offset, unsigned size, uint64_t value) {
  write_lanes(offset, size, value, [this](uint64_t lane, uint8_t byte) { write_port(lane, byte); });
}

uint8_t VgaRegisters::read_port(uint64_t offset) {
  switch (offset) {
    case kAttribute:
      return attribute_index_;
    case kAttributeData:
      return get(attribute_, attribute_index_ & 0x1f);
    case kMiscellaneousWrite:
      return 0x10;  // input status 0: a colour monitor is there
    case kSequencerIndex:
      return sequencer_index_;
    case kSequencerData:
      return get(sequencer_, sequencer_index_);
    case kPixelMask:
      return pixel_mask_;
    case kPaletteRead:
      return palette_state_;
    case kPaletteWrite:
      return static_cast<uint8_t>(palette_write_ / 3);
    case kPaletteData: {
      const uint8_t value = palette_[palette_read_];
      palette_read_ = static_cast<uint16_t>((palette_read_ + 1) % palette_.size());
      return value;
    }
    case kFeatureRead:
      return feature_;
    case kMiscellaneousRead:
      return miscellaneous_;
    case kGraphicsIndex:
      return graphics_index_;
    case kGraphicsData:
      return get(graphics_, graphics_index_);
    case kCrtcIndex:
      return crtc_index_;
    case kCrtcData:
      return get(crtc_, crtc_index_);
    case kInputStatus:
      // MODEL: no beam; every read finds the other half of the frame, so waiting for either edge ends at once.
      attribute_expects_data_ = false;
      input_status_ ^= kDisplayDisabled | kVerticalRetrace;
      return input_status_;
    default:
      return 0xff;
  }
}

void VgaRegisters::write_port(uint64_t offset, uint8_t value) {
  switch (offset) {
    case kAttribute:
      return write_attribute(value);
    case kMiscellaneousWrite:
      miscellaneous_ = value;
      return;
    case kSequencerIndex:
      sequencer_index_ = value;
      return;
    case kSequencerData:
      return set(sequencer_, sequencer_index_, value);
    case kPixelMask:
      pixel_mask_ = value;
      return;
    case kPaletteRead:
      palette_read_ = static_cast<uint16_t>(value * 3);
      palette_state_ = 3;
      return;
    case kPaletteWrite:
      palette_write_ = static_cast<uint16_t>(value * 3);
      palette_state_ = 0;
      return;
    case kPaletteData:
      palette_[palette_write_] = value & 0x3f;
      palette_write_ = static_cast<uint16_t>((palette_write_ + 1) % palette_.size());
      return;
    case kGraphicsIndex:
      graphics_index_ = value;
      return;
    case kGraphicsData:
      return set(graphics_, graphics_index_, value);
    case kCrtcIndex:
      crtc_index_ = value;
      return;
    case kCrtcData:
      return write_crtc(value);
    case kInputStatus:
      feature_ = value;
      return;
    default:
      return;
  }
}

// One port for index and data in turn; reading input status 1 makes the next write an index.
void VgaRegisters::write_attribute(uint8_t value) {
  if (attribute_expects_data_)
    set(attribute_, attribute_index_ & 0x1f, value);
  else
    attribute_index_ = value & 0x3f;
  attribute_expects_data_ = !attribute_expects_data_;
}

void VgaRegisters::write_crtc(uint8_t value) {
  if (crtc_index_ < 7 && (crtc_[kVerticalRetraceEnd] & kCrtcProtect)) return;
  set(crtc_, crtc_index_, value);
}

}  // namespace ringside::hw
