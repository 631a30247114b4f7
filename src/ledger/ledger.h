/* The ledger: who has given how much to whom. An entry counts the futures of one user on one
 * machine, in one cluster. Names come from others, so their number is limited: beyond that, the
 * user with the most machines has those that were used longest ago counted together, and then users
 * are. Nothing of what was counted is lost thereby, only whose it was. Pure. */
#ifndef P2P_LEDGER_LEDGER_H
#define P2P_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/member_name.h"

#define P2P_LEDGER_MAX 1024 /* entries */
#define P2P_LEDGER_COUNT_MAX (UINT64_C(1) << 53)
#define P2P_LEDGER_CLUSTER_MAX (P2P_USER_NAME_MAX + P2P_CLUSTER_NAME_MAX)

enum p2p_ledger_side {
  P2P_LEDGER_GIVEN,   /* by this account, to the futures of this user */
  P2P_LEDGER_RECEIVED /* by this account, from a worker of this user */
};

struct p2p_ledger_key {
  enum p2p_ledger_side side;
  char cluster[P2P_LEDGER_CLUSTER_MAX]; /* "alice/friends"; "", and no user: others */
  char user[P2P_USER_NAME_MAX];
  char machine[P2P_MEMBER_NAME_MAX]; /* "": other machines of this user */
};

/* Each at most P2P_LEDGER_COUNT_MAX. */
struct p2p_ledger_counts {
  uint64_t futures; /* with a result, also if that is an error */
  uint64_t failed;  /* without: lost or canceled */
  uint64_t ms;      /* that all of them took, from TASK to the end */
  uint64_t bytes_in, bytes_out;
};

struct p2p_ledger_entry {
  struct p2p_ledger_key key;
  struct p2p_ledger_counts counts;
  uint64_t since_s, latest_s; /* Unix time; since_s <= latest_s */
};

struct p2p_ledger {                 /* all zero: empty */
  struct p2p_ledger_entry *entries; /* in the order of their keys */
  size_t n, capacity;
};

/* Fills *out for a member, "alice@desk:4711", also with more at its end. False, if a name is not
 * valid. */
bool p2p_ledger_key_set(struct p2p_ledger_key *out, enum p2p_ledger_side side, const char *cluster,
                        const char *member) P2P_MUST_USE;
/* The names of a key are valid, and those that must be empty together are. */
bool p2p_ledger_key_is_valid(const struct p2p_ledger_key *key);
int p2p_ledger_key_compare(const struct p2p_ledger_key *a, const struct p2p_ledger_key *b);

/* Adds to the entry of the same key, or a new one. P2P_ERR_MEMORY: nothing has changed. */
int p2p_ledger_add(struct p2p_ledger *ledger, const struct p2p_ledger_entry *entry) P2P_MUST_USE;
/* Adds all entries. P2P_ERR_MEMORY: some were added. */
int p2p_ledger_merge(struct p2p_ledger *ledger, const struct p2p_ledger *more) P2P_MUST_USE;
/* Removes the entries of a cluster. */
void p2p_ledger_forget(struct p2p_ledger *ledger, const char *cluster);
void p2p_ledger_clear(struct p2p_ledger *ledger);

#endif
