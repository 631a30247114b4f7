/* A linked client: takes its TASKs on the slots that it holds, passes frames between its link and
 * the evaluators as they come, and answers every TASK with one RESULT or one LOST, unless the link
 * ends before.
 *
 * What a client sends is queued for an evaluator that does not read: at most a task a slot, each of
 * at most object_cap_bytes. The link is not paused meanwhile, since CANCEL and the heartbeat come
 * over it too, and other tasks; and an evaluator reads its task as soon as it is up, whole, into
 * its own memory. */
#include "worker/client_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "protocol/hello.h"
#include "protocol/lost.h"
#include "protocol/object_header.h"
#include "protocol/slot.h"
#include "worker/package_library.h"
#include "wormhole/link.h"

#define SENTENCE_MAX 768

struct task {
  struct task *next;
  struct p2p_client_link *session;
  struct p2p_evaluator *evaluator;
  uint32_t id;
  uint64_t missing; /* bytes of the future that have not come yet */
  uint64_t started_ms;
  bool cancelled;
  bool refused; /* the evaluator answered with LOST */
  char label[P2P_TASK_LABEL_MAX];
};

struct p2p_client_link {
  const struct p2p_client_link_host *host;
  size_t number;
  char client[P2P_MEMBER_NAME_MAX];
  char user[P2P_MEMBER_NAME_MAX]; /* the client's, before the '@' */
  struct p2p_link *link;
  bool open;
  bool greeted; /* the client's HELLO has come */
  bool broken;  /* a frame could not be sent, so what follows has no meaning */
  struct task *tasks;
};

#define LOG(session, level, ...) p2p_log_write((session)->host->log, level, __VA_ARGS__)

/* ---- the end ---- */

static void drop_tasks(struct p2p_client_link *session) {
  while (session->tasks != NULL) {
    struct task *task = session->tasks;
    session->tasks = task->next;
    p2p_evaluator_abandon(task->evaluator);
    free(task);
  }
}

static void destroy(struct p2p_client_link *session) {
  drop_tasks(session);
  p2p_slots_remove(session->host->slots, session->number);
  p2p_link_free(session->link);
  free(session);
}

/* Tells the worker, and is gone: nothing of the session may be touched after. */
static void end(struct p2p_client_link *session) {
  const struct p2p_client_link_host *host = session->host;
  size_t number = session->number;
  destroy(session);
  host->on_end(host->arg, number);
}

/* A link that is gone ends by itself; one that lacks a frame must be ended, by the worker, since
 * this may be within an evaluator's event. */
static void send(struct p2p_client_link *session, uint8_t type, uint32_t task, const void *payload,
                 size_t length) {
  int code = p2p_link_send(session->link, type, task, payload, length);
  if (code == P2P_OK || code == P2P_ERR_CLOSED) return;
  session->broken = true;
  session->host->on_slots(session->host->arg);
}

static void send_lost(struct p2p_client_link *session, uint32_t id, const char *why) {
  send(session, P2P_FRAME_LOST, id, why, p2p_lost_length(why));
}

void p2p_client_link_free(struct p2p_client_link *session, const char *why) {
  if (session == NULL) return;
  (void)p2p_link_send(session->link, P2P_FRAME_LOST, 0, why,
                      p2p_lost_length(why)); /* a courtesy: the link's end says as much */
  destroy(session);
}

/* ---- from evaluators to the client ---- */

static void unlink_task(struct task *task) {
  struct task **at = &task->session->tasks;
  while (*at != task) at = &(*at)->next;
  *at = task->next;
}

/* "The evaluator of carol@desk:4711 ended with signal 9 (SIGKILL) while evaluating future 'one'. It
 * was killed by ..." */
static void send_end(const struct task *task, const char *how, const char *hint) {
  char why[SENTENCE_MAX];
  snprintf(why, sizeof why, "The evaluator of %s %s while evaluating future '%s'%s%s",
           task->session->host->name, how, task->label, hint[0] != '\0' ? ". " : "", hint);
  send_lost(task->session, task->id, why);
}

static void on_answer(void *arg, const struct p2p_frame *frame) {
  struct task *task = arg;
  if (frame->type == P2P_FRAME_LOST) {
    char how[P2P_EXIT_REASON_TEXT_MAX];
    struct p2p_exit_reason reason;
    p2p_lost_read(frame->payload, frame->length, how, sizeof how);
    p2p_exit_reason_of_refusal(&reason, how, &task->session->host->limits);
    task->refused = true;
    send_end(task, reason.how, reason.hint);
    return;
  }
  send(task->session, frame->type, task->id, frame->payload, frame->length);
  if (p2p_link_queued(task->session->link) > P2P_LINK_QUEUE_HIGH)
    p2p_evaluator_pause(task->evaluator);
}

static void on_drain(void *arg) {
  struct p2p_client_link *session = arg;
  for (struct task *task = session->tasks; task != NULL; task = task->next)
    p2p_evaluator_resume(task->evaluator);
}

