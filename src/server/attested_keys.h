/* Device keys that users say they have: each user on its own SSH connection to the board, and for
 * as long as that lasts. So whoever trusts the board learns whose a device is. The board does not
 * ask for the secret half: that is proved to other members. Pure. */
#ifndef P2P_SERVER_ATTESTED_KEYS_H
#define P2P_SERVER_ATTESTED_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "server/limits.h"

#define P2P_ATTESTED_KEY_LEN 32

/* Those of one connection. All zero but `user`: none. */
struct p2p_attested_keys {
  const char *user;                       /* borrowed: its name, when the first key is added */
  struct p2p_attested_keys *next, **link; /* of the connections with keys; what points here */
  uint8_t keys[P2P_BOARD_ATTESTED_MAX][P2P_ATTESTED_KEY_LEN];
  size_t n_keys;
};

/* Adds a key, unless it is there; with the first one, `keys` gets on the list *all.
 * P2P_ERR_TOO_LARGE for more than P2P_BOARD_ATTESTED_MAX. */
int p2p_attested_keys_add(struct p2p_attested_keys *keys, struct p2p_attested_keys **all,
                          const uint8_t key[static P2P_ATTESTED_KEY_LEN]) P2P_MUST_USE;
/* Forgets the keys: the connection has ended. */
void p2p_attested_keys_clear(struct p2p_attested_keys *keys);

/* Appends the names of the users who have the key: each once, sorted, joined by ','. Errors of
 * p2p_buf_put. */
int p2p_attested_keys_list_users(const struct p2p_attested_keys *all,
                                 const uint8_t key[static P2P_ATTESTED_KEY_LEN],
                                 struct p2p_buf *out) P2P_MUST_USE;

#endif
