/* The known_hosts files that ssh_args and ssh_config name, else the default ones. */
#ifndef P2P_BOARD_SSH_KNOWN_HOSTS_H
#define P2P_BOARD_SSH_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "board/address.h"
#include "board/known_hosts.h"

#define P2P_KNOWN_HOSTS_FILE_MAX 1024

/* Where settings come from. */
struct p2p_ssh_texts {
  const struct p2p_address *address;
  const char *config; /* the text of the user's ssh_config; "": none */
  const char *system; /* that of the system's; "": none, or -F was given */
};

/* The first file of the user, where an entry would be added, as p2p_ssh_file_show shows it. */
void p2p_ssh_known_hosts_file(const struct p2p_ssh_texts *texts,
                              char out[static P2P_KNOWN_HOSTS_FILE_MAX]);
/* Whether a name of a file has tokens or anything else that only OpenSSH expands. Pure. */
bool p2p_ssh_known_hosts_are_odd(const struct p2p_ssh_texts *texts);
/* The keys of the host in all of the files; one that cannot be read is the problem of *out, one
 * that does not exist is not. P2P_ERR_MEMORY. Not on the io thread. */
int p2p_ssh_known_hosts_read(const struct p2p_ssh_texts *texts, const char *host, uint16_t port,
                             struct p2p_known_hosts **out, struct p2p_err *err) P2P_MUST_USE;

#endif
