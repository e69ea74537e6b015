// Gathering and wording of the facts about the host.
#include "vmm/core/host_report.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include "traces/base/text.h"
#include "vmm/machines/kvm/kvm_system.h"

namespace ringside::vmm {

using text::tr;
namespace fs = std::filesystem;

namespace {

// Value of the first "key : value" line.
std::string cpuinfo_value(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    const size_t end_of_key = line.find_last_not_of(" \t", colon - 1);
    if (end_of_key == std::string::npos || end_of_key + 1 != key.size()) continue;
    const size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

bool has_word(const std::string& words, std::string_view word) {
  std::istringstream stream(words);
  for (std::string w; stream >> w;)
    if (w == word) return true;
  return false;
}

std::optional<std::string> first_word(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  if (file >> word) return word;
  return std::nullopt;
}

// The module that implements /dev/kvm: kvm_intel, kvm_amd, else any other kvm_*.
std::string backend_module(const HostPaths& paths) {
  std::error_code ignored;
  for (const char* known : {"kvm_intel", "kvm_amd"})
    if (fs::exists(fs::path(paths.modules) / known, ignored)) return known;
  std::vector<std::string> others;
  for (const auto& entry : fs::directory_iterator(paths.modules, ignored))
    if (const std::string name = entry.path().filename(); name.starts_with("kvm_")) others.push_back(name);
  std::sort(others.begin(), others.end());
  return others.empty() ? "" : others.front();
}

void look_at_cpu(const HostPaths& paths, HostReport& r) {
  r.cpu_vendor = cpuinfo_value(paths.cpuinfo, "vendor_id");
  r.cpu_model = cpuinfo_value(paths.cpuinfo, "model name");
  if (r.cpu_vendor.empty()) r.cpu_vendor = "unknown";
  if (r.cpu_model.empty()) r.cpu_model = "unknown";
  const std::string flags = cpuinfo_value(paths.cpuinfo, "flags");
  r.vmx = has_word(flags, "vmx");
  r.svm = has_word(flags, "svm");
  r.virtual_machine = has_word(flags, "hypervisor");
  r.lines.push_back({"cpu", tr("vmm.host.cpu"), tr("vmm.host.cpu-text", r.cpu_model, r.cpu_vendor)});
  r.lines.push_back({"virtualization", tr("vmm.host.virtualization"),
                     r.vmx                 ? tr("vmm.host.flag-vmx")
                     : r.svm               ? tr("vmm.host.flag-svm")
                     : r.virtual_machine ? tr("vmm.host.flag-none-guest")
                                           : tr("vmm.host.flag-none")});
}

void look_at_kvm(const HostPaths& paths, HostReport& r) {
  const Result<KvmSystem> system = KvmSystem::open(paths.kvm_device.c_str());
  if (!system) {
    r.lines.push_back({"kvm", tr("vmm.host.kvm"), system.error().message});
    return;
  }
  r.kvm_usable = true;
  r.kvm_version = KVM_API_VERSION;
  const KvmCapabilities& can = system.value().capabilities();
  const auto note = [&](bool present, const char* name) {
    if (!present) r.kvm_missing.push_back(name);
  };
  note(can.irqchip, "KVM_CAP_IRQCHIP");
  note(can.pit, "KVM_CAP_PIT2");
  note(can.sync_regs, "KVM_CAP_SYNC_REGS");
  note(can.guest_debug, "KVM_CAP_SET_GUEST_DEBUG");
  note(can.user_space_msr, "KVM_CAP_X86_USER_SPACE_MSR");
  note(can.stats_fd, "KVM_CAP_BINARY_STATS_FD");
  note(can.vcpu_events, "KVM_CAP_VCPU_EVENTS");
  note(can.mp_state, "KVM_CAP_MP_STATE");
  std::string text = tr("vmm.host.kvm-ok", r.kvm_version, r.vmx || r.svm ? "" : tr("vmm.host.kvm-no-flag"));
  for (const std::string& missing : r.kvm_missing) text += tr("vmm.host.kvm-lacks", missing);
  r.lines.push_back({"kvm", tr("vmm.host.kvm"), text});
}

// [Linux Documentation/admin-guide/kernel-parameters.txt kvm-intel.ept, kvm-amd.npt].
void look_at_nested_paging(const HostPaths& paths, HostReport& r) {
  const auto say = [&](NestedPaging state, std::string text) {
    r.nested_paging = state;
    r.lines.push_back({"nested_paging", tr("vmm.host.nested-paging"), std::move(text)});
  };
  if (!r.kvm_usable) return say(NestedPaging::kNotApplicable, tr("vmm.host.nested-no-kvm"));
  r.kvm_backend = backend_module(paths);
  const char* parameter = r.kvm_backend == "kvm_intel" ? "ept" : r.kvm_backend == "kvm_amd" ? "npt" : nullptr;
  if (!parameter) {
    if (!r.vmx && !r.svm && !r.kvm_backend.empty()) return say(NestedPaging::kOff, tr("vmm.host.nested-none", r.kvm_backend));
    return say(NestedPaging::kUnknown, tr("vmm.host.nested-unknown-no-module"));
  }
  const auto value = first_word(fs::path(paths.modules) / r.kvm_backend / "parameters" / parameter);
  const std::string name = r.kvm_backend + "." + parameter;
  if (!value) return say(NestedPaging::kUnknown, tr("vmm.host.nested-unknown-unreadable", name));
  const bool on = *value == "Y" || *value == "1";
  say(on ? NestedPaging::kOn : NestedPaging::kOff, tr(on ? "vmm.host.nested-on" : "vmm.host.nested-off", name, *value));
}

void try_ring_stub(const HostPaths& paths, HostReport& r) {
  if (!r.kvm_usable) return;
  Result<RingProbe> probe = probe_ring(paths.kvm_device);
  r.lines.push_back({"ring_stub", tr("vmm.host.ring-stub"), probe ? to_text(probe.value()) : probe.error().message});
  if (probe) r.ring = std::move(probe.value());
}

}  // namespace

std::string name_of(NestedPaging state) {
  switch (state) {
    case NestedPaging::kOn: return "on";
    case NestedPaging::kOff: return "off";
    case NestedPaging::kUnknown: return "unknown";
    case NestedPaging::kNotApplicable: return "not applicable";
  }
  return "";
}

HostReport host_report(const HostPaths& paths) {
  HostReport report;
  look_at_cpu(paths, report);
  look_at_kvm(paths, report);
  look_at_nested_paging(paths, report);
  try_ring_stub(paths, report);
  report.lines.push_back({"without_kvm", tr("vmm.host.without-kvm"), tr("vmm.host.model-works")});
  return report;
}

}  // namespace ringside::vmm