static void on_over(void *arg, const struct p2p_exit_reason *reason) {
  struct task *task = arg;
  struct p2p_client_link *session = task->session;
  double seconds = (double)(p2p_clock_ms() - task->started_ms) / 1000;
  if (reason != NULL) send_end(task, reason->how, reason->hint);
  if (task->cancelled)
    LOG(session, P2P_LOG_INFO, "Future '%s' of %s cancelled after %.1f s", task->label,
        session->client, seconds);
  else if (reason != NULL || task->refused)
    LOG(session, P2P_LOG_INFO, "Future '%s' of %s lost after %.1f s", task->label, session->client,
        seconds);
  else
    LOG(session, P2P_LOG_INFO, "Future '%s' of %s resolved in %.1f s", task->label, session->client,
        seconds);
  unlink_task(task);
  free(task);
  p2p_slots_end_task(session->host->slots, session->number, p2p_clock_ms());
  session->host->on_slots(session->host->arg);
}

/* ---- from the client; these return NULL, or how the client broke the protocol ---- */

static struct task *find(const struct p2p_client_link *session, uint32_t id) {
  struct task *task = session->tasks;
  while (task != NULL && task->id != id) task = task->next;
  return task;
}

static const char *take_slot(struct p2p_client_link *session, const struct p2p_frame *frame) {
  struct p2p_slot slot;
  if (p2p_slot_read(frame->payload, frame->length, P2P_ROLE_CLIENT, &slot) != P2P_OK)
    return "sent a malformed SLOT frame";
  if (slot.op == P2P_SLOT_WANT)
    p2p_slots_want(session->host->slots, session->number, slot.count);
  else if (!p2p_slots_return(session->host->slots, session->number, slot.count))
    return "it returned slots that it does not hold";
  session->host->on_slots(session->host->arg);
  return NULL;
}

/* The task is taken: it holds an idle slot, and gets an evaluator. False: out of memory, or no
 * evaluator is free. */
static bool begin_task(struct p2p_client_link *session, const struct p2p_frame *frame,
                       const struct p2p_task_header *header) {
  static const struct p2p_evaluator_callbacks callbacks = {on_answer, on_over};
  struct task *task = calloc(1, sizeof *task);
  if (task == NULL) return false;
  task->session = session;
  task->id = frame->task;
  task->missing = header->size;
  task->started_ms = p2p_clock_ms();
  memcpy(task->label, header->label, sizeof task->label);
  task->evaluator =
      p2p_evaluator_pool_submit(session->host->pool, session->user, frame, &callbacks, task);
  if (task->evaluator == NULL) {
    free(task);
    return false;
  }
  task->next = session->tasks;
  session->tasks = task;
  LOG(session, P2P_LOG_INFO, "Future '%s' of %s started", task->label, session->client);
  return true;
}

static const char *take_task(struct p2p_client_link *session, const struct p2p_frame *frame) {
  char why[SENTENCE_MAX];
  struct p2p_task_header header;
  if (p2p_task_header_read(frame->payload, frame->length, &header) != P2P_OK)
    return "sent a malformed TASK frame";
  if (find(session, frame->task) != NULL) return "two tasks of one number";
  if (header.size > session->host->object_cap_bytes) {
    snprintf(why, sizeof why,
             "The future is too large: %llu bytes, and %s takes at most %llu bytes",
             (unsigned long long)header.size, session->host->name,
             (unsigned long long)session->host->object_cap_bytes);
    send_lost(session, frame->task, why);
  } else if (!p2p_slots_start_task(session->host->slots, session->number, p2p_clock_ms())) {
    snprintf(why, sizeof why, "There is no slot for it at %s", session->host->name);
    send_lost(session, frame->task, why);
  } else if (!begin_task(session, frame, &header)) {
    snprintf(why, sizeof why, "%s has no memory for it", session->host->name);
    send_lost(session, frame->task, why);
    p2p_slots_end_task(session->host->slots, session->number, p2p_clock_ms());
    session->host->on_slots(session->host->arg);
  }
  return NULL;
}

/* Data of a task that is over or was refused may still be under way: it is read over. */
static const char *take_data(struct p2p_client_link *session, const struct p2p_frame *frame) {
  struct task *task = find(session, frame->task);
  if (task == NULL) return NULL;
  if (frame->length > task->missing) return "more data than it announced";
  task->missing -= frame->length;
  p2p_evaluator_data(task->evaluator, frame);
  return NULL;
}

static const char *take_cancel(struct p2p_client_link *session, const struct p2p_frame *frame) {
  struct task *task = find(session, frame->task);
  if (task == NULL) return NULL;
  task->cancelled = true;
  p2p_evaluator_cancel(task->evaluator);
  return NULL;
}

