// The exit-reason tables held against the published lists of codes (testdata/*.csv), row by row and both ways.
#include "traces/schema/exit_codes.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "tests/catch.h"

using namespace ringside::traces;

namespace {

// The first `columns` cells of each row; no cell before the last one wanted is quoted.
std::vector<std::vector<std::string>> rows_of(const std::string& file, size_t columns) {
  std::ifstream in(std::string(RINGSIDE_SOURCE_DIR) + "/traces/schema/testdata/" + file);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(in, line);  // titles
  while (std::getline(in, line)) {
    std::vector<std::string> cells;
    for (size_t at = 0, end = 0; cells.size() < columns; at = end + 1) {
      end = line.find(',', at);
      cells.push_back(line.substr(at, end - at));
    }
    rows.push_back(cells);
  }
  return rows;
}

}  // namespace

TEST_CASE("the table of reasons is in the order of the enum, with unique names and a sentence each") {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kExitReasonCount; ++i) {
    CHECK(static_cast<size_t>(kExitReasons[i].reason) == i);
    CHECK(names.insert(kExitReasons[i].name).second);
    CHECK(kExitReasons[i].meaning.size() > 10);
    CHECK(kExitReasons[i].meaning.back() == '.');
  }
  CHECK(info(static_cast<ExitReason>(255)).reason == ExitReason::kUnknown);
  CHECK(is_idle(ExitReason::kHlt));
  CHECK_FALSE(is_idle(ExitReason::kIoInstruction));
}

TEST_CASE("every VMX exit reason has its number and name") {
  const auto rows = rows_of("vmx_exit_reasons.csv", 4);
  CHECK(rows.size() == 78);
  for (const auto& row : rows) {
    const auto code = static_cast<uint32_t>(std::stoul(row[0]));
    const ExitReason reason = reason_of_vmx(code);
    INFO("VMX " << row[0] << " " << row[1]);
    if (row[3] == "reserved") {
      CHECK(reason == ExitReason::kUnknown);
    } else {
      CHECK(name_of(reason) == row[1]);
      CHECK(info(reason).vmx == static_cast<int>(code));
      CHECK(code_name(Numbering::kVmx, code) == row[1]);
    }
  }
  CHECK(reason_of_vmx(78) == ExitReason::kUnknown);
  CHECK(reason_of_vmx(0x80000021) == ExitReason::kInvalidGuestState);  // bit 31: entry failure
}

TEST_CASE("every SVM exit code has its name and a reason") {
  const auto rows = rows_of("svm_exit_codes.csv", 3);
  CHECK(rows.size() == svm_codes().size());
  for (const auto& row : rows) {
    const uint64_t code = std::stoull(row[0], nullptr, 16);
    INFO("SVM " << row[0] << " " << row[2]);
    CHECK(code_name(Numbering::kSvm, code) == row[2]);
    if (row[2] != "SW") CHECK(reason_of_svm(code) != ExitReason::kUnknown);
  }
  CHECK(std::ranges::is_sorted(svm_codes(), {}, &ExitCode::code));
}

TEST_CASE("SVM codes mean what the same VMX reasons mean") {
  CHECK(reason_of_svm(0x78) == ExitReason::kHlt);
  CHECK(reason_of_svm(0x7b) == ExitReason::kIoInstruction);
  CHECK(reason_of_svm(0x7c, 0) == ExitReason::kMsrRead);
  CHECK(reason_of_svm(0x7c, 1) == ExitReason::kMsrWrite);
  CHECK(reason_of_svm(0x400) == ExitReason::kEptViolation);
  CHECK(reason_of_svm(0x72) == ExitReason::kCpuid);
  CHECK(reason_of_svm(0x81) == ExitReason::kVmcall);
  CHECK(reason_of_svm(0x13) == ExitReason::kCrAccess);
  CHECK(reason_of_svm(~0ull) == ExitReason::kInvalidGuestState);
  CHECK(reason_of_svm(0x500) == ExitReason::kUnknown);
}

TEST_CASE("every KVM exit reason has its name") {
  const auto rows = rows_of("kvm_exit_reasons.csv", 3);
  CHECK(rows.size() == kvm_codes().size());
  for (const auto& row : rows) CHECK(code_name(Numbering::kKvm, std::stoull(row[0])) == row[1]);
  CHECK(std::ranges::is_sorted(kvm_codes(), {}, &ExitCode::code));
  CHECK(reason_of_kvm(2) == ExitReason::kIoInstruction);
  CHECK(reason_of_kvm(5) == ExitReason::kHlt);
  CHECK(reason_of_kvm(6) == ExitReason::kMmio);
  CHECK(reason_of_kvm(8) == ExitReason::kTripleFault);
  CHECK(reason_of_kvm(999) == ExitReason::kUnknown);
  CHECK(code_name(Numbering::kKvm, 999).empty());
}
