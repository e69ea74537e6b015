// What CPUID announces: exactly the features that are implemented, as a table that execution, documentation and tests read.
// The processor says it is Intel's, because guests use leaves 15H/16H and SYSENTER only then; family 6 with a model number Intel never
// used, so that no guest applies errata, microcode or performance-counter code of a real part.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringside::hw {

class Cpu;

struct CpuidResult {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};
CpuidResult cpuid(const Cpu& cpu, uint32_t leaf, uint32_t subleaf);

enum class CpuidRegister : uint8_t { kEax, kEbx, kEcx, kEdx };

// One announced feature bit.
struct Feature {
  std::string_view name;   // as Linux prints it in /proc/cpuinfo
  uint32_t leaf;
  CpuidRegister where;
  uint8_t bit;
  std::string_view meaning;
  uint32_t subleaf = 0;
};
std::span<const Feature> announced_features();
bool announces(std::string_view name);

constexpr uint32_t kMaxBasicLeaf = 0x16, kMaxExtendedLeaf = 0x80000008;
constexpr uint32_t kCpuSignature = 0x000206b1;   // family 6, model 2BH, stepping 1

}  // namespace ringside::hw
