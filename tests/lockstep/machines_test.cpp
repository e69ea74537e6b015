// The teaching kernel on the modelled PC and on the real CPU: the same output, and the same sequence of port exits.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/lockstep/teaching_run.h"

using namespace ringside;
using namespace ringside::testing;

namespace {

std::string expected_console() {
  std::ifstream file(RINGSIDE_SOURCE_DIR "/tests/guests/teaching/expected.txt");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the teaching kernel says the same on the model and on the real CPU, through the same ports in the same order") {
  const auto model = run_teaching("model", "native", "none");
  REQUIRE(model.has_value());
  CHECK(model.value().console == expected_console());
  REQUIRE(model.value().ports.size() > 100);

  const auto kvm = run_teaching("kvm", "native", "none");
  if (!kvm && kvm.error().code == ExitCode::kHost) {
    std::cout << "SKIPPED on kvm: " << kvm.error().message << "\n";
    return;
  }
  REQUIRE(kvm.has_value());
  CHECK(kvm.value().console == model.value().console);
  const bool same_ports = kvm.value().ports == model.value().ports;
  CHECK(same_ports);
}
