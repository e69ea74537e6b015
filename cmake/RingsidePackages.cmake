# Every dependency comes from the distribution. `./dev` installs what is missing; here it is only looked up.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
# Pictures of page walks: layout and SVG.
pkg_check_modules(GRAPHVIZ REQUIRED IMPORTED_TARGET libgvc libcgraph)
# Formats in which Linux kernels are packed.
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBLZMA REQUIRED IMPORTED_TARGET liblzma)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
find_package(BZip2 REQUIRED)
# Zydis: newer packages come with a pkg-config file, Debian 12's with a CMake one only.
pkg_check_modules(ZYDIS QUIET IMPORTED_TARGET zydis)
if(NOT ZYDIS_FOUND)
  find_package(zydis REQUIRED)
  add_library(PkgConfig::ZYDIS ALIAS Zydis::Zydis)
endif()
# Xbyak, the assembler of the binary translator: headers only.
find_path(XBYAK_INCLUDE_DIR xbyak/xbyak.h REQUIRED)
if(RINGSIDE_TESTS)
  find_package(Catch2 REQUIRED)  # 2.13 (Debian 12) or 3 (newer): tests include "tests/catch.h"
  pkg_check_modules(UNICORN IMPORTED_TARGET unicorn)
endif()
