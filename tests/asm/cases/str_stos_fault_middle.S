// REP STOSB runs into a page that is not present: #PF with registers at the element that failed; after the handler maps the
// page, the same instruction goes on and finishes.
// expect rax=0x5a rcx=0 rdi=0x30008 rbx=8 rdx=0x30000 count=1 vector=14 error=2 cr2=0x30000 m0=0x5a5a5a5a5a5a5a5a m1=0x5a5a5a5a5a5a5a5a
#define MODE 64
#include "env.inc"
        mov edi, 0x2fff8
        mov ecx, 16
        mov al, 0x5a
        catch 2f
1:      rep stosb
        mov rbx, ds:[0x2fff8]
        mov ds:[m0], rbx
        mov rbx, ds:[0x30000]
        mov ds:[m1], rbx
        mov ebx, 8
        mov edx, 0x30000
        finish
2:      cmp ecx, 8
        jne 3f
        cmp edi, 0x30000
        jne 3f
        mov dword ptr ds:[page_table + 8 * 0x30], 0x30007
        jmp 1b
3:      ud2
