// One function per format, each a thin loop around the format's library.
#include "vmm/boot/decompress.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "traces/base/text.h"
#include "vmm/boot/byte_view.h"

namespace ringside::vmm {

namespace {

using Bytes = std::vector<uint8_t>;
using Input = std::span<const uint8_t>;

// Output grown in steps and never beyond the limit. `next()` gives room to write into; nothing once the limit is reached.
class Output {
 public:
  explicit Output(uint64_t limit) : limit_(limit) {}
  std::span<uint8_t> next() {
    const uint64_t step = std::min<uint64_t>(kStep, limit_ - used_);
    bytes_.resize(used_ + step);
    return std::span(bytes_).subspan(used_, step);
  }
  void used(size_t count) { used_ += count; }
  Bytes take() {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  static constexpr uint64_t kStep = 4 << 20;
  uint64_t limit_, used_ = 0;
  Bytes bytes_;
};

bool starts_with(Input input, std::initializer_list<uint8_t> magic) {
  return input.size() >= magic.size() && std::equal(magic.begin(), magic.end(), input.begin());
}

// Each returns nothing for a broken stream or one that does not fit the limit.
std::optional<Bytes> inflate_gzip(Input input, uint64_t limit) {
  z_stream z{};
  constexpr int kGzipHeader = 16;
  if (inflateInit2(&z, MAX_WBITS + kGzipHeader) != Z_OK) return std::nullopt;
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&z, inflateEnd);
  z.next_in = const_cast<uint8_t*>(input.data());
  z.avail_in = static_cast<uInt>(std::min<size_t>(input.size(), ~0u));
  Output out(limit);
  for (;;) {
    const auto room = out.next();
    if (room.empty()) return std::nullopt;
    z.next_out = room.data();
    z.avail_out = static_cast<uInt>(room.size());
    const int status = inflate(&z, Z_NO_FLUSH);
    out.used(room.size() - z.avail_out);
    if (status == Z_STREAM_END) return out.take();
    if (status != Z_OK || (z.avail_in == 0 && z.avail_out != 0)) return std::nullopt;
  }
}

std::optional<Bytes> decode_lzma(Input input, uint64_t limit, Compression kind) {
  constexpr uint64_t kMemory = 256 << 20;  // a dictionary larger than any kernel's
  lzma_stream z = LZMA_STREAM_INIT;
  const lzma_ret opened = kind == Compression::kXz ? lzma_stream_decoder(&z, kMemory, 0) : lzma_alone_decoder(&z, kMemory);
  if (opened != LZMA_OK) return std::nullopt;
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&z, lzma_end);
  z.next_in = input.data();
  z.avail_in = input.size();
  Output out(limit);
  for (;;) {
    const auto room = out.next();
    if (room.empty()) return std::nullopt;
    z.next_out = room.data();
    z.avail_out = room.size();
    const lzma_ret status = lzma_code(&z, LZMA_RUN);
    out.used(room.size() - z.avail_out);
    if (status == LZMA_STREAM_END) return out.take();
    if (status != LZMA_OK || (z.avail_in == 0 && z.avail_out != 0)) return std::nullopt;
  }
}

// The "legacy" frame: magic, then blocks of [size in 4 bytes][data], each of at most 8 MiB uncompressed
// [lz4 doc/lz4_Frame_format.md "Legacy frame"]. A kernel's payload ends with its size in 4 bytes, which is no block.
std::optional<Bytes> decode_lz4(Input input, uint64_t limit) {
  constexpr size_t kMagicBytes = 4, kSizeBytes = 4;
  constexpr int kBlock = 8 << 20;
  const ByteView view(input);
  Bytes result;
  Bytes block(kBlock);
  size_t at = kMagicBytes;
  while (input.size() - at > kSizeBytes) {
    const auto compressed = view.at<uint32_t>(at);
    at += kSizeBytes;
    if (compressed == 0 || compressed > input.size() - at || compressed > LZ4_COMPRESSBOUND(kBlock)) return std::nullopt;
    const int bytes = LZ4_decompress_safe(reinterpret_cast<const char*>(input.data() + at), reinterpret_cast<char*>(block.data()),
                                          static_cast<int>(compressed), kBlock);
    if (bytes < 0 || static_cast<uint64_t>(bytes) > limit - result.size()) return std::nullopt;
    result.insert(result.end(), block.begin(), block.begin() + bytes);
    at += compressed;
  }
  return result;
}

std::optional<Bytes> decode_zstd(Input input, uint64_t limit) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> z(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!z) return std::nullopt;
  ZSTD_DCtx_setParameter(z.get(), ZSTD_d_windowLogMax, 27);  // kernels are packed with windows of up to 128 MiB
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  Output out(limit);
  for (;;) {
    const auto room = out.next();
    if (room.empty()) return std::nullopt;
    ZSTD_outBuffer chunk{room.data(), room.size(), 0};
    const size_t status = ZSTD_decompressStream(z.get(), &chunk, &in);
    out.used(chunk.pos);
    if (status == 0) return out.take();
    if (ZSTD_isError(status) || (in.pos == in.size && chunk.pos < room.size())) return std::nullopt;
  }
}

