#include "vmm/boot/pv_start.h"

#include <algorithm>
#include <cstring>

#include "traces/base/text.h"
#include "vmm/boot/layout.h"
#include "vmm/techniques/pv/interface/ringside_pv.h"
#include "vmm/techniques/pv/segments.h"

namespace ringside::vmm {

using text::tr;

PvMemory::PvMemory(hw::PhysicalMemory& memory) : memory_(memory) {
  const auto add = [&](uint64_t first, uint64_t end) {
    for (uint64_t f = first; f < end; ++f) frames_.emplace_back(f);
  };
  add(kFirstPvFrame.value, memory.low_size() >> kPageShift);
  add(hw::PhysicalMemory::kHoleEnd >> kPageShift, (hw::PhysicalMemory::kHoleEnd + memory.high_size()) >> kPageShift);
  machine_frames_ = frames_.empty() ? 0 : frames_.back().value + 1;
  std::ranges::reverse(frames_);
}

void PvMemory::copy_in(uint64_t address, const void* from, uint64_t bytes) const {
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t piece = std::min(bytes - done, kPageSize - (address + done) % kPageSize);
    std::memcpy(host(address + done), static_cast<const uint8_t*>(from) + done, piece);
    done += piece;
  }
}

void PvMemory::clear(uint64_t address, uint64_t bytes) const {
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t piece = std::min(bytes - done, kPageSize - (address + done) % kPageSize);
    std::memset(host(address + done), 0, piece);
    done += piece;
  }
}

namespace {

constexpr uint64_t kPresent = 1, kWritable = 2, kUser = 4;
constexpr uint64_t pages_of(uint64_t bytes) { return (bytes + kPageSize - 1) / kPageSize; }

// Pages of the start structures, in pseudo-physical page numbers.
struct Plan {
  uint64_t start_info, shared_info, console, block, stack, p2m, m2p, tables, end;
  uint64_t table_count, mapped;
};

// Tables of `level` that map linear addresses [from, end).
uint64_t tables_at(unsigned level, uint64_t from, uint64_t end) {
  const unsigned shift = 12 + 9 * level;
  return shift >= 48 ? 1 : ((end - 1) >> shift) - (from >> shift) + 1;
}

Plan plan_of(const PvMemory& memory, const PvKernel& kernel) {
  Plan p{};
  p.start_info = pages_of(kernel.end);
  p.shared_info = p.start_info + 1;
  p.console = p.start_info + 2;
  p.block = p.start_info + 3;
  p.stack = p.start_info + 4;
  p.p2m = p.start_info + 5;
  p.m2p = p.p2m + pages_of(memory.pages() * 4);
  p.tables = p.m2p + pages_of(memory.machine_frames() * 4);
  const uint64_t tables_at_most = memory.pages() / 512 + 8;
  const uint64_t wanted = std::max(layout::kPvLeastMapped >> kPageShift, p.tables + tables_at_most + (layout::kPvFreeBehind >> kPageShift));
  p.mapped = std::min(memory.pages(), wanted);
  const uint64_t from = kernel.virt_base, end = from + (p.mapped << kPageShift);
  for (unsigned level = 1; level <= 4; ++level) p.table_count += tables_at(level, from, end);
  p.end = p.tables + p.table_count;
  return p;
}

// Writes the tables: the top one first, then each as the first entry that needs it comes up.
class TableBuilder {
 public:
  TableBuilder(const PvMemory& memory, const Plan& plan) : memory_(memory), plan_(plan), next_(plan.tables + 1) {}
  void map(uint64_t linear, uint64_t page) {
    uint64_t table = plan_.tables;
    for (unsigned level = 4; level > 1; --level) {
      uint64_t& entry = word(table, linear >> (12 + 9 * (level - 1)) & 511);
      if (!(entry & kPresent)) {
        entry = address_of(memory_.frame(next_)).value | kPresent | kWritable | kUser;
        pages_.emplace_back(entry & ~uint64_t{0xfff}, next_++);
      }
      table = page_of_frame(entry & ~uint64_t{0xfff});
    }
    const bool is_table = page >= plan_.tables && page < plan_.end;
    word(table, linear >> 12 & 511) = address_of(memory_.frame(page)).value | kPresent | kUser | (is_table ? 0 : kWritable);
  }

