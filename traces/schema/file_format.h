// The bytes of a trace file (.rst): what stands where, and the bounds a reader holds every length against.
//
//   file    = header, chunk..., footer?          all numbers little-endian
//   header  = magic(8) version(4) json_size(4) json crc(4)       json: clock and schema; crc over all before it
//   chunk   = ChunkHeader(72) summary payload                    one write(2) each, so only the last can be torn
//   payload = zstd frame of event records (record.h)             decodes by itself: texts, times, predictions start anew
//   footer  = IndexHeader(16) IndexEntry(48)... tail(16)         only after an orderly close; else chunks are found by scanning
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringside::traces {

// As in PNG: the first byte catches 7-bit transport, the line ends catch text conversion.
inline constexpr std::array<uint8_t, 8> kFileMagic = {0x89, 'R', 'S', 'T', '\r', '\n', 0x1a, '\n'};
inline constexpr uint32_t kFileVersion = 2;        // 2: lists of references (reference_codec.h)
inline constexpr uint32_t kOldestFileVersion = 1;  // files from here on are read
inline constexpr uint32_t kChunkMagic = 0x4b484352;  // "RCHK"
inline constexpr uint32_t kIndexMagic = 0x58444952;  // "RIDX"
inline constexpr uint32_t kTailMagic = 0x444e4552;   // "REND"

inline constexpr size_t kFixedHeaderSize = 16;             // magic, version, json_size
inline constexpr uint32_t kMaxHeaderJson = 1u << 20;
inline constexpr uint32_t kMaxChunkRaw = 1u << 20;         // bytes of records in a chunk, uncompressed
inline constexpr uint32_t kMaxChunkStored = kMaxChunkRaw + (kMaxChunkRaw >> 8) + 1024;  // zstd's bound, rounded up
inline constexpr uint32_t kMaxSummary = 1u << 16;
inline constexpr size_t kMaxText = 16 * 1024;              // longer texts are cut by the writer
inline constexpr size_t kMaxFields = 32;                   // of one event
inline constexpr size_t kMaxEventKinds = 1024;

struct ChunkHeader {
  uint32_t magic = kChunkMagic;
  uint32_t sequence = 0;       // 0, 1, 2 ...: a gap tells how many chunks are gone
  uint32_t stored_size = 0;    // of the payload, in the file
  uint32_t raw_size = 0;       // of the payload, decompressed
  uint32_t summary_size = 0;
  uint32_t event_count = 0;
  uint64_t first_ordinal = 0;  // number of events in the chunks before
  uint64_t base_time = 0;      // what the first time difference is relative to
  uint64_t min_time = 0;
  uint64_t max_time = 0;
  uint32_t summary_crc = 0;    // CRC-32C of the summary
  uint32_t payload_crc = 0;    // of the stored payload
  uint32_t reserved = 0;
  uint32_t header_crc = 0;     // of all above
};
static_assert(sizeof(ChunkHeader) == 72 && std::is_trivially_copyable_v<ChunkHeader>);

struct IndexHeader {
  uint32_t magic = kIndexMagic;
  uint32_t chunk_count = 0;
  uint64_t event_count = 0;
};
static_assert(sizeof(IndexHeader) == 16);

// What a reader wants to know of a chunk before it touches it.
struct IndexEntry {
  uint64_t offset = 0;         // of its ChunkHeader in the file
  uint64_t first_ordinal = 0;
  uint64_t min_time = 0;
  uint64_t max_time = 0;
  uint32_t event_count = 0;
  uint32_t sequence = 0;
  uint64_t stored_size = 0;    // header, summary and payload
};
static_assert(sizeof(IndexEntry) == 48);

struct Tail {
  uint64_t index_offset = 0;
  uint32_t index_crc = 0;      // of IndexHeader and entries
  uint32_t magic = kTailMagic;
};
static_assert(sizeof(Tail) == 16);

}  // namespace ringside::traces
