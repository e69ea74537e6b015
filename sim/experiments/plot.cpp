#include "sim/experiments/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace ringside::sim {
namespace {

constexpr double kWidth = 720, kHeight = 420, kLeft = 110, kRight = 20, kTop = 40, kBottom = 50;
constexpr const char* kColours[] = {"#1f6feb", "#d1495b", "#2a9d5c", "#8250df"};
constexpr unsigned kTicks = 5;

double real(const ExperimentResult::Value& value) {
  if (const auto* number = std::get_if<uint64_t>(&value)) return static_cast<double>(*number);
  const auto* value_real = std::get_if<double>(&value);
  return value_real ? *value_real : 0;
}

std::vector<double> column(const ExperimentResult& result, const std::string& name) {
  const auto it = std::find(result.columns.begin(), result.columns.end(), name);
  assert(it != result.columns.end());
  const auto at = static_cast<size_t>(it - result.columns.begin());
  std::vector<double> values;
  for (const auto& row : result.rows) values.push_back(real(row[at]));
  return values;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

// Values to picture coordinates, both axes from zero.
struct Scale {
  double most_x, most_y;
  double x(double value) const { return kLeft + value / most_x * (kWidth - kLeft - kRight); }
  double y(double value) const { return kHeight - kBottom - value / most_y * (kHeight - kTop - kBottom); }
};

std::string label(double x, double y, const char* anchor, const std::string& text, const char* colour = "#333") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x, y, anchor, colour, escaped(text));
}
std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1, x2, y2, style);
}

std::string axes(const Scale& scale, const std::string& x_name) {
  std::string out = line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "stroke=\"#333\"") +
                    line(kLeft, kTop, kLeft, kHeight - kBottom, "stroke=\"#333\"");
  for (unsigned i = 0; i <= kTicks; ++i) {
    const double x = scale.most_x * i / kTicks, y = scale.most_y * i / kTicks;
    out += label(scale.x(x), kHeight - kBottom + 18, "middle", fmt::format("{:.0f}", x));
    out += label(kLeft - 8, scale.y(y) + 4, "end", fmt::format("{:.4g}", y));
    if (i) out += line(kLeft, scale.y(y), kWidth - kRight, scale.y(y), "stroke=\"#ddd\"");
  }
  return out + label((kLeft + kWidth) / 2, kHeight - 10, "middle", x_name);
}

}  // namespace

std::string to_svg(const ExperimentResult& result, const Plot& plot, const std::string& title) {
  const std::vector<double> xs = column(result, plot.x);
  Scale scale{*std::max_element(xs.begin(), xs.end()), 0};
  for (const std::string& name : plot.lines) {
    const auto ys = column(result, name);
    scale.most_y = std::max(scale.most_y, *std::max_element(ys.begin(), ys.end()));
  }
  scale.most_x = std::max(scale.most_x, 1.0);
  scale.most_y = std::max(scale.most_y, 1.0);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      kWidth, kHeight);
  out += label(kLeft, 20, "start", title) + axes(scale, plot.x);
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    const auto ys = column(result, plot.lines[i]);
    std::string points;
    for (size_t k = 0; k < ys.size(); ++k) points += fmt::format("{:.1f},{:.1f} ", scale.x(xs[k]), scale.y(ys[k]));
    out += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points, colour);
    out += label(kLeft + 12, kTop + 16 + 16 * static_cast<double>(i), "start", plot.lines[i], colour);
  }
  if (!plot.mark.empty()) {
    const double at = column(result, plot.mark).front();
    out += line(scale.x(at), kTop, scale.x(at), kHeight - kBottom, "stroke=\"#333\" stroke-dasharray=\"4 4\"");
    out += label(scale.x(at) + 4, kHeight - kBottom - 8, "start", fmt::format("{} {:.0f}", plot.mark, at));
  }
  return out + "</svg>\n";
}

bool has_picture(const Experiment& experiment) { return experiment.draw || !experiment.plot.x.empty(); }

std::string picture_of(const Experiment& experiment, const ExperimentResult& result) {
  return experiment.draw ? experiment.draw(result) : to_svg(result, experiment.plot, std::string(experiment.name));
}

}  // namespace ringside::sim
