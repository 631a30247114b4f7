/* What both ends of a link say first, in a HELLO frame: `key=value`, one a line. Pure. */
#ifndef P2P_PROTOCOL_HELLO_H
#define P2P_PROTOCOL_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/member_name.h"
#include "protocol/versions.h"

#define P2P_HELLO_MAX 1024        /* bytes */
#define P2P_WORKER_SLOTS_MAX 1024 /* slots of one worker */

struct p2p_hello {
  char from[P2P_MEMBER_NAME_MAX];
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  uint32_t slots;
};

/* The client's: no slots. Returns the length, or P2P_ERR_TOO_LARGE. */
long p2p_hello_write(const char *from, const char *r_version, const char *future_version, char *out,
                     size_t size);
/* The worker's: hostile until it is parsed. Unknown keys are ignored. P2P_ERR_PROTOCOL with a
 * sentence. */
int p2p_hello_read(const void *bytes, size_t length, struct p2p_hello *out,
                   struct p2p_err *err) P2P_MUST_USE;

#endif
