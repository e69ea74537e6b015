// Texts in a trace come from guests and files: before one is shown, what is no printable UTF-8 (control characters, escape
// sequences, broken bytes) becomes \xNN. Called by every report and exporter.
#pragma once

#include <string>
#include <string_view>

namespace ringside::traces {

std::string printable(std::string_view text);

}  // namespace ringside::traces
