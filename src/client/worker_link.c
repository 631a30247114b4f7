/* Owns struct p2p_worker_link. The code of a link goes over the board sealed to the worker's key,
 * so that only this worker can join. */
#include "client/worker_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "protocol/accept.h"
#include "wormhole/link.h"

#define AHEAD_PAUSE_MS 10

struct p2p_worker_link {
  struct p2p_worker_link_config config;
  struct p2p_worker_link_callbacks callbacks;
  void *arg;
  struct p2p_link *link;
  struct p2p_task_stream *stream; /* NULL before the worker's HELLO */
  struct p2p_worker_packages packages;
  struct p2p_load load;
  struct p2p_machine machine; /* of the worker */
  uint64_t since_ms;
  char path[128];
  struct p2p_err error; /* of a write; code 0: none */
};

struct p2p_task_stream *p2p_worker_link_stream(const struct p2p_worker_link *link) {
  return link != NULL ? link->stream : NULL;
}
struct p2p_worker_packages *p2p_worker_link_packages(struct p2p_worker_link *link) {
  return &link->packages;
}
const struct p2p_load *p2p_worker_link_load(const struct p2p_worker_link *link) {
  return &link->load;
}
const char *p2p_worker_link_path(const struct p2p_worker_link *link) { return link->path; }
void p2p_worker_link_measure(const struct p2p_worker_link *link, struct p2p_tcp_measure *out) {
  *out = (struct p2p_tcp_measure){0};
  if (link->link != NULL) p2p_link_measure(link->link, out);
}
uint64_t p2p_worker_link_since_ms(const struct p2p_worker_link *link) { return link->since_ms; }
const struct p2p_err *p2p_worker_link_error(const struct p2p_worker_link *link) {
  return link->error.code != P2P_OK ? &link->error : NULL;
}

static void fail(struct p2p_worker_link *link, const struct p2p_err *err) {
  link->callbacks.on_failed(link->arg, err);
}

/* Sending. An error is kept until the owner asks for it, since the caller may be in the middle of a
 * decision. */

static void check(struct p2p_worker_link *link, int code) {
  if (code != P2P_OK) p2p_err_set(&link->error, code, "cannot write to the link");
}

void p2p_worker_link_request_packages(struct p2p_worker_link *link, uint64_t now_ms) {
  struct p2p_buf request;
  p2p_buf_init(&request, P2P_WORKER_PACKAGES_REQUEST_MAX_BYTES);
  int code = p2p_worker_packages_request(&link->packages, now_ms, &request);
  if (code == P2P_OK && p2p_buf_len(&request) > 0) {
    code = p2p_link_send(link->link, P2P_FRAME_PACKAGES, 0, p2p_buf_data(&request),
                         p2p_buf_len(&request));
  }
  check(link, code);
  p2p_buf_clear(&request);
}

/* The worker's cache is in sight before its link is, but a worker of an older version may come
 * later. */
static bool fail_if_too_old(const struct p2p_worker_link *link, struct p2p_task *task) {
  if (link->machine.cache_mib > 0 || p2p_task_parts(task)->n == 0) return false;
  struct p2p_err err;
  p2p_err_because(&err, "no_cache",
                  p2p_err_set(&err, P2P_ERR_VERSION, "worker '%s' has no cache for large globals",
                              link->config.worker));
  p2p_task_fail(task, &err);
  p2p_task_release(task);
  link->callbacks.on_task(link->arg);
  return true;
}

void p2p_worker_link_room(const struct p2p_worker_link *link, struct p2p_room *out) {
  p2p_task_stream_room(link->stream, &link->machine, &link->load, out);
}

struct choice {
  struct p2p_worker_packages *packages;
  struct p2p_room room;
  uint64_t now_ms;
};

static bool can_run(void *arg, const struct p2p_task *task) {
  struct choice *choice = arg;
  return p2p_room_count(&choice->room, &p2p_task_requirements(task)->resources) > 0 &&
         p2p_worker_packages_match(choice->packages, p2p_task_packages(task), choice->now_ms) ==
             P2P_PACKAGES_INSTALLED;
}

