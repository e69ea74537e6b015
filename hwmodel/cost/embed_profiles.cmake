# Embeds profiles/*.json into ringside_hwmodel; included from hwmodel/CMakeLists.txt after the library exists.
file(GLOB _profile_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/profiles/*.json)
set(_profile_source ${CMAKE_CURRENT_BINARY_DIR}/built_in_profiles.cpp)
add_custom_command(
  OUTPUT ${_profile_source}
  COMMAND ${CMAKE_COMMAND} "-DFILES=${_profile_files}" -DOUT=${_profile_source} -P ${CMAKE_CURRENT_LIST_DIR}/write_profiles.cmake
  DEPENDS ${_profile_files} ${CMAKE_CURRENT_LIST_DIR}/write_profiles.cmake
  VERBATIM)
target_sources(ringside_hwmodel PRIVATE ${_profile_source})
