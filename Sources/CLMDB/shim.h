// The C side of the LMDB target: lmdb.h, and the one call of the system that Swift's own headers
// hide, so that the whole C surface of the target is one header. Only the LMDB target imports this
// module.
#ifndef CLMDB_SHIM_H
#define CLMDB_SHIM_H

#include <lmdb.h>

#ifdef __linux__
// <fcntl.h> shows it under _GNU_SOURCE only, which Swift does not set.
int fallocate(int descriptor, int mode, off_t offset, off_t length);
#endif

#endif
