/* Finds in ssh_config what libssh does not report, or understands otherwise than OpenSSH: all of
 * IdentityFile, IdentitiesOnly, IdentityAgent, and what only OpenSSH's program can do. */
#ifndef P2P_BOARD_SSH_CONFIG_H
#define P2P_BOARD_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The text of the user's file: `given` with -F ("none": no file), else ("") ~/.ssh/config.
 * NUL-terminated, owned by the caller. *out is NULL if there is no such file, or if it is larger
 * than 1 MiB. P2P_ERR_INVALID if others can change ~/.ssh/config, as in OpenSSH: `ssh` and libssh
 * run commands that it names. Not on the io thread. */
int p2p_ssh_config_read(const char *given, char **out, struct p2p_err *err) P2P_MUST_USE;
/* The same for the system's files: /etc/ssh/ssh_config, after what it includes. */
char *p2p_ssh_config_read_system(void);

/* The first word after the nth line (from 0) with this keyword that applies to the host as it was
 * typed: before the first Host, and under every Host whose patterns match. False if no line
 * has it. Pure. */
bool p2p_ssh_config_find(const char *text, const char *host, const char *keyword, unsigned nth,
                         char *out, size_t size);

/* The words after the first such keyword, for p2p_ssh_config_word. NULL if no line has it. Pure. */
const char *p2p_ssh_config_find_list(const char *text, const char *host, const char *keyword);
/* The nth word (from 0) of a list, up to the end of its line, without quotes. False: it has fewer.
 * Pure. */
bool p2p_ssh_config_word(const char *list, unsigned nth, char *out, size_t size);

/* Whether the user's file has a setting of the host, its key or the route to it that libssh does
 * not support or that is not understood here. Include and Match always count. Pure. */
bool p2p_ssh_config_needs_program(const char *text, const char *host);

#endif
