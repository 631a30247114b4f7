/* The name of a received file on this machine, from the name that the sender gave it. Pure. */
#ifndef P2P_TRANSFER_FILE_NAME_H
#define P2P_TRANSFER_FILE_NAME_H

#include <stddef.h>

/* With the NUL. Shorter than what file systems allow (255 bytes), so that a number or a temporary
 * suffix can be added. */
#define P2P_FILE_NAME_MAX 216

/* The part of a path after the last '/' or '\\'. */
const char *p2p_file_name_last_part(const char *path);
/* Writes a name that is safe in any directory: the last part of `sent`, with '_' in place of
 * characters that cannot be printed or that some file systems do not allow, and of a leading '.',
 * '-' or '~'; never a reserved name such as "nul". A name that is too long is cut between two
 * characters, and keeps its extension. Writes "file" if nothing is left. */
void p2p_file_name_clean(const char *sent, char out[static P2P_FILE_NAME_MAX]);
/* The length of `name` without its extension: where a number is inserted, as in "results (1).rds".
 * An extension is short and follows a stem: ".rds", ".tar.gz". */
size_t p2p_file_name_stem(const char *name);

#endif
