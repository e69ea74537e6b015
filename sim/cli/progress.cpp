#include "sim/cli/progress.h"

#include <unistd.h>

#include <cstdio>

namespace ringside::cli {

using namespace std::chrono_literals;

Progress::Progress(Show show) : start_(std::chrono::steady_clock::now()), next_(start_ + 2s) {
  enabled_ = show == Show::kOnTerminal && isatty(STDERR_FILENO);
}

Progress::~Progress() { finish(); }

void Progress::update(const std::function<std::string()>& text) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + 200ms;
  const std::string line = text();
  const std::string padding(width_ > line.size() ? width_ - line.size() : 0, ' ');
  std::fprintf(stderr, "\r%s%s", line.c_str(), padding.c_str());
  std::fflush(stderr);
  width_ = line.size();
}

void Progress::finish() {
  if (width_) std::fprintf(stderr, "\r%*s\r", static_cast<int>(width_), "");
  width_ = 0;
}

}  // namespace ringside::cli
