/* The command that an SSH client asks a board to run, such as `pipe friends/future.p2p -r -a bob`.
 * Pure. */
#ifndef P2P_SERVER_BOARD_COMMAND_H
#define P2P_SERVER_BOARD_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/attested_keys.h"
#include "server/limits.h"

enum p2p_board_verb {
  P2P_BOARD_HELP,     /* also for an unknown command */
  P2P_BOARD_LS,       /* lists the topics in the user's own namespace */
  P2P_BOARD_USER,     /* prints the user's name */
  P2P_BOARD_SERVICES, /* prints the addresses of the mailbox and the relay */
  P2P_BOARD_USERS,    /* prints which of some users have no account */
  P2P_BOARD_ATTEST,   /* the user has a device key */
  P2P_BOARD_ATTESTED, /* prints which users have attested a device key */
  P2P_BOARD_PIPE,     /* reads and writes a topic */
  P2P_BOARD_PUB,      /* only writes */
  P2P_BOARD_SUB       /* only reads */
};

struct p2p_board_command {
  enum p2p_board_verb verb;
  char topic[P2P_BOARD_TOPIC_MAX + 1]; /* as typed: printable ASCII */
  char *access; /* -a: user names and key fingerprints joined by ','; owned; NULL without -a */
  char *names;  /* users: names of users joined by ','; owned; else NULL */
  uint8_t key[P2P_ATTESTED_KEY_LEN]; /* attest and attested: the device key */
  bool replay;                       /* -r: own messages too */
  bool is_public;                    /* -p: public/TOPIC, which everybody may join */
  bool round_robin;                  /* -d round_robin: each message to one reader, in turn */
  bool is_empty;                     /* -e: pub waits for a reader and sends nothing */
  bool keep_alive;                   /* -k: sub stays when the last writer leaves */
  bool wait_for_reader;              /* pub, unless -b=false */
  uint32_t timeout_ms;               /* -t: how long pub waits for a reader; 0: without limit */
};

/* Parses a command. An unknown verb is P2P_BOARD_HELP. P2P_ERR_INVALID for a wrong flag, value,
 * topic or argument; P2P_ERR_MEMORY. After P2P_OK the caller clears *out with
 * p2p_board_command_clear. */
int p2p_board_command_parse(const char *text, struct p2p_board_command *out,
                            struct p2p_err *err) P2P_MUST_USE;
void p2p_board_command_clear(struct p2p_board_command *command);

/* The output of `help`. */
const char *p2p_board_command_help(void);

#endif
