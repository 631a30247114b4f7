/* Memory for the bytes of large objects, in chunks of one size. Freed chunks can be kept for the
 * next object: pages that are new to the process cost several times as much as copying into them.
 * No place for secrets. Any thread, also in a fork. */
#ifndef P2P_BASE_CHUNKS_H
#define P2P_BASE_CHUNKS_H

#include <stdint.h>

#define P2P_CHUNK_BYTES 65536

/* NULL: out of memory. Its content is undefined. */
uint8_t *p2p_chunk_new(void);
void p2p_chunk_free(uint8_t *chunk); /* takes NULL */

/* From now on, keeps freed chunks of at most `bytes` in all; the others go back to the system. None
 * are kept at first. Not in a fork. */
void p2p_chunks_keep(uint64_t bytes);
/* The bytes that are kept now. */
uint64_t p2p_chunks_kept(void);

#endif
