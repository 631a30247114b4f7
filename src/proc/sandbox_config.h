/* What the program of a sandbox may use, besides the files of the system. */
#ifndef P2P_PROC_SANDBOX_CONFIG_H
#define P2P_PROC_SANDBOX_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum p2p_sandbox_level { P2P_SANDBOX_LANDLOCK, P2P_SANDBOX_NAMESPACES, P2P_SANDBOX_SEATBELT };

struct p2p_sandbox_path {
  const char *path; /* absolute; passed over if it does not exist */
  bool is_writable; /* its files may be made, changed and removed, too */
};

struct p2p_sandbox {
  enum p2p_sandbox_level level;
  bool net;                             /* IPv4 and IPv6, as without a sandbox */
  const struct p2p_sandbox_path *paths; /* besides those of the system */
  size_t n_paths;
  /* Character devices, as those of GPUs: to read, to write and to control. Paths of other
   * files are ignored. Not of P2P_SANDBOX_SEATBELT. */
  const char *const *devices;
  size_t n_devices;
  pid_t supervisor; /* a process that must not be signalled; 0: none */
};

#endif
