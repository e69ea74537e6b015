// Subject: one way to run a workload: machine, technique, paging, and the ISA where that matters. The list of all of them is the comparison's axis.
// Called by comparison/measure, `ringside compare` and the experiment `techniques`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "traces/base/result.h"

namespace ringside::sim {

struct Subject {
  std::string machine = "model", technique = "native", paging = "none", isa = "x86";
};

// "model/trap/shadow" or "model/trap/shadow/strict"; a paging left out is the technique's first.
Result<Subject> parse_subject(std::string_view text);
std::string to_text(const Subject& subject);

// Every combination the program knows, those of a machine together, native first.
std::vector<Subject> all_subjects();

}  // namespace ringside::sim
