/* Memory that a process keeps when it is freed, since new pages cost several times as much as
 * copying into them. Does nothing where the C library is not glibc. */
#ifndef P2P_PROC_MEMORY_KEEP_H
#define P2P_PROC_MEMORY_KEEP_H

#include <stdint.h>

/* From now on, malloc() takes objects of up to `bytes` from memory that is kept when they are
 * freed, up to `bytes` at its end. Larger objects go back to the system at once. */
void p2p_memory_keep(uint64_t bytes);
/* Gives back what is free beyond `bytes`, also within. R's memory must have been collected. */
void p2p_memory_release(uint64_t bytes);

#endif
