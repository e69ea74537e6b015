// `ringside experiment list`, `ringside experiment run NAME` and `ringside experiment page FILE`: the declarative runs of sim/experiments. The answer goes
// to standard output as a table, CSV or JSON; the verdict is also the exit code.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "hwmodel/mmu/tlb_profile.h"
#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "sim/cli/table.h"
#include "sim/experiments/experiment.h"
#include "sim/experiments/plot.h"
#include "sim/experiments/results_page.h"
#include "traces/base/text.h"

namespace ringside::cli {
namespace {

Cell cell_of(const sim::ExperimentResult::Value& value) {
  if (const auto* number = std::get_if<uint64_t>(&value)) return number_cell(*number);
  if (const auto* real = std::get_if<double>(&value)) return real_cell(*real, 3);
  return text_cell(std::get<std::string>(value));
}

Table table_of(const sim::ExperimentResult& result) {
  std::vector<Column> columns;
  for (size_t i = 0; i < result.columns.size(); ++i) {
    const bool is_text = !result.rows.empty() && std::holds_alternative<std::string>(result.rows.front()[i]);
    columns.push_back({result.columns[i], result.columns[i], is_text ? Align::kLeft : Align::kRight});
  }
  Table table(std::move(columns));
  for (const auto& row : result.rows) {
    std::vector<Cell> cells;
    for (const auto& value : row) cells.push_back(cell_of(value));
    table.add(std::move(cells));
  }
  return table;
}

class ExperimentCommand final : public Command {
 public:
  std::string_view name() const override { return "experiment"; }
  std::string summary() const override { return text::tr("sim.experiment.summary"); }

  void describe(CLI::App& parser) override {
    parser.require_subcommand(1);
    parser.footer(text::tr("sim.experiment.examples"));
    list_ = parser.add_subcommand("list", text::tr("sim.experiment.list"));
    list_->add_flag("--json", json_, text::tr("cli.json"));
    auto* run = parser.add_subcommand("run", text::tr("sim.experiment.run"));
    run->add_option("name", experiment_, text::tr("sim.experiment.name"))->required()->type_name("NAME");
    run->add_option("--csv", csv_, text::tr("sim.experiment.csv"))->type_name("FILE");
    run->add_option("--profile", profile_, text::tr("sim.experiment.profile"))->type_name("PROFILE")->capture_default_str();
    run->add_option("--tlb", tlb_, text::tr("sim.experiment.tlb"))->type_name("NAME")->capture_default_str();
    run->add_option("--misses", misses_, text::tr("sim.experiment.misses"))->type_name("COUNT")->delimiter(',');
    run->add_option("--svg", svg_, text::tr("sim.experiment.svg"))->type_name("FILE");
    run->add_flag("--json", json_, text::tr("cli.json"));
    page_ = parser.add_subcommand("page", text::tr("sim.experiment.page"));
    page_->add_option("file", page_file_, text::tr("sim.experiment.page_file"))->required()->type_name("FILE");
  }

  Result<ExitCode> run(Context& context) override {
    if (list_->parsed()) return list(context);
    if (page_->parsed()) return page();
    const auto experiment = BOOST_OUTCOME_TRYX(sim::find_experiment(experiment_));
    sim::ExperimentOptions options;
    options.profile = BOOST_OUTCOME_TRYX(hw::load_cost_profile(profile_));
    std::vector<std::string> tlbs;
    for (const auto& tlb : hw::tlb_profiles()) tlbs.push_back(tlb.name);
    if (!hw::find_tlb_profile(tlb_)) return bad_choice("--tlb", tlb_, tlbs);
    options.tlb_profile = tlb_;
    if (!misses_.empty()) options.misses = misses_;
    const auto result = BOOST_OUTCOME_TRYX([&] {
      const Progress progress(text::tr("sim.experiment.running", experiment.name));
      return experiment.run(options);
    }());
    if (!csv_.empty()) {
      BOOST_OUTCOME_TRYV(write_csv(context, result));
    }
    if (!svg_.empty()) {
      if (!sim::has_picture(experiment)) return fail(ExitCode::kUsage, text::tr("sim.experiment.no_picture", experiment.name));
      BOOST_OUTCOME_TRYV(write_file(svg_, sim::picture_of(experiment, result)));
    }
    if (json_) context.out << json_of(experiment, result).dump(2) << '\n';
    else if (csv_ != "-") print(context.out, experiment, result);
    return result.verdict == sim::Verdict::kAsExpected ? ExitCode::kOk : ExitCode::kGuestFailed;
  }

