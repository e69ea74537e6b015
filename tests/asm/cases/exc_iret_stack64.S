// A frame of 64-bit mode always holds SS:RSP, aligned to 16, and IRETQ loads them back even without a change of ring.
// expect rax=0x10 rbx=0x6ffd rcx=0x28 rsp=0x6ffd count=0
#define MODE 64
#include "env.inc"
        mov esp, 0x6ffd
        mov qword ptr ds:[idt + 16 * 0x80], 0
        mov word ptr ds:[idt + 16 * 0x80], offset handler
        mov word ptr ds:[idt + 16 * 0x80 + 2], code64
        mov byte ptr ds:[idt + 16 * 0x80 + 5], 0x8e
        int 0x80
        finish
handler:mov rax, [rsp + 32]
        mov rbx, [rsp + 24]
        mov ecx, 0x6ff0
        sub ecx, esp
        iretq
