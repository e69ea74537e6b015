// A paravirtual guest of a few megabytes without a processor: the start of day is the loader's own, and hypercalls are made by setting
// registers. Only tests and fuzz targets include it.
#pragma once

#include <cassert>
#include <memory>
#include <string>
#include <vector>

#include "vmm/boot/pv_start.h"
#include "vmm/techniques/pv/hypercall.h"
#include "vmm/techniques/pv/start.h"

namespace ringside::vmm::pv::testing {

struct FakeHost final : DomainHost {
  uint64_t now() override { return time; }
  void console(std::span<const char> text) override { printed.append(text.data(), text.size()); }
  void timer_changed() override { ++timer_changes; }
  uint64_t time = 0;
  std::string printed;
  unsigned timer_changes = 0;
};

struct FakeWindow final : GdtWindow {
  void show(std::span<const MachineFrame> frames) override { shown.assign(frames.begin(), frames.end()); }
  std::vector<MachineFrame> shown;
};

class SmallGuest {
 public:
  static constexpr uint64_t kMonitorEntry = hw::PhysicalMemory::kMonitorStart | 3;  // never followed
  static constexpr uint64_t kBase = 0x4000'0000;                                    // of the initial mapping
  struct Options {
    uint64_t bytes = 3 << 20;  // 1 MiB of it is the machine's
    uint64_t slice = HypercallEngine::kSlice;
    uint32_t most_references = FrameTable::kMostReferences;
  };

  SmallGuest() : SmallGuest(Options{}) {}
  explicit SmallGuest(const Options& options)
      : memory(std::move(hw::PhysicalMemory::create(options.bytes).value())),
        pages(memory),
        frames(memory, kFirstPvFrame, options.most_references),
        paging(frames, kMonitorEntry),
        disk(64) {
    const Registers registers = build_pv_start(pages, {.entry = kBase + kPageSize, .virt_base = kBase, .end = 2 * kPageSize}, "test").value();
    domain = start_domain(paging, window, &disk, host, registers).value();
    info = at<pv_start_info>(registers.gpr[hw::kRsi]);
    engine.emplace(*domain, options.slice);
    engine->on_done([this](const HypercallRecord& r) { records.push_back(r); });
    domain->context.gpr[hw::kRsp] = free(15) + 4096;
    domain->cpu.kernel_sp = free(15) + 2048;
  }

  // Linear address of the n-th free page of the initial mapping; pages 0 to 15 are for arguments and stacks.
  uint64_t free(unsigned n) const { return kBase + ((info.first_free + n) << kPageShift); }
  unsigned free_pages() const { return static_cast<unsigned>(info.mapped_pages - info.first_free); }
  MachineFrame frame_at(uint64_t linear) const { return pages.frame((linear - kBase) >> kPageShift); }
  // The guest's own look at its memory, whatever the tables allow.
  template <class T>
  T& at(uint64_t linear) {
    return *reinterpret_cast<T*>(pages.host(linear - kBase));
  }
  pv_shared_info& shared() { return at<pv_shared_info>(info.shared_info); }
  pv_console_ring& console_ring() { return at<pv_console_ring>(info.console_ring); }
  pv_block_ring& block_ring() { return at<pv_block_ring>(info.block_ring); }

  // One hypercall from the kernel view to its end; what it answered, or nothing if it did not return (iret, shutdown, a wait).
  std::optional<int64_t> call(uint64_t number, const Arguments& a = {}) {
    auto& gpr = domain->context.gpr;
    gpr[hw::kRax] = number;
    gpr[hw::kRdi] = a[0], gpr[hw::kRsi] = a[1], gpr[hw::kRdx] = a[2], gpr[hw::kR10] = a[3], gpr[hw::kR8] = a[4], gpr[hw::kR9] = a[5];
    last = engine->begin();
    slices = 1;
    for (; std::holds_alternative<Unfinished>(last); ++slices) {
      assert(slices < 10'000'000);
      last = engine->resume();
    }
    if (std::holds_alternative<WantsPort>(last)) {
      engine->port_answered(0xff);
      return static_cast<int64_t>(gpr[hw::kRax]);
    }
    if (std::holds_alternative<WantsEvent>(last)) engine->woken();
    const auto* finished = std::get_if<Finished>(&last);
    return finished ? std::optional(finished->result) : std::nullopt;
  }
  // The same with a structure in the first free page as argument.
  template <class T>
  std::optional<int64_t> call_with(uint64_t number, uint64_t command, T& argument) {
    at<T>(free(0)) = argument;
    const auto result = call(number, {command, free(0)});
    argument = at<T>(free(0));
    return result;
  }
  std::optional<int64_t> update(uint64_t address, uint64_t value) {
    at<pv_mmu_update>(free(1)) = {address, value};
    return call(kPvMmuUpdate, {free(1), 1, 0});
  }
  std::optional<int64_t> extended(uint32_t command, uint64_t argument) {
    at<pv_mmuext_op>(free(1)) = {command, 0, argument};
    return call(kPvMmuextOp, {free(1), 1, 0});
  }
  // Makes a page of the initial mapping read-only or writable again.
  std::optional<int64_t> remap(uint64_t linear, uint64_t flags) {
    return call(kPvUpdateVaMapping, {linear, address_of(frame_at(linear)).value | flags, kPvFlushPage});
  }
  uint64_t entry_address(uint64_t linear) const { return paging.entry_of(linear)->value; }

  hw::PhysicalMemory memory;
  PvMemory pages;
  FrameTable frames;
  DirectPaging paging;
  RamDisk disk;
  FakeHost host;
  FakeWindow window;
  std::unique_ptr<Domain> domain;
  std::optional<HypercallEngine> engine;
  pv_start_info info{};
  std::vector<HypercallRecord> records;
  Step last = Finished{};
  uint64_t slices = 0;
};

}  // namespace ringside::vmm::pv::testing