static const char *take_packages(struct p2p_client_link *session, const struct p2p_frame *frame) {
  struct p2p_buf answer;
  p2p_buf_init(&answer, P2P_FRAME_PAYLOAD_MAX);
  int code =
      p2p_package_library_answer(session->host->packages, frame->payload, frame->length, &answer);
  if (code == P2P_OK)
    send(session, P2P_FRAME_PACKAGES, 0, p2p_buf_data(&answer), p2p_buf_len(&answer));
  p2p_buf_clear(&answer);
  return code == P2P_OK ? NULL : "its question about packages is none, or too long";
}

/* The name in the HELLO is the one in the accept line: both are the client's own statements. */
static const char *take_hello(struct p2p_client_link *session, const struct p2p_frame *frame) {
  struct p2p_hello hello;
  session->greeted = true;
  if (frame->type != P2P_FRAME_HELLO) return "it did not say hello first";
  if (p2p_hello_read(frame->payload, frame->length, P2P_ROLE_CLIENT, &hello, NULL) != P2P_OK)
    return "sent a malformed HELLO";
  if (strcmp(hello.from, session->client) != 0) return "sent a HELLO under another name";
  LOG(session, P2P_LOG_DEBUG, "%s has R %s and future %s", session->client, hello.r_version,
      hello.future_version);
  return NULL;
}

static const char *take(struct p2p_client_link *session, const struct p2p_frame *frame) {
  if (!session->greeted) return take_hello(session, frame);
  switch (frame->type) {
  case P2P_FRAME_SLOT: return take_slot(session, frame);
  case P2P_FRAME_TASK: return take_task(session, frame);
  case P2P_FRAME_DATA: return take_data(session, frame);
  case P2P_FRAME_CANCEL: return take_cancel(session, frame);
  case P2P_FRAME_PACKAGES: return take_packages(session, frame);
  default: return "a frame that is not for a worker";
  }
}

/* ---- the link ---- */

static void on_open(void *arg, const char *path) {
  struct p2p_client_link *session = arg;
  const struct p2p_client_link_host *host = session->host;
  struct p2p_hello hello = {.slots = host->n_slots, .machine = host->machine};
  char text[P2P_HELLO_MAX + 1];
  session->open = true;
  LOG(session, P2P_LOG_INFO, "Linked with %s (%s)", session->client, path);
  snprintf(hello.from, sizeof hello.from, "%s", host->name);
  snprintf(hello.r_version, sizeof hello.r_version, "%s", host->r_version);
  snprintf(hello.future_version, sizeof hello.future_version, "%s", host->future_version);
  long length = p2p_hello_write(&hello, P2P_ROLE_WORKER, text, sizeof text);
  if (length > 0) send(session, P2P_FRAME_HELLO, 0, text, (size_t)length);
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  struct p2p_client_link *session = arg;
  const char *breach = take(session, frame);
  if (breach == NULL) return;
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_PROTOCOL, "%s broke the link's protocol: %s; its link is closed",
              session->client, breach);
  p2p_log_error(session->host->log, P2P_LOG_WARN, &err);
  end(session);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct p2p_client_link *session = arg;
  struct p2p_err told;
  if (!session->open) {
    p2p_err_set(&told, err->code, "No link with %s: %s", session->client, err->message);
    p2p_log_error(session->host->log, P2P_LOG_WARN, &told);
  } else if (err->code == P2P_ERR_CLOSED) {
    LOG(session, P2P_LOG_INFO, "%s left", session->client);
  } else {
    p2p_err_set(&told, err->code, "%s was lost: %s", session->client, err->message);
    p2p_log_error(session->host->log, P2P_LOG_WARN, &told);
  }
  end(session);
}

int p2p_client_link_new(const struct p2p_client_link_host *host,
                        const struct p2p_client_link_config *config, struct p2p_client_link **out,
                        struct p2p_err *err) {
  static const struct p2p_link_callbacks callbacks = {
      .on_open = on_open, .on_frame = on_frame, .on_drain = on_drain, .on_close = on_close};
  struct p2p_client_link *session = calloc(1, sizeof *session);
  if (session == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory for a client");
  session->host = host;
  session->number = config->number;
  snprintf(session->client, sizeof session->client, "%s", config->client);
  snprintf(session->user, sizeof session->user, "%.*s", (int)strcspn(config->client, "@"),
           config->client);
  struct p2p_link_config link = {
      .loop = host->loop, .mailbox = config->mailbox, .relay = config->relay, .code = config->code};
  int code = p2p_link_open(&link, &callbacks, session, &session->link, err);
  if (code != P2P_OK) {
    free(session);
    return code;
  }
  *out = session;
  return P2P_OK;
}

bool p2p_client_link_is_open(const struct p2p_client_link *session) { return session->open; }

bool p2p_client_link_is_broken(const struct p2p_client_link *session) { return session->broken; }

const char *p2p_client_link_client(const struct p2p_client_link *session) {
  return session->client;
}

void p2p_client_link_say_slots(struct p2p_client_link *session, enum p2p_slot_op op,
                               uint32_t count) {
  uint8_t payload[P2P_SLOT_LEN];
  p2p_slot_write(op, count, payload);
  send(session, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}
