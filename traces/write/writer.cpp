#include "traces/write/writer.h"

#include <algorithm>
#include <utility>

#include "traces/write/chunk_file.h"

namespace ringside::traces {

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path, const Clock& clock, const WriterOptions& options) {
  auto file = ChunkFile::create(path, clock, options.compression_level);
  if (!file) return std::move(file).error();
  return std::unique_ptr<Writer>(new Writer(std::move(file).value(), options));
}

Writer::Writer(std::unique_ptr<ChunkFile> file, const WriterOptions& options)
    : encoder_(std::clamp<size_t>(options.chunk_bytes, 1024, 512 * 1024)), file_(std::move(file)) {}

Writer::~Writer() { static_cast<void>(close()); }

uint64_t Writer::record_bytes() const { return file_->record_bytes(); }
uint64_t Writer::file_bytes() const { return file_->size(); }

void Writer::finish_chunk() {
  if (encoder_.empty()) return;
  auto written = file_->append(encoder_);
  last_time_ = encoder_.max_time();
  if (!written) {
    events_ -= encoder_.count();
    lost_events_ += encoder_.count();
    failed_ = true;
    recording_ = false;
    error_ = std::move(written).error();
  }
  encoder_.reset();
}

Result<void> Writer::flush() {
  if (recording_) finish_chunk();
  if (auto error = take_error()) return *std::move(error);
  return success();
}

// After a failure the disk may have room for a few bytes again: then the file says itself how much it lost.
Result<void> Writer::close() {
  if (closed_) return success();
  if (!failed_) finish_chunk();
  closed_ = true;
  recording_ = false;
  bool whole = true;
  if (failed_) {
    encoder_.put(LostEvents{.time = last_time_, .vcpu = 0, .count = lost_events_});
    whole = static_cast<bool>(file_->append(encoder_));
    encoder_.reset();
  }
  if (whole) {
    auto finished = file_->finish();
    if (!finished && !std::exchange(failed_, true)) error_ = std::move(finished).error();
  }
  if (auto error = take_error()) return *std::move(error);
  return success();
}

std::optional<Error> Writer::take_error() {
  auto error = std::move(error_);
  error_.reset();
  return error;
}

}  // namespace ringside::traces
