/* Authentication on the board with our keys, one after the other. Nobody is ever prompted for a
 * password or a passphrase. */
#ifndef P2P_BOARD_SSH_LOGIN_H
#define P2P_BOARD_SSH_LOGIN_H

#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

#include "board/address.h"
#include "board/ssh_agent.h"

#define P2P_SSH_CANDIDATES_MAX (2 * P2P_IDENTITIES_MAX + 5)

/* The keys to try, in this order. */
struct p2p_ssh_login {
  char *candidates[P2P_SSH_CANDIDATES_MAX]; /* owned paths; NULL: the agent */
  size_t count, next;
  bool has_service;     /* the board has accepted the request to authenticate */
  size_t n_explicit;    /* the first ones were configured: a missing file is reported */
  bool has_file;        /* the file of a candidate exists */
  bool has_offered;     /* a key was offered to the board */
  bool has_exposed_key; /* others can access the file of a candidate */
  ssh_key key;          /* of the candidate that is being tried */
  char tried[400];      /* what was tried so far, for the error */
  struct p2p_ssh_agent agent;
};

/* The result of a step, besides a negative P2P_ERR_*. */
enum p2p_ssh_login_step {
  P2P_SSH_LOGIN_DONE, /* authenticated */
  P2P_SSH_LOGIN_NEXT, /* go on with the next step at once */
  P2P_SSH_LOGIN_WAIT  /* go on when the socket is ready */
};

/* Fills the candidates from ssh_args and ssh_config: `config` is the text of the user's file,
 * `session` has the settings of the system's file. P2P_ERR_MEMORY, P2P_ERR_TOO_LARGE. */
int p2p_ssh_login_prepare(struct p2p_ssh_login *login, const struct p2p_address *address,
                          const char *config, ssh_session session,
                          struct p2p_err *err) P2P_MUST_USE;
/* Whether the agent has to use one particular key (a key with a passphrase, one that others
 * can access, or one of which only the public half is here): libssh would offer every key that the
 * agent has, and a board accepts any of them, as another user. Reads the key files: not on the io
 * thread. */
bool p2p_ssh_login_needs_program(const struct p2p_ssh_login *login);

/* Whether the next step waits for the agent, without a bound. */
bool p2p_ssh_login_waits_for_agent(const struct p2p_ssh_login *login);
/* Tries a key. `place` is "'host' (port 22)", for errors. P2P_ERR_AUTH when all keys were rejected,
 * P2P_ERR_NETWORK. Reads key files and waits for the agent: not on the io thread. */
int p2p_ssh_login_step(struct p2p_ssh_login *login, ssh_session session, const char *place,
                       struct p2p_err *err) P2P_MUST_USE;

void p2p_ssh_login_clear(struct p2p_ssh_login *login);

#endif
