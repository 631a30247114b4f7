/* The file of a server's private host key: read only when nobody else can read it, made so that
 * nobody else ever could. Text in, text out; what it means is the SSH library's business. */
#ifndef P2P_SERVER_HOST_KEY_FILE_H
#define P2P_SERVER_HOST_KEY_FILE_H

#include <stdbool.h>

#include "base/err.h"

#define P2P_HOST_KEY_FILE_MAX 16384

/* *text is NUL-terminated, the caller's to wipe and free; NULL when there is no such file (that is
 * P2P_OK). P2P_ERR_INVALID for a file that others can read, that is somebody else's, or that is no
 * plain file; P2P_ERR_SYSTEM. */
int p2p_host_key_file_read(const char *path, char **text, struct p2p_err *err) P2P_MUST_USE;
/* Makes the file, mode 0600. Never overwrites one. */
int p2p_host_key_file_write(const char *path, const char *text, struct p2p_err *err) P2P_MUST_USE;

#endif
