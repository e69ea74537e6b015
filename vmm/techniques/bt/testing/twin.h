// The same kernel code twice: on a modelled CPU at CPL 0, and translated. What differs in the end is a fault of the
// translator's. Only tests include it.
#pragma once

#include <fmt/format.h>

#include <string>

#include "hwmodel/isa/decoder.h"
#include "vmm/techniques/bt/testing/translated_machine.h"

namespace ringside::vmm::bt::testing {

class Twin {
 public:
  explicit Twin(const EngineOptions& options = {}, uint32_t cache_bytes = 1 << 20)
      : native(hwt::Mode::kLong), translated(options, nullptr, cache_bytes) {
    prepare(native);
    native.poke(hwt::at::kPml4 + 8 * 200, uint64_t{0});
  }

  hwt::SmallMachine native;
  TranslatedMachine translated;

  void put(uint64_t physical, std::span<const uint8_t> bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      native.poke(physical + i, bytes[i]);
      translated.guest.poke(physical + i, bytes[i]);
    }
  }
  void put(uint64_t physical, std::initializer_list<uint8_t> bytes) {
    put(physical, std::span(bytes.begin(), bytes.size()));
  }
  template <class T>
  void poke(uint64_t physical, T value) {
    native.poke(physical, value);
    translated.guest.poke(physical, value);
  }
  // The same change to both virtual processors.
  template <class F>
  void set(F&& change) {
    change(native.cpu);
    change(translated.guest.cpu);
    native.cpu.mode_changed();
    translated.guest.cpu.mode_changed();
  }

  // Both until they halt. False if one does not.
  bool run(unsigned steps = 10000) {
    native.cpu.deadline = native.cpu.counters.instructions + 100000;
    const hw::Stop stop = hw::run(native.cpu);
    native_halted = std::holds_alternative<hw::StopHalt>(stop);
    return translated.run_to_halt(steps) && native_halted;
  }
  bool native_halted = false;

  // The first difference in words; empty if there is none.
  std::string difference() const {
    if (auto text = difference_of(native.cpu, translated.guest.cpu); !text.empty()) return text;
    if (std::memcmp(native.ram.host(GuestPhysical(0)), translated.guest.ram.host(GuestPhysical(0)),
                    native.ram.size()) == 0)
      return {};
    for (uint64_t at = 0; at < native.ram.size(); at += 8) {
      const auto a = native.peek<uint64_t>(at), b = translated.guest.peek<uint64_t>(at);
      if (a != b) return fmt::format("memory at {:#x}: native {:#x}, translated {:#x}", at, a, b);
    }
    return {};
  }

  static std::string difference_of(const hw::CpuState& a, const hw::CpuState& b) {
    static constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                             "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (unsigned i = 0; i < 16; ++i) {
      if (a.gpr[i] != b.gpr[i]) return fmt::format("{}: native {:#x}, translated {:#x}", kNames[i], a.gpr[i], b.gpr[i]);
    }
    if (a.rip != b.rip) return fmt::format("rip: native {:#x}, translated {:#x}", a.rip, b.rip);
    if (a.rflags() != b.rflags()) return fmt::format("rflags: native {:#x}, translated {:#x}", a.rflags(), b.rflags());
    if (a.cr0 != b.cr0 || a.cr2 != b.cr2 || a.cr3 != b.cr3 || a.cr4 != b.cr4) return "control registers";
    for (unsigned i = 0; i < 6; ++i) {
      if (a.segment[i].selector != b.segment[i].selector || a.segment[i].base != b.segment[i].base)
        return fmt::format("segment register {}", i);
    }
    for (unsigned i = 0; i < 16; ++i) {
      if (a.xmm[i].lo != b.xmm[i].lo || a.xmm[i].hi != b.xmm[i].hi) return fmt::format("xmm{}", i);
    }
    return {};
  }
};

}  // namespace ringside::vmm::bt::testing
