/* The SSH host key of a board. Any thread, one at a time. */
#ifndef P2P_SERVER_HOST_KEY_H
#define P2P_SERVER_HOST_KEY_H

#include "base/err.h"

struct ssh_bind_struct;
struct ssh_key_struct;
struct p2p_host_key;

/* Loads the private key from the file at `path`, or creates the file with a new Ed25519 key. Errors
 * of server/host_key_file.h; P2P_ERR_PARSE, P2P_ERR_CRYPTO, P2P_ERR_MEMORY. */
int p2p_host_key_load(const char *path, struct p2p_host_key **out,
                      struct p2p_err *err) P2P_MUST_USE;
void p2p_host_key_free(struct p2p_host_key *key); /* takes NULL */

const char *p2p_host_key_line(const struct p2p_host_key *key);        /* "ssh-ed25519 AAAA..." */
const char *p2p_host_key_fingerprint(const struct p2p_host_key *key); /* "SHA256:..." */
/* What libssh accepts connections with. Owned by the key. */
struct ssh_bind_struct *p2p_host_key_bind(struct p2p_host_key *key);

/* "SHA256:..." of any key of libssh. Free it with ssh_string_free_char. NULL when out of memory. */
char *p2p_host_key_fingerprint_of(struct ssh_key_struct *key);

#endif
