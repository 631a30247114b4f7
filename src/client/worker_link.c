/* Owns struct p2p_worker_link. The code of a link goes over the board sealed to the worker's key,
 * so only that worker can come; versions are checked again by its own word, since anybody can write
 * a hello on the board. */
#include "client/worker_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "protocol/accept.h"
#include "protocol/hello.h"
#include "wormhole/link.h"

struct p2p_worker_link {
  struct p2p_client *client;
  struct p2p_roster_worker *worker;
  struct p2p_link *link;
  struct p2p_task_stream *stream;
  struct p2p_inventory inventory;
  uint64_t since_ms;
  char path[128];
  struct p2p_err broken;
};

struct p2p_task_stream *p2p_worker_link_lane(const struct p2p_worker_link *peer) {
  return peer->stream;
}
const char *p2p_worker_link_path(const struct p2p_worker_link *peer) { return peer->path; }
uint64_t p2p_worker_link_since_ms(const struct p2p_worker_link *peer) { return peer->since_ms; }
struct p2p_inventory *p2p_worker_link_inventory(struct p2p_worker_link *peer) {
  return &peer->inventory;
}
bool p2p_worker_link_is_broken(const struct p2p_worker_link *peer) {
  return peer->broken.code != P2P_OK;
}

/* The end. */

static void destroy(struct p2p_worker_link *peer) {
  struct p2p_roster_worker *worker = peer->worker;
  worker->peer = NULL;
  p2p_task_stream_free(peer->stream);
  p2p_inventory_clear(&peer->inventory);
  p2p_link_free(peer->link);
  if (worker->left) p2p_roster_remove(&peer->client->roster, worker);
  free(peer);
}

/* A failed attempt is told aloud once: the worker may be behind something that we cannot pass, for
 * as long as it is there. */
static void back_off(struct p2p_client *client, struct p2p_roster_worker *worker,
                     const struct p2p_err *why) {
  static const struct p2p_backoff backoff = {.first_ms = 1000, .max_ms = 60000};
  uint32_t delay_ms =
      p2p_backoff_pause_ms(&backoff, worker->failures, p2p_random_below(UINT32_MAX));
  worker->retry_at_ms = p2p_clock_ms() + delay_ms;
  struct p2p_err err = *why;
  p2p_err_prefix(&err, "No link to %s, trying again in %.1f s", worker->from, delay_ms / 1000.0);
  p2p_log_error(client->log, worker->failures == 0 ? P2P_LOG_WARN : P2P_LOG_DEBUG, &err);
  worker->failures++;
}

void p2p_worker_link_fail(struct p2p_worker_link *peer, const struct p2p_err *why) {
  struct p2p_err err = why != NULL ? *why : peer->broken;
  if (peer->stream != NULL) {
    struct p2p_task_queue again = {0};
    p2p_task_stream_fail(peer->stream, &err, &again);
    peer->worker->is_lost = true;
    p2p_log_write(peer->client->log, P2P_LOG_INFO, "The link to %s has ended: %s",
                  peer->worker->from, err.message);
    p2p_client_loop_run_again(peer->client, &again);
  } else {
    back_off(peer->client, peer->worker, &err);
  }
  destroy(peer);
}

void p2p_worker_link_close(struct p2p_worker_link *peer) {
  p2p_log_write(peer->client->log, P2P_LOG_DEBUG,
                "The link to %s was not used for long and is closed", peer->worker->from);
  destroy(peer);
}

void p2p_worker_link_cancel(struct p2p_worker_link *peer, const struct p2p_err *why) {
  if (peer->stream != NULL) p2p_task_stream_cancel(peer->stream, why);
  destroy(peer);
}

/* From within a callback of the link. */
static void end_now(struct p2p_worker_link *peer, const struct p2p_err *why) {
  struct p2p_client *client = peer->client;
  p2p_worker_link_fail(peer, why);
  p2p_client_loop_decide(client);
}

/* The lane's way out. */

static int lane_send(void *arg, uint8_t type, uint32_t task, const void *payload, size_t length) {
  return p2p_link_send(((struct p2p_worker_link *)arg)->link, type, task, payload, length);
}

