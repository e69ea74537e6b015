// The nearest of some names to a mistyped one, for "did you mean". Called where a name from the user is looked up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside::sim {

// The candidate with the fewest insertions, deletions, replacements and swaps of neighbours; "" if none is near enough
// (more than a third of the letters wrong).
std::string nearest(std::string_view wrong, const std::vector<std::string>& candidates);

// ", did you mean 'x'?" ready to be put into a sentence, or "".
std::string suggestion(std::string_view wrong, const std::vector<std::string>& candidates);

}  // namespace ringside::sim
