// SHA-256 [FIPS 180-4], to name guest images in a trace by what they contain. Not for secrets. Called by the runner.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ringside::sim {

// The digest as 64 hexadecimal digits.
std::string sha256(std::span<const uint8_t> data);

}  // namespace ringside::sim
