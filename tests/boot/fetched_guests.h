// The guest images that `./dev guests` fetched, and runs of them.
#pragma once

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "sim/runner.h"
#include "tests/catch.h"

namespace ringside::testing {

inline std::string fetched(const std::string& name) { return std::string(RINGSIDE_FETCHED_GUESTS "/") + name; }

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// False, with the reason printed, where the images are not there.
inline bool guests_fetched() {
  if (std::filesystem::exists(fetched("vmlinuz")) && std::filesystem::exists(fetched("initramfs.cpio"))) return true;
  std::cout << "SKIPPED: no guest images in " RINGSIDE_FETCHED_GUESTS "; './dev guests' fetches them\n";
  return false;
}

inline sim::Run debian_run() {
  sim::Run run;
  run.guest.kernel = fetched("vmlinuz");
  run.guest.initrd = fetched("initramfs.cpio");
  run.guest.command_line = contents(fetched("cmdline"));
  while (!run.guest.command_line.empty() && run.guest.command_line.back() == '\n') run.guest.command_line.pop_back();
  run.bounds.timeout = std::chrono::minutes(5);
  return run;
}

// The lines of the console that the kernel did not stamp with its time.
inline std::string without_kernel_lines(const std::string& console) {
  std::stringstream in(console);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.starts_with("[")) out += line + "\n";
  }
  return out;
}

}  // namespace ringside::testing
