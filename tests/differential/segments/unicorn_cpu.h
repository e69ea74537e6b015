// Unicorn set up as the ground of hwmodel/exec/testing/small_machine.h: same memory, tables and registers, 32-bit protected mode.
// Called by the segmentation differential test. Unicorn reports exceptions instead of delivering them, so only vectors can be compared.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::hw::testing {

struct Visible {
  uint32_t gpr[8] = {};
  uint32_t eip = 0, eflags = 0;
  uint16_t segment[6] = {};   // ES CS SS DS FS GS
  uint32_t base_of_fs = 0, base_of_gs = 0;
  uint16_t ldtr = 0, tr = 0;
  int exception = -1;
  std::string failure;   // of Unicorn itself
};

class UnicornCpu {
 public:
  UnicornCpu(uint32_t bytes_of_ram);
  UnicornCpu(const UnicornCpu&) = delete;
  ~UnicornCpu();

  struct Tables {
    uint32_t gdt_base, tss_base, ldt_base;
    uint16_t gdt_limit, tss_limit, ldt_limit, tr, ldtr, code, data;
  };
  // Flat ring 0, then `instructions` of them from `eip`.
  Visible run(const std::vector<uint8_t>& ram, const Tables& tables, const uint32_t (&gpr)[8], uint32_t eip, unsigned instructions);
  const std::vector<uint8_t>& ram() const { return ram_; }

 private:
  uc_engine* uc_ = nullptr;
  uc_context* clean_ = nullptr;
  std::vector<uint8_t> ram_;
};

}  // namespace ringside::hw::testing
