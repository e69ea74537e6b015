// System calls (abi.h): one function each, found through a table.
#pragma once

#include "types.h"

int64_t syscall(const struct frame *frame);
