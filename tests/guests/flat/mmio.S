// Long mode: pokes addresses where no device answers. Reads give all ones, writes vanish; then the VGA text memory, which keeps
// what is written. Ends with 0 if all of that holds, else with the number of the check that failed.
#include "say.inc"
        .code64
        mov ebx, 0xd0000000             // between the top of low RAM and the APICs
        mov eax, [rbx]
        cmp eax, -1
        jne 1f
        mov dword ptr [rbx + 8], 0x12345678
        cmp dword ptr [rbx + 8], -1
        jne 2f
        movzx ecx, byte ptr [rbx + 3]
        cmp ecx, 0xff
        jne 3f
        mov ebx, 0xb8000
        mov word ptr [rbx], 0x0741      // a grey A, top left
        cmp word ptr [rbx], 0x0741
        jne 4f
        say 'm', 'm', 'i', 'o', 10
        finish 0
1:      finish 1
2:      finish 2
3:      finish 3
4:      finish 4
