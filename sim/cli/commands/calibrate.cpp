// `ringside calibrate`: times what this host's processor takes for a few primitive operations, prints medians with their
// spread, and writes a cost profile for `--profile`.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/calibrate.h"
#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "sim/cli/table.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

class CalibrateCommand final : public Command {
 public:
  std::string_view name() const override { return "calibrate"; }
  std::string summary() const override { return text::tr("sim.calibrate.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("-o,--output", output_, text::tr("sim.calibrate.output"))->type_name("FILE");
    parser.add_option("--base", base_, text::tr("sim.calibrate.base"))->type_name("PROFILE")->capture_default_str();
    parser.add_flag("--json", json_, text::tr("cli.json"));
    parser.footer(text::tr("sim.calibrate.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    const auto base = BOOST_OUTCOME_TRYX(hw::load_cost_profile(base_));
    sim::CalibrateOptions options;
    if (const char* device = std::getenv("RINGSIDE_KVM_DEVICE")) options.kvm_device = device;
    const auto calibration = BOOST_OUTCOME_TRYX([&] {
      const Progress progress(text::tr("sim.calibrate.running"));
      return sim::calibrate(options);
    }());
    if (!output_.empty()) {
      BOOST_OUTCOME_TRYV(write(sim::profile_of(calibration, base)));
    }
    print(context.out, calibration);
    return ExitCode::kOk;
  }

 private:
  Result<void> write(const hw::CostProfile& profile) const {
    std::ofstream file(output_, std::ios::binary);
    file << hw::to_json(profile).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    file.close();
    if (!file) return fail(ExitCode::kOutput, text::tr("sim.calibrate.unwritable", output_));
    return success();
  }

  void print(std::ostream& out, const sim::Calibration& calibration) const {
    Table table({{text::tr("sim.calibrate.quantity"), "meaning", Align::kLeft},
                 {text::tr("sim.calibrate.median"), "median"},
                 {text::tr("sim.calibrate.quartile1"), "quartile1"},
                 {text::tr("sim.calibrate.quartile3"), "quartile3"},
                 {text::tr("sim.calibrate.nanoseconds"), "nanoseconds"},
                 {text::tr("sim.calibrate.samples"), "samples"},
                 {text::tr("sim.calibrate.key"), "name", Align::kLeft}});
    for (const auto& m : calibration.measurements) {
      const std::string key = fmt::format("sim.calibrate.{}", m.name);
      table.add({text_cell(text::tr(key)), real_cell(m.median, 1), real_cell(m.quartile1, 1),
                 real_cell(m.quartile3, 1), real_cell(m.median * 1e9 / calibration.ticks_per_second, 1), number_cell(m.samples),
                 text_cell(std::string(m.name))});
    }
    if (json_) {
      const nlohmann::ordered_json json = {{"machine", calibration.machine},
                                           {"ticks_per_second", calibration.ticks_per_second},
                                           {"measurements", table.json()},
                                           {"kvm_missing", calibration.kvm_missing}};
      out << json.dump(2) << '\n';
      return;
    }
    out << text::tr("sim.calibrate.machine", calibration.machine, fmt::format("{:.3f}", calibration.ticks_per_second / 1e9)) << "\n\n";
    table.print(out);
    if (!calibration.kvm_missing.empty()) out << '\n' << text::tr("sim.calibrate.no_exits", calibration.kvm_missing) << '\n';
  }

  std::string output_, base_ = "modern";
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_calibrate_command() { return std::make_unique<CalibrateCommand>(); }

}  // namespace ringside::cli
