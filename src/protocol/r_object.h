/* Checks a serialized R object before R reads it. R's own reader trusts its input: it allocates
 * what a length says, follows nesting until the C stack overflows, and builds objects that crash R
 * later, such as an environment without a hash table. Pure.
 *
 * Format: "R Internals", section 1.8, version 3, binary, native byte order. */
#ifndef P2P_PROTOCOL_R_OBJECT_H
#define P2P_PROTOCOL_R_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"

enum p2p_r_content {
  P2P_R_ANY,      /* any object */
  P2P_R_TASK,     /* a list (VECSXP) that is not an S4 object, as are the rest */
  P2P_R_RESULT,   /* of class FutureResult or FutureError */
  P2P_R_CONDITION /* of class condition */
};

struct p2p_r_object_rules {
  /* Memory that R may need for the object, estimated, with compact sequences expanded. */
  uint64_t memory_bytes;
  enum p2p_r_content content;
  bool data_only; /* nothing but vectors and lists, as r_data.h has it */
};

/* P2P_OK: R can read the object, which is whole, nested within the limits of r_stream.h,
 * well-formed, attributes included, and runs no code before a function in it is called, a binding
 * of an environment in it is read, or a method for its class is called. It may load the namespaces
 * that it names, unless it is data only. P2P_ERR_PARSE, P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY,
 * P2P_ERR_INVALID ("not_data"), and P2P_ERR_VERSION for another version of the format or another
 * byte order. */
int p2p_r_object_check(const struct p2p_blob *object, const struct p2p_r_object_rules *rules,
                       struct p2p_err *err) P2P_MUST_USE;

/* The same for an object that comes in pieces. It keeps none of the bytes. R may read a piece once
 * it was fed, since R's reader touches nothing of what it has read that is checked later. */
struct p2p_r_walk;
/* NULL: out of memory. */
struct p2p_r_walk *p2p_r_walk_new(uint64_t size_bytes, const struct p2p_r_object_rules *rules);
void p2p_r_walk_free(struct p2p_r_walk *walk); /* takes NULL */
/* Checks the next bytes of the object. P2P_OK: they are right so far; with the last one, all of it
 * is. Other codes are as above, and final: feed no more. An object of 0 bytes is fed once, too. */
int p2p_r_walk_feed(struct p2p_r_walk *walk, const void *bytes, size_t length,
                    struct p2p_err *err) P2P_MUST_USE;

#endif
