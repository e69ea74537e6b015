# Turns base/catalogue/<language>/*.json into one generated source: every user-facing text, by language and key.
file(GLOB _catalogue_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/base/catalogue/*/*.json)
set(RINGSIDE_CATALOGUE_SOURCE ${CMAKE_CURRENT_BINARY_DIR}/catalogue_data.cpp)
add_custom_command(
  OUTPUT ${RINGSIDE_CATALOGUE_SOURCE}
  COMMAND ${CMAKE_COMMAND} "-DFILES=${_catalogue_files}" -DOUT=${RINGSIDE_CATALOGUE_SOURCE} -P ${CMAKE_CURRENT_SOURCE_DIR}/write_catalogue.cmake
  DEPENDS ${_catalogue_files} ${CMAKE_CURRENT_SOURCE_DIR}/write_catalogue.cmake
  VERBATIM)
