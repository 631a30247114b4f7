/* The HELLO by which an evaluator process reports to its supervisor that it is ready, or why it
 * cannot work: lines "key=value". Pure. */
#ifndef P2P_PROTOCOL_EVALUATOR_HELLO_H
#define P2P_PROTOCOL_EVALUATOR_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_EVALUATOR_HELLO_MAX 512 /* bytes, with a NUL that is not sent */

/* Writes peak=BYTES, data=BYTES and, behind them, `text`: lines of R/evaluator.R. Returns the
 * length, or P2P_ERR_TOO_LARGE. */
long p2p_evaluator_hello_write(uint64_t peak_bytes, uint64_t data_bytes, const char *text,
                               char out[static P2P_EVALUATOR_HELLO_MAX]);

/* Returns whether the evaluator reports an error: error=TEXT. `error` then is the text, made safe
 * to show and cut to `size` > 0 bytes; else it is "". Other keys (r, future, pid) are ignored. */
bool p2p_evaluator_hello_read(const void *payload, size_t length, char *error, size_t size);

/* peak=BYTES: the largest size of its memory so far; 0: not reported. */
uint64_t p2p_evaluator_hello_peak_bytes(const void *payload, size_t length);
/* data=BYTES: the writable memory that it has now (see proc/memory_limit); 0: not reported. */
uint64_t p2p_evaluator_hello_data_bytes(const void *payload, size_t length);

#endif
