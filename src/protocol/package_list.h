/* Names of R packages, and the payloads of PACKAGES: a client's request "a;b;c" and the worker's
 * reply "a=1.2.3;b=;c=0.9", where an empty version means that the package is not installed. Pure.
 */
#ifndef P2P_PROTOCOL_PACKAGE_LIST_H
#define P2P_PROTOCOL_PACKAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define P2P_PACKAGE_NAME_MAX 129     /* bytes, with the NUL */
#define P2P_PACKAGE_VERSION_MAX 65   /* bytes, with the NUL */
#define P2P_PACKAGE_REQUEST_MAX 1000 /* in one request */

/* ASCII letters, digits and dots, a letter first; fewer than P2P_PACKAGE_NAME_MAX. So a name is
 * never a path that leads elsewhere. `text` need not be NUL-terminated. */
bool p2p_package_name_is_valid(const char *text, size_t length);

/* Lists "a;b;c" of names, NUL-terminated. A valid list is not empty. _next copies the next name and
 * moves *list behind it; false at the end. */
bool p2p_package_list_is_valid(const char *list);
bool p2p_package_list_next(const char **list, char name[static P2P_PACKAGE_NAME_MAX]);

/* Appends a name to a request; P2P_ERR_INVALID for what is not a name, P2P_ERR_TOO_LARGE when
 * `out` is full. A failed call changes nothing. */
int p2p_package_request_put(struct p2p_buf *out, const char *name) P2P_MUST_USE;
/* Appends an entry to a reply; a version of "" means absent. Errors as above. */
int p2p_package_reply_put(struct p2p_buf *out, const char *name, const char *version) P2P_MUST_USE;

struct p2p_package {
  char name[P2P_PACKAGE_NAME_MAX];
  char version[P2P_PACKAGE_VERSION_MAX]; /* of a reply; "": absent */
};

/* Reads a payload, entry by entry. */
struct p2p_package_reader {
  const char *at, *end;
  size_t count;
  bool is_done;
};
void p2p_package_reader_init(struct p2p_package_reader *reader, const void *payload, size_t length);
/* 1: *out is the next entry; 0: no more; P2P_ERR_PARSE: malformed; P2P_ERR_TOO_LARGE: more than
 * P2P_PACKAGE_REQUEST_MAX entries. An empty payload has no entries. */
int p2p_package_request_next(struct p2p_package_reader *reader,
                             struct p2p_package *out) P2P_MUST_USE;
int p2p_package_reply_next(struct p2p_package_reader *reader, struct p2p_package *out) P2P_MUST_USE;

#endif
