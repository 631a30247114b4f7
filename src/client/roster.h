/* Who is there: the workers of a cluster as their lines on the board tell. Pure: lines and time are
 * arguments. The lines are hostile: whatever is not exactly a worker's hello is no worker, and
 * there are caps on everything. */
#ifndef P2P_CLIENT_ROSTER_H
#define P2P_CLIENT_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/seal.h"
#include "protocol/hello_line.h"
#include "protocol/line.h"
#include "protocol/member_name.h"
#include "protocol/versions.h"

#define P2P_ROSTER_MAX 4096          /* workers */
#define P2P_ROSTER_SILENCE_MS 150000 /* a worker repeats its hello every 60 s */

struct p2p_worker_link;

struct p2p_roster_worker {
  char from[P2P_MEMBER_NAME_MAX]; /* user@host:pid */
  struct p2p_seal_public key;
  uint32_t slots;
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  struct p2p_machine machine;
  bool compatible;
  uint64_t heard_ms;
  /* Kept for the client: */
  struct p2p_worker_link *peer; /* the link to it, from its opening to its end; NULL: none */
  bool left;                    /* said leave; forgotten as soon as the link has ended */
  bool is_lost;                 /* the link to it broke, and it has not said hello since */
  uint32_t failures;            /* in a row, of opening a link */
  uint64_t retry_at_ms;         /* no new link before */
};

struct p2p_roster {
  char r_version[P2P_VERSION_MAX];    /* of this session */
  struct p2p_roster_worker **workers; /* in the order in which they came; the pointers are stable */
  size_t length, capacity;
  char incompatible_why[256]; /* of the last such worker */
};

void p2p_roster_init(struct p2p_roster *roster, const char *r_version);
void p2p_roster_clear(struct p2p_roster *roster);

enum p2p_roster_news {
  P2P_ROSTER_NOTHING, /* not for us, malformed, or one too many */
  P2P_ROSTER_CAME,    /* a worker that was not known */
  P2P_ROSTER_AGAIN,   /* a known one: key and heard_ms are updated, and while there is no link to it
                         the rest too */
  P2P_ROSTER_LEFT     /* a known one says leave: it is for the caller to remove it */
};
/* Takes in a line; *who is the worker that it is about, else NULL. */
enum p2p_roster_news p2p_roster_update(struct p2p_roster *roster, const struct p2p_line *line,
                                       uint64_t now_ms, struct p2p_roster_worker **who);
/* The worker's own word over its link: checked, then its compatible is updated. P2P_ERR_VERSION
 * with a sentence. */
int p2p_roster_set_versions(struct p2p_roster *roster, struct p2p_roster_worker *worker,
                            const char *r_version, const char *future_version,
                            struct p2p_err *err) P2P_MUST_USE;
void p2p_roster_remove(struct p2p_roster *roster, struct p2p_roster_worker *worker);
/* Removes the workers without a link that have not been heard of for P2P_ROSTER_SILENCE_MS. Returns
 * the time of the next one, UINT64_MAX: none. */
uint64_t p2p_roster_expire(struct p2p_roster *roster, uint64_t now_ms);

#endif