 private:
  Result<ExitCode> list(Context& context) const {
    Table table({{text::tr("sim.experiment.name_title"), "name", Align::kLeft},
                 {text::tr("sim.experiment.question_title"), "question", Align::kLeft}});
    auto array = nlohmann::ordered_json::array();
    for (const auto& experiment : sim::all_experiments()) {
      table.add({text_cell(std::string(experiment.name)), text_cell(text::tr(experiment.question))});
      array.push_back({{"name", experiment.name},
                       {"question", text::tr(experiment.question)},
                       {"expected", text::tr(experiment.expected)},
                       {"source", text::tr(experiment.source)}});
    }
    if (json_) context.out << array.dump(2) << '\n';
    else table.print(context.out);
    return ExitCode::kOk;
  }

  static std::string verdict_text(const sim::ExperimentResult& result) {
    return text::tr(result.verdict == sim::Verdict::kAsExpected ? "sim.experiment.as_expected" : "sim.experiment.not_as_expected");
  }

  static void print(std::ostream& out, const sim::Experiment& experiment, const sim::ExperimentResult& result) {
    out << text::tr("sim.experiment.head", experiment.name, text::tr(experiment.question), text::tr(experiment.expected),
                    text::tr(experiment.source))
        << "\n\n";
    table_of(result).print(out);
    out << '\n';
    for (const std::string& note : result.notes) out << note << '\n';
    out << verdict_text(result) << '\n';
  }

  static nlohmann::ordered_json json_of(const sim::Experiment& experiment, const sim::ExperimentResult& result) {
    return {{"name", experiment.name},
            {"question", text::tr(experiment.question)},
            {"expected", text::tr(experiment.expected)},
            {"source", text::tr(experiment.source)},
            {"as_expected", result.verdict == sim::Verdict::kAsExpected},
            {"rows", table_of(result).json()},
            {"notes", result.notes}};
  }

  Result<void> write_csv(Context& context, const sim::ExperimentResult& result) const {
    const std::string csv = to_csv(result);
    if (csv_ == "-") {
      context.out << csv;
      return success();
    }
    return write_file(csv_, csv);
  }

  static Result<void> write_file(const std::string& path, const std::string& content) {
    std::ofstream file(path, std::ios::binary);
    file << content;
    file.close();
    if (!file) return fail(ExitCode::kOutput, text::tr("sim.experiment.unwritable", path));
    return success();
  }

  // The page and, beside it, its pictures.
  Result<ExitCode> page() const {
    sim::ExperimentOptions options;
    options.profile = BOOST_OUTCOME_TRYX(hw::load_cost_profile(profile_));
    const auto page = BOOST_OUTCOME_TRYX(sim::results_page(options));
    BOOST_OUTCOME_TRYV(write_file(page_file_, page.markdown));
    for (const auto& [name, svg] : page.pictures) {
      BOOST_OUTCOME_TRYV(write_file((std::filesystem::path(page_file_).parent_path() / name).string(), svg));
    }
    return page.verdict == sim::Verdict::kAsExpected ? ExitCode::kOk : ExitCode::kGuestFailed;
  }

  std::string experiment_, csv_, svg_, page_file_, profile_{hw::kDefaultCostProfile}, tlb_ = sim::ExperimentOptions{}.tlb_profile;
  std::vector<uint64_t> misses_;
  bool json_ = false;
  CLI::App *list_ = nullptr, *page_ = nullptr;
};

}  // namespace

std::unique_ptr<Command> make_experiment_command() { return std::make_unique<ExperimentCommand>(); }

}  // namespace ringside::cli
