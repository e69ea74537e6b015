// The list of exporters, and the way from a trace to a file through one of them.
#include <algorithm>
#include <array>

#include "traces/base/text.h"
#include "traces/export/exporter.h"

namespace ringside::traces {
namespace {

bool has_event(const Reader& reader, const std::string& name) {
  return std::ranges::any_of(reader.header().events, [&](const EventDefinition& event) { return event.name == name; });
}

std::string event_names(const Reader& reader) {
  std::string names;
  for (const auto& event : reader.header().events) names.append(names.empty() ? "" : ", ").append(event.name);
  return names;
}

}  // namespace

std::span<const Exporter* const> exporters() {
  static const std::array<const Exporter*, 3> list = {&perfetto_exporter(), &csv_exporter(), &json_lines_exporter()};
  return list;
}

const Exporter* find_exporter(std::string_view name) {
  const auto at = std::ranges::find_if(exporters(), [&](const Exporter* e) { return e->name() == name; });
  return at == exporters().end() ? nullptr : *at;
}

const Exporter* exporter_for_path(std::string_view path) {
  for (const Exporter* exporter : exporters())
    if (path.size() > exporter->extension().size() && path.ends_with(exporter->extension()) &&
        path[path.size() - exporter->extension().size() - 1] == '.')
      return exporter;
  return nullptr;
}

Result<VisitResult> export_to(const Reader& reader, const Exporter& exporter, const std::string& path, const ExportOptions& options) {
  if (!options.only.empty() && !has_event(reader, options.only))
    return fail(ExitCode::kUsage, text::tr("traces.export.no_event", options.only, event_names(reader)));
  auto sink = TextSink::to_file(path);
  if (!sink) return std::move(sink).error();
  const VisitResult result = exporter.write(reader, options, sink.value());
  auto finished = sink.value().finish();
  if (!finished) return std::move(finished).error();
  return result;
}

}  // namespace ringside::traces
