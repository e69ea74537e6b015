// Where the guest's console goes: standard output, standard error, a file, or nowhere. Flushed at line ends, and at every
// character on a terminal. A reader that went away or a full disk is noticed, so that the run can end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "traces/base/result.h"

namespace ringside::cli {

class Console {
 public:
  void to_stream(std::FILE* stream) { sinks_.push_back({stream, nullptr, ""}); }
  Result<void> to_file(const std::string& path);

  // False once a sink has failed.
  bool put(uint8_t byte);
  // Flushes; the first failure as an error.
  Result<void> finish();
  bool shows_on_terminal() const;

 private:
  struct Close { void operator()(std::FILE* file) const { std::fclose(file); } };
  struct Sink {
    std::FILE* stream;
    std::unique_ptr<std::FILE, Close> owned;
    std::string path;  // "" for a stream of the program
  };
  void check(const Sink& sink, bool worked);

  std::vector<Sink> sinks_;
  std::string failure_;
};

}  // namespace ringside::cli
