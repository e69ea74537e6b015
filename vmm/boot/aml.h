// A small encoder for ACPI machine language, enough for a DSDT that says how to power off. Pure functions that return bytes.
// [ACPI 20.2 "AML Grammar Definition"]
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ringside::vmm::aml {

using Bytes = std::vector<uint8_t>;

// An integer in its shortest form.
Bytes integer(uint64_t value);
// Package { elements... }: at most 255 elements.
Bytes package(const std::vector<Bytes>& elements);
// Name (NAME, value): `name` has one to four characters of A-Z, 0-9, _ and is padded with _; a leading \ is kept.
Bytes name(std::string_view name, const Bytes& value);
// The length field in front of a package's content: counts itself [ACPI 20.2.4 "Package Length Encoding"].
Bytes package_length(size_t content_bytes);

}  // namespace ringside::vmm::aml
