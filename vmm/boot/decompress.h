// Decompression of kernel payloads on the host, by their magic number: gzip, xz, lzma, lz4 (legacy format), zstd, bzip2.
// The payload is hostile input: output is bounded by the caller. Called by the Linux loader.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "traces/base/result.h"

namespace ringside::vmm {

enum class Compression : uint8_t { kNone, kGzip, kXz, kLzma, kLz4, kZstd, kBzip2, kLzo };

// What the first bytes say; kNone for an ELF file or anything unknown.
Compression compression_of(std::span<const uint8_t> payload);
std::string_view name_of(Compression compression);

// At most `limit` bytes of output, or an error. Trailing bytes after the stream are ignored (kernels append the size).
Result<std::vector<uint8_t>> decompress(std::span<const uint8_t> payload, uint64_t limit);

}  // namespace ringside::vmm
