/* What ssh_config says where libssh does not tell, or is mistaken: all of IdentityFile,
 * IdentitiesOnly, and what only the program `ssh` can do. For the parts of the SSH client within
 * this process alone. */
#ifndef P2P_BOARD_SSH_CONFIG_H
#define P2P_BOARD_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/* A path with ~/ in front, in full. */
void p2p_ssh_config_expand(const char *path, char *out, size_t size);
/* Whether that is all that the path needs: tokens (%h), variables, another one's home and escapes
 * are for the program `ssh`. Pure. */
bool p2p_ssh_config_is_plain(const char *path);

/* The text of the file that was given with -F (`given`; "none" is none), else ("") of
 * ~/.ssh/config; NUL-terminated, owned by the caller. NULL: there is none, or it is larger than 1
 * MiB. */
char *p2p_ssh_config_read(const char *given);

/* The first word after the nth line (from 0) with this keyword that is for the host as it was
 * typed: before the first Host, and under every Host whose patterns match. False: there is none.
 * Pure. */
bool p2p_ssh_config_find(const char *text, const char *host, const char *keyword, unsigned nth,
                         char *out, size_t size);

/* Whether it asks for something that makes a difference for who answers, or how to get there, and
 * that libssh cannot do, or that is not understood here: Include, and Match, wherever they lead. Of
 * the file of the whole system, which is not asked for here, holds what libssh understands. Pure.
 */
bool p2p_ssh_config_needs_program(const char *text, const char *host);

#endif
