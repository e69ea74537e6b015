// Each compression format: unpacking what its library packed, limits, damage.
#include "vmm/boot/decompress.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <random>

#include "tests/catch.h"
#include "vmm/testing/images.h"

using namespace ringside;
using namespace ringside::vmm;
using ringside::vmm::testing::Bytes;

namespace {

// Half noise, half repetition; more than one block of every format's step.
Bytes sample() {
  std::mt19937 random(7);
  Bytes bytes(300'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 2000 < 1000 ? static_cast<uint8_t>(random()) : 0x42;
  return bytes;
}

Bytes pack(Compression kind, const Bytes& in) {
  Bytes out(in.size() * 2 + 10'000);
  size_t used = 0;
  switch (kind) {
    case Compression::kGzip: {
      z_stream z{};
      REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
      z.next_in = const_cast<uint8_t*>(in.data()), z.avail_in = static_cast<uInt>(in.size());
      z.next_out = out.data(), z.avail_out = static_cast<uInt>(out.size());
      REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
      used = z.total_out;
      deflateEnd(&z);
      break;
    }
    case Compression::kXz: {
      REQUIRE(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, in.data(), in.size(), out.data(), &used, out.size()) == LZMA_OK);
      break;
    }
    case Compression::kLzma: {
      lzma_options_lzma options;
      lzma_lzma_preset(&options, 6);
      lzma_stream z = LZMA_STREAM_INIT;
      REQUIRE(lzma_alone_encoder(&z, &options) == LZMA_OK);
      z.next_in = in.data(), z.avail_in = in.size(), z.next_out = out.data(), z.avail_out = out.size();
      REQUIRE(lzma_code(&z, LZMA_FINISH) == LZMA_STREAM_END);
      used = z.total_out;
      lzma_end(&z);
      break;
    }
    case Compression::kLz4: {
      const uint32_t magic = 0x184c2102;
      std::memcpy(out.data(), &magic, 4);
      const int n = LZ4_compress_default(reinterpret_cast<const char*>(in.data()), reinterpret_cast<char*>(out.data() + 8),
                                         static_cast<int>(in.size()), static_cast<int>(out.size() - 8));
      REQUIRE(n > 0);
      std::memcpy(out.data() + 4, &n, 4);
      used = 8 + static_cast<size_t>(n);
      break;
    }
    case Compression::kZstd: used = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3); break;
    case Compression::kBzip2: {
      unsigned n = static_cast<unsigned>(out.size());
      REQUIRE(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &n, const_cast<char*>(reinterpret_cast<const char*>(in.data())),
                                       static_cast<unsigned>(in.size()), 9, 0, 0) == BZ_OK);
      used = n;
      break;
    }
    case Compression::kNone:
    case Compression::kLzo: break;
  }
  out.resize(used);
  return out;
}

}  // namespace

TEST_CASE("every format gives back what was packed, with or without the size a kernel appends") {
  const auto kind = GENERATE(Compression::kGzip, Compression::kXz, Compression::kLzma, Compression::kLz4, Compression::kZstd, Compression::kBzip2);
  const Bytes original = sample();
  Bytes packed = pack(kind, original);
  REQUIRE(compression_of(packed) == kind);
  CAPTURE(name_of(kind));
  auto result = decompress(packed, 1 << 20);
  REQUIRE(result);
  CHECK(result.value() == original);
  packed.insert(packed.end(), {0xe0, 0x93, 0x04, 0x00});
  result = decompress(packed, 1 << 20);
  REQUIRE(result);
  CHECK(result.value() == original);

  SECTION("output beyond the limit is an error") { CHECK_FALSE(decompress(packed, original.size() - 1)); }
  SECTION("a truncated stream is an error") {
    packed.resize(packed.size() / 2);
    CHECK_FALSE(decompress(packed, 1 << 20));
  }
}

TEST_CASE("an LZO payload is named as what it is") {
  const auto result = decompress(Bytes{0x89, 'L', 'Z', 'O', 0, 0, 0}, 1000);
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("LZO") != std::string::npos);
}
