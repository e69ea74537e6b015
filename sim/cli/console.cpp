#include "sim/cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "traces/base/text.h"

namespace ringside::cli {

Result<void> Console::to_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (!file) return fail(ExitCode::kOutput, text::tr("cli.console.open", path, std::strerror(errno)));
  sinks_.push_back({file, std::unique_ptr<std::FILE, Close>(file), path});
  return success();
}

bool Console::put(uint8_t byte) {
  for (const Sink& sink : sinks_) {
    const bool flush = byte == '\n' || (!sink.owned && isatty(fileno(sink.stream)));
    check(sink, std::fputc(byte, sink.stream) != EOF && (!flush || std::fflush(sink.stream) == 0));
  }
  return failure_.empty();
}

Result<void> Console::finish() {
  for (const Sink& sink : sinks_) check(sink, std::fflush(sink.stream) == 0);
  if (!failure_.empty()) return fail(ExitCode::kOutput, failure_);
  return success();
}

bool Console::shows_on_terminal() const {
  return std::any_of(sinks_.begin(), sinks_.end(), [](const Sink& sink) { return isatty(fileno(sink.stream)); });
}

void Console::check(const Sink& sink, bool worked) {
  if (worked || !failure_.empty()) return;
  failure_ = text::tr("cli.console.write", sink.path.empty() ? text::tr("cli.console.stdout") : sink.path, std::strerror(errno));
}

}  // namespace ringside::cli
