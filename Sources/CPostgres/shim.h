#ifndef CPOSTGRES_SHIM_H
#define CPOSTGRES_SHIM_H
#include <postgresql/libpq-fe.h>
#include <sys/prctl.h>

/* prctl is variadic, which Swift does not import. */
static inline void cpostgres_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
#endif
