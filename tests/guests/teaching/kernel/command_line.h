// Options of the Multiboot command line: `key=value` words, in any order; unknown words are ignored (a loader may put the
// kernel's file name first).
#pragma once

#include "types.h"

struct command_line {
  const char *text;
};

// Does word `key=value` occur with exactly this value?
bool option_is(struct command_line line, const char *key, const char *value);
// Does a word `key=...` occur at all?
bool option_given(struct command_line line, const char *key);
// The value as a decimal number, or `otherwise`.
uint64_t option_number(struct command_line line, const char *key, uint64_t otherwise);
