#include "vmm/paging/monitor_part.h"

#include "hwmodel/mmu/entry/long64.h"
#include "traces/base/text.h"

namespace ringside::vmm {
namespace {

using Format = hw::Long64Format;
constexpr uint64_t kTable = Format::kPresent | Format::kWritable | Format::kUser | Format::kAccessed;
constexpr uint64_t kPage = Format::kPresent | Format::kAccessed | Format::kDirty;

}  // namespace

Result<std::unique_ptr<MonitorPart>> MonitorPart::create(MonitorMemory& monitor, TranslatedCode code) {
  std::unique_ptr<MonitorPart> part(new MonitorPart(monitor));
  if (part->build(code)) return part;
  return fail(ExitCode::kUsage, text::tr("vmm.ring.pool_too_small", monitor.capacity_pages() * kPageSize >> 20));
}

bool MonitorPart::build(TranslatedCode code) {
  pages_.resize(ring_layout::kBytes / kPageSize);
  bool ok = make_pages(ring_layout::kGdt, ring_layout::kGdtBytes) && make_pages(ring_layout::kStub, ring_layout::kStubBytes);
  if (code == TranslatedCode::kMapped)
    ok = ok && make_pages(ring_layout::kState, ring_layout::kStateBytes) && make_pages(ring_layout::kCode, ring_layout::kCodeBytes);
  return ok && make_view(kernel_, code) && make_view(user_, TranslatedCode::kNone);
}

bool MonitorPart::make_pages(uint64_t offset, uint64_t bytes) {
  for (uint64_t at = offset; at < offset + bytes; at += kPageSize) {
    const auto page = monitor_.allocate();
    if (!page) return false;
    pages_[at / kPageSize] = *page;
  }
  return true;
}

bool MonitorPart::make_view(View& view, TranslatedCode code) {
  for (HostPhysical* table : {&view.level4, &view.level3, &view.level2}) {
    const auto page = monitor_.allocate();
    if (!page) return false;
    *table = *page;
  }
  monitor_.entries(view.level4)[0] = view.level3.value | kTable;
  monitor_.entries(view.level3)[0] = view.level2.value | kTable;
  const uint64_t data = Format::kWritable | Format::kNoExecute;
  bool ok = map(view, ring_layout::kGdt, ring_layout::kGdtBytes, data) && map(view, ring_layout::kStub, ring_layout::kStubBytes, Format::kWritable);
  if (code == TranslatedCode::kMapped)
    ok = ok && map(view, ring_layout::kState, ring_layout::kStateBytes, data | Format::kUser) &&
         map(view, ring_layout::kCode, ring_layout::kCodeBytes, Format::kUser);
  return ok;
}

bool MonitorPart::map(View& view, uint64_t offset, uint64_t bytes, uint64_t bits) {
  for (uint64_t at = offset; at < offset + bytes; at += kPageSize) {
    uint64_t& above = monitor_.entries(view.level2)[at >> Format::shift(2)];
    if (!above) {
      const auto table = monitor_.allocate();
      if (!table) return false;
      above = table->value | kTable;
    }
    monitor_.entries(HostPhysical(Format::table(above)))[at >> kPageShift & 511] = pages_[at / kPageSize].value | kPage | bits;
  }
  return true;
}

uint64_t MonitorPart::entry(const View& view, unsigned levels) { return (levels == 5 ? view.level4 : view.level3).value | kTable; }

uint8_t* MonitorPart::host(uint64_t offset) const { return monitor_.host(machine(offset)); }
HostPhysical MonitorPart::machine(uint64_t offset) const { return pages_[offset / kPageSize] + offset % kPageSize; }

}  // namespace ringside::vmm
