#include "sim/translation_listing.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "traces/base/text.h"
#include "traces/read/cursor.h"
#include "vmm/boot/elf_image.h"
#include "vmm/core/ring_layout.h"
#include "vmm/techniques/bt/state_page.h"
#include "vmm/techniques/bt/translation_recorder.h"
#include "vmm/techniques/bt/translator.h"

namespace ringside::sim {
namespace {

namespace layout = vmm::ring_layout;
constexpr uint64_t kPageMask = ~uint64_t{kPageSize - 1};

std::vector<uint8_t> bytes_of(std::string_view hexadecimal) {
  const auto digit = [](char c) { return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hexadecimal.size(); i += 2) bytes.push_back(static_cast<uint8_t>(digit(hexadecimal[i]) << 4 | digit(hexadecimal[i + 1])));
  return bytes;
}

ListedInstruction listed(const traces::TranslatedInstruction& e) {
  ListedInstruction i;
  i.rip = e.rip;
  const std::string_view guest = e.instruction.view();
  i.guest.assign(guest.begin(), guest.end());
  i.treatment = e.treatment;
  i.reason = e.reason;
  i.code = e.code;
  i.output = e.treatment == traces::Treatment::kIdentical ? i.guest : bytes_of(e.output);
  return i;
}

// The image's segments as pages of code, at their virtual addresses or, where there is nothing, at their physical ones.
class ElfCode final : public vmm::bt::GuestCode {
 public:
  ElfCode(std::span<const uint8_t> image, const vmm::ElfImage& elf) : image_(image), elf_(elf) {}
  std::optional<vmm::bt::GuestCodePage> fetch(uint64_t linear) override {
    auto& page = pages_[linear & kPageMask];
    if (!page && !(page = load(linear & kPageMask, &vmm::ElfSegment::virtual_address))) page = load_physical(linear & kPageMask);
    if (!page) return std::nullopt;
    return vmm::bt::GuestCodePage{linear & kPageMask, page.get()};
  }
  std::optional<vmm::bt::GuestCodePage> peek(uint64_t linear) override { return fetch(linear); }

 private:
  using Page = std::unique_ptr<uint8_t[]>;

  Page copy(uint64_t page, uint64_t start, const vmm::ElfSegment& s) {
    if (page + kPageSize <= start || page >= start + s.file_bytes) return nullptr;
    auto bytes = std::make_unique<uint8_t[]>(kPageSize);
    const uint64_t from = std::max(page, start), to = std::min(page + kPageSize, start + s.file_bytes);
    std::memcpy(bytes.get() + (from - page), image_.data() + s.file_offset + (from - start), to - from);
    return bytes;
  }
  Page load(uint64_t page, uint64_t vmm::ElfSegment::*address) {
    for (const auto& s : elf_.segments) {
      if (Page bytes = copy(page, s.*address, s)) return bytes;
    }
    return nullptr;
  }
  Page load_physical(uint64_t page) {
    for (const auto& s : elf_.segments) {
      if (Page bytes = copy(page, s.address.value, s)) return bytes;
    }
    return nullptr;
  }

  std::span<const uint8_t> image_;
  const vmm::ElfImage& elf_;
  std::map<uint64_t, Page> pages_;
};

ListedBlock listed(const vmm::bt::Translation& t, uint64_t cache) {
  ListedBlock block;
  block.block = event_of(t, cache);
  for (const auto& i : t.instructions) {
    const auto guest = t.guest.begin() + i.guest;
    const auto code = t.code.begin() + i.code;
    block.instructions.push_back({.rip = t.rip + i.guest,
                                  .guest = {guest, guest + i.length},
                                  .treatment = i.treatment,
                                  .reason = i.reason,
                                  .code = block.block.code + i.code,
                                  .output = {code, code + i.code_length}});
  }
  return block;
}

}  // namespace

Result<ListedBlock> block_in_trace(const traces::Reader& reader, uint64_t address) {
  ListedBlock found, current;
  unsigned times = 0;
  bool inside = false;
  const auto settle = [&] {
    if (inside) found = current;
    inside = false;
  };
  reader.visit(traces::overloaded{
      [&](const traces::Translation& t) {
        settle();
        inside = t.rip <= address && address - t.rip < t.guest_bytes;
        if (!inside) return;
        ++times;
        current = {t, {}};
      },
      [&](const traces::TranslatedInstruction& i) {
        if (inside) current.instructions.push_back(listed(i));
      },
  });
  settle();
  if (!times) return fail(ExitCode::kInput, text::tr("sim.translation.no_block", address));
  found.times = times;
  return found;
}

Result<TreatmentCounts> treatments_in_trace(const traces::Reader& reader) {
  TreatmentCounts counts;
  reader.visit(traces::overloaded{[&](const traces::TranslatedInstruction& e) {
    TreatmentCount& c = counts[{e.treatment, e.reason}];
    ++c.instructions;
    c.guest_bytes += e.instruction.size;
    c.code_bytes += e.treatment == traces::Treatment::kIdentical ? e.instruction.size : e.output.size() / 2;
  }});
  if (counts.empty()) return fail(ExitCode::kInput, text::tr("sim.translation.none"));
  return counts;
}

Result<ListedBlock> block_in_elf(std::span<const uint8_t> image, std::optional<uint64_t> address) {
  const auto elf = BOOST_OUTCOME_TRYX(vmm::parse_elf(image));
  if (elf.elf_class != vmm::ElfClass::k64) return fail(ExitCode::kInput, text::tr("sim.translation.not_64"));
  const uint64_t base = layout::base_of_slot(layout::kFirstSlot, 4);
  vmm::bt::Places places{.state = base + layout::kState, .cache = base + layout::kCode};
  const auto stubs = vmm::bt::Translator({}, places).stubs();
  places.lookup_stub = stubs.lookup;
  places.miss_stub = stubs.miss;
  const vmm::bt::Translator translator({}, places);
  ElfCode code(image, elf);
  uint32_t site = 1;
  const uint64_t rip = address.value_or(elf.entry);
  const auto translation = translator.translate(code, rip, vmm::bt::cache_layout::kTranslations, {}, site);
  if (!translation) return fail(ExitCode::kInput, text::tr("sim.translation.no_code", rip));
  return listed(*translation, places.cache);
}

}  // namespace ringside::sim