 private:
  uint64_t& word(uint64_t page, uint64_t index) { return reinterpret_cast<uint64_t*>(memory_.host(page << kPageShift))[index]; }
  uint64_t page_of_frame(uint64_t address) const {
    for (auto at = pages_.rbegin();; ++at)
      if (at->first == address) return at->second;
  }
  const PvMemory& memory_;
  const Plan& plan_;
  uint64_t next_;
  std::vector<std::pair<uint64_t, uint64_t>> pages_;  // machine address and page of each table below the top
};

void write_lists(const PvMemory& memory, const Plan& plan) {
  std::vector<uint32_t> p2m(memory.pages()), m2p(memory.machine_frames(), kPvNoPage);
  for (uint64_t page = 0; page < memory.pages(); ++page) {
    p2m[page] = static_cast<uint32_t>(memory.frame(page).value);
    m2p[memory.frame(page).value] = static_cast<uint32_t>(page);
  }
  memory.copy_in(plan.p2m << kPageShift, p2m.data(), p2m.size() * 4);
  memory.copy_in(plan.m2p << kPageShift, m2p.data(), m2p.size() * 4);
}

}  // namespace

Result<Registers> build_pv_start(const PvMemory& memory, const PvKernel& kernel, const std::string& command_line) {
  pv_start_info info{};
  if (command_line.size() >= sizeof info.command_line) return fail(ExitCode::kUsage, tr("vmm.pv.command_line", command_line.size(), sizeof info.command_line - 1));
  const Plan plan = plan_of(memory, kernel);
  if (memory.pages() == 0 || plan.end > plan.mapped)
    return fail(ExitCode::kUsage, tr("vmm.pv.ram", memory.pages() >> 8, (plan.end >> 8) + 2));
  memory.clear(plan.start_info << kPageShift, (plan.end - plan.start_info) << kPageShift);
  TableBuilder tables(memory, plan);
  for (uint64_t page = 1; page < plan.mapped; ++page) tables.map(kernel.virt_base + (page << kPageShift), page);
  write_lists(memory, plan);

  const auto linear = [&](uint64_t page) { return kernel.virt_base + (page << kPageShift); };
  std::strncpy(info.magic, kPvMagic, sizeof info.magic - 1);
  info.pages = memory.pages();
  info.shared_info = linear(plan.shared_info);
  info.table_base = linear(plan.tables);
  info.table_frames = plan.table_count;
  info.p2m = linear(plan.p2m);
  info.m2p = linear(plan.m2p);
  info.machine_frames = memory.machine_frames();
  info.mapped_pages = plan.mapped;
  info.first_free = plan.end;
  info.console_ring = linear(plan.console);
  info.block_ring = linear(plan.block);
  std::memcpy(info.command_line, command_line.c_str(), command_line.size() + 1);
  memory.copy_in(plan.start_info << kPageShift, &info, sizeof info);

  Registers r;
  r.cr0 = hw::cr0::kPe | hw::cr0::kMp | hw::cr0::kEt | hw::cr0::kNe | hw::cr0::kWp | hw::cr0::kPg;
  r.cr4 = hw::cr4::kPae | hw::cr4::kOsfxsr | hw::cr4::kOsxmmexcpt;
  r.efer = hw::efer::kSce | hw::efer::kLme | hw::efer::kLma | hw::efer::kNxe;
  r.cr3 = address_of(memory.frame(plan.tables)).value;
  r.rip = kernel.entry;
  r.rflags = hw::rflags::kFixed | hw::rflags::kIf;
  r.gpr[hw::kRsi] = linear(plan.start_info);
  r.gpr[hw::kRsp] = linear(plan.stack + 1);
  for (hw::Segment& s : r.segment) s = pv::flat_data();
  r.segment[hw::kCs] = pv::flat_code64();
  return r;
}

}  // namespace ringside::vmm
