#include "traces/write/chunk_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "traces/base/text.h"
#include "traces/schema/crc32c.h"
#include "traces/schema/file_header.h"
#include "traces/write/encoder.h"

namespace ringside::traces {
namespace {

template <class T>
std::span<const uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

template <class T>
void append_bytes(std::vector<uint8_t>& out, const T& value) {
  const auto bytes = bytes_of(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// A viewer may have the old file mapped: give it a file of its own to keep, instead of cutting it under its feet.
void unlink_regular(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) unlink(path.c_str());
}

}  // namespace

Result<std::unique_ptr<ChunkFile>> ChunkFile::create(const std::string& path, const Clock& clock, int compression_level) {
  unlink_regular(path);
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return fail(ExitCode::kOutput, text::tr("traces.write.create", path, std::strerror(errno)));
  std::unique_ptr<ChunkFile> file(new ChunkFile(path, descriptor, compression_level));
  BOOST_OUTCOME_TRYV(file->write(encode_header(clock)));
  return file;
}

ChunkFile::ChunkFile(std::string path, int descriptor, int compression_level)
    : path_(std::move(path)), descriptor_(descriptor),
      compression_level_(std::clamp(compression_level, ZSTD_minCLevel(), ZSTD_maxCLevel())), compressor_(ZSTD_createCCtx()) {}

ChunkFile::~ChunkFile() {
  ZSTD_freeCCtx(compressor_);
  ::close(descriptor_);
}

// A short write is followed up once: on a full disk that gives the reason, and the file goes back to its last whole chunk.
Result<void> ChunkFile::write(std::span<const uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = written < 0 ? errno : EIO;
      // Best effort: where truncation fails too, the reader skips the torn end.
      if (ftruncate(descriptor_, static_cast<off_t>(size_)) == 0) lseek(descriptor_, static_cast<off_t>(size_), SEEK_SET);
      return fail(ExitCode::kOutput, text::tr("traces.write.failed", path_, std::strerror(reason), size_));
    }
    done += static_cast<size_t>(written);
  }
  size_ += bytes.size();
  return success();
}

Result<void> ChunkFile::append(const Encoder& encoder) {
  const auto records = encoder.records();
  const auto summary = encode(encoder.summary());
  const size_t payload_at = sizeof(ChunkHeader) + summary.size();
  frame_.resize(payload_at + ZSTD_compressBound(records.size()));
  const size_t stored = ZSTD_compressCCtx(compressor_, frame_.data() + payload_at, frame_.size() - payload_at, records.data(),
                                          records.size(), compression_level_);
  if (ZSTD_isError(stored)) return fail(ExitCode::kOutput, text::tr("traces.write.compress", path_, ZSTD_getErrorName(stored)));
  frame_.resize(payload_at + stored);

  ChunkHeader header;
  header.sequence = static_cast<uint32_t>(index_.size());
  header.stored_size = static_cast<uint32_t>(stored);
  header.raw_size = static_cast<uint32_t>(records.size());
  header.summary_size = static_cast<uint32_t>(summary.size());
  header.event_count = encoder.count();
  header.first_ordinal = event_count_;
  header.base_time = encoder.base_time();
  header.min_time = encoder.min_time();
  header.max_time = encoder.max_time();
  header.summary_crc = crc32c(summary);
  header.payload_crc = crc32c(std::span(frame_).subspan(payload_at));
  header.header_crc = crc32c(bytes_of(header).first(offsetof(ChunkHeader, header_crc)));
  std::memcpy(frame_.data(), &header, sizeof header);
  std::copy(summary.begin(), summary.end(), frame_.begin() + sizeof header);

  const IndexEntry entry{size_, event_count_, header.min_time, header.max_time, header.event_count, header.sequence, frame_.size()};
  BOOST_OUTCOME_TRYV(write(frame_));
  index_.push_back(entry);
  event_count_ += header.event_count;
  record_bytes_ += records.size();
  return success();
}

Result<void> ChunkFile::finish() {
  const IndexHeader header{kIndexMagic, static_cast<uint32_t>(index_.size()), event_count_};
  std::vector<uint8_t> bytes;
  append_bytes(bytes, header);
  for (const auto& entry : index_) append_bytes(bytes, entry);
  const Tail tail{size_, crc32c(bytes), kTailMagic};
  append_bytes(bytes, tail);
  return write(bytes);
}

}  // namespace ringside::traces
