/* The keys that known_hosts files (sshd(8)) have for one host, read as OpenSSH reads them: markers,
 * lists of patterns, negation, hashed names and "[host]:port"; lines may have any length and end
 * with CRLF. Without a key for "[host]:port", a key for
 * the host alone counts. Lines that
 * OpenSSH passes over are passed over here, and the first one is remembered for an error. Pure. */
#ifndef P2P_BOARD_KNOWN_HOSTS_H
#define P2P_BOARD_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_HOST_KEY_ALGORITHMS_MAX 160

struct p2p_known_hosts;

enum p2p_host_key_state {
  P2P_HOST_KEY_UNKNOWN, /* no key of the host is known */
  P2P_HOST_KEY_KNOWN,   /* this key is known */
  P2P_HOST_KEY_CHANGED, /* another key is known */
  P2P_HOST_KEY_REVOKED  /* this key is marked with @revoked */
};

/* NULL: out of memory. */
struct p2p_known_hosts *p2p_known_hosts_new(const char *host, uint16_t port);
void p2p_known_hosts_free(struct p2p_known_hosts *known); /* takes NULL */

/* Adds the keys of the host in the text of a file. `file` is for errors. P2P_ERR_MEMORY. */
int p2p_known_hosts_add(struct p2p_known_hosts *known, const char *file, const char *text,
                        size_t length) P2P_MUST_USE;
/* Remembers that a file could not be used, and why, as for a line that is wrong. */
void p2p_known_hosts_set_problem(struct p2p_known_hosts *known, const char *file, const char *why);

/* The state of the key whose public half is `blob` (RFC 4253, section 6.6). `place` becomes
 * "line 3 of '/home/bob/.ssh/known_hosts'" if it is P2P_HOST_KEY_CHANGED or _REVOKED, else "". */
enum p2p_host_key_state p2p_known_hosts_check(const struct p2p_known_hosts *known,
                                              const uint8_t *blob, size_t length, char *place,
                                              size_t size);
/* Whether a certificate may be what proves the host: an @cert-authority of it is known, and no key.
 */
bool p2p_known_hosts_needs_certificate(const struct p2p_known_hosts *known);
/* All algorithms for host keys, joined by ',', those of known keys first: a host may have several
 * keys. */
void p2p_known_hosts_algorithms(const struct p2p_known_hosts *known,
                                char out[static P2P_HOST_KEY_ALGORITHMS_MAX]);
/* The first line that cannot be read, of the host's if possible: "line 3 of 'FILE' has no valid
 * key". "": none. */
const char *p2p_known_hosts_problem(const struct p2p_known_hosts *known);

#endif
