// `ringside translate TRACE --block ADDR`: a block of the guest's kernel beside its translation, with the reason for each change. Without --block
// a trace's instructions are counted by what became of them. A 64-bit ELF kernel instead of a trace is translated on the spot.
#include <fstream>
#include <iterator>
#include <ostream>

#include "hwmodel/isa/decoder.h"
#include "sim/cli/command.h"
#include "sim/cli/table.h"
#include "sim/quantities.h"
#include "sim/translation_listing.h"
#include "traces/base/text.h"
#include "vmm/boot/elf_image.h"

namespace ringside::cli {
namespace {

using sim::ListedBlock;
using sim::ListedInstruction;

std::string_view name_of(traces::Treatment t) { return traces::kTreatmentNames[static_cast<size_t>(t)]; }
std::string_view name_of(traces::TreatmentReason r) { return traces::kTreatmentReasonNames[static_cast<size_t>(r)]; }

std::string explanation(traces::Treatment treatment, traces::TreatmentReason reason) {
  const std::string what = text::tr(fmt::format("cli.translate.treatment.{}", name_of(treatment)));
  if (reason == traces::TreatmentReason::kNone) return what;
  return what + ": " + text::tr(fmt::format("cli.translate.reason.{}", name_of(reason)));
}

struct Line { uint64_t address; std::string text; };

std::vector<Line> disassembly(std::span<const uint8_t> code, uint64_t address) {
  std::vector<Line> lines;
  for (size_t at = 0; at < code.size();) {
    unsigned length = 1;
    std::string line = hw::disassemble(code.subspan(at), 64, address + at, length);
    lines.push_back({address + at, std::move(line)});
    at += length;
  }
  return lines;
}

Cell address_cell(uint64_t address) { return {fmt::format("{:x}", address), fmt::format("{:#x}", address)}; }

class TranslateCommand final : public Command {
 public:
  std::string_view name() const override { return "translate"; }
  std::string summary() const override { return text::tr("cli.translate.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_option("file", file_, text::tr("cli.translate.file"))->required()->type_name("TRACE|ELF");
    parser.add_option("--block", block_, text::tr("cli.translate.block"))->type_name("ADDR");
    parser.add_flag("--json", json_, text::tr("cli.json"));
    parser.footer(text::tr("cli.translate.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    std::optional<uint64_t> address;
    if (!block_.empty()) address = BOOST_OUTCOME_TRYX(sim::parse_count(block_));
    std::ifstream file(file_, std::ios::binary);
    char start[4] = {};
    file.read(start, sizeof start);
    if (vmm::is_elf({reinterpret_cast<const uint8_t*>(start), sizeof start})) {
      file.seekg(0);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      show(context, BOOST_OUTCOME_TRYX(sim::block_in_elf({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, address)));
      return ExitCode::kOk;
    }
    const auto reader = BOOST_OUTCOME_TRYX(traces::Reader::open(file_));
    if (address) show(context, BOOST_OUTCOME_TRYX(sim::block_in_trace(reader, *address)));
    else show(context, BOOST_OUTCOME_TRYX(sim::treatments_in_trace(reader)));
    return ExitCode::kOk;
  }

 private:
  void show(Context& context, const ListedBlock& block) const {
    if (json_) context.out << json_of(block).dump(2) << '\n';
    else print(context.out, block);
  }

  void print(std::ostream& out, const ListedBlock& b) const {
    out << text::tr("cli.translate.head", b.block.rip, b.block.instructions, b.block.guest_bytes, b.block.code_bytes, b.block.code, b.times) << '\n';
    Table table({{text::tr("cli.translate.guest_address"), "", Align::kRight},
                 {text::tr("cli.translate.guest"), "", Align::kLeft},
                 {text::tr("cli.translate.address"), "", Align::kRight},
                 {text::tr("cli.translate.translation"), "", Align::kLeft},
                 {text::tr("cli.translate.why"), "", Align::kLeft}});
    for (const ListedInstruction& i : b.instructions) {
      const auto guest = disassembly(i.guest, i.rip);
      bool first = true;
      for (const Line& line : disassembly(i.output, i.code)) {
        table.add({first ? address_cell(i.rip) : text_cell(""), text_cell(first ? guest.front().text : ""), address_cell(line.address),
                   text_cell(line.text), text_cell(first ? explanation(i.treatment, i.reason) : "")});
        first = false;
      }
    }
    table.print(out);
  }

  static nlohmann::ordered_json json_of(const ListedBlock& b) {
    nlohmann::ordered_json instructions = nlohmann::ordered_json::array();
    for (const ListedInstruction& i : b.instructions) {
      nlohmann::ordered_json translation = nlohmann::ordered_json::array();
      for (const Line& line : disassembly(i.output, i.code)) translation.push_back({{"address", fmt::format("{:#x}", line.address)}, {"text", line.text}});
      instructions.push_back({{"rip", fmt::format("{:#x}", i.rip)},
                              {"instruction", disassembly(i.guest, i.rip).front().text},
                              {"treatment", name_of(i.treatment)},
                              {"reason", name_of(i.reason)},
                              {"translation", std::move(translation)}});
    }
    return {{"rip", fmt::format("{:#x}", b.block.rip)}, {"guest_bytes", b.block.guest_bytes}, {"code", fmt::format("{:#x}", b.block.code)},
            {"code_bytes", b.block.code_bytes},         {"times_translated", b.times},         {"instructions", std::move(instructions)}};
  }

  void show(Context& context, const sim::TreatmentCounts& counts) const {
    Table table({{text::tr("cli.translate.treatment"), "treatment", Align::kLeft},
                 {text::tr("cli.translate.reason"), "reason", Align::kLeft},
                 {text::tr("cli.translate.instructions"), "instructions", Align::kRight},
                 {text::tr("cli.translate.guest_bytes"), "guest_bytes", Align::kRight},
                 {text::tr("cli.translate.code_bytes"), "code_bytes", Align::kRight}});
    for (const auto& [key, count] : counts) {
      table.add({text_cell(std::string(name_of(key.first))), text_cell(std::string(name_of(key.second))), number_cell(count.instructions),
                 number_cell(count.guest_bytes), number_cell(count.code_bytes)});
    }
    if (json_) context.out << table.json().dump(2) << '\n';
    else table.print(context.out);
  }

  std::string file_, block_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_translate_command() { return std::make_unique<TranslateCommand>(); }

}  // namespace ringside::cli
