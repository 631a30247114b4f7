/* What a worker reports about its machine, in its hello on the board and in its HELLO frame. */
#ifndef P2P_PROTOCOL_MACHINE_H
#define P2P_PROTOCOL_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/resources.h"

#define P2P_WORKER_SLOTS_MAX 1024 /* slots of one worker */
#define P2P_PLATFORM_MAX 64       /* bytes, with the NUL */
#define P2P_MACHINE_CORES_MAX P2P_CORES_MAX
#define P2P_MACHINE_MEMORY_MAX P2P_MEMORY_MAX /* MiB; of the cache, too */

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
  bool reserves;      /* it reads REQUEST */
  uint32_t limit_mib; /* what one future may have of the memory; 0: all */
  char tags[P2P_TAGS_LEN];
  uint32_t gpus; /* that futures can request */
};

/* "none", "seatbelt", "landlock", "namespaces"; "": not reported. */
const char *p2p_machine_sandbox_name(enum p2p_machine_sandbox sandbox);
/* Reads such a name; NULL means not reported. False for any other text; *out is then unchanged. */
bool p2p_machine_sandbox_read(const char *name, enum p2p_machine_sandbox *out);

/* True for 1 to P2P_PLATFORM_MAX - 1 letters, digits, '.', '_' and '-'. */
bool p2p_platform_is_valid(const char *text);

/* The values as text; NULL means not reported. */
struct p2p_machine_texts {
  const char *platform, *cores, *memory, *sandbox, *cache, *reserves, *limit, *tags, *gpus;
};
/* False when one of them is malformed or beyond its cap; *out is then unchanged. */
bool p2p_machine_read(const struct p2p_machine_texts *texts, struct p2p_machine *out);
/* Whether a future can ever get this there. An older worker reserves nothing. */
bool p2p_machine_can_give(const struct p2p_machine *machine, const struct p2p_resources *request);
/* All that its futures can have together. */
void p2p_machine_resources(const struct p2p_machine *machine, struct p2p_resources *out);

#endif
