// Type 1 and type 2 monitors, as a parameter of every technique: what is on the path of one exit.
//
//   type 1   guest ── exit ──> monitor ── entry ──> guest
//   type 2   guest ── exit ──> monitor in the host's kernel ── entry ──> guest
//                                └─ device of the user process ──> its part of the monitor ──> back     (Primitive::kHostSwitch)
#pragma once

#include <cstdint>

namespace ringside::vmm {

// Where the monitor lives. What it does about an exit is the same; a device outside the controllers belongs to a user process of a type 2
// monitor's host, and the access goes there and back (Primitive::kHostSwitch).
enum class HostKind : uint8_t { kType1, kType2 };

}  // namespace ringside::vmm
