/* The LOAD frame: what a worker tells a client about the slots of its other clients, so that the
 * client can say why its tasks wait. Lines "key=value". Pure. Grammar: docs/protocol.md, "LOAD". */
#ifndef P2P_PROTOCOL_LOAD_H
#define P2P_PROTOCOL_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/member_name.h"
#include "protocol/resources.h"

#define P2P_LOAD_MAX 1024              /* bytes, and a NUL that is not sent */
#define P2P_LOAD_WAITING_MAX 999999999 /* slots */
#define P2P_LOAD_USERS_MAX 8           /* names */
#define P2P_LOAD_USERS_LEN (P2P_LOAD_USERS_MAX * P2P_USER_NAME_MAX)
#define P2P_LOAD_STATE_MAX 48 /* bytes, with a NUL */

/* Of clients other than the one that it is sent to. All zeros: the worker is free. */
struct p2p_load {
  uint32_t busy;                  /* slots with a task; at most P2P_WORKER_SLOTS_MAX */
  uint32_t waiting;               /* slots that are wanted and not granted */
  struct p2p_amounts reserved;    /* for their tasks */
  char users[P2P_LOAD_USERS_LEN]; /* with busy slots: "bob;carol"; there may be more */
  /* Why the worker takes nothing new: "resting until 22:00", in its local time; "": it does. */
  char state[P2P_LOAD_STATE_MAX];
};

/* Adds a user, unless it is listed already, or P2P_LOAD_USERS_MAX others are. */
void p2p_load_add_user(struct p2p_load *load, const char *user);
/* A list of 1 to P2P_LOAD_USERS_MAX names of users. */
bool p2p_load_users_are_valid(const char *list);
bool p2p_load_is_same(const struct p2p_load *a, const struct p2p_load *b);

/* Lower-case letters, digits, colons and spaces; begins with a letter. */
bool p2p_load_state_is_valid(const char *state);

/* Writes the payload, with a NUL behind it. Returns its length. */
size_t p2p_load_write(const struct p2p_load *load, char out[static P2P_LOAD_MAX]);
/* Unknown keys are ignored, the first of equal keys counts. P2P_ERR_PROTOCOL: malformed or too
 * long; *out is then unchanged. */
int p2p_load_read(const void *payload, size_t length, struct p2p_load *out) P2P_MUST_USE;

#endif