static size_t lane_queued(void *arg) {
  return p2p_link_queued(((struct p2p_worker_link *)arg)->link);
}

static void lane_news(void *arg) {
  p2p_notifier_notify(&((struct p2p_worker_link *)arg)->client->notifier);
}

static void check(struct p2p_worker_link *peer, int code) {
  if (code != P2P_OK) p2p_err_set(&peer->broken, code, "cannot write to the link");
}

void p2p_worker_link_ask(struct p2p_worker_link *peer, uint64_t now_ms) {
  struct p2p_buf question;
  p2p_buf_init(&question, P2P_INVENTORY_ASK_BYTES);
  int code = p2p_inventory_ask(&peer->inventory, now_ms, &question);
  if (code == P2P_OK && p2p_buf_len(&question) > 0) {
    code = p2p_link_send(peer->link, P2P_FRAME_PACKAGES, 0, p2p_buf_data(&question),
                         p2p_buf_len(&question));
  }
  check(peer, code);
  p2p_buf_clear(&question);
}

struct choice {
  struct p2p_inventory *inventory;
  uint64_t now_ms;
};

static bool can_run(void *arg, const struct p2p_task *task) {
  struct choice *choice = arg;
  return p2p_inventory_look_up(choice->inventory, p2p_task_packages(task), choice->now_ms) ==
         P2P_INVENTORY_HAS;
}

void p2p_worker_link_work(struct p2p_worker_link *peer, const struct p2p_schedule_step *step,
                          struct p2p_task_queue *waiting) {
  if (peer->stream == NULL) return;
  struct choice choice = {&peer->inventory, p2p_clock_ms()};
  for (uint32_t left = step->start; left > 0 && !p2p_worker_link_is_broken(peer);) {
    struct p2p_task *task = p2p_task_queue_pop_if(waiting, can_run, &choice);
    if (task == NULL) {
      peer->client->again = true;
      break;
    }
    if (p2p_task_run(task, peer->worker->from)) {
      p2p_log_write(peer->client->log, P2P_LOG_DEBUG, "Future '%s' goes to %s",
                    p2p_task_label(task), peer->worker->from);
      check(peer, p2p_task_stream_start(peer->stream, task));
      left--;
    } else { /* cancelled just now */
      p2p_task_release(task);
    }
  }
  if (step->say_want && !p2p_worker_link_is_broken(peer))
    check(peer, p2p_task_stream_want(peer->stream, step->want, p2p_clock_ms()));
  if (step->give_back > 0 && !p2p_worker_link_is_broken(peer))
    check(peer, p2p_task_stream_give_back(peer->stream, step->give_back));
}

void p2p_worker_link_sweep(struct p2p_worker_link *peer) {
  if (peer->stream != NULL) check(peer, p2p_task_stream_sweep(peer->stream));
}

/* The link's events. */

static void on_code(void *arg, const char *code) {
  struct p2p_worker_link *peer = arg;
  struct p2p_member *member = peer->client->member;
  struct p2p_accept_request accept = {.from = p2p_member_name(member),
                                      .to = peer->worker->from,
                                      .code = code,
                                      .key = &peer->worker->key};
  struct p2p_line line;
  struct p2p_err err;
  int rc = p2p_accept_write(&line, &accept, time(NULL));
  if (rc != P2P_OK) {
    p2p_err_set(&err, rc, "its key on the board is not a key");
    end_now(peer, &err);
    return;
  }
  if ((rc = p2p_member_send(member, &line)) != P2P_OK) {
    p2p_err_set(&err, rc, "it cannot be told on the board, which is away");
    end_now(peer, &err);
  }
}

static void on_open(void *arg, const char *path) {
  struct p2p_worker_link *peer = arg;
  struct p2p_client *client = peer->client;
  struct p2p_hello hello = {0};
  char text[P2P_HELLO_MAX + 1];
  snprintf(peer->path, sizeof peer->path, "%s", path);
  snprintf(hello.from, sizeof hello.from, "%s", p2p_member_name(client->member));
  snprintf(hello.r_version, sizeof hello.r_version, "%s", client->r_version);
  snprintf(hello.future_version, sizeof hello.future_version, "%s", client->future_version);
  long length = p2p_hello_write(&hello, P2P_ROLE_CLIENT, text, sizeof text);
  int code = length < 0 ? (int)length
                        : p2p_link_send(peer->link, P2P_FRAME_HELLO, 0, text, (size_t)length);
  if (code == P2P_OK) return;
  struct p2p_err err;
  p2p_err_set(&err, code, "cannot say hello over the link");
  end_now(peer, &err);
}

