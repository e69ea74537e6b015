// From the Multiboot entry (32-bit protected mode, paging off) to bench_main in 64-bit mode, the first GiB mapped one to one by 2 MiB pages.
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
        mov esi, ebx                        // bench_main's argument is the info structure; edi is made of it below

        // Long mode needs PAE, EFER.LME, then paging [SDM 3A 9.8.5 "Initializing IA-32e Mode"].
        mov eax, offset boot_pdpt + 3
        mov [boot_pml4], eax
        mov eax, offset boot_pd + 3
        mov [boot_pdpt], eax
        mov eax, 0x83                       // present, writable, large
        xor ecx, ecx
1:      mov [boot_pd + ecx * 8], eax
        add eax, 0x200000
        inc ecx
        cmp ecx, 512
        jb 1b

        mov eax, offset boot_pml4
        mov cr3, eax
        mov eax, cr4
        or eax, 1 << 5                      // PAE
        mov cr4, eax
        mov ecx, 0xC0000080                 // EFER
        rdmsr
        or eax, 1 << 8                      // LME
        wrmsr
        mov eax, 0x80010023                 // PG, WP, NE, MP, PE
        mov cr0, eax
        lgdt [boot_gdt_pointer]
        ljmp 0x08, offset long_mode

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
        mov edi, esi                        // the upper halves are undefined after the switch
        xor ebp, ebp
        call bench_main
1:      hlt
        jmp 1b

        .section .rodata
        .balign 8
boot_gdt:
        .quad 0
        .quad 0x00af9b000000ffff            // 0x08: 64-bit code
        .quad 0x00cf93000000ffff            // 0x10: data
        .global boot_gdt_pointer
boot_gdt_pointer:
        .word . - boot_gdt - 1
        .long boot_gdt, 0

        .bss
        .balign 4096
        .global boot_pml4
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pd:   .skip 4096
boot_stack: .skip 8192
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
