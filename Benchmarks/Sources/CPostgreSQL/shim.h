// PostgreSQL's client library, for the peer that is compared with.
#include <libpq-fe.h>
