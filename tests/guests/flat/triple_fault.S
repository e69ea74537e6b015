// Long mode: an empty IDT, then a breakpoint. No gate for it, none for the fault that follows, none for the double fault.
#include "say.inc"
        .code64
        say 't', 'r', 'i', 'p', 'l', 'e', 10
        lea rsp, [rip + end + 0x800]    // RAM behind the image; LIDT needs an operand in memory
        and rsp, -16
        push 0
        push 0
        lidt [rsp]
        int3
        finish 1                        // never reached
end:
