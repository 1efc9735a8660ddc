// Shows ThreadSanitizer the two steps of Swift's Mutex that it cannot see.
//
// A Mutex that is free is taken, and one that nobody waits for is given back, by code in the caller's module, which is
// instrumented. The slow paths lie in libswiftSynchronization, which is not: without them ThreadSanitizer misses that
// one holder came after the other and reports races where there are none. The functions below stand in front of the
// library's of the same name, call them, and say what they do to the lock's word. Nothing is suppressed: access
// without the lock is reported as before. Should a new Swift rename them, the false reports come back and are seen.
//
// Source: stdlib/public/Synchronization/Mutex/LinuxImpl.swift of Swift 6.3; `self` is passed in the context register.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *word

void __tsan_acquire(void *address);
void __tsan_release(void *address);

static SWIFT void (*library_lock)(uint32_t thread, SELF);
static SWIFT void (*library_unlock)(SELF);

static void *found(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        fprintf(stderr, "SeenMutex: no %s in this Swift's library\n", name);
        abort();
    }
    return function;
}

__attribute__((constructor)) static void find(void) {
    library_lock = found(LOCK_SLOW);
    library_unlock = found(UNLOCK_SLOW);
}

SWIFT void seen_lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
SWIFT void seen_lock_slow(uint32_t thread, SELF) {
    library_lock(thread, word);
    __tsan_acquire(word);
}

SWIFT void seen_unlock_slow(SELF) __asm__(UNLOCK_SLOW);
SWIFT void seen_unlock_slow(SELF) {
    __tsan_release(word);
    library_unlock(word);
}
#endif
#endif
