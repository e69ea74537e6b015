// With CR0.WP clear the kernel writes read-only pages.
// expect rax=0x42 count=0
#define MODE 64
#include "env.inc"
        mov rcx, cr0
        and ecx, ~0x10000
        mov cr0, rcx
        mov byte ptr ds:[0x31000], 0x42
        or ecx, 0x10000
        mov cr0, rcx
        movzx eax, byte ptr ds:[0x31000]
        mov ecx, 0
        finish
