#include "sim/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

namespace ringside::cli {

using namespace std::chrono_literals;

Progress::Progress(std::string task, std::function<std::string()> text) : task_(std::move(task)), text_(std::move(text)) {
  if (!isatty(STDERR_FILENO)) return;
  // Signals are the main thread's: a new thread inherits the mask of its maker.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { show_until_done(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void Progress::show_until_done() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  if (ended_.wait_for(lock, 2s, [this] { return done_; })) return;
  size_t width = 0;
  do {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    const std::string line = fmt::format("{} {:.0f} s{}", task_, passed.count(), text_ ? "  " + text_() : "");
    std::fprintf(stderr, "\r%-*s", static_cast<int>(width), line.c_str());
    std::fflush(stderr);
    width = std::max(width, line.size());
  } while (!ended_.wait_for(lock, 200ms, [this] { return done_; }));
  std::fprintf(stderr, "\r%*s\r", static_cast<int>(width), "");
}

}  // namespace ringside::cli
