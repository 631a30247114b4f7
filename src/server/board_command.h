/* The command that an SSH client asks a board to run: `pipe friends/future.p2p -r -a bob,carol` and
 * the like. Pure. */
#ifndef P2P_SERVER_BOARD_COMMAND_H
#define P2P_SERVER_BOARD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_BOARD_COMMAND_MAX 16384 /* bytes of a command */
#define P2P_BOARD_TOPIC_MAX 256     /* bytes of a topic as typed */

enum p2p_board_verb {
  P2P_BOARD_HELP,     /* asked for, or nothing that we know */
  P2P_BOARD_LS,       /* the channels in your own namespace */
  P2P_BOARD_USER,     /* who you are */
  P2P_BOARD_SERVICES, /* where the mailbox and the relay are */
  P2P_BOARD_PIPE,     /* reads and writes a topic */
  P2P_BOARD_PUB,      /* only writes */
  P2P_BOARD_SUB       /* only reads */
};

struct p2p_board_command {
  enum p2p_board_verb verb;
  char topic[P2P_BOARD_TOPIC_MAX + 1]; /* as typed: printable ASCII */
  char *access;     /* -a: user names and key fingerprints joined by ','; owned; NULL without -a */
  bool replay;      /* -r: your own messages too */
  bool open_to_all; /* -p: public/TOPIC, where everybody may come */
  bool round_robin; /* -d round_robin: each message to one member, in turn */
  bool is_empty;    /* -e: pub waits for a reader and sends nothing */
  bool keep_alive;  /* -k: sub stays when the last writer leaves */
  bool wait_for_reader; /* pub, unless -b=false */
  uint32_t timeout_ms;  /* -t: how long pub waits for a reader; 0: for ever */
};

/* Anything that is no command asks for help. P2P_ERR_INVALID with a sentence for a bad flag, value
 * or topic. After P2P_OK, p2p_board_command_clear. */
int p2p_board_command_parse(const char *text, struct p2p_board_command *out,
                            struct p2p_err *err) P2P_MUST_USE;
void p2p_board_command_clear(struct p2p_board_command *command);

/* What `help` prints. */
const char *p2p_board_help(void);

#endif
