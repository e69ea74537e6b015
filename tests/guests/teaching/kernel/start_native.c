// From the Multiboot loader to kernel_main: command line, memory, options. Called by boot.S; native build only.
#include "command_line.h"
#include "console.h"
#include "native.h"
#include "ops.h"

// The start of the Multiboot information structure [Multiboot 0.6.96 3.3 "Boot information format"].
struct multiboot_info {
  uint32_t flags;                 // bit 0: mem_* valid, bit 2: command_line valid
  uint32_t mem_lower, mem_upper;  // KiB from 0 and from 1 MiB
  uint32_t boot_device, command_line;
};

enum { kMultibootMagic = 0x2BADB002, kHasMemory = 1, kHasCommandLine = 4 };

// The loader may have put the command line anywhere, so it is copied before frames are handed out.
static struct command_line copy_command_line(const struct multiboot_info *info) {
  static char text[256];
  const char *from = info->flags & kHasCommandLine ? (const char *)(uint64_t)info->command_line : "";
  for (unsigned i = 0; i < sizeof text - 1 && from[i]; i++) text[i] = from[i];
  return (struct command_line){text};
}

static void read_native_options(struct command_line line) {
  native_options.serial = option_is(line, "console", "serial") || option_is(line, "console", "both");
  native_options.debug_console = !option_is(line, "console", "serial");
  native_options.sysret = option_is(line, "return", "sysret");
}

void start_native(uint32_t magic, const struct multiboot_info *info) {
  extern uint8_t kernel_end[];
  if (magic != kMultibootMagic) panic("not started by a Multiboot loader: %lx", (uint64_t)magic);
  const struct command_line line = copy_command_line(info);
  read_native_options(line);
  const struct boot_facts facts = {
      .command_line = line.text,
      .free_start = (phys_t)kernel_end,
      .free_end = (1 << 20) + (info->flags & kHasMemory ? (phys_t)info->mem_upper << 10 : 3 << 20)};
  kernel_main(&facts);
}
