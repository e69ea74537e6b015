#include "sim/walks/walk_picture.h"

#include <graphviz/cgraph.h>
#include <graphviz/gvc.h>

#include <memory>

#include "traces/base/text.h"

namespace ringside::sim {
namespace {

struct FreeContext {
  void operator()(GVC_t* context) const { gvFreeContext(context); }
};
struct CloseGraph {
  void operator()(Agraph_t* graph) const { agclose(graph); }
};

Error not_drawn() { return fail(ExitCode::kHost, text::tr("sim.walk.no_graphviz")); }

}  // namespace

Result<std::string> to_svg(const std::string& dot) {
  const std::unique_ptr<GVC_t, FreeContext> context(gvContext());
  const std::unique_ptr<Agraph_t, CloseGraph> graph(agmemread(dot.c_str()));
  if (!context || !graph || gvLayout(context.get(), graph.get(), "dot") != 0) return not_drawn();
  char* data = nullptr;
  unsigned length = 0;
  const int failed = gvRenderData(context.get(), graph.get(), "svg", &data, &length);
  std::string svg;
  if (!failed && data) svg.assign(data, length);
  if (data) gvFreeRenderData(data);
  gvFreeLayout(context.get(), graph.get());
  if (svg.empty()) return not_drawn();
  return svg;
}

}  // namespace ringside::sim
