// Notes of an ELF64 file: small named values for whoever loads it [System V ABI, "Note Section"].
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ringside::vmm {

// The first note of `owner` with `type`, as a little-endian number of its 4 or 8 bytes; nothing where there is none of that size.
std::optional<uint64_t> elf_note(std::span<const uint8_t> image, std::string_view owner, uint32_t type);

}  // namespace ringside::vmm
