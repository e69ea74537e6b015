// The real CPU: runs a batch of cases in a child process that has given up all it could do harm with, and brings the results back.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "tests/differential/native/test_case.h"

namespace ringside::differential {

class HostCpu {
 public:
  HostCpu() = default;
  HostCpu(const HostCpu&) = delete;
  ~HostCpu();

  // Maps the fixed addresses and tries an empty batch. A text: why the comparison is not possible on this host.
  std::optional<std::string> open();
  // Fills `real` of every case; `read_only` and `read_write` are the window's pages before each of them. At most kBatch cases.
  // False: the child died; `failed()` is the case it was at.
  bool run(std::span<Case> cases, const Page& read_only, const Page& read_write);
  uint32_t failed() const;

 private:
  struct Shared;
  Shared* shared_ = nullptr;
  uint8_t* code_ = nullptr;
};

}  // namespace ringside::differential
