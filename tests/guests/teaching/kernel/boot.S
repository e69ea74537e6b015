// From the Multiboot entry (32-bit protected mode, paging off) to start_native in 64-bit mode. Native machine only.
// [Multiboot 0.6.96 3.2 "Machine state"]: EAX = 0x2BADB002, EBX = info structure, interrupts off, no stack, no usable GDT.
        .intel_syntax noprefix

        .set MAGIC, 0x1BADB002
        .set FLAGS, 0x3                     // page-align modules, tell the memory size

        .section .multiboot, "a"
        .balign 4
        .long MAGIC, FLAGS, -(MAGIC + FLAGS)

        .text
        .code32
        .global start
start:
        cli
        cld
        mov esp, offset boot_stack_top
        mov esi, ebx                        // start_native's arguments: edi = magic, esi = info
        mov edi, eax

        // Long mode needs PAE, EFER.LME, then paging [SDM 3A 9.8.5 "Initializing IA-32e Mode"]. A CPU without it is told apart
        // by CPUID: no extended leaves, or leaf 0x80000001 EDX bit 29 clear.
        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000001
        jb no_long_mode
        mov eax, 0x80000001
        cpuid
        bt edx, 29
        jnc no_long_mode

        // Boot tables: the first 16 MiB, one to one, by eight 2 MiB pages. paging.c replaces them by finer ones.
        mov eax, offset boot_pdpt + 3
        mov [boot_pml4], eax
        mov eax, offset boot_pd + 3
        mov [boot_pdpt], eax
        mov eax, 0x83                       // present, writable, large
        xor ecx, ecx
1:      mov [boot_pd + ecx * 8], eax
        add eax, 0x200000
        inc ecx
        cmp ecx, 8
        jb 1b

        mov eax, offset boot_pml4
        mov cr3, eax
        mov eax, cr4
        or eax, 1 << 5                      // PAE
        mov cr4, eax
        mov ecx, 0xC0000080                 // EFER
        rdmsr
        or eax, 1 << 0 | 1 << 8 | 1 << 11   // SCE (SYSCALL), LME, NXE
        wrmsr
        mov eax, 0x8001002B                 // PG, WP, NE, TS, MP, PE: no floating point here, so a use of it traps
        mov cr0, eax
        lgdt [boot_gdt_pointer]
        ljmp 0x08, offset long_mode

no_long_mode:
        mov esi, offset no_long_mode_text
        mov dx, 0xe9
1:      lodsb
        test al, al
        jz 2f
        out dx, al
        jmp 1b
2:      mov al, 3                           // power_off(3): this machine cannot run us
        out 0xf4, al
3:      hlt
        jmp 3b

        .code64
long_mode:
        xor eax, eax
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov eax, 0x10
        mov ss, eax
        mov rsp, offset boot_stack_top
        mov edi, edi                        // the upper halves are undefined after the switch
        mov esi, esi
        xor ebp, ebp
        call start_native
1:      hlt
        jmp 1b

        .section .rodata
no_long_mode_text:
        .asciz "this CPU has no 64-bit mode\n"
        .balign 8
boot_gdt:                                   // replaced by ops_native.c
        .quad 0
        .quad 0x00af9b000000ffff            // 0x08: 64-bit code
        .quad 0x00cf93000000ffff            // 0x10: data
boot_gdt_pointer:
        .word . - boot_gdt - 1
        .long boot_gdt, 0

        .bss
        .balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4096
boot_stack: .skip 8192
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
