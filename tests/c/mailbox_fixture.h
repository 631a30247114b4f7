/* A mailbox and a relay on ephemeral loopback ports, an io thread, and a way to wait for what
 * happens there. */
#ifndef P2P_TESTS_MAILBOX_FIXTURE_H
#define P2P_TESTS_MAILBOX_FIXTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "server/mailbox_server.h"
#include "server/relay.h"
#include "unit.h"

struct lab {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_mailbox_server *mailbox_server;
  struct p2p_relay *relay_server;
  char mailbox[64], relay[64];
  pthread_mutex_t lock;
  pthread_cond_t changed;
};

static void lab_open_servers(void *arg) {
  struct lab *lab = arg;

  CHECK(p2p_mailbox_server_new(lab->loop, "127.0.0.1", 0, lab->log, &lab->mailbox_server, NULL) ==
        P2P_OK);
  CHECK(p2p_relay_new(lab->loop, "127.0.0.1", 0, lab->log, &lab->relay_server, NULL) == P2P_OK);
  snprintf(lab->mailbox, sizeof lab->mailbox, "ws://127.0.0.1:%u/v1",
           p2p_mailbox_server_port(lab->mailbox_server));
  snprintf(lab->relay, sizeof lab->relay, "tcp:127.0.0.1:%u", p2p_relay_port(lab->relay_server));
}

static void lab_free_servers(void *arg) {
  struct lab *lab = arg;

  p2p_mailbox_server_free(lab->mailbox_server);
  p2p_relay_free(lab->relay_server);
}

static void lab_open(struct lab *lab) {
  const char *mailbox = getenv("P2P_TEST_MAILBOX"), *relay = getenv("P2P_TEST_RELAY");

  memset(lab, 0, sizeof *lab);
  pthread_mutex_init(&lab->lock, NULL);
  pthread_cond_init(&lab->changed, NULL);
  lab->log = p2p_log_queue_new(64);
  CHECK(p2p_loop_start(&lab->loop, NULL) == P2P_OK);
  if (mailbox != NULL && relay != NULL) { /* somebody else's servers */
    snprintf(lab->mailbox, sizeof lab->mailbox, "%s", mailbox);
    snprintf(lab->relay, sizeof lab->relay, "%s", relay);
  } else {
    CHECK(p2p_loop_call(lab->loop, lab_open_servers, lab) == P2P_OK);
  }
}

static void lab_close(struct lab *lab) {
  CHECK(p2p_loop_call(lab->loop, lab_free_servers, lab) == P2P_OK);
  p2p_loop_stop(lab->loop);
  p2p_log_queue_unref(lab->log);
  pthread_cond_destroy(&lab->changed);
  pthread_mutex_destroy(&lab->lock);
}

/* On the io thread: something happened that a test may wait for. */
static inline void lab_tell(struct lab *lab, int *counter) {
  pthread_mutex_lock(&lab->lock);
  (*counter)++;
  pthread_cond_broadcast(&lab->changed);
  pthread_mutex_unlock(&lab->lock);
}

/* Waits until the counter is at least `count`. False: it was not within the time. */
static inline bool lab_wait(struct lab *lab, const int *counter, int count, int timeout_ms) {
  struct timespec until;
  int timed_out = 0;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += timeout_ms / 1000;
  until.tv_nsec += timeout_ms % 1000 * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_mutex_lock(&lab->lock);
  while (*counter < count && !timed_out)
    timed_out = pthread_cond_timedwait(&lab->changed, &lab->lock, &until) != 0;
  bool reached = *counter >= count;
  pthread_mutex_unlock(&lab->lock);
  return reached;
}

#endif
