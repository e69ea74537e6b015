// Fuzz target: any bytes as the moves of a paravirtual guest; the first byte chooses slices and reference limits.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "vmm/techniques/pv/testing/hostile_guest.h"

using namespace ringside::vmm::pv::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  SmallGuest::Options options;
  if (data[0] & 1) options.slice = 37;
  if (data[0] & 2) options.most_references = 4;
  HostileGuest hostile(options);
  for (Bytes bytes(std::span(data + 1, size - 1)); !bytes.empty();) hostile.act(bytes);
  if (const auto problem = hostile.problem()) {
    std::fprintf(stderr, "%s\n", problem->c_str());
    std::abort();
  }
  return 0;
}