/* Returns false if there are fewer than `count` tasks for this worker. */
static bool start_tasks(struct p2p_worker_link *link, uint32_t count,
                        struct p2p_task_queue *waiting) {
  struct choice choice = {.packages = &link->packages, .now_ms = p2p_clock_ms()};
  while (count > 0 && link->error.code == P2P_OK) {
    p2p_worker_link_room(link, &choice.room);
    struct p2p_task *task = p2p_task_queue_pop_if(waiting, can_run, &choice);
    if (task == NULL) return false;
    if (!p2p_task_start(task, link->config.worker)) { /* cancelled at this moment */
      p2p_task_release(task);
      continue;
    }
    if (fail_if_too_old(link, task)) continue;
    p2p_log_write(link->config.log, P2P_LOG_DEBUG, "future '%s' is sent to worker '%s'",
                  p2p_task_label(task), link->config.worker);
    check(link, p2p_task_stream_start(link->stream, task));
    count--;
  }
  return true;
}

bool p2p_worker_link_take_step(struct p2p_worker_link *link, const struct p2p_schedule_step *step,
                               struct p2p_task_queue *waiting) {
  if (link->stream == NULL) return true;
  bool is_complete = start_tasks(link, step->start, waiting);
  if (step->send_request && link->error.code == P2P_OK)
    check(link, p2p_task_stream_request_slots(link->stream, step->request, p2p_clock_ms()));
  if (step->return_slots > 0 && link->error.code == P2P_OK)
    check(link, p2p_task_stream_return_slots(link->stream, step->return_slots));
  return is_complete;
}

void p2p_worker_link_cancel_ended(struct p2p_worker_link *link) {
  if (link->stream != NULL) check(link, p2p_task_stream_cancel_ended(link->stream));
}

/* Callbacks of the task stream. */

static int send_frame(void *arg, uint8_t type, uint32_t task, const void *payload, size_t length) {
  struct p2p_worker_link *link = arg;
  return p2p_link_send(link->link, type, task, payload, length);
}

static size_t count_queued(void *arg) {
  struct p2p_worker_link *link = arg;
  return p2p_link_queued(link->link);
}

static void on_task(void *arg) {
  struct p2p_worker_link *link = arg;
  link->callbacks.on_task(link->arg);
}

static void on_again(void *arg, struct p2p_task *task) {
  struct p2p_worker_link *link = arg;
  link->callbacks.on_again(link->arg, task);
}

static void on_left(void *arg, struct p2p_task *task, uint64_t sent, uint64_t received) {
  const struct p2p_worker_link *link = arg;
  struct p2p_task_times times;
  bool is_done = p2p_task_state(task) == P2P_TASK_DONE;
  p2p_task_times(task, &times);
  const struct p2p_ledger_counts counts = {.futures = is_done,
                                           .failed = !is_done,
                                           .ms = p2p_clock_ms() - times.started_ms,
                                           .bytes_in = received,
                                           .bytes_out = sent};
  p2p_recording_add(link->config.recording, P2P_LEDGER_RECEIVED,
                    p2p_member_cluster(link->config.member), link->config.worker, &counts);
}

/* Then R has at most what arrived meanwhile to wait for, and does not wait itself: it needs longer
 * to read P2P_RESULT_AHEAD_BYTES. */
static void on_ahead(void *arg) {
  p2p_link_pause(((struct p2p_worker_link *)arg)->link, AHEAD_PAUSE_MS);
}

/* Callbacks of the link. */

/* `hello`: in a cluster with a key, what the accept quotes. Returns P2P_OK, or an error of which
 * *err says more. */
static int send_code(struct p2p_worker_link *link, const char *code, const char *hello,
                     struct p2p_err *err) {
  struct p2p_member *member = link->config.member;
  struct p2p_accept_request accept = {.from = p2p_member_identity(member),
                                      .to = link->config.worker_id,
                                      .code = code,
                                      .hello = hello,
                                      .key = link->config.key};
  struct p2p_line line;
  int rc = p2p_accept_write(&line, &accept, time(NULL));
  if (rc != P2P_OK) return p2p_err_set(err, rc, "its hello has an invalid public key");
  rc = p2p_member_send(member, &line);
  return rc == P2P_OK ? P2P_OK : p2p_err_set(err, rc, "the board is disconnected");
}

