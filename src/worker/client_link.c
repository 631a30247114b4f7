/* The link to a client. Passes frames between the client and the evaluators as they arrive. Each
 * TASK of the client gets one RESULT or one LOST, unless the link ends before.
 *
 * While an evaluator does not take what is sent to it, its link is not read, so that little must be
 * kept; but the frames of others do not wait for long before that is much. */
#include "worker/client_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "protocol/lost.h"
#include "protocol/task_header.h"
#include "worker/link_opening.h"
#include "worker/package_lookup.h"

struct task {
  struct task *next;
  struct p2p_client_link *client;
  struct p2p_evaluator *evaluator;
  uint32_t id;
  uint64_t started_ms;
  bool canceled;
  bool refused, has_result; /* the evaluator has replied with LOST, has begun its RESULT */
  char label[P2P_TASK_LABEL_MAX];
};

struct p2p_client_link {
  const struct p2p_client_link_shared *shared;
  size_t number;
  struct p2p_identity identity;
  char name[P2P_IDENTITY_LABEL_MAX]; /* what people see */
  char user[P2P_USER_NAME_MAX];      /* the part of the name before the '@' */
  struct p2p_link *link;
  bool open;
  struct p2p_sign_public device;     /* with a cluster key, from its HELLO on */
  bool has_hello;                    /* the client's HELLO has arrived, */
  bool reads_marks;                  /* and says that it reads marks of LOST */
  bool broken;                       /* a frame could not be sent */
  struct p2p_package_lookup *lookup; /* NULL: no PACKAGES request is pending */
  struct task *tasks;
};

#define LOG(client, level, ...) p2p_log_write((client)->shared->log, level, __VA_ARGS__)

static void notify(const struct p2p_client_link *client) {
  client->shared->on_change(client->shared->arg);
}

/* ---- the end ---- */

static uint64_t age_ms(const struct task *task) { return p2p_clock_ms() - task->started_ms; }

static void destroy(struct p2p_client_link *client) {
  struct p2p_tally *tally = client->shared->tally;
  while (client->tasks != NULL) {
    struct task *task = client->tasks;
    client->tasks = task->next;
    tally->lost++;
    tally->lent_ms += age_ms(task);
    p2p_evaluator_abandon(task->evaluator);
    free(task);
  }
  p2p_evaluator_pool_remove_client(client->shared->pool, client);
  p2p_package_lookup_cancel(client->lookup);
  p2p_slots_remove(client->shared->slots, client->number);
  p2p_link_free(client->link);
  free(client);
}

/* Frees the client and reports it. */
static void end(struct p2p_client_link *client) {
  const struct p2p_client_link_shared *shared = client->shared;
  size_t number = client->number;
  destroy(client);
  shared->on_end(shared->arg, number);
}

/* A link that has ended reports it. After any other error the client would miss a frame, so its
 * owner frees it; later, since this may be within a callback of an evaluator. */
static void send(struct p2p_client_link *client, uint8_t type, uint32_t task, const void *payload,
                 size_t length) {
  int code = p2p_link_send(client->link, type, task, payload, length);
  if (code == P2P_OK || code == P2P_ERR_CLOSED) return;
  client->broken = true;
  notify(client);
}

static void send_lost(struct p2p_client_link *client, uint32_t id, enum p2p_lost_kind kind,
                      const char *why) {
  uint8_t payload[P2P_LOST_MAX];
  if (!client->reads_marks) kind = P2P_LOST_FINAL;
  send(client, P2P_FRAME_LOST, id, payload, p2p_lost_write(kind, why, payload));
}

void p2p_client_link_free(struct p2p_client_link *client, const char *why) {
  if (client == NULL) return;
  send_lost(client, 0, P2P_LOST_FINAL, why);
  destroy(client);
}

/* ---- from evaluators to the client ---- */

static void unlink_task(struct task *task) {
  struct task **at = &task->client->tasks;
  while (*at != task) at = &(*at)->next;
  *at = task->next;
}

static void send_exit_reason(const struct task *task, const struct p2p_exit_reason *reason) {
  char why[1152]; /* p2p_lost_write cuts it */
  p2p_exit_reason_sentence(reason, p2p_member_name(task->client->shared->member), task->label, why,
                           sizeof why);
  send_lost(task->client, task->id, reason->kind, why);
}

