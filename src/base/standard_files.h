/* The standard files of this process. */
#ifndef P2P_BASE_STANDARD_FILES_H
#define P2P_BASE_STANDARD_FILES_H

/* Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed. Otherwise a socket could
 * get its number: messages would be written to it, and libuv aborts the process when it closes it.
 */
void p2p_standard_files_open(void);

#endif