static void on_code(void *arg, const char *code) {
  struct p2p_worker_link *link = arg;
  struct p2p_err err;
  if (send_code(link, code, NULL, &err) != P2P_OK) fail(link, &err);
}

static void on_open(void *arg, const char *path) {
  struct p2p_worker_link *link = arg;
  const struct p2p_worker_link_config *config = &link->config;
  struct p2p_hello hello = {.ciphers = *p2p_cipher_ours(), .reads_marks = true};
  char text[P2P_HELLO_MAX + 1];
  p2p_hello_certify(&hello, p2p_member_credentials(config->member), P2P_ROLE_CLIENT,
                    p2p_link_verifier(link->link));
  snprintf(link->path, sizeof link->path, "%s", path);
  snprintf(hello.member, sizeof hello.member, "%s", p2p_member_identity(config->member)->id);
  snprintf(hello.r_version, sizeof hello.r_version, "%s", config->r_version);
  snprintf(hello.future_version, sizeof hello.future_version, "%s", config->future_version);
  long length = p2p_hello_write(&hello, P2P_ROLE_CLIENT, text, sizeof text);
  int code = length < 0 ? (int)length
                        : p2p_link_send(link->link, P2P_FRAME_HELLO, 0, text, (size_t)length);
  if (code == P2P_OK) return;
  struct p2p_err err;
  p2p_err_set(&err, code, "cannot send HELLO");
  fail(link, &err);
}

/* The first frame. Versions are checked again by what the worker says here, since anybody can write
 * its hello on the board. */
static int on_hello(struct p2p_worker_link *link, const struct p2p_frame *frame,
                    struct p2p_err *err) {
  const struct p2p_worker_link_config *config = &link->config;
  struct p2p_hello hello;
  if (frame->type != P2P_FRAME_HELLO)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "its first frame is not HELLO");
  int code = p2p_hello_read(frame->payload, frame->length, P2P_ROLE_WORKER, &hello, err);
  if (code != P2P_OK) return code;
  if (strcmp(hello.member, config->worker_id) != 0)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "it identified itself as another member");
  const struct p2p_credentials *credentials = p2p_member_credentials(config->member);
  if (!p2p_hello_is_certified(&hello, credentials, P2P_ROLE_WORKER, p2p_link_verifier(link->link),
                              config->worker))
    return p2p_err_set(err, P2P_ERR_ACCESS, "it has no valid certificate of its user");
  if (credentials != NULL && !p2p_sign_same(&hello.badge.device, config->device))
    return p2p_err_set(err, P2P_ERR_ACCESS, "its hello is of another device");
  code = p2p_link_switch(link->link, p2p_cipher_list_choose(&hello.ciphers, p2p_cipher_ours()));
  if (code != P2P_OK) return p2p_err_set(err, code, "cannot use the cipher of the link");
  code = link->callbacks.on_hello(link->arg, &hello, err);
  if (code != P2P_OK) return code;
  link->machine = hello.machine;
  struct p2p_task_stream_config stream = {
      .worker = config->worker,
      .slots = hello.slots,
      .object_cap_bytes = config->object_cap_bytes,
      .queue_high_bytes = P2P_LINK_QUEUE_HIGH,
      .send = send_frame,
      .queued = count_queued,
      .on_task = on_task,
      .on_again = on_again,
      .on_left = on_left,
      .on_ahead = on_ahead,
      .arg = link,
  };
  link->stream = p2p_task_stream_new(&stream, p2p_clock_ms());
  if (link->stream == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_log_write(config->log, P2P_LOG_INFO, "linked to worker '%s' (%s)", config->worker,
                link->path);
  return P2P_OK;
}

static int on_packages(struct p2p_worker_link *link, const struct p2p_frame *frame,
                       struct p2p_err *err) {
  const char *violation;
  int code =
      p2p_worker_packages_on_reply(&link->packages, frame->payload, frame->length, &violation);
  if (code != P2P_OK) p2p_err_set(err, code, "it violated the link protocol: %s", violation);
  return code;
}

