/* The file of a private host key. It is read only if nobody else can read it, and created so that
 * nobody else ever could. The text is not interpreted. Any thread. */
#ifndef P2P_SERVER_HOST_KEY_FILE_H
#define P2P_SERVER_HOST_KEY_FILE_H

#include "base/err.h"

/* *text is NUL-terminated; the caller wipes and frees it. Without such a file: P2P_OK and NULL.
 * P2P_ERR_INVALID for a file that others can read, that belongs to another user, that is larger
 * than P2P_HOST_KEY_FILE_MAX, or that is not a regular file; P2P_ERR_SYSTEM, P2P_ERR_MEMORY. */
int p2p_host_key_file_read(const char *path, char **text, struct p2p_err *err) P2P_MUST_USE;

/* Creates the file with mode 0600. Never overwrites one. P2P_ERR_SYSTEM; then there is no file. */
int p2p_host_key_file_write(const char *path, const char *text, struct p2p_err *err) P2P_MUST_USE;

#endif
