// unicorn_diff - random instructions on the modelled CPU and on Unicorn, in the modes and at the privilege the host's own CPU cannot
// be asked about: real, 16- and 32-bit protected, compatibility and long mode at CPL 0. Ends with 1 at any difference that
// known_differences.txt does not explain.
//
//   unicorn_diff [--count N] [--seed S] [--mode NAME] [--reports N] [--only MNEMONIC] [--known]
//     --count    instructions per mode (10000)        --reports  differences printed in full (10)
//     --only     report differences of this instruction only
//     --trace    print every test before it runs (for a reference that aborts)
//     --known    also print how often each known difference was met
#include <unicorn/unicorn.h>

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "tests/unicorn/compare.h"
#include "tests/unicorn/generator.h"
#include "tests/unicorn/known_differences.h"
#include "tests/unicorn/model_machine.h"
#include "tests/unicorn/unicorn_machine.h"

namespace {

using namespace ringside::differential;

struct Options {
  uint64_t count = 10000, seed = 1, reports = 10;
  std::string mode, only;
  bool known = false, trace = false;
};

struct Tally {
  uint64_t run = 0, retired = 0, exceptions = 0, outside = 0, known = 0, different = 0;
  std::set<std::string> mnemonics;
  std::map<std::string, uint64_t> by_field;   // of unexplained differences: "mnemonic field" -> how often
};

bool parse_number(const char* text, uint64_t& out) {
  const char* end = text + std::strlen(text);
  return text != end && std::from_chars(text, end, out).ptr == end;
}

bool parse(int argc, char** argv, Options& options) {
  const std::map<std::string, uint64_t*> numbers = {{"--count", &options.count}, {"--seed", &options.seed}, {"--reports", &options.reports}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--known") { options.known = true; continue; }
    if (name == "--trace") { options.trace = true; continue; }
    if (i + 1 == argc) return false;
    const char* value = argv[++i];
    if (name == "--mode") options.mode = value;
    else if (name == "--only") options.only = value;
    else if (!numbers.count(name) || !parse_number(value, *numbers.at(name))) return false;
  }
  return true;
}

// One mode, `count` tests. Each goes to its own slot of the code page, so that neither machine meets stale code.
Tally run_mode(Mode mode, const Options& options, KnownDifferences& known, uint64_t& reports) {
  Tally tally;
  UnicornMachine reference(mode);
  if (!reference.ready()) {
    fmt::print("{}: Unicorn cannot be brought into this mode\n", name_of(mode));
    tally.different = 1;
    return tally;
  }
  ModelMachine model(mode);
  Generator generator(options.seed * 8 + static_cast<uint64_t>(mode));
  for (uint64_t i = 0; i < options.count; ++i) {
    const TestCase test = generator.next(mode, layout::kCode + layout::kSlot * (1 + i % (layout::kCodeBytes / layout::kSlot - 1)));
    if (options.trace) fmt::print(stderr, "{}", describe(test));
    const Outcome ours = model.run(test), theirs = reference.run(test);
    const std::string mnemonic = mnemonic_of(test);
    ++tally.run;
    tally.mnemonics.insert(mnemonic);
    tally.retired += ours.ending == Ending::kRetired;
    tally.exceptions += ours.ending == Ending::kException;
    tally.outside += ours.ending == Ending::kOutside;
    if (theirs.ending == Ending::kStray) {
      ++tally.outside;
      model.rebuild();
    }
    const auto found = compare(test, ours, theirs, model.memory(), reference.memory(), known.uncompared_flags(test, mnemonic));
    std::string unexplained;
    for (const Difference& d : found) {
      if (known.covers(test, mnemonic, d.field)) ++tally.known;
      else {
        unexplained += "  " + d.text + "\n";
        ++tally.by_field[mnemonic + " " + d.field];
      }
    }
    if (unexplained.empty()) continue;
    ++tally.different;
    if ((options.only.empty() || options.only == mnemonic) && reports && reports--) fmt::print("{}{}", describe(test), unexplained);
  }
  return tally;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr, "unicorn_diff: usage: unicorn_diff [--count N] [--seed S] [--mode NAME] [--reports N] [--only MNEMONIC] [--known]\n");
    return 2;
  }
  KnownDifferences known;
  if (std::string error; !known.load(KNOWN_DIFFERENCES, error)) {
    fmt::print(stderr, "unicorn_diff: {}\n", error);
    return 2;
  }
  uint64_t different = 0, reports = options.reports, modes = 0;
  for (const Mode mode : kModes) {
    if (!options.mode.empty() && options.mode != name_of(mode)) continue;
    const Tally t = run_mode(mode, options, known, reports);
    fmt::print("{:<12} {:>9} run, {} instructions, {} retired, {} exceptions, {} outside, {} known differences, {} differ\n", name_of(mode), t.run,
               t.mnemonics.size(), t.retired, t.exceptions, t.outside, t.known, t.different);
    for (const auto& [field, times] : t.by_field) fmt::print("    {:<24} {:>6} times\n", field, times);
    different += t.different;
    ++modes;
  }
  if (options.known)
    for (const auto& k : known.entries()) fmt::print("{:>7}  {} {} {}: {}\n", k.used, k.mode, k.mnemonic, k.field, k.reason);
  if (!modes) fmt::print(stderr, "unicorn_diff: no mode is called {}\n", options.mode);
  return modes == 0 ? 2 : different != 0;
}
