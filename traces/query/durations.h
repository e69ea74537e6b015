// How times are printed: ticks of a trace's clock as microseconds, with two digits after the point as perf does.
#pragma once

#include <cstdint>

#include "traces/schema/event_kinds.h"

namespace ringside::traces {

inline double microseconds(double ticks, const Clock& clock) { return ticks * 1e6 / static_cast<double>(clock.ticks_per_second); }
inline double microseconds(uint64_t ticks, const Clock& clock) { return microseconds(static_cast<double>(ticks), clock); }
inline double percent(uint64_t part, uint64_t whole) { return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0; }

}  // namespace ringside::traces
