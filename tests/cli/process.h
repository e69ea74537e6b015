// Runs a program as a user would and returns what it printed and how it ended. Called by the tests of the command line.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace ringside::tests {

struct Outcome {
  int code = -1;       // exit code, or 128 + the signal that ended it
  std::string out, err;
};

struct Setup {
  std::vector<std::string> environment{};          // "NAME=value", beside those of the test
  std::string standard_output{};                   // a file instead of the pipe ("/dev/full")
  unsigned long file_size_limit = 0;               // RLIMIT_FSIZE in bytes; 0: none
  int signal = 0;                                  // to be sent ...
  std::chrono::milliseconds after{0};              // ... so long after the start, or
  std::function<bool()> when{};                    // ... as soon as this holds
};

// Ends the test with a failure if the program does not end within a minute. The program's standard input is /dev/null.
Outcome run(const std::vector<std::string>& command, const Setup& setup = {});

// A folder for one test's files, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string path(const std::string& name) const { return root_ + "/" + name; }
  std::string write(const std::string& name, const std::string& bytes) const;  // returns the path

 private:
  std::string root_;
};

std::string read_file(const std::string& path);

}  // namespace ringside::tests
