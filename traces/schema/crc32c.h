// CRC-32C (Castagnoli), the checksum of trace files; uses the processor's instruction where it has one.
#pragma once

#include <cstdint>
#include <span>

namespace ringside::traces {

// Continues a checksum: crc32c(b, crc32c(a)) is that of a and b joined. Start with 0.
uint32_t crc32c(std::span<const uint8_t> data, uint32_t crc = 0);
// The same without the instruction, for hosts without it and for the test that both agree.
uint32_t crc32c_portable(std::span<const uint8_t> data, uint32_t crc = 0);

}  // namespace ringside::traces
