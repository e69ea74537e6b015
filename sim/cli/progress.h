// A line on the terminal that says how far a long task is. Shown only on a terminal, only after two seconds, and wiped at the
// end; elsewhere it does nothing. Called from the task's own thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace ringside::cli {

class Progress {
 public:
  enum class Show { kOnTerminal, kNever };
  explicit Progress(Show show);
  ~Progress();
  Progress(const Progress&) = delete;

  // `text` is asked for at most five times a second.
  void update(const std::function<std::string()>& text);
  void finish();

 private:
  std::chrono::steady_clock::time_point start_, next_;
  bool enabled_ = false;
  size_t width_ = 0;  // of the line shown now
};

}  // namespace ringside::cli
