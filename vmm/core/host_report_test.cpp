// The host report on made-up hosts: Intel with and without EPT, AMD, a guest without KVM, forbidden devices.
#include "vmm/core/host_report.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::vmm;
namespace fs = std::filesystem;

namespace {

// A made-up host in a temporary folder.
class Host {
 public:
  Host() : root_(fs::temp_directory_path() / ("ringside-host-" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_ / "modules");
    cpu("GenuineIntel", "fpu vme");
  }
  ~Host() { fs::remove_all(root_); }
  void cpu(const std::string& vendor, const std::string& flags) {
    std::ofstream(root_ / "cpuinfo") << "processor\t: 0\nvendor_id\t: " << vendor << "\nmodel name\t: Test CPU\nflags\t\t: " << flags << "\n\n";
  }
  void module(const std::string& name, const std::string& parameter, const std::string& value) {
    fs::create_directories(root_ / "modules" / name / "parameters");
    std::ofstream(root_ / "modules" / name / "parameters" / parameter) << value << "\n";
  }
  HostReport report(const std::string& device) const { return host_report({(root_ / "cpuinfo").string(), (root_ / "modules").string(), device}); }

 private:
  fs::path root_;
};

std::string line(const HostReport& report, const std::string& key) {
  for (const auto& l : report.lines)
    if (l.key == key) return l.text;
  return "";
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a host without KVM: flags, the reason in words, and what works all the same") {
  Host host;
  HostReport r = host.report("/nonexistent/kvm");
  CHECK(r.cpu_vendor == "GenuineIntel");
  CHECK(r.cpu_model == "Test CPU");
  CHECK_FALSE(r.vmx);
  CHECK_FALSE(r.kvm_usable);
  CHECK(r.nested_paging == NestedPaging::kNotApplicable);
  CHECK(contains(line(r, "virtualization"), "firmware"));
  CHECK(contains(line(r, "kvm"), "does not exist"));
  CHECK(contains(line(r, "without_kvm"), "model"));
  host.cpu("AuthenticAMD", "fpu svm hypervisor");
  r = host.report("/dev/null");
  CHECK(r.svm);
  CHECK(r.virtual_machine);
  CHECK_FALSE(r.kvm_usable);
  for (const auto& l : r.lines) CHECK_FALSE(contains(l.text, "vmm."));
}

TEST_CASE("a flag is a whole word, and 'model name' is not 'model'") {
  Host host;
  host.cpu("GenuineIntel", "fpu vmxnet xsvm");
  const HostReport r = host.report("/nonexistent/kvm");
  CHECK_FALSE(r.vmx);
  CHECK_FALSE(r.svm);
}

TEST_CASE("nested paging is read from the module in charge", "[kvm]") {
  Host host;
  if (!host.report("/dev/kvm").kvm_usable) {
    std::printf("SKIPPED: %s\n", line(host.report("/dev/kvm"), "kvm").c_str());
    return;
  }
  SECTION("Intel, on") {
    host.cpu("GenuineIntel", "vmx");
    host.module("kvm_intel", "ept", "Y");
    CHECK(host.report("/dev/kvm").nested_paging == NestedPaging::kOn);
  }
  SECTION("Intel, off") {
    host.module("kvm_intel", "ept", "N");
    const HostReport r = host.report("/dev/kvm");
    CHECK(r.nested_paging == NestedPaging::kOff);
    CHECK(contains(line(r, "nested_paging"), "kvm_intel.ept"));
  }
  SECTION("AMD, on, numeric form") {
    host.module("kvm_amd", "npt", "1");
    CHECK(host.report("/dev/kvm").nested_paging == NestedPaging::kOn);
  }
  SECTION("no module tells") { CHECK(host.report("/dev/kvm").nested_paging == NestedPaging::kUnknown); }
  SECTION("another backend without hardware") {
    host.module("kvm_other", "x", "1");
    const HostReport r = host.report("/dev/kvm");
    CHECK(r.nested_paging == NestedPaging::kOff);
    CHECK(r.kvm_backend == "kvm_other");
  }
}

TEST_CASE("this host's report has a text for every line") {
  const HostReport r = host_report();
  CHECK(r.lines.size() == (r.kvm_usable ? 6u : 5u));
  for (const auto& l : r.lines) {
    CHECK_FALSE(l.title.empty());
    CHECK_FALSE(contains(l.text, "vmm."));
    CHECK_FALSE(contains(l.text, "{"));
  }
}
