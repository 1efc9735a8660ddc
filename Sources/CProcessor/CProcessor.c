#include "CProcessor.h"

__thread unsigned long cprocessor_word __attribute__((tls_model("initial-exec")));