static void on_evaluator_frame(void *arg, const struct p2p_frame *frame) {
  struct task *task = arg;
  if (frame->type == P2P_FRAME_LOST) {
    char how[P2P_EXIT_REASON_TEXT_MAX];
    struct p2p_exit_reason reason;
    p2p_lost_read(frame->payload, frame->length, how, sizeof how);
    p2p_exit_reason_of_kill(&reason, how, task->has_result);
    task->refused = true;
    send_exit_reason(task, &reason);
    return;
  }
  task->has_result |= frame->type == P2P_FRAME_RESULT;
  send(task->client, frame->type, task->id, frame->payload, frame->length);
  if (p2p_link_queued(task->client->link) <= P2P_LINK_QUEUE_HIGH) return;
  for (task = task->client->tasks; task; task = task->next) p2p_evaluator_pause(task->evaluator);
}

static void on_evaluator_drain(void *arg) { p2p_link_resume(((struct task *)arg)->client->link); }

static void on_task_end(void *arg, const struct p2p_exit_reason *reason) {
  struct task *task = arg;
  struct p2p_client_link *client = task->client;
  struct p2p_tally *tally = client->shared->tally;
  const char *outcome = "finished in";
  if (reason != NULL) send_exit_reason(task, reason);
  if (task->canceled)
    outcome = "canceled after", tally->canceled++;
  else if (reason != NULL || task->refused)
    outcome = "lost after", tally->lost++;
  else
    tally->done++;
  tally->lent_ms += age_ms(task);
  LOG(client, P2P_LOG_INFO, "future '%s' of '%s' %s %.1f s", task->label, client->name, outcome,
      (double)age_ms(task) / 1000);
  unlink_task(task);
  free(task);
  p2p_link_resume(client->link);
  p2p_slots_end_task(client->shared->slots, client->number, p2p_clock_ms());
  notify(client);
}

/* ---- frames of the client; the functions return NULL or how it broke the protocol ---- */

static struct task *find(const struct p2p_client_link *client, uint32_t id) {
  struct task *task = client->tasks;
  while (task != NULL && task->id != id) task = task->next;
  return task;
}

static const char *on_slot(struct p2p_client_link *client, const struct p2p_frame *frame) {
  struct p2p_slot slot;
  if (p2p_slot_read(frame->payload, frame->length, P2P_ROLE_CLIENT, &slot) != P2P_OK)
    return "malformed SLOT";
  if (slot.op == P2P_SLOT_WANT)
    p2p_slots_want(client->shared->slots, client->number, slot.count);
  else if (!p2p_slots_return(client->shared->slots, client->number, slot.count))
    return "returned slots that it does not hold";
  notify(client);
  return NULL;
}

/* The task has a slot already. False: out of memory, or no evaluator is free. */
static bool start_task(struct p2p_client_link *client, const struct p2p_frame *frame,
                       const struct p2p_task_header *header) {
  static const struct p2p_evaluator_callbacks callbacks = {on_evaluator_drain, on_evaluator_frame,
                                                           on_task_end};
  struct task *task = calloc(1, sizeof *task);
  if (task == NULL) return false;
  task->client = client;
  task->id = frame->task;
  task->started_ms = p2p_clock_ms();
  memcpy(task->label, header->label, sizeof task->label);
  task->evaluator =
      p2p_evaluator_pool_submit(client->shared->pool, client, frame, &callbacks, task);
  if (task->evaluator == NULL) {
    free(task);
    return false;
  }
  task->next = client->tasks;
  client->tasks = task;
  LOG(client, P2P_LOG_INFO, "future '%s' of '%s' started", task->label, client->name);
  notify(client);
  return true;
}

