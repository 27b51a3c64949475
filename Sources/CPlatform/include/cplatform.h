// What the C library offers and Swift's import of it does not show.
#ifndef CPLATFORM_H
#define CPLATFORM_H

/// Whether the kernel says that a time server keeps the wall clock (adjtimex(2), STA_UNSYNC):
/// 1 yes, 0 no, -1 where it does not say.
int cplatform_clock_is_synchronized(void);

/// Names the running thread, for people who look at the process.
void cplatform_name_thread(const char *name);

#endif
