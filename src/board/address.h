/* The board's address and how to log in there: `host` ("name", "name:port", "user@name:port", an
 * IPv6 address in brackets) and `ssh_args`, arguments for ssh. Pure. */
#ifndef P2P_BOARD_ADDRESS_H
#define P2P_BOARD_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostport.h"

#define P2P_IDENTITIES_MAX 8
#define P2P_SSH_ARGS_MAX 128
#define P2P_SSH_ARGS_BYTES_MAX 4096 /* of all ssh_args, a NUL after each */

struct p2p_address {
  char host[P2P_HOST_MAX + 1];
  uint16_t port;  /* 0: not given (ssh_config, else 22) */
  char login[64]; /* "": not given */
  char identities[P2P_IDENTITIES_MAX][1024];
  size_t n_identities;
  bool identities_only;
  char known_hosts[1024];            /* "": the default files */
  char config[1024];                 /* -F; "": the usual files, "none": none */
  bool by_program;                   /* only the program `ssh` understands all of ssh_args */
  char args[P2P_SSH_ARGS_BYTES_MAX]; /* ssh_args as they were given, for that program */
  size_t n_args;
};

/* `host` NULL: the public board. Understands -i FILE, -p PORT, -l USER, -F FILE, -o Port=, -o
 * User=, -o IdentityFile=, -o IdentitiesOnly=yes|no, -o UserKnownHostsFile= and -o
 * StrictHostKeyChecking=yes|ask, with the value attached ("-p22", "-oPort=22") or separate. -J, -B,
 * -b, -c, -m, -4, -6, -C and other -o set by_program. P2P_ERR_INVALID for anything else, such as
 * arguments that change what `ssh` does (-N, -W, -L); then *out is unchanged. */
int p2p_address_parse(const char *host, const char *const *ssh_args, size_t n_ssh_args,
                      struct p2p_address *out, struct p2p_err *err) P2P_MUST_USE;
/* The board as the folder of its keys is named: "host:port". */
void p2p_address_board(const struct p2p_address *address, char out[P2P_HOSTPORT_TEXT_MAX]);
/* The host that knows the accounts of the board: that of the public board, else the board itself.
 */
void p2p_address_account_host(const struct p2p_address *address, char *out, size_t size);
/* Whether the board is believed whose a device is (board/attestation.h). The public one does not
 * say so, and must not begin to: there, only the first device of a user is admitted by itself. */
bool p2p_address_may_vouch(const struct p2p_address *address);

#endif
