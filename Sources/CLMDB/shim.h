// The C side of the LMDB target: lmdb.h and nothing else, so that the whole C surface of
// the project is one header. Only the LMDB target imports this module.
#ifndef CLMDB_SHIM_H
#define CLMDB_SHIM_H

#include <lmdb.h>

#endif
