// Segments of a paravirtual guest: the flat ones every guest has, and what its own descriptors say. The monitor loads CS and SS itself
// where it builds or leaves a frame; the guest's own loads are the processor's business.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/core/ring_cpu.h"
#include "vmm/paging/direct_frames.h"

namespace ringside::vmm::pv {

hw::Segment flat_code64();
hw::Segment flat_data();
// Descriptors of the monitor's page of the GDT, by index within that page (selector 0xe000 is index 0); 0 where there is none.
uint64_t flat_descriptor(unsigned index);
constexpr unsigned kGuestGdtPages = 14;

// Where the processor finds the GDT: the guest's descriptor frames, the monitor's own page behind them.
class GdtWindow {
 public:
  virtual ~GdtWindow() = default;
  // `frames`: at most kGuestGdtPages; the others hold no descriptors. Called again when a descriptor changes.
  virtual void show(std::span<const MachineFrame> frames) = 0;
};

class Descriptors {
 public:
  Descriptors(const FrameTable& frames) : frames_(frames) {}  // NOLINT: a view of them
  void set(std::vector<MachineFrame> gdt, unsigned count) { gdt_ = std::move(gdt), count_ = count; }
  const std::vector<MachineFrame>& gdt() const { return gdt_; }

  // The segment a selector names for CS (64-bit or compatibility code) or SS, at CPL 3; nothing where loading it would fault.
  enum class For : uint8_t { kCode, kStack };
  std::optional<hw::Segment> load(uint16_t selector, For what) const;

 private:
  uint64_t descriptor(uint16_t selector) const;
  const FrameTable& frames_;
  std::vector<MachineFrame> gdt_;
  unsigned count_ = 0;
};

}  // namespace ringside::vmm::pv
