// What this host can do for Ringside, and how that is known: data and one sentence a fact, for `ringside doctor`. Looks at files and at
// /dev/kvm, and tries the ring-0 stub in a virtual machine of its own; changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vmm/machines/kvm/ring/ring_probe.h"

namespace ringside::vmm {

// Where to look; tests point it elsewhere.
struct HostPaths {
  std::string cpuinfo = "/proc/cpuinfo";
  std::string modules = "/sys/module";
  std::string kvm_device = "/dev/kvm";
};

enum class NestedPaging : uint8_t { kOn, kOff, kUnknown, kNotApplicable };

struct HostReport {
  std::string cpu_vendor, cpu_model;       // "AuthenticAMD", "AMD EPYC"; "unknown" where not said
  bool vmx = false, svm = false;           // flags of /proc/cpuinfo
  bool virtual_machine = false;            // flag hypervisor: this host is itself a guest
  bool kvm_usable = false;
  int kvm_version = 0;                     // API version when usable
  std::string kvm_backend;                 // the module behind /dev/kvm: kvm_intel, kvm_amd or another kvm_*; "" unknown
  std::vector<std::string> kvm_missing;    // capabilities this program would use and does without
  NestedPaging nested_paging = NestedPaging::kUnknown;
  std::optional<RingProbe> ring;           // where the stub could be tried

  // In words: what holds, why it can't be used, how it is known, and the way out.
  struct Line {
    std::string key;                       // stable, for JSON: cpu, virtualization, kvm, nested_paging, ring_stub, without_kvm
    std::string title, text;
  };
  std::vector<Line> lines;
};

HostReport host_report(const HostPaths& paths = {});

std::string name_of(NestedPaging state);   // "on", "off", "unknown", "not applicable"

}  // namespace ringside::vmm
