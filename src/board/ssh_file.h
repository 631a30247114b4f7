/* The files of ~/.ssh: their paths, their contents, and whether other users can get at them, by the
 * rules of OpenSSH. Not on the io thread, but for what is pure. */
#ifndef P2P_BOARD_SSH_FILE_H
#define P2P_BOARD_SSH_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Replaces ~/ at the start of a path with the home directory of the account; with HOME if the user
 * id has no account. */
void p2p_ssh_file_expand(const char *path, char *out, size_t size);
/* The path for people, to whom ~ is HOME: expanded if that is not the home directory above. */
void p2p_ssh_file_show(const char *path, char *out, size_t size);
/* Whether p2p_ssh_file_expand expands the path completely. Tokens (%h), variables, the home of
 * another user and escapes are for the program `ssh`. Pure. */
bool p2p_ssh_file_is_plain(const char *path);

/* Appends the file to `out`. P2P_ERR_SYSTEM: it cannot be read, see errno; P2P_ERR_TOO_LARGE,
 * P2P_ERR_MEMORY. */
int p2p_ssh_file_read(const char *path, struct p2p_buf *out) P2P_MUST_USE;

bool p2p_ssh_file_is_folder(const char *path);
/* The mode of a file of a private key that users other than its owner can access; 0: it is private,
 * or it belongs to somebody else, whose decision that is. */
unsigned p2p_ssh_file_exposed_mode(const char *path);
/* Whether nobody but this user and root can change the file. A group of the user's own may, as in
 * Debian's OpenSSH. True for a file that does not exist. */
bool p2p_ssh_file_is_trusted(const char *path);

#endif
