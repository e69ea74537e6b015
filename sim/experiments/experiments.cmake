# Generates all_experiments() from the files of runs/: each defines <file name>_experiment().
file(GLOB _runs CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/runs/*.cpp)
set(_declarations "")
set(_calls "")
foreach(_file IN LISTS _runs)
  get_filename_component(_name ${_file} NAME_WE)
  if(NOT _name MATCHES "_test$")
    string(APPEND _declarations "Experiment ${_name}_experiment();\n")
    string(APPEND _calls "          ${_name}_experiment(),\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/all_experiments.cpp @ONLY CONTENT
"// Generated from the files of sim/experiments/runs; do not edit.
#include \"sim/experiments/experiment.h\"
namespace ringside::sim {
@_declarations@std::vector<Experiment> all_experiments() {
  return {
@_calls@  };
}
}  // namespace ringside::sim
")
target_sources(ringside_sim PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/all_experiments.cpp)
# Where the guests that experiments run are built (tests/guests).
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/runs/hyperbench.cpp PROPERTIES COMPILE_DEFINITIONS RINGSIDE_BUILT_GUESTS="${CMAKE_BINARY_DIR}/guests")
