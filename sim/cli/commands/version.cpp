// `ringside version`: the version of the program, of the trace format it writes, and what it was built with.
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/command.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

class VersionCommand final : public Command {
 public:
  std::string_view name() const override { return "version"; }
  std::string summary() const override { return text::tr("cli.version.summary"); }

  void describe(CLI::App& parser) override { parser.add_flag("--json", json_, text::tr("cli.json")); }

  Result<ExitCode> run(Context& context) override {
    if (json_) {
      nlohmann::ordered_json object = {{"version", RINGSIDE_VERSION}, {"compiler", __VERSION__}, {"asserts", kAsserts}};
      context.out << object.dump(2) << '\n';
    } else {
      context.out << text::tr("cli.version.long", RINGSIDE_VERSION, __VERSION__, kAsserts ? "on" : "off") << '\n';
    }
    return ExitCode::kOk;
  }

 private:
#ifdef NDEBUG
  static constexpr bool kAsserts = false;
#else
  static constexpr bool kAsserts = true;
#endif
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_version_command() { return std::make_unique<VersionCommand>(); }

}  // namespace ringside::cli
