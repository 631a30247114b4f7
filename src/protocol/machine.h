/* What a worker reports about its machine, in its hello on the board and in its HELLO frame. */
#ifndef P2P_PROTOCOL_MACHINE_H
#define P2P_PROTOCOL_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define P2P_WORKER_SLOTS_MAX 1024 /* slots of one worker */
#define P2P_PLATFORM_MAX 64       /* bytes, with the NUL */
#define P2P_MACHINE_CORES_MAX 65536
#define P2P_MACHINE_MEMORY_MAX 999999999 /* MiB; of the cache, too */

/* What confines futures there: the more, the higher. */
enum p2p_machine_sandbox {
  P2P_MACHINE_SANDBOX_UNKNOWN, /* not reported */
  P2P_MACHINE_SANDBOX_NONE,
  P2P_MACHINE_SANDBOX_SEATBELT,
  P2P_MACHINE_SANDBOX_LANDLOCK,
  P2P_MACHINE_SANDBOX_NAMESPACES
};

struct p2p_machine {
  char platform[P2P_PLATFORM_MAX]; /* "x86_64-pc-linux-gnu"; "": not reported */
  uint32_t cores, memory_mib;      /* 0: not reported */
  enum p2p_machine_sandbox sandbox;
  uint32_t cache_mib; /* for parts of tasks, in each evaluator; 0: it reads no TASK with parts */
};

/* "none", "seatbelt", "landlock", "namespaces"; "": not reported. */
const char *p2p_machine_sandbox_name(enum p2p_machine_sandbox sandbox);
/* Reads such a name; NULL means not reported. False for any other text; *out is then unchanged. */
bool p2p_machine_sandbox_read(const char *name, enum p2p_machine_sandbox *out);

/* True for 1 to P2P_PLATFORM_MAX - 1 letters, digits, '.', '_' and '-'. */
bool p2p_platform_is_valid(const char *text);

/* Reads the five values as text; NULL means not reported. False when one of them is malformed or
 * beyond its cap; *out is then unchanged. */
bool p2p_machine_read(const char *platform, const char *cores, const char *memory,
                      const char *sandbox, const char *cache, struct p2p_machine *out);

#endif
