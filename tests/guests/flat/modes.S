// Real mode, then protected mode, then long mode: says the name of each on its way up, ends with 0. Needs to be below 64 KiB
// with CS base 0, or at a paragraph boundary with CS pointing at it; finds its own address either way. Uses 0x10000..0x14fff.
#include "say.inc"
        .code16
        say 'r', 'e', 'a', 'l', 10
        cli
        mov ax, cs
        mov ss, ax                      // ss = cs for the one call below
        mov sp, 0xfff0
        call 1f
1:      pop bx
        sub bx, offset 1b               // ebx = where this image starts, linear
        movzx ebx, bx
        movzx eax, ax
        shl eax, 4
        add ebx, eax

        // A GDT at 0x10000, written there: null, 64-bit code, 32-bit code, data.
        mov ax, 0x1000
        mov ds, ax
        xor edi, edi
        mov dword ptr [0], edi
        mov dword ptr [4], edi
        mov dword ptr [8], 0x0000ffff
        mov dword ptr [12], 0x00af9b00
        mov dword ptr [16], 0x0000ffff
        mov dword ptr [20], 0x00cf9b00
        mov dword ptr [24], 0x0000ffff
        mov dword ptr [28], 0x00cf9300
        mov word ptr [0x40], 31         // its pointer
        mov dword ptr [0x42], 0x10000
        lgdtd [0x40]
        // Far pointers for the two jumps: linear address and selector.
        lea eax, [ebx + protected]
        mov [0x50], eax
        mov word ptr [0x54], 16
        lea eax, [ebx + long_mode]
        mov [0x58], eax
        mov word ptr [0x5c], 8
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp fword ptr [0x50]

        .code32
protected:
        mov ax, 24
        mov ds, ax
        mov es, ax
        say 'p', 'r', 'o', 't', 'e', 'c', 't', 'e', 'd', 10
        // Identity map of the first 2 MiB: tables at 0x11000, 0x12000, 0x13000.
        mov edi, 0x11000
        mov ecx, 0x3000 / 4
        xor eax, eax
        cld
        rep stosd
        mov dword ptr [0x11000], 0x12003
        mov dword ptr [0x12000], 0x13003
        mov dword ptr [0x13000], 0x83
        mov eax, 0x11000
        mov cr3, eax
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x100
        wrmsr
        mov eax, cr0
        or eax, 0x80000001
        mov cr0, eax
        jmp fword ptr [0x10058]

        .code64
long_mode:
        say 'l', 'o', 'n', 'g', 10
        finish 0
