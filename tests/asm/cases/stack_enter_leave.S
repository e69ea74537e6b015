// ENTER with nesting copies the frame pointers of the outer levels; LEAVE undoes all.
// expect rax=0x7010 rbx=0x6ff8 rcx=0x5555 rdx=0x6fc8 rbp=0x7010 rsp=0x7000
#define MODE 64
#include "env.inc"
        mov rbp, 0x7010
        mov qword ptr ds:[0x7008], 0x5555 // what level 1 is copied from
        enter 0x20, 2                   // push rbp; copy [rbp - 8]; push frame; 32 bytes
        mov rdx, rsp
        mov rbx, rbp
        mov rax, [rbp]
        mov rcx, [rbp - 8]
        leave
        finish
