// Virtual-8086 mode: entered by IRETD with VM set; segments are real-mode ones; a privileged instruction comes back as #GP with a
// frame that holds the segment registers.
// expect rax=0x1234 rbx=13 rcx=0 count=1 vector=13 error=0
#define MODE 32
#include "env.inc"
        mov dword ptr ds:[0x20000], 0x1234
        push 0                          // gs fs ds es
        push 0
        push 0x2000
        push 0
        push 0                          // ss, esp
        push 0x6000
        push 0x20002                    // VM
        push 0
        push offset virtual
        catch0 1f
        iretd
        .code16
virtual:mov ax, ds:[0]
        hlt
        .code32
1:      mov ebx, ds:[dump_vector]
        mov eax, eax
        finish
