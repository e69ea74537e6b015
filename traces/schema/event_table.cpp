#include "traces/schema/event_table.h"

#include <array>
#include <utility>

namespace ringside::traces {
namespace {

template <class E>
constexpr auto kFieldInfos = std::apply([](const auto&... fields) { return std::array{fields.info...}; }, Description<E>::kFields);

constexpr auto kTable = []<size_t... I>(std::index_sequence<I...>) {
  return std::array<EventInfo, kEventKinds>{EventInfo{Description<std::variant_alternative_t<I, AnyEvent>>::kName,
                                                      Description<std::variant_alternative_t<I, AnyEvent>>::kText,
                                                      kFieldInfos<std::variant_alternative_t<I, AnyEvent>>}...};
}(std::make_index_sequence<kEventKinds>{});

}  // namespace

std::span<const EventInfo> event_table() { return kTable; }

}  // namespace ringside::traces
