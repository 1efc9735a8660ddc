// What L1's reads ask of the processor and Swift has no word for: a word of thread-local storage, loads of sixteen
// bytes, and prefetches.
#ifndef SPRINGTIDE_CPROCESSOR_H
#define SPRINGTIDE_CPROCESSOR_H

// A word of each thread's own, zero at first; one load to read.
extern __thread unsigned long cprocessor_word __attribute__((tls_model("initial-exec")));

static inline unsigned long cprocessor_thread_word(void) { return cprocessor_word; }
static inline void cprocessor_set_thread_word(unsigned long word) { cprocessor_word = word; }

// Copies 64 bytes that another thread may be writing: what was read must be checked afterwards, as by a seqlock. `from`
// is a multiple of 16. Four loads where 64-bit atomics take eight: each load of a line that is not in the cache yet
// holds the processor up. Neither compiler nor processor moves them over an acquire before or a fence after.
static inline void cprocessor_copy_line(void *to, const void *from) {
#if defined(__x86_64__)
    __asm__ volatile(
        "movaps (%1), %%xmm0\n\tmovaps 16(%1), %%xmm1\n\tmovaps 32(%1), %%xmm2\n\tmovaps 48(%1), %%xmm3\n\t"
        "movups %%xmm0, (%0)\n\tmovups %%xmm1, 16(%0)\n\tmovups %%xmm2, 32(%0)\n\tmovups %%xmm3, 48(%0)"
        :
        : "r"(to), "r"(from)
        : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
#else
    for (int word = 0; word < 8; word++) {
        unsigned long value = __atomic_load_n((const unsigned long *)from + word, __ATOMIC_RELAXED);
        __builtin_memcpy((char *)to + word * 8, &value, 8);
    }
#endif
}

// Whether the processor has the instruction crc32 (SSE 4.2); cprocessor_crc32c may be called only then.
int cprocessor_has_crc32c(void);

// Takes `count` bytes into the register of CRC-32C (reflected polynomial 0x82F63B78), eight at a time.
unsigned cprocessor_crc32c(unsigned crc, const void *bytes, unsigned long count);

// Begins to load a cache line; any address is allowed.
static inline void cprocessor_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
