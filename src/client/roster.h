/* The roster: the workers of a cluster, by their lines on the board. Lines and time are arguments.
 * Lines are hostile: anything but a valid hello or leave is ignored, and the number of workers is
 * limited. In a cluster with a key, a hello counts only with the badge of its user's device
 * (protocol/certified_line). Without a key, anybody can write one in the name of a worker. So a
 * worker is known by its id, its key and its device, and one that was linked keeps what it has said
 * over its link. When the roster is full, a worker that was never linked gives way to a new one. It
 * is one of the user with the most such workers. */
#ifndef P2P_CLIENT_ROSTER_H
#define P2P_CLIENT_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/seal.h"
#include "protocol/certified_line.h"
#include "protocol/hello.h"
#include "protocol/hello_line.h"
#include "protocol/identity.h"
#include "protocol/line.h"
#include "protocol/versions.h"

#define P2P_ROSTER_MAX 4096 /* workers */
/* Hellos whose signatures are checked in a second. A check takes about 0.1 ms, and whoever reads a
 * topic too slowly is disconnected. */
#define P2P_ROSTER_CHECKS_MAX 1000
#define P2P_ROSTER_SILENCE_MS 150000 /* a worker repeats its hello every 60 s */

struct p2p_worker_link;
struct p2p_workers;

struct p2p_roster_worker {
  struct p2p_identity member;
  char name[P2P_IDENTITY_LABEL_MAX]; /* what people see; with the start of the id if the name was
                                        taken */
  struct p2p_seal_public key;
  uint32_t user;                     /* index of its user in the roster */
  struct p2p_sign_public device;     /* in a cluster with a key; else zeros */
  uint64_t number;                   /* of its latest hello, with a device */
  char hello[P2P_HELLO_LINE_ID_MAX]; /* the id of its latest hello */
  uint32_t slots;
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  struct p2p_machine machine;
  uint32_t busy, waiting;         /* slots, of all clients; with a link, see p2p_worker_link_load */
  char state[P2P_LOAD_STATE_MAX]; /* why it takes nothing new, "": it does; the same */
  bool compatible;                /* it can run our tasks: its versions suit us, and its sandbox */
  bool is_too_open;               /* it is its sandbox that does not suit us */
  uint64_t last_seen_ms;          /* its latest hello */
  bool was_linked; /* it has identified itself over a link: see p2p_roster_set_hello */
  /* Kept for workers.c: */
  struct p2p_workers *owner;    /* of the link */
  struct p2p_worker_link *link; /* from the start of its set-up to its end; NULL: none */
  bool has_left;                /* it sent leave; removed when its link ends */
  bool is_lost;                 /* its link was lost, and it has not sent a hello since */
  uint32_t failures;            /* to open a link, in a row */
  uint64_t retry_at_ms;         /* no new link before this time */
};

/* The user who a worker is of, by its certificate. Without a key, nobody knows: all workers are of
 * the first user, "". */
struct p2p_roster_user {
  char name[P2P_USER_NAME_MAX];
  uint32_t failures; /* to link to workers of this user that were never linked, in a row */
  uint32_t tally;    /* for those who count something by user */
};

struct p2p_roster {
  char r_version[P2P_VERSION_MAX];    /* of this session */
  enum p2p_machine_sandbox sandbox;   /* the least that is wanted; 0, after init: any */
  struct p2p_roster_worker **workers; /* in the order of their arrival; the pointers are stable */
  size_t length, capacity;
  struct p2p_roster_user *users; /* at most as many as the owner has certified; never removed */
  size_t n_users;
  /* Of the latest hello that was believed, in this epoch; 0: none. A flood of hellos costs less. */
  struct p2p_line_badge known;
  uint32_t known_epoch;
  uint64_t checks_since_ms;
  uint32_t checks;            /* since then, at most P2P_ROSTER_CHECKS_MAX */
  char incompatible_why[256]; /* of the latest incompatible worker */
};

void p2p_roster_init(struct p2p_roster *roster, const char *r_version);
void p2p_roster_clear(struct p2p_roster *roster); /* the links are the caller's */

enum p2p_roster_change {
  P2P_ROSTER_IGNORED,   /* another type of line, or an earlier hello once more */
  P2P_ROSTER_MALFORMED, /* a malformed hello of a worker */
  P2P_ROSTER_FORGED,    /* in a cluster with a key: a hello without a valid badge */
  P2P_ROSTER_SKIPPED,   /* there were too many hellos in this second: ask again */
  P2P_ROSTER_FULL,      /* a new worker, but P2P_ROSTER_MAX are or were linked; or no memory */
  P2P_ROSTER_ADDED,     /* a new worker, perhaps in place of one that was never linked */
  P2P_ROSTER_UPDATED,   /* a known worker */
  P2P_ROSTER_LEFT       /* a known worker has sent leave; the caller removes it */
};
/* Handles a line. `ours`: NULL in a cluster without a key. *worker is the one that it is about, or
 * NULL. */
enum p2p_roster_change p2p_roster_update(struct p2p_roster *roster, const struct p2p_line *line,
                                         const struct p2p_credentials *ours, uint64_t now_ms,
                                         struct p2p_roster_worker **worker);
/* Stores what the worker says over its link, which no hello on the board changes any more.
 * P2P_ERR_VERSION: it is incompatible. */
int p2p_roster_set_hello(struct p2p_roster *roster, struct p2p_roster_worker *worker,
                         const struct p2p_hello *hello, struct p2p_err *err) P2P_MUST_USE;
/* A link to it could not be opened. */
void p2p_roster_add_failure(struct p2p_roster *roster, struct p2p_roster_worker *worker);
void p2p_roster_remove(struct p2p_roster *roster, struct p2p_roster_worker *worker);
/* Removes workers without a link that were silent for P2P_ROSTER_SILENCE_MS. Returns when the next
 * one is due; UINT64_MAX: none. */
uint64_t p2p_roster_expire(struct p2p_roster *roster, uint64_t now_ms);

#endif
