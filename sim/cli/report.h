// A finished run, told: lines for people, one JSON object for programs. Called by `ringside run`.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

#include "sim/runner.h"

namespace ringside::cli {

void print_report(std::ostream& out, const sim::Run& run, const sim::RunReport& report);
nlohmann::ordered_json report_json(const sim::Run& run, const sim::RunReport& report);

}  // namespace ringside::cli
