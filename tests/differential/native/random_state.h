// Random register states, memory and operand addresses with many special values. Used by the generator.
#pragma once

#include "hwmodel/isa/decoded.h"
#include "tests/differential/native/test_case.h"

namespace ringside::differential {

class Random;

void random_state(Random& random, State& s);
void random_page(Random& random, Page& page);
// Makes memory operands point into the window (or on purpose beside it), keeps repeat counts and bit offsets small, and turns
// relative branches to the slot's second exit. Changes registers and bytes; false: this instance cannot be run.
bool prepare_operands(Random& random, unsigned slot, hw::Decoded& d, Case& c);

}  // namespace ringside::differential
