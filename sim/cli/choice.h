// Options with a closed set of values: the table of names, its parser, and the sentence for a name that is not in it.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/suggest.h"
#include "traces/base/result.h"
#include "traces/base/text.h"

namespace ringside::cli {

template <class T>
struct Choice {
  std::string_view name;
  T value;
};

template <class T>
std::string choice_names(std::span<const Choice<T>> choices, std::string_view separator) {
  std::vector<std::string_view> names;
  for (const auto& choice : choices) names.push_back(choice.name);
  return fmt::format("{}", fmt::join(names, separator));
}

// "--sort takes no 'smaples'; did you mean 'samples'? (it takes samples, time)"
inline Error bad_choice(std::string_view option, std::string_view value, const std::vector<std::string>& names) {
  return fail(ExitCode::kUsage, text::tr("cli.bad_choice", option, value, sim::suggestion(value, names), fmt::join(names, ", ")));
}

template <class T>
Result<void> parse_choice(T& target, std::string_view option, std::string_view value, std::span<const Choice<T>> choices) {
  std::vector<std::string> names;
  for (const auto& choice : choices) {
    if (choice.name == value) {
      target = choice.value;
      return success();
    }
    names.emplace_back(choice.name);
  }
  return bad_choice(option, value, names);
}

}  // namespace ringside::cli
