// Stacked bars as an SVG file: which steps a thing consists of, and how long each is.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <map>

#include "sim/experiments/plot.h"

namespace ringside::sim {
namespace {

constexpr double kWidth = 1000, kLeft = 300, kRight = 90, kTop = 40, kBar = 18, kGap = 8, kLegend = 20;
constexpr const char* kColours[] = {"#1f6feb", "#d1495b", "#2a9d5c", "#8250df", "#b7791f", "#0b7285", "#6c757d", "#c2255c", "#5c940d"};

double real(const ExperimentResult::Value& value) {
  if (const auto* number = std::get_if<uint64_t>(&value)) return static_cast<double>(*number);
  const auto* value_real = std::get_if<double>(&value);
  return value_real ? *value_real : 0;
}

struct Bar {
  std::string name;
  std::vector<std::pair<std::string, double>> pieces;
  double total = 0;
};

std::vector<Bar> bars_of(const ExperimentResult& result, size_t part, size_t value) {
  std::vector<Bar> bars;
  for (const auto& row : result.rows) {
    std::string name;
    for (size_t i = 0; i < part; ++i) name += (i ? " " : "") + to_text(row[i]);
    if (bars.empty() || bars.back().name != name) bars.push_back({name, {}, 0});
    bars.back().pieces.emplace_back(to_text(row[part]), real(row[value]));
    bars.back().total += real(row[value]);
  }
  return bars;
}

size_t column_index(const ExperimentResult& result, const std::string& name) {
  const auto at = std::find(result.columns.begin(), result.columns.end(), name);
  assert(at != result.columns.end());
  return static_cast<size_t>(at - result.columns.begin());
}

}  // namespace

std::string bars_svg(const ExperimentResult& result, const std::string& part, const std::string& value, const std::string& title) {
  const std::vector<Bar> bars = bars_of(result, column_index(result, part), column_index(result, value));
  double most = 1;
  std::map<std::string, const char*> colour;
  std::vector<std::string> order;
  for (const Bar& bar : bars) {
    most = std::max(most, bar.total);
    for (const auto& [name, width] : bar.pieces) {
      if (!colour.emplace(name, kColours[order.size() % std::size(kColours)]).second) continue;
      order.push_back(name);
    }
  }
  const double height = kTop + static_cast<double>(bars.size()) * (kBar + kGap) + static_cast<double>(order.size() / 4 + 1) * kLegend + 10;
  std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
                                "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"10\" y=\"22\" font-size=\"16\">{2}</text>\n", kWidth, height, title);
  double y = kTop;
  for (const Bar& bar : bars) {
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLeft - 8, y + kBar - 5, bar.name);
    double x = kLeft;
    for (const auto& [name, width] : bar.pieces) {
      const double w = width / most * (kWidth - kLeft - kRight);
      out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"><title>{}: {:.0f}</title></rect>\n", x, y, w, kBar, colour[name], name, width);
      x += w;
    }
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\">{:.0f}</text>\n", x + 5, y + kBar - 5, bar.total);
    y += kBar + kGap;
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const double x = 20 + static_cast<double>(i % 4) * 240, line = y + 14 + static_cast<double>(i / 4) * kLegend;
    out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n", x, line - 10, colour[order[i]], x + 18, line, order[i]);
  }
  return out + "</svg>\n";
}

}  // namespace ringside::sim
