/* The steps of a connection to a cluster's topic, in their order. Pure. */
#ifndef P2P_BOARD_CONNECTION_STEP_H
#define P2P_BOARD_CONNECTION_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum p2p_connection_step {
  P2P_STEP_WHOAMI,     /* `user` was requested from another host (that of the public board) */
  P2P_STEP_CONNECTING, /* to the board itself */
  P2P_STEP_USER,       /* `user` was requested */
  P2P_STEP_KEYS,       /* the owner of the connection reads its keys */
  P2P_STEP_SERVICES,   /* `services` was requested: the mailbox and the relay */
  P2P_STEP_ATTEST,     /* `attest` was requested */
  P2P_STEP_NAMES,      /* `users` was requested by a host: do they have accounts? */
  P2P_STEP_HOSTED,  /* `ls` was requested before an owner opens the topic: does a host hold it? */
  P2P_STEP_OPENING, /* `pipe` was requested */
  P2P_STEP_ECHO,    /* the hello was sent; waits for its echo */
  P2P_STEP_ACCESS,  /* `ls` was requested: is the topic the cluster's? */
  P2P_STEP_JOINED,
  P2P_STEP_ENDED /* on_end was called, or the connection was freed */
};

/* Fills `err` when the step took too long: P2P_ERR_TIMEOUT, "board_silent" or "ssh_silent". */
void p2p_connection_step_explain(enum p2p_connection_step step, const char *host,
                                 uint32_t timeout_ms, bool uses_program, struct p2p_err *err);

#endif
