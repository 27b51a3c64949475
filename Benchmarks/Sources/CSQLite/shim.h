// SQLite, for the peer that is compared with.
#include <sqlite3.h>
