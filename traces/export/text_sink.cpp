#include "traces/export/text_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "traces/base/text.h"

namespace ringside::traces {

Result<TextSink> TextSink::to_file(const std::string& path) {
  if (path == "-") return TextSink("standard output", dup(STDOUT_FILENO), nullptr);
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return fail(ExitCode::kOutput, text::tr("traces.export.create", path, std::strerror(errno)));
  return TextSink(path, descriptor, nullptr);
}

TextSink TextSink::to_string(std::string& text) { return TextSink("", -1, &text); }

TextSink::TextSink(std::string path, int descriptor, std::string* target)
    : path_(std::move(path)), descriptor_(descriptor), target_(target) {}

TextSink::TextSink(TextSink&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), target_(std::exchange(other.target_, nullptr)),
      buffer_(std::exchange(other.buffer_, {})), error_(other.error_) {}

TextSink::~TextSink() {
  flush();
  if (descriptor_ >= 0) close(descriptor_);
}

void TextSink::flush() {
  if (target_) target_->append(buffer_);
  size_t done = 0;
  while (!target_ && descriptor_ >= 0 && !error_ && done < buffer_.size()) {
    const ssize_t written = write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written >= 0) done += static_cast<size_t>(written);
    else if (errno != EINTR) error_ = errno;
  }
  buffer_.clear();
}

Result<void> TextSink::finish() {
  flush();
  if (descriptor_ >= 0 && close(std::exchange(descriptor_, -1)) != 0 && !error_) error_ = errno;
  if (error_) return fail(ExitCode::kOutput, text::tr("traces.export.failed", path_, std::strerror(error_)));
  return success();
}

}  // namespace ringside::traces
