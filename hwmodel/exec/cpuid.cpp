#include "hwmodel/exec/cpuid.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "hwmodel/machine/cpu.h"
#include "hwmodel/mmu/address_width.h"
#include "hwmodel/platform/frequencies.h"

namespace ringside::hw {
namespace {

constexpr auto kEax = CpuidRegister::kEax;
constexpr auto kEbx = CpuidRegister::kEbx;
constexpr auto kEcx = CpuidRegister::kEcx;
constexpr auto kEdx = CpuidRegister::kEdx;

constexpr uint32_t kMaxLeaf7Subleaf = 2;

constexpr Feature kFeatures[] = {
    {"fpu", 1, kEdx, 0, "x87"},
    {"vme", 1, kEdx, 1, "virtual interrupt flag in virtual-8086 mode"},
    {"de", 1, kEdx, 2, "I/O breakpoints, DR4 and DR5 gone"},
    {"pse", 1, kEdx, 3, "4 MiB pages"},
    {"tsc", 1, kEdx, 4, "RDTSC"},
    {"msr", 1, kEdx, 5, "RDMSR, WRMSR"},
    {"pae", 1, kEdx, 6, "PAE paging"},
    {"mce", 1, kEdx, 7, "machine-check exception (none ever happens)"},
    {"cx8", 1, kEdx, 8, "CMPXCHG8B"},
    {"apic", 1, kEdx, 9, "local APIC"},
    {"sep", 1, kEdx, 11, "SYSENTER, SYSEXIT"},
    {"mtrr", 1, kEdx, 12, "memory type range registers (stored; caches are not modelled)"},
    {"pge", 1, kEdx, 13, "global pages"},
    {"mca", 1, kEdx, 14, "machine-check architecture with no banks"},
    {"cmov", 1, kEdx, 15, "CMOVcc, FCMOVcc"},
    {"pat", 1, kEdx, 16, "page attribute table (stored)"},
    {"pse36", 1, kEdx, 17, "4 MiB pages above 4 GiB"},
    {"clflush", 1, kEdx, 19, "CLFLUSH"},
    {"mmx", 1, kEdx, 23, "MMX"},
    {"fxsr", 1, kEdx, 24, "FXSAVE, FXRSTOR"},
    {"sse", 1, kEdx, 25, "SSE"},
    {"sse2", 1, kEdx, 26, "SSE2"},
    {"pni", 1, kEcx, 0, "SSE3"},
    {"ssse3", 1, kEcx, 9, "SSSE3"},
    {"cx16", 1, kEcx, 13, "CMPXCHG16B"},
    {"pcid", 1, kEcx, 17, "process-context identifiers"},
    {"sse4_1", 1, kEcx, 19, "SSE4.1"},
    {"sse4_2", 1, kEcx, 20, "SSE4.2"},
    {"x2apic", 1, kEcx, 21, "x2APIC mode"},
    {"movbe", 1, kEcx, 22, "MOVBE"},
    {"popcnt", 1, kEcx, 23, "POPCNT"},
    {"tsc_deadline_timer", 1, kEcx, 24, "local APIC timer by TSC deadline"},
    {"rdrand", 1, kEcx, 30, "RDRAND (a seeded generator: runs repeat)"},
    {"arat", 6, kEax, 2, "the APIC timer runs in HLT"},
    {"fsgsbase", 7, kEbx, 0, "RDFSBASE and relatives"},
    {"tsc_adjust", 7, kEbx, 1, "IA32_TSC_ADJUST"},
    {"smep", 7, kEbx, 7, "supervisor-mode execution prevention"},
    {"erms", 7, kEbx, 9, "fast REP MOVSB and STOSB"},
    {"invpcid", 7, kEbx, 10, "INVPCID"},
    {"rdseed", 7, kEbx, 18, "RDSEED (as RDRAND)"},
    {"smap", 7, kEbx, 20, "supervisor-mode access prevention"},
    {"umip", 7, kEcx, 2, "user-mode instruction prevention"},
    {"rdpid", 7, kEcx, 22, "RDPID"},
    {"fsrm", 7, kEdx, 4, "fast short REP MOVSB"},
    {"spec_ctrl", 7, kEdx, 26, "IBRS and IBPB (nothing is speculated: they do nothing)"},
    {"intel_stibp", 7, kEdx, 27, "STIBP (likewise)"},
    {"arch_capabilities", 7, kEdx, 29, "IA32_ARCH_CAPABILITIES"},
    {"ssbd", 7, kEdx, 31, "SSBD (likewise)"},
    // Without it Linux clears the branch history by a loop on every system call, whatever IA32_ARCH_CAPABILITIES.BHI_NO says.
    {"bhi_ctrl", 7, kEdx, 4, "BHI_DIS_S (likewise)", 2},
    {"lahf_lm", 0x80000001, kEcx, 0, "LAHF and SAHF in 64-bit mode"},
    {"3dnowprefetch", 0x80000001, kEcx, 8, "PREFETCHW"},
    {"syscall", 0x80000001, kEdx, 11, "SYSCALL, SYSRET"},
    {"nx", 0x80000001, kEdx, 20, "no-execute pages"},
    {"pdpe1gb", 0x80000001, kEdx, 26, "1 GiB pages"},
    {"rdtscp", 0x80000001, kEdx, 27, "RDTSCP"},
    {"lm", 0x80000001, kEdx, 29, "64-bit mode"},
    {"constant_tsc", 0x80000007, kEdx, 8, "invariant TSC"},
};

uint32_t& register_of(CpuidResult& r, CpuidRegister which) {
  switch (which) {
    case kEax: return r.eax;
    case kEbx: return r.ebx;
    case kEcx: return r.ecx;
    case kEdx: return r.edx;
  }
  return r.eax;
}

void add_features(CpuidResult& r, uint32_t leaf, uint32_t subleaf = 0) {
  for (const Feature& f : kFeatures) {
    if (f.leaf == leaf && f.subleaf == subleaf) register_of(r, f.where) |= 1u << f.bit;
  }
}

uint32_t four_bytes(const char* text) {
  uint32_t value;
  std::memcpy(&value, text, 4);
  return value;
}

CpuidResult vendor(uint32_t max_leaf) {
  constexpr const char* kVendor = "GenuineIntel";
  return {max_leaf, four_bytes(kVendor), four_bytes(kVendor + 8), four_bytes(kVendor + 4)};
}

// 48 bytes over three leaves.
CpuidResult brand(uint32_t part) {
  char text[48] = "Ringside modelled x86-64-v2 CPU @ 1.00GHz";
  const char* p = text + part * 16;
  return {four_bytes(p), four_bytes(p + 4), four_bytes(p + 8), four_bytes(p + 12)};
}

// Bits of the APIC ID that number the CPUs of the package; each is a core of its own.
unsigned core_bits(const Cpu& cpu) { return static_cast<unsigned>(std::bit_width(std::max(cpu.cpu_count, 1u) - 1)); }

CpuidResult version(const Cpu& cpu) {
  constexpr uint32_t kClflushUnits = 8;   // of 8 bytes
  CpuidResult r;
  add_features(r, 1);
  r.eax = kCpuSignature;
  r.ebx = kClflushUnits << 8 | (1u << core_bits(cpu) & 0xff) << 16 | (cpu.id & 0xff) << 24;
  if (cpu.cpu_count > 1) r.edx |= 1u << 28;   // HTT: more than one logical processor in the package
  return r;
}

// Deterministic cache parameters [SDM 2A "CPUID - Leaf 4"]. Caches are not modelled; guests size their buffers by these.
CpuidResult cache(const Cpu& cpu, uint32_t index) {
  struct Cache { uint32_t type, level, ways, sets; bool shared; };
  constexpr Cache kCaches[] = {{1, 1, 8, 64, false}, {2, 1, 8, 64, false}, {3, 2, 8, 512, false}, {3, 3, 16, 8192, true}};
  if (index >= std::size(kCaches)) return {};
  const Cache& c = kCaches[index];
  const uint32_t cores = 1u << core_bits(cpu);
  CpuidResult r;
  r.eax = c.type | c.level << 5 | 1u << 8 | (c.shared ? cores - 1 : 0) << 14 | (cores - 1) << 26;
  r.ebx = (64 - 1) | (c.ways - 1) << 22;
  r.ecx = c.sets - 1;
  return r;
}

// Extended topology [SDM 2A "CPUID - Leaf 0BH"]: one thread a core, the cores of one package.
CpuidResult topology(const Cpu& cpu, uint32_t level) {
  constexpr uint32_t kThread = 1, kCore = 2;
  CpuidResult r{.eax = 0, .ebx = 0, .ecx = level & 0xff, .edx = cpu.id};
  if (level == 0) r = {0, 1, kThread << 8, cpu.id};
  if (level == 1) r = {core_bits(cpu), cpu.cpu_count, 1 | kCore << 8, cpu.id};
  return r;
}

CpuidResult extended(uint32_t leaf) {
  CpuidResult r;
  switch (leaf) {
    case 0x80000000: return {kMaxExtendedLeaf, 0, 0, 0};
    case 0x80000002: case 0x80000003: case 0x80000004: return brand(leaf - 0x80000002);
    case 0x80000006: return {0, 0, 64 | 6u << 12 | 256u << 16, 0};   // L2: 64-byte lines, 8 ways, 256 KiB
    case 0x80000008: return {kPhysicalAddressBits | 48u << 8, 0, 0, 0};
    default: add_features(r, leaf); return r;
  }
}

}  // namespace

CpuidResult cpuid(const Cpu& cpu, uint32_t leaf, uint32_t subleaf) {
  if (leaf >= 0x80000000 && leaf <= kMaxExtendedLeaf) return extended(leaf);
  if (leaf > kMaxBasicLeaf) leaf = kMaxBasicLeaf;   // [SDM 2A 3.2 CPUID]: as the highest basic leaf
  constexpr uint32_t kMegahertz = 1'000'000;
  CpuidResult r;
  switch (leaf) {
    case 0: return vendor(kMaxBasicLeaf);
    case 1: return version(cpu);
    case 2: return {0x0000ff01, 0, 0, 0};   // descriptor FFH: see leaf 4
    case 4: return cache(cpu, subleaf);
    case 7:
      add_features(r, leaf, subleaf);
      if (subleaf == 0) r.eax = kMaxLeaf7Subleaf;
      return r;
    case 0xb: return topology(cpu, subleaf);
    case 0x15: return {kTscRatioDenominator, kTscRatioNumerator, kCrystalHz, 0};
    case 0x16: return {kTscHz / kMegahertz, kTscHz / kMegahertz, 100, 0};
    default: add_features(r, leaf); return r;
  }
}

std::span<const Feature> announced_features() { return kFeatures; }

bool announces(std::string_view name) {
  return std::any_of(std::begin(kFeatures), std::end(kFeatures), [&](const Feature& f) { return f.name == name; });
}

}  // namespace ringside::hw
