// What Learning needs of OpenBLAS: the C interface of BLAS, and the number of its threads.
#ifndef SPRINGTIDE_COPENBLAS_H
#define SPRINGTIDE_COPENBLAS_H

#include <cblas.h>

#endif
