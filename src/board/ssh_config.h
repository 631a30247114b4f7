/* Finds in ssh_config what libssh does not report, or understands otherwise than OpenSSH: all of
 * IdentityFile, IdentitiesOnly, IdentityAgent, and what only OpenSSH's program can do. */
#ifndef P2P_BOARD_SSH_CONFIG_H
#define P2P_BOARD_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/* Replaces ~/ at the start of a path with the home directory of the account. */
void p2p_ssh_config_expand(const char *path, char *out, size_t size);
/* Whether p2p_ssh_config_expand expands the path completely. Tokens (%h), variables, the home of
 * another user and escapes are for the program `ssh`. Pure. */
bool p2p_ssh_config_is_plain(const char *path);

/* The text of the user's file: `given` with -F ("none": no file), else ("") ~/.ssh/config.
 * NUL-terminated, owned by the caller. NULL: no such file, or it is larger than 1 MiB. Not on the
 * io thread. */
char *p2p_ssh_config_read(const char *given);
/* The same for the system's files: /etc/ssh/ssh_config, after what it includes. */
char *p2p_ssh_config_read_system(void);

/* The first word after the nth line (from 0) with this keyword that applies to the host as it was
 * typed: before the first Host, and under every Host whose patterns match. False: there is none.
 * Pure. */
bool p2p_ssh_config_find(const char *text, const char *host, const char *keyword, unsigned nth,
                         char *out, size_t size);

/* Whether the user's file has a setting of the host, its key or the route to it that libssh does
 * not support or that is not understood here. Include and Match always count. Pure. */
bool p2p_ssh_config_needs_program(const char *text, const char *host);

#endif
