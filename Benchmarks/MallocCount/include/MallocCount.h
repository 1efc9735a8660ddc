// Counts this program's allocations; linked into a benchmark only.
#ifndef SPRINGTIDE_MALLOC_COUNT_H
#define SPRINGTIDE_MALLOC_COUNT_H

// Calls of malloc, calloc, realloc, aligned_alloc and posix_memalign by the calling thread since its start.
unsigned long malloc_count(void);

#endif
