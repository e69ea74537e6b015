// `ringside walk`: one page walk, reference by reference: from a trace of level `walks`, or peeked at in a guest that is run up to
// a bound; as a numbered list, several side by side, and as a picture.
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/choice.h"
#include "sim/cli/command.h"
#include "sim/cli/progress.h"
#include "sim/cli/run_options.h"
#include "sim/quantities.h"
#include "sim/walks/recorded_walk.h"
#include "sim/walks/walk_picture.h"
#include "sim/walks/walk_probe.h"
#include "traces/base/text.h"
#include "traces/query/walk_graph.h"

namespace ringside::cli {
namespace {

constexpr Choice<traces::AccessKind> kAccesses[] = {
    {"read", traces::AccessKind::kRead}, {"write", traces::AccessKind::kWrite}, {"fetch", traces::AccessKind::kFetch}};

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) return fail(ExitCode::kOutput, text::tr("cli.walk.cannot_write", path));
  return success();
}

class WalkCommand final : public Command {
 public:
  std::string_view name() const override { return "walk"; }
  std::string summary() const override { return text::tr("cli.walk.summary"); }

  void describe(CLI::App& parser) override {
    parser_ = &parser;
    parser.add_option("trace", traces_, text::tr("cli.walk.traces"))->type_name("TRACE");
    parser.add_option("--at", at_, text::tr("cli.walk.at"))->type_name("EVENT");
    parser.add_option("--address", address_, text::tr("cli.walk.address"))->type_name("ADDRESS");
    parser.add_option("--access", access_, text::tr("cli.walk.access"))->type_name(choice_names<traces::AccessKind>(kAccesses, "|"))->capture_default_str();
    parser.add_flag("--user", user_, text::tr("cli.walk.user"));
    const std::string group = text::tr("cli.run.group.output");
    parser.add_flag("--list", list_, text::tr("cli.walk.list"))->group(group);
    parser.add_option("--dot", dot_, text::tr("cli.walk.dot"))->type_name("FILE")->group(group);
    parser.add_option("--svg", svg_, text::tr("cli.walk.svg"))->type_name("FILE")->group(group);
    parser.add_flag("--json", json_, text::tr("cli.json"))->group(group);
    options_.describe(parser);
    parser.footer(text::tr("cli.walk.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    const bool live = parser_->get_option("--kernel")->count() > 0;
    if (live == !traces_.empty()) return fail(ExitCode::kUsage, text::tr("cli.walk.what"));
    const auto listings = live ? BOOST_OUTCOME_TRYX(from_guest(context)) : BOOST_OUTCOME_TRYX(from_traces());
    print(context.out, listings);
    BOOST_OUTCOME_TRYV(draw(listings));
    return ExitCode::kOk;
  }

 private:
  using Listings = std::vector<traces::WalkListing>;

  Result<Listings> from_traces() const {
    sim::WalkQuestion question;
    if (!at_.empty()) question.event = BOOST_OUTCOME_TRYX(sim::parse_count(at_));
    if (!address_.empty()) question.address = BOOST_OUTCOME_TRYX(parse_address());
    if (at_.empty() && address_.empty()) return fail(ExitCode::kUsage, text::tr("cli.walk.which"));
    Listings listings;
    for (const std::string& path : traces_) {
      const auto reader = BOOST_OUTCOME_TRYX(traces::Reader::open(path));
      const Progress progress(text::tr("cli.reading", path));
      listings.push_back(BOOST_OUTCOME_TRYX(sim::find_walk(reader, path, question)));
    }
    return listings;
  }

  Result<Listings> from_guest(Context& context) const {
    if (!at_.empty()) return fail(ExitCode::kUsage, text::tr("cli.walk.at_needs_trace"));
    if (address_.empty()) return fail(ExitCode::kUsage, text::tr("cli.walk.address_missing"));
    const sim::Run run = BOOST_OUTCOME_TRYX(options_.parse());
    if (run.machine != "model") return fail(ExitCode::kUsage, text::tr("cli.walk.needs_model", run.machine));
    if (run.technique != "native" && run.technique != "hw") return fail(ExitCode::kUsage, text::tr("cli.walk.needs_hw", run.technique));
    sim::WalkProbe probe;
    probe.linear = BOOST_OUTCOME_TRYX(parse_address());
    if (!sim::is_canonical(probe.linear)) return fail(ExitCode::kUsage, text::tr("cli.walk.not_canonical", address_));
    BOOST_OUTCOME_TRYV(parse_choice<traces::AccessKind>(probe.kind, "--access", access_, kAccesses));
    probe.who = user_ ? sim::WalkProbe::Who::kUser : sim::WalkProbe::Who::kSupervisor;
    const bool one = parser_->get_option("--technique")->count() || parser_->get_option("--paging")->count();
    Listings listings;
    for (const sim::Run& each : one ? std::vector{run} : sim::every_paging(run)) {
      const Progress progress(text::tr("cli.walk.running", run.guest.kernel, each.technique, each.paging));
      sim::ProbedWalk probed = BOOST_OUTCOME_TRYX(sim::probe_walk(each, probe));
      if (vmm::exit_code(probed.outcome) == ExitCode::kGuestFailed) context.err << vmm::sentence(probed.outcome) << '\n';
      probed.listing.summary.push_back(text::tr("cli.walk.seen_after", sim::grouped(probed.instructions)));
      listings.push_back(std::move(probed.listing));
    }
    return listings;
  }

  Result<uint64_t> parse_address() const {
    const auto address = sim::parse_count(address_);
    if (!address) return fail(ExitCode::kUsage, text::tr("cli.of_option", "--address", address.error().message));
    return address;
  }

  void print(std::ostream& out, const Listings& listings) const {
    if (json_) {
      auto json = nlohmann::ordered_json::array();
      for (const auto& listing : listings) json.push_back(to_json(listing));
      out << json.dump(2) << '\n';
    } else if (listings.size() > 1 && !list_) {
      out << side_by_side(listings);
    } else {
      for (const auto& listing : listings) out << to_text(listing);
    }
  }

  Result<void> draw(const Listings& listings) const {
    if (dot_.empty() && svg_.empty()) return success();
    const std::string dot = traces::to_dot(listings);
    if (!dot_.empty()) {
      BOOST_OUTCOME_TRYV(write_file(dot_, dot));
    }
    if (svg_.empty()) return success();
    const std::string svg = BOOST_OUTCOME_TRYX(sim::to_svg(dot));
    return write_file(svg_, svg);
  }

  RunOptions options_;
  CLI::App* parser_ = nullptr;
  std::vector<std::string> traces_;
  std::string at_, address_, access_ = "read", dot_, svg_;
  bool user_ = false, list_ = false, json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_walk_command() { return std::make_unique<WalkCommand>(); }

}  // namespace ringside::cli
