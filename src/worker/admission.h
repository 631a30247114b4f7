/* Which accepts of the board a worker follows, and which of its links gives its place to a new one.
 * Anybody on the topic can write accepts, with any name and id, and without a client behind them.
 * Pure: the time is an argument. */
#ifndef P2P_WORKER_ADMISSION_H
#define P2P_WORKER_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_ADMISSION_CODES 1024       /* so many codes are remembered */
#define P2P_ADMISSION_PER_S 32         /* links that are started */
#define P2P_ADMISSION_BURST 16         /* links that are started at once */
#define P2P_ADMISSION_OPENING_MAX 32   /* links that are being opened */
#define P2P_ADMISSION_PER_CLIENT_MAX 4 /* open links to clients with one id */
#define P2P_ADMISSION_PER_USER_MAX 16  /* links to one user that wait for a slot, with none free */
#define P2P_ADMISSION_UNUSED_MS 1000   /* a link that is not used for this long may have to go */

struct p2p_admission {
  uint64_t codes[P2P_ADMISSION_CODES]; /* hashes; the oldest is replaced */
  size_t n_codes;                      /* so far */
  uint64_t credit_ms, credited_ms;     /* time in which no link was started, up to a burst's */
};

void p2p_admission_init(struct p2p_admission *admission, uint64_t now_ms);
/* NULL: follow the accept with this code; it then counts. Else the reason why not, for the log. */
const char *p2p_admission_check(struct p2p_admission *admission, const char *code, uint64_t now_ms);

struct p2p_admission_place {
  bool is_taken;
  bool is_open;      /* the client has joined the link */
  bool is_confirmed; /* somebody with its code is at the other end */
  bool is_of_client; /* it is a link to the client that writes the accept, as far as it says so */
  bool is_used;      /* the client wants a slot, or has one */
  bool has_slot;
  size_t crowd;      /* links to its user, by the certificate */
  uint64_t since_ms; /* open: when it was used last; else when it was started */
};

#define P2P_ADMISSION_ROOM -1 /* no link has to go */
#define P2P_ADMISSION_FULL -2 /* no link may go */

/* Returns the index of the link that has to go before another one is started, or one of the above.
 * Of links that are being opened, the oldest one goes to which nobody has come; of open ones, the
 * one that was not used for longest, or else one without a slot, whose user has more than
 * P2P_ADMISSION_PER_USER_MAX. */
int p2p_admission_choose(const struct p2p_admission_place *places, size_t length, uint64_t now_ms);

#endif