std::optional<Bytes> decode_bzip2(Input input, uint64_t limit) {
  bz_stream z{};
  if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK) return std::nullopt;
  const std::unique_ptr<bz_stream, int (*)(bz_stream*)> guard(&z, BZ2_bzDecompressEnd);
  z.next_in = const_cast<char*>(reinterpret_cast<const char*>(input.data()));
  z.avail_in = static_cast<unsigned>(std::min<size_t>(input.size(), ~0u));
  Output out(limit);
  for (;;) {
    const auto room = out.next();
    if (room.empty()) return std::nullopt;
    z.next_out = reinterpret_cast<char*>(room.data());
    z.avail_out = static_cast<unsigned>(room.size());
    const int status = BZ2_bzDecompress(&z);
    out.used(room.size() - z.avail_out);
    if (status == BZ_STREAM_END) return out.take();
    if (status != BZ_OK || (z.avail_in == 0 && z.avail_out != 0)) return std::nullopt;
  }
}

}  // namespace

Compression compression_of(Input p) {
  // [Linux lib/decompress.c lists the same magics].
  if (starts_with(p, {0x1f, 0x8b, 0x08})) return Compression::kGzip;
  if (starts_with(p, {0xfd, '7', 'z', 'X', 'Z', 0})) return Compression::kXz;
  if (starts_with(p, {0x5d, 0, 0})) return Compression::kLzma;
  if (starts_with(p, {0x02, 0x21, 0x4c, 0x18})) return Compression::kLz4;
  if (starts_with(p, {0x28, 0xb5, 0x2f, 0xfd})) return Compression::kZstd;
  if (starts_with(p, {'B', 'Z', 'h'})) return Compression::kBzip2;
  if (starts_with(p, {0x89, 'L', 'Z', 'O'})) return Compression::kLzo;
  return Compression::kNone;
}

std::string_view name_of(Compression compression) {
  switch (compression) {
    case Compression::kNone: return "uncompressed";
    case Compression::kGzip: return "gzip";
    case Compression::kXz: return "xz";
    case Compression::kLzma: return "lzma";
    case Compression::kLz4: return "lz4";
    case Compression::kZstd: return "zstd";
    case Compression::kBzip2: return "bzip2";
    case Compression::kLzo: return "lzo";
  }
  return "";
}

Result<Bytes> decompress(Input payload, uint64_t limit) {
  const Compression kind = compression_of(payload);
  std::optional<Bytes> result;
  switch (kind) {
    case Compression::kNone:
      if (payload.size() <= limit) result.emplace(payload.begin(), payload.end());
      break;
    case Compression::kGzip: result = inflate_gzip(payload, limit); break;
    case Compression::kXz:
    case Compression::kLzma: result = decode_lzma(payload, limit, kind); break;
    case Compression::kLz4: result = decode_lz4(payload, limit); break;
    case Compression::kZstd: result = decode_zstd(payload, limit); break;
    case Compression::kBzip2: result = decode_bzip2(payload, limit); break;
    case Compression::kLzo: return fail(ExitCode::kInput, text::tr("vmm.linux.lzo"));
  }
  if (!result) return fail(ExitCode::kInput, text::tr("vmm.linux.bad-payload", name_of(kind), payload.size(), limit >> 20));
  return std::move(*result);
}

}  // namespace ringside::vmm
