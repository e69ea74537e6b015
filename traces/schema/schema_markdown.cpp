// The trace schema as a Markdown page, made from the tables: what `ringside schema` prints and the repository's reference holds.
#include <fmt/format.h>

#include <iterator>

#include "traces/schema/event_table.h"
#include "traces/schema/exit_codes.h"
#include "traces/schema/file_format.h"

namespace ringside::traces {
namespace {

std::string_view unit_name(const FieldInfo& field) { return kUnitNames[static_cast<size_t>(field.unit)]; }

// Long lists (the exit reasons) have a table of their own.
std::string values_of(const FieldInfo& field) {
  if (field.names.empty()) return {};
  if (field.names.size() > 40) return " See the table of exit reasons.";
  return fmt::format(" Values: {}.", fmt::join(field.names, ", "));
}

void add_event(std::string& out, const EventInfo& event) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "### {}\n{}\n\n| field | unit | meaning |\n|---|---|---|\n", event.name, event.text);
  for (const auto& field : event.fields)
    fmt::format_to(to, "| {} | {} | {}{} |\n", field.name, unit_name(field), field.text, values_of(field));
  out += '\n';
}

std::string svm_names(ExitReason reason) {
  std::string names;
  size_t count = 0, shown = 0;
  for (const auto& code : svm_codes()) count += code.reason == reason;
  for (const auto& code : svm_codes()) {
    if (code.reason != reason || shown == 3) continue;
    fmt::format_to(std::back_inserter(names), "{}{} ({:#x})", shown++ ? ", " : "", code.name, code.code);
  }
  if (count > shown) fmt::format_to(std::back_inserter(names), " and {} more", count - shown);
  return names;
}

std::string kvm_names(ExitReason reason) {
  std::string names;
  if (reason == ExitReason::kUnknown) return names;
  for (const auto& code : kvm_codes())
    if (code.reason == reason) fmt::format_to(std::back_inserter(names), "{}{} ({})", names.empty() ? "" : ", ", code.name, code.code);
  return names;
}

}  // namespace

std::string schema_markdown() {
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "# Trace schema, file version {}\n\n", kFileVersion);
  out += "Generated from the tables in traces/schema. Every event also has `time` (ticks of the trace's clock, named in the file's "
         "header) and `vcpu`. Each file carries the schema it was written with.\n\n## Events\n\n";
  for (const auto& event : event_table()) add_event(out, event);
  out += "## Exit reasons\n\nIdle reasons last as long as the guest has nothing to do and are kept out of the overhead.\n\n"
         "| reason | what it means | class | VMX | SVM | KVM |\n|---|---|---|---|---|---|\n";
  for (const auto& row : kExitReasons)
    fmt::format_to(to, "| {} | {} | {} | {} | {} | {} |\n", row.name, row.meaning, row.cls == ExitClass::kIdle ? "idle" : "overhead",
                   row.vmx >= 0 ? std::to_string(row.vmx) : "", svm_names(row.reason), kvm_names(row.reason));
  return out;
}

}  // namespace ringside::traces
