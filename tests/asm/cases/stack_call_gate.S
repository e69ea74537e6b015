// A call gate of DPL 3 takes ring 3 to ring 0: new stack from the TSS, one parameter copied; RETF n returns and drops it on both.
// expect rax=0x99 rbx=0x38 rcx=0x43 rdx=0x10 rbp=0x6000 rsi=0x6ffc count=1 vector=0x80
#define MODE 32
#include "env.inc"
        mov eax, offset entered
        mov word ptr ds:[gdt + spare], ax
        mov word ptr ds:[gdt + spare + 2], code32
        mov word ptr ds:[gdt + spare + 4], 0xec01
        mov word ptr ds:[gdt + spare + 6], 0
        xor eax, eax
        to_user user
entered:mov ebx, cs            // stack: eip, cs, parameter, esp, ss
        mov ecx, [esp + 4]
        mov eax, [esp + 8]
        mov edx, ss
        lea esi, [esp + 16]
        retf 4
user:   push 0x99
        lcall spare | 3, 0
        mov ebp, esp
        catch0 1f
        int 0x80
1:      nop
        finish