static const char *on_task(struct p2p_client_link *client, const struct p2p_frame *frame) {
  const struct p2p_client_link_shared *shared = client->shared;
  char why[P2P_LOST_MAX];
  struct p2p_task_header header;
  if (p2p_task_header_read(frame->payload, frame->length, &header) != P2P_OK)
    return "malformed TASK";
  if (find(client, frame->task) != NULL) return "sent a TASK frame with a number in use";
  if (!p2p_slots_start_task(shared->slots, client->number, p2p_clock_ms()))
    return "sent a TASK frame without a slot for it";
  uint64_t parts = p2p_task_parts_bytes(&header.parts, UINT32_MAX), cap = shared->object_cap_bytes;
  bool is_too_large = header.size > cap || parts > cap - header.size;
  if (!is_too_large && start_task(client, frame, &header)) return NULL;
  if (is_too_large)
    snprintf(why, sizeof why,
             "the future has %llu bytes, and worker '%s' accepts at most %llu bytes",
             (unsigned long long)(header.size + parts), p2p_member_name(shared->member),
             (unsigned long long)cap);
  else
    snprintf(why, sizeof why, "worker '%s' is out of memory for this future",
             p2p_member_name(shared->member));
  send_lost(client, frame->task, P2P_LOST_FINAL, why);
  p2p_slots_end_task(shared->slots, client->number, p2p_clock_ms());
  notify(client);
  return NULL;
}

/* Data of a task that has ended or was refused may still arrive; it is ignored. */
static const char *on_data(struct p2p_client_link *client, const struct p2p_frame *frame) {
  struct task *task = find(client, frame->task);
  if (task == NULL) return NULL;
  enum p2p_evaluator_pace pace = p2p_evaluator_data(task->evaluator, frame);
  if (pace == P2P_EVALUATOR_REFUSES) return "sent more data than announced";
  if (pace == P2P_EVALUATOR_IS_SLOW) p2p_link_pause(client->link, P2P_EVALUATOR_SLOW_MS);
  if (pace == P2P_EVALUATOR_IS_FULL) p2p_link_pause(client->link, 0);
  return NULL;
}

static const char *on_cancel(struct p2p_client_link *client, const struct p2p_frame *frame) {
  struct task *task = find(client, frame->task);
  if (task == NULL) return NULL;
  task->canceled = true;
  p2p_evaluator_cancel(task->evaluator);
  return NULL;
}

static void on_packages_reply(void *arg, int code, const struct p2p_buf *reply) {
  struct p2p_client_link *client = arg;
  client->lookup = NULL;
  if (code == P2P_OK)
    send(client, P2P_FRAME_PACKAGES, 0, p2p_buf_data(reply), p2p_buf_len(reply));
  else
    LOG(client, P2P_LOG_DEBUG, "no reply to the PACKAGES request of client '%s': %s", client->name,
        p2p_err_name(code));
}

static const char *on_packages(struct p2p_client_link *client, const struct p2p_frame *frame) {
  const struct p2p_package_lookup_config config = {.loop = client->shared->loop,
                                                   .libraries = client->shared->libraries,
                                                   .on_reply = on_packages_reply,
                                                   .arg = client};
  if (client->lookup != NULL) return "sent a PACKAGES request while another one was pending";
  int code = p2p_package_lookup_start(&config, frame->payload, frame->length, &client->lookup);
  if (code == P2P_ERR_PARSE || code == P2P_ERR_TOO_LARGE)
    return "sent a malformed or oversized PACKAGES request";
  if (code != P2P_OK) on_packages_reply(client, code, NULL);
  return NULL;
}

static const char *on_hello(struct p2p_client_link *client, const struct p2p_frame *frame) {
  struct p2p_hello hello;
  client->has_hello = true;
  const char *breach =
      p2p_link_opening_read_hello(client->shared, client->link, &client->identity, frame, &hello);
  if (breach != NULL) return breach;
  client->reads_marks = hello.reads_marks;
  client->device = hello.badge.device;
  if (p2p_client_link_device(client) != NULL)
    p2p_slots_set_user(client->shared->slots, client->number, hello.badge.user);
  return NULL;
}

static const char *dispatch(struct p2p_client_link *client, const struct p2p_frame *frame) {
  if (!client->has_hello) return on_hello(client, frame);
  switch (frame->type) {
  case P2P_FRAME_SLOT: return on_slot(client, frame);
  case P2P_FRAME_TASK: return on_task(client, frame);
  case P2P_FRAME_DATA: return on_data(client, frame);
  case P2P_FRAME_CANCEL: return on_cancel(client, frame);
  case P2P_FRAME_PACKAGES: return on_packages(client, frame);
  default: return "sent a frame that is not for a worker";
  }
}

