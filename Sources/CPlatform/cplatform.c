#include "cplatform.h"

#ifdef __linux__
#include <string.h>
#include <sys/timex.h>

int cplatform_clock_is_synchronized(void) {
    struct timex state;
    // Modes of 0 change nothing and need no privilege.
    memset(&state, 0, sizeof state);
    int result = adjtimex(&state);
    if (result == -1) return -1;
    return result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}
#else
int cplatform_clock_is_synchronized(void) { return -1; }
#endif
