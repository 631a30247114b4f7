/* The files that every sandbox may use: programs, libraries and public settings of the system, but
 * nothing of its users. */
#ifndef P2P_PROC_SANDBOX_PATHS_H
#define P2P_PROC_SANDBOX_PATHS_H

/* Each NULL-terminated. Some may not exist. */
extern const char *const p2p_sandbox_system[];  /* folders and files, read only */
extern const char *const p2p_sandbox_devices[]; /* devices, to read and to write */

#endif
