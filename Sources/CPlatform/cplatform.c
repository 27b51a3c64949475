#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "cplatform.h"

#include <pthread.h>

#ifdef __linux__
#include <string.h>
#include <sys/timex.h>

void cplatform_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int cplatform_clock_is_synchronized(void) {
    struct timex state;
    // Modes of 0 change nothing and need no privilege.
    memset(&state, 0, sizeof state);
    int result = adjtimex(&state);
    if (result == -1) return -1;
    return result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}
#else
void cplatform_name_thread(const char *name) { pthread_setname_np(name); }

int cplatform_clock_is_synchronized(void) { return -1; }
#endif