static int on_load(struct p2p_worker_link *link, const struct p2p_frame *frame,
                   struct p2p_err *err) {
  int code = p2p_load_read(frame->payload, frame->length, &link->load);
  if (code != P2P_OK) p2p_err_set(err, code, "it violated the link protocol: malformed LOAD");
  return code;
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_worker_link *link = arg;
  struct p2p_err err = {0};
  bool is_change =
      link->stream == NULL || frame->type == P2P_FRAME_PACKAGES || frame->type == P2P_FRAME_LOAD;
  int code;
  if (link->stream == NULL)
    code = on_hello(link, frame, &err);
  else if (frame->type == P2P_FRAME_PACKAGES)
    code = on_packages(link, frame, &err);
  else if (frame->type == P2P_FRAME_LOAD)
    code = on_load(link, frame, &err);
  else
    code = p2p_task_stream_on_frame(link->stream, frame, p2p_clock_ms(), &is_change, &err);
  if (code != P2P_OK)
    fail(link, &err);
  else if (is_change)
    link->callbacks.on_change(link->arg);
}

static void on_drain(void *arg) {
  struct p2p_worker_link *link = arg;
  if (link->stream == NULL) return;
  check(link, p2p_task_stream_on_drain(link->stream));
  if (link->error.code == P2P_OK) return;
  struct p2p_err err = link->error; /* the link is freed in the callback */
  fail(link, &err);
}

static void on_close(void *arg, const struct p2p_err *err) { fail(arg, err); }

/* What opens a link in a cluster with a key. */
struct keyed {
  char code[P2P_KEYED_CODE_MAX], mailbox[P2P_LINK_MAILBOX_MAX], password[P2P_LINK_PASSWORD_MAX];
};

static void make_keyed(const struct p2p_worker_link_config *config,
                       const struct p2p_credentials *credentials, struct keyed *out) {
  const struct p2p_link_parties parties = {.cluster = credentials->cluster,
                                           .client = p2p_member_identity(config->member)->id,
                                           .worker = config->worker_id,
                                           .worker_key = config->key,
                                           .code = out->code};
  p2p_keyed_code_make(out->code);
  p2p_cluster_key_mailbox(&credentials->key, out->code, out->mailbox);
  p2p_cluster_key_password(&credentials->key, &parties, out->password);
}

/* Opens the wormhole. In a cluster with a key, the accept is sent at once. */
static int open_link(struct p2p_worker_link *link, struct p2p_err *err) {
  static const struct p2p_link_callbacks callbacks = {on_code, on_open, on_frame, on_drain,
                                                      on_close};
  const struct p2p_worker_link_config *config = &link->config;
  const struct p2p_credentials *credentials = p2p_member_credentials(config->member);
  struct keyed keyed = {0};
  struct p2p_link_config link_config = {
      .loop = config->loop,
      .mailbox = config->mailbox != NULL ? config->mailbox : p2p_member_mailbox(config->member),
      .relay = config->relay != NULL ? config->relay : p2p_member_relay(config->member),
      .timeout_ms = P2P_WORKER_LINK_TIMEOUT_MS,
  };
  if (credentials != NULL) {
    make_keyed(config, credentials, &keyed);
    link_config.mailbox_id = keyed.mailbox;
    link_config.password = keyed.password;
    link_config.is_opener = true;
  }
  int code = p2p_link_open(&link_config, &callbacks, link, &link->link, err);
  if (code == P2P_OK && credentials != NULL) {
    code = send_code(link, keyed.code, config->hello, err);
    if (code != P2P_OK) p2p_link_free(link->link);
  }
  p2p_wipe(&keyed, sizeof keyed);
  return code;
}

int p2p_worker_link_open(const struct p2p_worker_link_config *config,
                         const struct p2p_worker_link_callbacks *callbacks, void *arg,
                         struct p2p_worker_link **out, struct p2p_err *err) {
  struct p2p_worker_link *link = calloc(1, sizeof *link);
  if (link == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  link->config = *config;
  link->callbacks = *callbacks;
  link->arg = arg;
  link->since_ms = p2p_clock_ms();
  int code = open_link(link, err);
  if (code != P2P_OK) {
    free(link);
    return code;
  }
  *out = link;
  return P2P_OK;
}

void p2p_worker_link_free(struct p2p_worker_link *link) {
  if (link == NULL) return;
  p2p_task_stream_free(link->stream);
  p2p_worker_packages_clear(&link->packages);
  p2p_link_free(link->link);
  free(link);
}
