/* The client program within this room: what its parts share. client.c is its face to other threads,
 * program.c what it does on the io thread, peer.c one link of it. */
#ifndef P2P_CLIENT_CLIENT_LOOP_H
#define P2P_CLIENT_CLIENT_LOOP_H

#include <pthread.h>

#include "base/notifier.h"
#include "board/member.h"
#include "client/client.h"
#include "client/needs.h"
#include "client/roster.h"
#include "client/schedule.h"
#include "client/task.h"

struct p2p_client {
  /* Constant after p2p_client_new. */
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  char *mailbox, *relay; /* NULL: as the board says */
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  uint32_t workers_most;
  uint64_t object_cap_bytes;
  uint32_t retries;

  struct p2p_notifier notifier;

  pthread_mutex_t lock;            /* guards what follows */
  struct p2p_task_queue inbox;     /* submitted, not yet seen by the io thread */
  bool canceled;                   /* some tasks were cancelled since */
  bool posted;                     /* the io thread will look at both */
  struct p2p_client_status status; /* written on the io thread */

  /* io thread only */
  struct p2p_member *member;
  struct p2p_roster roster;
  struct p2p_task_queue waiting;
  struct p2p_timer *timer;
  bool joined;        /* on the board just now, */
  uint64_t joined_ms; /* since */
  bool deciding, again;
  bool asking;                      /* who is there: as soon as it may */
  uint64_t asked_ms;                /* when it last did */
  struct p2p_roster_worker **seats; /* scratch of a decision: a worker, its numbers, its step */
  struct p2p_schedule_worker *numbers;
  struct p2p_schedule_step *steps;
  size_t seats_capacity;
  struct p2p_needs needs; /* as well: of the tasks that wait */
};

/* io thread */
int p2p_client_loop_start(struct p2p_client *client, const struct p2p_client_config *config,
                          struct p2p_err *err);
void p2p_client_loop_end(struct p2p_client *client);
/* The inbox has something. */
void p2p_client_loop_look(void *client);
/* Something has changed: decides what to do next and does it. Peers that have come to their end are
 * gone when it returns. */
void p2p_client_loop_decide(struct p2p_client *client);

/* A link was lost: its tasks that may run again come first, and the board is asked who is there. */
void p2p_client_loop_run_again(struct p2p_client *client, struct p2p_task_queue *tasks);

#endif
