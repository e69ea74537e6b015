// Exporters: a trace in a foreign format. Each describes itself and streams, so that traces larger than memory export too.
// To add one, write its file and add its function to the list in exporters.cpp. Called by `ringside export`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "traces/base/result.h"
#include "traces/export/text_sink.h"
#include "traces/read/reader.h"

namespace ringside::traces {

struct ExportOptions {
  EventRange range;
  std::string only;  // name of an event kind; empty for all
};

class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual std::string_view name() const = 0;         // what --format takes
  virtual std::string_view extension() const = 0;    // without the dot
  virtual std::string_view sentence() const = 0;     // what it is and who reads it
  // Write errors are the sink's; the result says what was skipped in the trace.
  virtual VisitResult write(const Reader& reader, const ExportOptions& options, TextSink& out) const = 0;
};

// All of them; they live as long as the program.
std::span<const Exporter* const> exporters();
// By name; null if there is none.
const Exporter* find_exporter(std::string_view name);
// By a path's extension; null if there is none.
const Exporter* exporter_for_path(std::string_view path);

// Error kUsage: `options.only` names no event of the trace. Error kOutput: the file could not be written. "-" is standard output.
Result<VisitResult> export_to(const Reader& reader, const Exporter& exporter, const std::string& path, const ExportOptions& options = {});

// One function per exporter, each in its own file.
const Exporter& csv_exporter();
const Exporter& json_lines_exporter();
const Exporter& perfetto_exporter();

}  // namespace ringside::traces
