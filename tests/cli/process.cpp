#include "tests/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace ringside::tests {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBound = std::chrono::minutes(1);

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) throw std::runtime_error("no pipe");
    read = ends[0], write = ends[1];
  }
};

[[noreturn]] void become(const std::vector<std::string>& command, const Setup& setup, int out, int err) {
  const int in = open("/dev/null", O_RDONLY);
  if (!setup.standard_output.empty()) out = open(setup.standard_output.c_str(), O_WRONLY);
  dup2(in, 0), dup2(out, 1), dup2(err, 2);
  if (setup.file_size_limit) {
    const rlimit limit{setup.file_size_limit, setup.file_size_limit};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  for (const auto& entry : setup.environment) putenv(const_cast<char*>(entry.c_str()));
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

// Appends what is there; false at the end of the stream.
bool drain(int descriptor, std::string& text) {
  char buffer[65536];
  const ssize_t count = read(descriptor, buffer, sizeof buffer);
  if (count > 0) text.append(buffer, static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

Outcome run(const std::vector<std::string>& command, const Setup& setup) {
  Pipe out, err;
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no fork");
  if (child == 0) become(command, setup, out.write, err.write);
  close(out.write), close(err.write);

  Outcome outcome;
  const auto start = Clock::now();
  bool signalled = setup.signal == 0;
  pollfd streams[2] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    poll(streams, 2, 20);
    for (auto& stream : streams)
      if (stream.fd >= 0 && stream.revents && !drain(stream.fd, stream.fd == out.read ? outcome.out : outcome.err)) stream.fd = -1;
    const auto passed = Clock::now() - start;
    if (!signalled && (setup.when ? setup.when() : passed >= setup.after)) kill(child, setup.signal), signalled = true;
    if (passed > kBound) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      throw std::runtime_error("the program did not end within a minute: " + command.back());
    }
  }
  close(out.read), close(err.read);
  int status = 0;
  waitpid(child, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

TemporaryFolder::TemporaryFolder() {
  root_ = (std::filesystem::temp_directory_path() / "ringside-cli-XXXXXX").string();
  if (!mkdtemp(root_.data())) throw std::runtime_error("no temporary folder");
}
TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(root_); }

std::string TemporaryFolder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
  return path(name);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace ringside::tests
