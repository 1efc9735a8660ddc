#include "CProcessor.h"

__thread unsigned long cprocessor_word __attribute__((tls_model("initial-exec")));

#if defined(__x86_64__)
int cprocessor_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2"))) unsigned cprocessor_crc32c(unsigned crc, const void *bytes, unsigned long count) {
    const unsigned char *at = bytes;
    unsigned long sum = crc;
    for (; count >= 8; count -= 8, at += 8) {
        unsigned long eight;
        __builtin_memcpy(&eight, at, 8);
        sum = __builtin_ia32_crc32di(sum, eight);
    }
    for (; count > 0; count--, at++) sum = __builtin_ia32_crc32qi((unsigned)sum, *at);
    return (unsigned)sum;
}
#else
int cprocessor_has_crc32c(void) { return 0; }

unsigned cprocessor_crc32c(unsigned crc, const void *bytes, unsigned long count) { return crc; }
#endif
