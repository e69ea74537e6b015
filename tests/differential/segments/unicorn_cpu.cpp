#include "tests/differential/segments/unicorn_cpu.h"

#include <stdexcept>
#include <string>

namespace ringside::hw::testing {
namespace {

void check(uc_err error, const char* what) {
  if (error != UC_ERR_OK) throw std::runtime_error(std::string(what) + ": " + uc_strerror(error));
}

void on_exception(uc_engine* uc, uint32_t vector, void* user) {
  *static_cast<int*>(user) = static_cast<int>(vector);
  uc_emu_stop(uc);
}

constexpr int kGpr[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};
constexpr int kSegment[] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

}  // namespace

UnicornCpu::UnicornCpu(uint32_t bytes_of_ram) : ram_(bytes_of_ram) {
  check(uc_open(UC_ARCH_X86, UC_MODE_32, &uc_), "uc_open");
  check(uc_mem_map(uc_, 0, bytes_of_ram, UC_PROT_ALL), "uc_mem_map");
  check(uc_context_alloc(uc_, &clean_), "uc_context_alloc");
  check(uc_context_save(uc_, clean_), "uc_context_save");
}

UnicornCpu::~UnicornCpu() {
  uc_context_free(clean_);
  uc_close(uc_);
}

Visible UnicornCpu::run(const std::vector<uint8_t>& ram, const Tables& tables, const uint32_t (&gpr)[8], uint32_t eip, unsigned instructions) {
  check(uc_context_restore(uc_, clean_), "uc_context_restore");
  check(uc_mem_write(uc_, 0, ram.data(), ram.size()), "uc_mem_write");
  check(uc_ctl_remove_cache(uc_, 0x8000, 0xa000), "uc_ctl_remove_cache");   // translations of the last case's code
  uc_x86_mmr gdtr{}, tr{}, ldtr{};
  gdtr.base = tables.gdt_base;
  gdtr.limit = tables.gdt_limit;
  tr = {.selector = tables.tr, .base = tables.tss_base, .limit = tables.tss_limit, .flags = 0x8900};
  ldtr = {.selector = tables.ldtr, .base = tables.ldt_base, .limit = tables.ldt_limit, .flags = 0x8200};
  check(uc_reg_write(uc_, UC_X86_REG_GDTR, &gdtr), "GDTR");
  check(uc_reg_write(uc_, UC_X86_REG_TR, &tr), "TR");
  check(uc_reg_write(uc_, UC_X86_REG_LDTR, &ldtr), "LDTR");
  for (unsigned i = 0; i < 8; ++i) check(uc_reg_write(uc_, kGpr[i], &gpr[i]), "register");
  const int flat[] = {UC_X86_REG_SS, UC_X86_REG_ES, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};
  for (const int segment : flat) check(uc_reg_write(uc_, segment, &tables.data), "data segment");
  check(uc_reg_write(uc_, UC_X86_REG_CS, &tables.code), "CS");
  const uint32_t flags = 2;
  check(uc_reg_write(uc_, UC_X86_REG_EFLAGS, &flags), "EFLAGS");

  Visible out;
  uc_hook hook;
  check(uc_hook_add(uc_, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(on_exception), &out.exception, 1, 0), "uc_hook_add");
  const uc_err error = uc_emu_start(uc_, eip, 0xfffffff0, 0, instructions);
  uc_hook_del(uc_, hook);
  if (error == UC_ERR_INSN_INVALID) out.exception = 6;
  out.failure = error == UC_ERR_OK || out.exception >= 0 ? "" : uc_strerror(error);
  for (unsigned i = 0; i < 8; ++i) uc_reg_read(uc_, kGpr[i], &out.gpr[i]);
  for (unsigned i = 0; i < 6; ++i) uc_reg_read(uc_, kSegment[i], &out.segment[i]);
  uc_reg_read(uc_, UC_X86_REG_EIP, &out.eip);
  uc_reg_read(uc_, UC_X86_REG_EFLAGS, &out.eflags);
  uc_reg_read(uc_, UC_X86_REG_FS_BASE, &out.base_of_fs);
  uc_reg_read(uc_, UC_X86_REG_GS_BASE, &out.base_of_gs);
  uc_reg_read(uc_, UC_X86_REG_LDTR, &ldtr);
  uc_reg_read(uc_, UC_X86_REG_TR, &tr);
  out.ldtr = ldtr.selector;
  out.tr = tr.selector;
  check(uc_mem_read(uc_, 0, ram_.data(), ram_.size()), "uc_mem_read");
  return out;
}

}  // namespace ringside::hw::testing
