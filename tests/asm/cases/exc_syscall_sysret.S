// SYSCALL saves rip and flags in RCX and R11 and masks by FMASK; SYSRET goes back to ring 3.
// expect rax=0 rbx=0x23 rdx=0x8 rsi=0 r11=0x202 count=1 vector=0x80
#define MODE 64
#include "env.inc"
        mov ecx, 0xc0000081
        xor eax, eax
        mov edx, 0x00100008             // SYSRET base 0x10: SS 0x1b, CS 0x23; SYSCALL CS 8
        wrmsr
        inc ecx
        mov eax, offset entry
        xor edx, edx
        wrmsr
        mov ecx, 0xc0000084
        mov eax, 0x200                  // clear IF
        wrmsr
        sti
        to_user user
entry:  mov edx, cs
        pushfq
        pop rsi
        and esi, 0x200
        mov esp, 0x6000
        sysretq
user:   mov eax, 0
        syscall
1:      mov ebx, cs
        sub rcx, offset 1b
        mov rax, rcx
        catch0 done
        int 0x80
done:   cli
        and r11d, 0x202
        finish
