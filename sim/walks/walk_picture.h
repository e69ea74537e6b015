// A picture in Graphviz's language laid out and drawn as SVG, by Graphviz's own library. Called by `ringside walk --svg`.
#pragma once

#include <string>

#include "traces/base/result.h"

namespace ringside::sim {

// Error kHost: the library has no layout or no renderer (its plug-ins are not installed).
Result<std::string> to_svg(const std::string& dot);

}  // namespace ringside::sim
