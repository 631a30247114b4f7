/* What a client reports to its user: its status, the workers of its cluster, and why a task waits.
 */
#ifndef P2P_CLIENT_CLIENT_STATUS_H
#define P2P_CLIENT_CLIENT_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "board/topic.h"
#include "net/tcp_measure.h"
#include "protocol/identity.h"
#include "protocol/load.h"
#include "protocol/machine.h"

struct p2p_client_status {
  bool joined;                    /* on the board at this moment */
  struct p2p_err failed;          /* code != 0: it could not join, or cannot rejoin */
  char user[64], cluster[192];    /* "" before it has joined */
  char name[P2P_MEMBER_NAME_MAX]; /* of the member: "bob@laptop:99" */
  char hosted[P2P_HOSTED_MAX];    /* the clusters that the user hosts, separated by blanks */
  uint32_t workers;               /* available and compatible */
  uint32_t slots;                 /* of these workers, and those still in use */
  uint32_t busy;                  /* of these, with tasks of other clients */
  uint32_t unreachable;           /* of these, of workers that no link could be opened to */
  uint32_t resting;               /* of these, free ones of workers that take nothing new */
  uint32_t incompatible;          /* workers whose R, future or sandbox does not suit us */
  char incompatible_why[256];     /* of the latest such worker */
  uint32_t cache_mib;             /* the least of these workers; 0: one reads no TASK with parts */
  uint32_t waiting, running;      /* tasks */
  uint32_t waiting_with_needs;    /* waiting tasks that need packages or resources */
};

struct p2p_worker_info {
  char id[P2P_IDENTITY_ID_MAX];
  char name[P2P_IDENTITY_LABEL_MAX];
  char r_version[32], future_version[32];
  struct p2p_machine machine;
  uint32_t slots, running; /* running: our tasks */
  struct p2p_load others;  /* by its other clients; without a link, by its latest hello */
  const char *state;       /* "no link", "unreachable", "connecting", "linked", "leaving", "lost",
                              "incompatible", "weak sandbox"; a literal */
  uint64_t seen_ms;        /* how long ago it has sent its latest hello */
  struct p2p_tcp_measure measure; /* of the link */
  char path[128]; /* of the link: "direct 192.0.2.7:40001", "relay ..."; "" without one */
};

enum p2p_waiting_reason {
  P2P_WAITING_LIMIT,        /* this client uses as many slots as it may */
  P2P_WAITING_BUSY,         /* the linked workers that can run the task have no free slot */
  P2P_WAITING_ROOM,         /* what the task requests is reserved for other tasks */
  P2P_WAITING_REPLY,        /* a worker has not replied yet whether it has the packages */
  P2P_WAITING_RESTING,      /* workers that can run the task take nothing new */
  P2P_WAITING_DISCONNECTED, /* no link can be opened without the board */
  P2P_WAITING_CONNECTING,   /* the link to a worker is being opened */
  P2P_WAITING_UNREACHABLE,  /* no link could be opened; more attempts follow */
  P2P_WAITING_PACKAGES,     /* all workers lack a package of the task */
  P2P_WAITING_RESOURCES,    /* no worker can ever give what it requests */
  P2P_WAITING_INCOMPATIBLE, /* only workers whose R or future cannot run our tasks */
  P2P_WAITING_NO_WORKER
};

#define P2P_WAITING_MISSING_MAX 320
struct p2p_waiting {
  enum p2p_waiting_reason reason;
  char worker[P2P_IDENTITY_LABEL_MAX];   /* one that REPLY, RESTING, CONNECTING, UNREACHABLE or
                                            PACKAGES is about */
  char state[P2P_LOAD_STATE_MAX];        /* RESTING: its state */
  char missing[P2P_WAITING_MISSING_MAX]; /* PACKAGES: those that one worker lacks, "'a', 'b'" */
  /* Of the linked workers that can run the task: */
  uint32_t slots, running; /* running: our tasks */
  struct p2p_load others;  /* without `waiting`: a client waits at several workers */
};

#endif
