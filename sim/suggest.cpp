#include "sim/suggest.h"

#include <algorithm>

#include "traces/base/text.h"

namespace ringside::sim {
namespace {

// Optimal string alignment distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view wrong, const std::vector<std::string>& candidates) {
  constexpr size_t kLongestName = 64;  // longer is no typing mistake, and the distance is quadratic
  if (wrong.size() > kLongestName) return "";
  std::string best;
  size_t best_distance = ~size_t{0};
  for (const auto& candidate : candidates) {
    const size_t now = distance(wrong, candidate);
    if (now < best_distance) best_distance = now, best = candidate;
  }
  return best_distance * 3 <= std::max(wrong.size(), best.size()) ? best : "";
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& candidates) {
  const std::string best = nearest(wrong, candidates);
  return best.empty() ? "" : text::tr("sim.did_you_mean", best);
}

}  // namespace ringside::sim
