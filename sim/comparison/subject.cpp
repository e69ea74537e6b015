#include "sim/comparison/subject.h"

#include "traces/base/text.h"

namespace ringside::sim {
namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (size_t begin = 0;; ) {
    const size_t end = text.find(at, begin);
    parts.emplace_back(text.substr(begin, end == text.npos ? text.npos : end - begin));
    if (end == text.npos) return parts;
    begin = end + 1;
  }
}

}  // namespace

std::vector<Subject> all_subjects() {
  return {{"model", "native", "none"},
          {"model", "emulate", "none"},
          {"model", "trap", "shadow"},
          {"model", "trap", "shadow", "strict"},
          {"model", "bt", "shadow"},
          {"model", "hw", "shadow"},
          {"model", "hw", "nested"},
          {"model", "hw", "agile"},
          {"model", "pv", "direct"},
          {"kvm", "native", "none"},
          {"kvm", "emulate", "none"},
          {"kvm", "trap", "shadow"},
          {"kvm", "bt", "shadow"},
          {"kvm", "hw", "none"},
          {"kvm", "pv", "direct"}};
}

Result<Subject> parse_subject(std::string_view text) {
  const std::vector<std::string> parts = split(text, '/');
  for (const Subject& known : all_subjects()) {
    const bool same = parts.size() >= 2 && parts.size() <= 4 && parts[0] == known.machine && parts[1] == known.technique &&
                      (parts.size() < 3 || parts[2] == known.paging) && (parts.size() < 4 ? known.isa == "x86" : parts[3] == known.isa);
    if (same) return known;
  }
  std::string all;
  for (const Subject& known : all_subjects()) all += (all.empty() ? "" : ", ") + to_text(known);
  return fail(ExitCode::kUsage, text::tr("sim.compare.unknown_subject", text, all));
}

std::string to_text(const Subject& subject) {
  return subject.machine + "/" + subject.technique + "/" + subject.paging + (subject.isa == "x86" ? "" : "/" + subject.isa);
}

}  // namespace ringside::sim