/* ---- callbacks of the link ---- */

static void on_open(void *arg, const char *path) {
  struct p2p_client_link *client = arg;
  char text[P2P_HELLO_MAX + 1];
  client->open = true;
  LOG(client, P2P_LOG_INFO, "linked to client '%s' (%s)", client->name, path);
  long length = p2p_link_opening_write_hello(client->shared, client->link, text);
  if (length > 0) send(client, P2P_FRAME_HELLO, 0, text, (size_t)length);
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_client_link *client = arg;
  const char *breach = dispatch(client, frame);
  if (breach == NULL) return;
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_PROTOCOL, "closing the link to client '%s', which %s", client->name,
              breach);
  p2p_log_error(client->shared->log, P2P_LOG_WARN, &err);
  end(client);
}

static void on_drain(void *arg) {
  struct p2p_client_link *client = arg;
  for (struct task *task = client->tasks; task != NULL; task = task->next)
    p2p_evaluator_resume(task->evaluator);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct p2p_client_link *client = arg;
  struct p2p_err warning = *err;
  if (client->open && err->code == P2P_ERR_CLOSED) {
    LOG(client, P2P_LOG_INFO, "client '%s' left", client->name);
  } else {
    p2p_err_prefix(&warning,
                   client->open ? "the link to client '%s' was lost"
                                : "cannot open a link to client '%s'",
                   client->name);
    p2p_log_error(client->shared->log, P2P_LOG_WARN, &warning);
  }
  end(client);
}

/* ---- for the worker ---- */

int p2p_client_link_new(const struct p2p_client_link_shared *shared,
                        const struct p2p_client_link_config *config, struct p2p_client_link **out,
                        struct p2p_err *err) {
  static const struct p2p_link_callbacks callbacks = {
      .on_open = on_open, .on_frame = on_frame, .on_drain = on_drain, .on_close = on_close};
  struct p2p_client_link *client = calloc(1, sizeof *client);
  if (client == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  client->shared = shared;
  client->number = config->number;
  client->identity = *config->client;
  p2p_identity_label(config->client, config->is_ambiguous, client->name);
  p2p_member_name_user(config->client->name, client->user);
  const struct p2p_link_events events = {&callbacks, client};
  int code = p2p_link_opening_start(shared, config, &events, &client->link, err);
  if (code != P2P_OK)
    free(client);
  else
    *out = client;
  return code;
}

bool p2p_client_link_is_open(const struct p2p_client_link *client) { return client->open; }
bool p2p_client_link_is_confirmed(const struct p2p_client_link *client) {
  return p2p_link_is_confirmed(client->link);
}
bool p2p_client_link_is_broken(const struct p2p_client_link *client) { return client->broken; }

const struct p2p_identity *p2p_client_link_identity(const struct p2p_client_link *client) {
  return &client->identity;
}

const struct p2p_sign_public *p2p_client_link_device(const struct p2p_client_link *client) {
  bool is_keyed = p2p_member_credentials(client->shared->member) != NULL;
  return is_keyed && client->has_hello ? &client->device : NULL;
}

const char *p2p_client_link_name(const struct p2p_client_link *client) { return client->name; }
const char *p2p_client_link_user(const struct p2p_client_link *client) { return client->user; }

uint32_t p2p_client_link_running(const struct p2p_client_link *client, uint64_t *lent_ms) {
  uint32_t count = 0;
  for (const struct task *task = client->tasks; task != NULL; task = task->next, count++)
    *lent_ms += age_ms(task);
  return count;
}

void p2p_client_link_send_slot(struct p2p_client_link *client, enum p2p_slot_op op,
                               uint32_t count) {
  uint8_t payload[P2P_SLOT_LEN];
  p2p_slot_write(op, count, payload);
  send(client, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}

void p2p_client_link_send_load(struct p2p_client_link *client, const struct p2p_load *load) {
  char payload[P2P_LOAD_MAX];
  size_t length = p2p_load_write(load, payload);
  send(client, P2P_FRAME_LOAD, 0, payload, length);
}
