// TextSink: buffered text to a file, standard output or a string. Errors are kept and told once at the end, so that exporters
// need not check each line.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "traces/base/result.h"

namespace ringside::traces {

class TextSink {
 public:
  // Creates or replaces `path`; "-" is standard output.
  static Result<TextSink> to_file(const std::string& path);
  // Appends to `text`, which must outlive the sink.
  static TextSink to_string(std::string& text);
  ~TextSink();
  TextSink(TextSink&& other) noexcept;
  TextSink& operator=(TextSink&&) = delete;

  void put(std::string_view text) {
    buffer_.append(text);
    if (buffer_.size() >= kFlushSize) flush();
  }
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
    if (buffer_.size() >= kFlushSize) flush();
  }
  // Writes what is buffered; Error kOutput if anything could not be written. To be called last.
  Result<void> finish();
  bool failed() const { return error_ != 0; }

 private:
  static constexpr size_t kFlushSize = 64 * 1024;
  TextSink(std::string path, int descriptor, std::string* target);
  void flush();

  std::string path_;
  int descriptor_;
  std::string* target_;
  std::string buffer_;
  int error_ = 0;  // errno of the first failed write
};

}  // namespace ringside::traces
