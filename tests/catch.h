// The one include for Catch2: version 3 (Debian 13, Ubuntu 24.04) or 2.13 (Debian 12). Tests include only this.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
