// Repairs for machines whose CPU does not enter the kernel as the manual says. A correct machine never comes here.
#pragma once

#include "types.h"

// Called for each exception from user mode. If it was really a system call, the frame becomes what it should have been.
void quirk_repair_entry(struct frame *frame);
