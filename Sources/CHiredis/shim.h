// What RedisTier needs of C: hiredis' reply reader, and epoll and eventfd, which Swift's Glibc module does not show.
#ifndef SPRINGTIDE_CHIREDIS_H
#define SPRINGTIDE_CHIREDIS_H

#include <hiredis/read.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#endif
