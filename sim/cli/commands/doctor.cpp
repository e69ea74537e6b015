// `ringside doctor`: what this host can do for Ringside, in words: the processor, virtualization, /dev/kvm and why it cannot be used,
// nested paging and how that is known, what the ring-0 stub finds, and what works without KVM.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>

#include "sim/cli/command.h"
#include "traces/base/text.h"
#include "vmm/core/host_report.h"

namespace ringside::cli {
namespace {

nlohmann::ordered_json to_json(const vmm::HostReport& report) {
  nlohmann::ordered_json json = {{"cpu_vendor", report.cpu_vendor},
                                 {"cpu_model", report.cpu_model},
                                 {"vmx", report.vmx},
                                 {"svm", report.svm},
                                 {"virtual_machine", report.virtual_machine},
                                 {"kvm_usable", report.kvm_usable},
                                 {"kvm_version", report.kvm_version},
                                 {"kvm_backend", report.kvm_backend},
                                 {"kvm_missing", report.kvm_missing},
                                 {"nested_paging", vmm::name_of(report.nested_paging)}};
  if (const auto& ring = report.ring) {
    for (const auto* price : {&ring->trap, &ring->system_call, &ring->root_load, &ring->edit}) json["ring_stub"]["microseconds"][price->name] = price->median;
    for (const auto& fact : ring->facts) json["ring_stub"]["as_on_ordinary_hosts"][fact.name] = fact.holds;
  }
  for (const auto& line : report.lines) json["sentences"][line.key] = line.text;
  return json;
}

class DoctorCommand final : public Command {
 public:
  std::string_view name() const override { return "doctor"; }
  std::string summary() const override { return text::tr("cli.doctor.summary"); }

  void describe(CLI::App& parser) override {
    parser.add_flag("--json", json_, text::tr("cli.json"));
    parser.footer(text::tr("cli.doctor.examples"));
  }

  Result<ExitCode> run(Context& context) override {
    vmm::HostPaths paths;
    if (const char* device = std::getenv("RINGSIDE_KVM_DEVICE")) paths.kvm_device = device;
    const vmm::HostReport report = vmm::host_report(paths);
    if (json_) {
      context.out << to_json(report).dump(2) << '\n';
      return ExitCode::kOk;
    }
    for (const auto& line : report.lines) context.out << fmt::format("{}\n    {}\n", line.title, line.text);
    return ExitCode::kOk;
  }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_doctor_command() { return std::make_unique<DoctorCommand>(); }

}  // namespace ringside::cli
