/* Shared by the parts of the SSH client within this process: ssh_session.c (the connection),
 * ssh_login.c (host key and authentication) and ssh_command.c (channels). For them only, as libssh
 * is. */
#ifndef P2P_BOARD_SSH_PRIVATE_H
#define P2P_BOARD_SSH_PRIVATE_H

#include <libssh/libssh.h>
#include <stdbool.h>

#include "base/buf.h"
#include "board/ssh_transport.h"
#include "net/tcp.h"

enum p2p_ssh_state {
  P2P_SSH_CONNECTING, /* net/ looks up the name and connects */
  P2P_SSH_HANDSHAKE,  /* key exchange; at its end the host key is checked */
  P2P_SSH_LOGIN,      /* tries one key after the other */
  P2P_SSH_READY,      /* commands can run */
  P2P_SSH_CLOSED      /* on_close was called */
};

/* What a step came to, besides a negative P2P_ERR_*. */
enum p2p_ssh_step {
  P2P_SSH_DONE, /* this state is over, or something came: look again at once */
  P2P_SSH_WAIT  /* nothing to do before the socket is ready */
};

#define P2P_SSH_CANDIDATES_MAX (2 * P2P_IDENTITIES_MAX + 5)

/* Who we can be: files of private keys, and the agent, in the order in which they are tried. */
struct p2p_ssh_login {
  char *candidates[P2P_SSH_CANDIDATES_MAX]; /* owned paths; NULL: the agent */
  size_t count, next;
  size_t n_explicit; /* the first ones were asked for: that one is missing is worth telling */
  ssh_key key;       /* of the candidate that is being tried */
  char tried[400];   /* for the sentence, if all fail */
};

struct p2p_ssh_session {
  struct p2p_ssh base;
  struct p2p_loop *loop;
  struct p2p_address address;
  struct p2p_ssh_callbacks callbacks;
  void *arg;
  uint32_t timeout_ms;
  enum p2p_ssh_state state;
  char host[256]; /* after ssh_config */
  uint16_t port;
  struct p2p_tcp *tcp;
  struct p2p_timer *timer; /* the bound on the way to P2P_SSH_READY; then the pulse */
  struct ssh_counter_struct traffic;
  uint64_t heard_bytes; /* of them, at the last pulse */
  uint64_t seen_bytes;  /* when all commands were last looked at */
  bool asked;           /* since then: for a sign of life */
  int fd;               /* the socket, for the watch; ours to close. -1: none */
  int libssh_fd; /* a second descriptor of it, that libssh closes when the connection breaks, and
                    only then */
  struct p2p_watch *watch;
  ssh_session session;
  ssh_event polls; /* reads and writes for the session once it is ready */
  struct p2p_ssh_login login;
  struct p2p_ssh_session_command *commands;
  bool stepping, again; /* a step within a step is done after it */
  bool freed;           /* by one of its events: gone when the step ends */
};

/* The transport's functions that are in ssh_command.c. */
int p2p_ssh_session_run(struct p2p_ssh *ssh, const char *text,
                        const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                        struct p2p_ssh_command **out, struct p2p_err *err);
int p2p_ssh_session_command_write(struct p2p_ssh_command *base, const void *bytes, size_t length);
void p2p_ssh_session_command_free(struct p2p_ssh_command *base);

/* There may be something to do that the socket's readiness does not show: steps soon, never from
 * within. */
void p2p_ssh_kick(struct p2p_ssh_session *ssh);

/* Why libssh says that the connection is over; "": without a word. A goodbye of the server is told
 * as it was written. */
void p2p_ssh_last_words(struct p2p_ssh_session *ssh, char *out, size_t size);

/* P2P_OK when the host key is the one in known_hosts. */
int p2p_ssh_check_host_key(struct p2p_ssh_session *ssh, struct p2p_err *err);
/* Fills ssh->login from the address and the text of ssh_config. */
int p2p_ssh_login_prepare(struct p2p_ssh_session *ssh, const char *config, struct p2p_err *err);
/* Whether the agent has to be asked for one certain key (a key with a passphrase, or of which only
 * the public half is here): libssh tries all that the agent has, and a board lets any of them in.
 */
bool p2p_ssh_login_needs_program(struct p2p_ssh_session *ssh, const char *config);
int p2p_ssh_login_step(struct p2p_ssh_session *ssh, struct p2p_err *err);
void p2p_ssh_login_clear(struct p2p_ssh_login *login);

/* One step of every command; P2P_SSH_DONE when one of them got on. */
int p2p_ssh_commands_step(struct p2p_ssh_session *ssh);
/* Frees those that were given back while stepping, or all. */
void p2p_ssh_commands_sweep(struct p2p_ssh_session *ssh, bool all);

#endif