/* The worker's own word. */
static int welcome(struct p2p_worker_link *peer, const struct p2p_frame *frame,
                   struct p2p_err *err) {
  struct p2p_client *client = peer->client;
  struct p2p_roster_worker *worker = peer->worker;
  struct p2p_hello hello;
  if (frame->type != P2P_FRAME_HELLO) {
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the worker did not say hello over the link");
  }
  int code = p2p_hello_read(frame->payload, frame->length, P2P_ROLE_WORKER, &hello, err);
  if (code != P2P_OK) return code;
  if (strcmp(hello.from, worker->from) != 0) {
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "who came over the link is %s", hello.from);
  }
  code =
      p2p_roster_set_versions(&client->roster, worker, hello.r_version, hello.future_version, err);
  if (code != P2P_OK) return code;
  struct p2p_task_stream_config config = {
      .worker = worker->from,
      .slots = hello.slots,
      .object_cap_bytes = client->object_cap_bytes,
      .queue_high_bytes = P2P_LINK_QUEUE_HIGH,
      .send = lane_send,
      .queued = lane_queued,
      .on_news = lane_news,
      .arg = peer,
  };
  peer->stream = p2p_task_stream_new(&config, p2p_clock_ms());
  if (peer->stream == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  worker->slots = hello.slots;
  worker->failures = 0;
  p2p_log_write(client->log, P2P_LOG_INFO, "Linked to %s (%s)", worker->from, peer->path);
  return P2P_OK;
}

static int take_packages(struct p2p_worker_link *peer, const struct p2p_frame *frame,
                         struct p2p_err *err) {
  const char *breach;
  int code = p2p_inventory_take(&peer->inventory, frame->payload, frame->length, &breach);
  if (code != P2P_OK)
    p2p_err_set(err, code, "%s broke the link's protocol: %s", peer->worker->from, breach);
  return code;
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_worker_link *peer = arg;
  struct p2p_err err = {0};
  bool decide = peer->stream == NULL || frame->type == P2P_FRAME_PACKAGES;
  int code;
  if (peer->stream == NULL)
    code = welcome(peer, frame, &err);
  else if (frame->type == P2P_FRAME_PACKAGES)
    code = take_packages(peer, frame, &err);
  else
    code = p2p_task_stream_take(peer->stream, frame, p2p_clock_ms(), &decide, &err);
  if (code != P2P_OK)
    end_now(peer, &err);
  else if (decide)
    p2p_client_loop_decide(peer->client);
}

static void on_drain(void *arg) {
  struct p2p_worker_link *peer = arg;
  if (peer->stream == NULL) return;
  check(peer, p2p_task_stream_pump(peer->stream));
  if (p2p_worker_link_is_broken(peer)) end_now(peer, NULL);
}

static void on_close(void *arg, const struct p2p_err *err) { end_now(arg, err); }

void p2p_worker_link_open(struct p2p_client *client, struct p2p_roster_worker *worker) {
  static const struct p2p_link_callbacks callbacks = {on_code, on_open, on_frame, on_drain,
                                                      on_close};
  struct p2p_link_config config = {
      .loop = client->loop,
      .mailbox = client->mailbox != NULL ? client->mailbox : p2p_member_mailbox(client->member),
      .relay = client->relay != NULL ? client->relay : p2p_member_relay(client->member),
      .timeout_ms = P2P_WORKER_LINK_TIMEOUT_MS,
  };
  struct p2p_err err;
  struct p2p_worker_link *peer = calloc(1, sizeof *peer);
  if (peer == NULL) return;
  peer->client = client;
  peer->worker = worker;
  peer->since_ms = p2p_clock_ms();
  if (p2p_link_open(&config, &callbacks, peer, &peer->link, &err) == P2P_OK) {
    worker->peer = peer;
    return;
  }
  back_off(client, worker, &err);
  free(peer);
}
