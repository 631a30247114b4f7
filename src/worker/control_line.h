/* What the owner of a worker asks it over its control socket: one line, a word. Pure. */
#ifndef P2P_WORKER_CONTROL_LINE_H
#define P2P_WORKER_CONTROL_LINE_H

#include <stddef.h>

#include "base/err.h"

#define P2P_CONTROL_LINE_MAX 8     /* bytes of a request, with its newline */
#define P2P_CONTROL_REPLY_MAX 4096 /* bytes of a reply, with its newline and a NUL */

enum p2p_control_op {
  P2P_CONTROL_STATUS,
  P2P_CONTROL_PAUSE,  /* take nothing new */
  P2P_CONTROL_RESUME, /* end that */
  P2P_CONTROL_DRAIN   /* finish what runs, then leave */
};

/* The word of a request. */
const char *p2p_control_word(enum p2p_control_op op);
/* Reads "word\n". P2P_ERR_CANCELED: the start of a request; P2P_ERR_PARSE: nothing that could
 * become one, or more than one. */
int p2p_control_line_read(const char *bytes, size_t length, enum p2p_control_op *out) P2P_MUST_USE;

#endif
