// A line on the terminal that says how far a long task is. Shown only when standard error is a terminal, only after two seconds,
// and wiped at the end; elsewhere it does nothing at all.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace ringside::cli {

class Progress {
 public:
  // `text` is asked for five times a second on a thread of its own: it may read only atomics. Without one, `task` and the time
  // passed are shown.
  explicit Progress(std::string task, std::function<std::string()> text = {});
  ~Progress();
  Progress(const Progress&) = delete;

 private:
  void show_until_done();
  std::string task_;
  std::function<std::string()> text_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace ringside::cli
