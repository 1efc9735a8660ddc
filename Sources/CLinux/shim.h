// What glibc has but Swift's Glibc module does not show: nanosecond epoll and the timer slack of a thread.
#ifndef SPRINGTIDE_CLINUX_H
#define SPRINGTIDE_CLINUX_H

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

// Declared here because <sys/epoll.h> hides it without _GNU_SOURCE, which would change other declarations too.
// glibc >= 2.35, kernel >= 5.11.
extern int epoll_pwait2(int epoll, struct epoll_event *events, int count, const struct timespec *timeout,
                        const sigset_t *mask);

// Sets the calling thread's timer slack; the default of 50,000 ns delays every timed wait by as much.
static inline int clinux_set_timer_slack(unsigned long nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, nanoseconds, 0UL, 0UL, 0UL);
}

#endif
