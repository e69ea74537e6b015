// The profile files of profiles/, embedded at build time (embed_profiles.cmake writes the definitions).
// Called by profile_files.cpp only.
#pragma once

namespace ringside::hw {

struct BuiltInProfile {
  const char* name;  // of the file, without .json
  const char* json;
};
extern const BuiltInProfile kBuiltInProfiles[];
extern const unsigned kBuiltInProfileCount;

}  // namespace ringside::hw
