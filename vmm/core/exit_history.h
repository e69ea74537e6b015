// The last few exits of a run, kept cheaply (no allocation per exit) and turned into text only for a post-mortem report.
// Fed by the run loop after each exit was handled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vmm/core/exit.h"

namespace ringside::vmm {

struct ExitSummary {
  ExitInfo info;
  std::string text;  // to_text of its cause
};

class ExitHistory {
 public:
  explicit ExitHistory(size_t capacity) : kept_(capacity) {}
  void push(const Exit& exit);
  // Oldest first.
  std::vector<ExitSummary> summaries() const;

 private:
  // A port exit's data lives in the vCPU and changes with the next exit: its first value is copied.
  struct Kept {
    Exit exit;
    std::array<uint8_t, 4> data{};
  };
  std::vector<Kept> kept_;
  uint64_t pushed_ = 0;
};

}  // namespace ringside::vmm
