// The state translated code works on instead of the processor's own: the virtual flags, control registers and selectors
// of the guest's kernel, and the slots its in-line sequences put registers aside in. It lies at ring_layout::kState,
// RIP-relative to the translation cache, writable for the translated code and therefore for the guest: the monitor
// checks what it reads back. Written and read by BtEngine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringside::vmm::bt {

struct StatePage {
  std::array<uint64_t, 16> spill;  // slot r holds general register r while a sequence uses it for itself
  uint64_t target;                 // guest rip an indirect branch goes to
  uint64_t scratch;
  uint32_t site;               // the indirect branch on its way to the hash table: Site::id
  uint32_t interrupt_pending;  // not 0: the monitor wants to be asked when the interrupt flag becomes set
  uint32_t interrupt_flag;     // RFLAGS.IF of the virtual processor, at its place (0 or 0x200)
  uint32_t other_flags;        // AC and IOPL, at their places
  uint64_t cr0, cr2, cr3, cr4, cr8;
  std::array<uint64_t, 6> selector;  // by hw::SegmentName, zero-extended
  uint64_t ldtr, tr;                 // selectors
  uint64_t popf_rules;               // linear address of the table POPF looks in: see PopfRules
  uint64_t kernel_gs_base;
};

static_assert(sizeof(StatePage) <= 4096);

// What POPF may do in line, by bits 15:8 of the flags it pops; three tables, one of them in force: see
// StatePage::popf_rules.
struct PopfRule {
  uint32_t refuse;          // not 0: call out (a bit only the monitor can set, or an interrupt waits for this IF)
  uint32_t interrupt_flag;  // the new StatePage::interrupt_flag
};
using PopfRules = std::array<PopfRule, 256>;
enum class PopfTable : uint8_t { kUsual, kInterruptWaits, kAlwaysRefuse };
constexpr unsigned kPopfTables = 3;

// What lies before the translations in the cache, where the guest can read and not write: offsets from its start.
namespace cache_layout {
constexpr uint32_t kHash = 0,
                   kHashEntries = 1 << 16;  // by the low 16 bits of the guest rip: linear address of an indirect entry
constexpr uint32_t kPopf = kHash + kHashEntries * 8;  // PopfRules[kPopfTables]
constexpr uint32_t kPopfHigh =
    kPopf + kPopfTables * sizeof(PopfRules);  // a byte per bits 23:16 of the flags POPF pops: not 0 means refuse
constexpr uint32_t kStubs = kPopfHigh + 256;  // code all translations share
constexpr uint32_t kTranslations = (kStubs + 1023) / 1024 * 1024;
}  // namespace cache_layout

}  // namespace ringside::vmm::bt
