// A walk's listing as a picture, in Graphviz's language: a column for each level of the guest's tables, in it from top to
// bottom the nested walk that finds the table and the entry itself, and the page at the end. Several walks are drawn below
// each other. Called by `ringside walk --dot`; sim/walk_picture.h turns it into SVG.
#pragma once

#include <span>
#include <string>

#include "traces/query/walk_listing.h"

namespace ringside::traces {

std::string to_dot(std::span<const WalkListing> listings);

}  // namespace ringside::traces
