#include "sim/walks/recorded_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "traces/base/text.h"
#include "traces/read/cursor.h"
#include "traces/schema/event_table.h"

namespace ringside::sim {
namespace {

constexpr unsigned kPageShift = 12;

bool same_page(const traces::Walk& walk, uint64_t address) {
  return (walk.linear ^ address) >> std::clamp<unsigned>(walk.page_shift, kPageShift, 63) == 0;
}

// A walk kept beyond its event.
struct Found {
  uint64_t event = 0;
  traces::Walk walk;
  std::vector<traces::WalkReference> steps;
};

// The last walk in events [first, end) that fits.
std::optional<Found> last_walk(const traces::Reader& reader, uint64_t first, uint64_t end, std::optional<uint64_t> address) {
  std::optional<Found> found;
  for (traces::Cursor cursor = reader.at(first); cursor.next() && cursor.ordinal() < end;) {
    const auto* walk = std::get_if<traces::Walk>(&cursor.event());
    if (!walk || (address && !same_page(*walk, *address))) continue;
    found = Found{cursor.ordinal(), *walk, {walk->steps.begin(), walk->steps.end()}};
  }
  return found;
}

bool records_walks(const traces::Reader& reader) {
  const auto& events = reader.header().events;
  const auto kind = std::ranges::find(events, traces::Description<traces::Walk>::kName, &traces::EventDefinition::name);
  if (kind == events.end()) return false;
  const auto index = static_cast<size_t>(kind - events.begin());
  for (size_t chunk = 0; chunk < reader.chunks().size(); ++chunk) {
    const auto summary = reader.summary(chunk);
    if (summary && summary->events[index]) return true;
  }
  return false;
}

}  // namespace

Result<traces::WalkListing> find_walk(const traces::Reader& reader, const std::string& name, const WalkQuestion& question) {
  const uint64_t events = reader.event_count();
  if (question.event && *question.event >= events)
    return fail(ExitCode::kUsage, text::tr("sim.walk.no_event", *question.event, name, events, events ? events - 1 : 0));
  if (!records_walks(reader)) return fail(ExitCode::kUsage, text::tr("sim.walk.no_walks", name));
  const uint64_t end = question.event ? *question.event + 1 : events;
  // Backwards in steps that grow: the walk is mostly near.
  std::optional<Found> found;
  for (uint64_t step = 1024, first = end; !found && first > 0; step *= 8) {
    const uint64_t upto = first;
    first = first > step ? first - step : 0;
    found = last_walk(reader, first, upto, question.address);
  }
  if (!found)
    return fail(ExitCode::kUsage, question.address ? text::tr("sim.walk.no_walk_to", fmt::format("{:#x}", *question.address), name, end - 1)
                                                   : text::tr("sim.walk.no_walk_before", *question.event, name));
  found->walk.steps = found->steps;
  std::string title = text::tr("sim.walk.title", name, found->event);
  if (reader.run()) title += fmt::format(": {} / {}", reader.run()->technique, reader.run()->paging);
  return traces::list_walk(found->walk, title);
}

}  // namespace ringside::sim
