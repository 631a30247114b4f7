/* A worker for tests, without evaluators. The label of a task says what it answers: "echo...", the
 * same bytes; "hold...", nothing until the task is cancelled or fake_release is called; "lost";
 * "large", a result beyond every limit; "condition", a condition and the same bytes. Uses
 * board/member.h and wormhole/link.h. Call its functions on the test's thread. */
#ifndef P2P_TESTS_FAKE_WORKER_H
#define P2P_TESTS_FAKE_WORKER_H

#include "base/blob.h"
#include "base/encode.h"
#include "base/endian.h"
#include "board/member.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "mailbox_fixture.h"
#include "protocol/hello.h"
#include "protocol/slot.h"
#include "wormhole/link.h"

#define FAKE_TASKS 64

struct fake_task {
  uint32_t id; /* 0: none */
  uint64_t size;
  char label[64];
  struct p2p_blob *object;
};

struct fake_worker {
  struct lab *lab;
  uint32_t slots;
  const char *r_version, *future_version;
  bool ignores_accept;  /* never joins a link */
  const char *packages; /* installed ones, as ";a;b;"; NULL: it does not reply to PACKAGES */
  bool sends_bad_reply; /* replies about other packages */
  const char *id;       /* in its HELLO; NULL: its own */
  const char *records;  /* in its HELLO; NULL: as older versions, which know boxes only */
  const char *load;     /* the payload of a LOAD that answers each WANT, for others that hold all
                           its slots; NULL: none */
  uint32_t taken;       /* `busy` of its hello */
  int *crash_countdown; /* NULL, or counts down executions: at 0 the link is cut during one
                           (n_crash) */
  void (*restart)(struct p2p_member *member); /* called after a crash; NULL: it stays silent */

  struct p2p_member *member;
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret_key;
  struct p2p_link *link; /* to the one client of a test */
  uint32_t held, want, busy, max_busy;
  struct fake_task tasks[FAKE_TASKS];
  bool has_crashed;
  int n_open, n_task, n_hold, n_cancel, n_result, n_close, n_return, n_leave, n_crash,
      n_request; /* counters of events; see lab_wait */
};

static void fake_on_hello(void *arg, struct p2p_hello_line *hello) {
  const struct fake_worker *worker = arg;
  hello->key = worker->public_key;
  hello->slots = worker->slots;
  hello->busy = worker->taken;
  snprintf(hello->r_version, sizeof hello->r_version, "%s", worker->r_version);
  snprintf(hello->future_version, sizeof hello->future_version, "%s", worker->future_version);
}

static void fake_slot(struct fake_worker *worker, uint8_t op, uint32_t count) {
  uint8_t payload[5] = {op};
  p2p_set_u32(payload + 1, count);
  (void)p2p_link_send(worker->link, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}

static void fake_grant(struct fake_worker *worker) {
  if (worker->load != NULL) {
    (void)p2p_link_send(worker->link, P2P_FRAME_LOAD, 0, worker->load, strlen(worker->load));
    return;
  }
  for (; worker->held < worker->want && worker->held < worker->slots; worker->held++)
    fake_slot(worker, P2P_SLOT_GRANT, 1);
}

static void fake_send_object(struct fake_worker *worker, uint8_t type, uint32_t id,
                             const struct p2p_blob *object) {
  uint8_t size[8];
  p2p_set_u64(size, p2p_blob_size(object));
  (void)p2p_link_send(worker->link, type, id, size, sizeof size);
  const uint8_t *bytes;
  size_t part;
  for (uint64_t at = 0; (part = p2p_blob_span(object, at, &bytes)) > 0; at += part) {
    (void)p2p_link_send(worker->link, P2P_FRAME_DATA, id, bytes, part);
  }
}

static void fake_end_task(struct fake_worker *worker, struct fake_task *task) {
  p2p_blob_free(task->object);
  *task = (struct fake_task){0};
  worker->busy--;
}

static void fake_send_lost(struct fake_worker *worker, struct fake_task *task, const char *why) {
  (void)p2p_link_send(worker->link, P2P_FRAME_LOST, task->id, why, strlen(why));
  fake_end_task(worker, task);
}

static void fake_answer(struct fake_worker *worker, struct fake_task *task) {
  fake_send_object(worker, P2P_FRAME_RESULT, task->id, task->object);
  fake_end_task(worker, task);
  lab_tell(worker->lab, &worker->n_result);
}

static void fake_end_all_tasks(struct fake_worker *worker) {
  for (size_t i = 0; i < FAKE_TASKS; i++) {
    if (worker->tasks[i].id != 0) fake_end_task(worker, &worker->tasks[i]);
  }
  worker->held = worker->want = 0;
}

/* Cuts the link; the worker stays on the board. */
static void fake_cut_here(void *arg) {
  struct fake_worker *worker = arg;
  p2p_link_free(worker->link);
  worker->link = NULL;
  fake_end_all_tasks(worker);
}

/* A task has arrived in full. */
static void fake_evaluate(struct fake_worker *worker, struct fake_task *task) {
  if (worker->crash_countdown != NULL && --*worker->crash_countdown == 0) {
    fake_cut_here(worker);
    *worker->crash_countdown = 10;
    worker->has_crashed = worker->restart == NULL;
    if (worker->restart != NULL) worker->restart(worker->member);
    lab_tell(worker->lab, &worker->n_crash);
    return;
  }
  if (strncmp(task->label, "hold", 4) == 0) {
    lab_tell(worker->lab, &worker->n_hold);
    return;
  }
  if (strcmp(task->label, "lost") == 0) {
    fake_send_lost(worker, task, "the evaluator ended with signal 9 (SIGKILL)");
    return;
  }
  if (strcmp(task->label, "large") == 0) {
    uint8_t size[8];
    p2p_set_u64(size, UINT64_C(1) << 40);
    (void)p2p_link_send(worker->link, P2P_FRAME_RESULT, task->id, size, sizeof size);
    return;
  }
  if (strcmp(task->label, "condition") == 0)
    fake_send_object(worker, P2P_FRAME_CONDITION, task->id, task->object);
  fake_answer(worker, task);
}

static struct fake_task *fake_find(struct fake_worker *worker, uint32_t id) {
  for (size_t i = 0; i < FAKE_TASKS; i++) {
    if (worker->tasks[i].id == id) return &worker->tasks[i];
  }
  return NULL;
}

static void fake_on_task(struct fake_worker *worker, const struct p2p_frame *frame) {
  CHECK(worker->busy < worker->held); /* otherwise the client uses slots that it does not hold */
  struct fake_task *task = fake_find(worker, 0);
  CHECK(task != NULL && frame->length >= 8 && frame->task != 0);
  if (task == NULL) return;
  task->id = frame->task;
  task->size = p2p_get_u64(frame->payload);
  snprintf(task->label, sizeof task->label, "%.*s", (int)(frame->length - 8),
           (const char *)frame->payload + 8);
  task->object = p2p_blob_new(task->size);
  worker->busy++;
  if (worker->busy > worker->max_busy) worker->max_busy = worker->busy;
  lab_tell(worker->lab, &worker->n_task);
  if (task->size == 0) fake_evaluate(worker, task);
}

static void fake_on_packages(struct fake_worker *worker, const struct p2p_frame *frame) {
  char question[256], answer[512] = "", key[64];
  CHECK(frame->task == 0 && frame->length > 0 && frame->length < sizeof question);
  snprintf(question, sizeof question, "%.*s", (int)frame->length, (const char *)frame->payload);
  lab_tell(worker->lab, &worker->n_request);
  if (worker->sends_bad_reply)
    (void)p2p_link_send(worker->link, P2P_FRAME_PACKAGES, 0, "other=1.0", 9);
  if (worker->packages == NULL) return;
  char *rest = question;
  for (char *name; (name = strsep(&rest, ";")) != NULL;) {
    size_t at = strlen(answer);
    snprintf(key, sizeof key, ";%s;", name);
    snprintf(answer + at, sizeof answer - at, "%s%s=%s", at > 0 ? ";" : "", name,
             strstr(worker->packages, key) != NULL ? "1.0" : "");
  }
  (void)p2p_link_send(worker->link, P2P_FRAME_PACKAGES, 0, answer, strlen(answer));
}

/* The client's HELLO. */
static void fake_on_client_hello(struct fake_worker *worker, const struct p2p_frame *frame) {
  struct p2p_hello hello;
  struct p2p_cipher_list ours;
  if (worker->records == NULL) return;
  CHECK(p2p_hello_read(frame->payload, frame->length, P2P_ROLE_CLIENT, &hello, NULL) == P2P_OK);
  CHECK(p2p_cipher_list_read(worker->records, &ours));
  enum p2p_cipher_kind kind = p2p_cipher_list_choose(&ours, &hello.ciphers);
  CHECK(p2p_link_switch(worker->link, kind) == P2P_OK);
}

static void fake_on_frame(void *arg, const struct p2p_frame *frame) {
  struct fake_worker *worker = arg;
  struct fake_task *task = frame->task != 0 ? fake_find(worker, frame->task) : NULL;
  switch (frame->type) {
  case P2P_FRAME_SLOT:
    if (frame->payload[0] == P2P_SLOT_RETURN) {
      CHECK(p2p_get_u32(frame->payload + 1) <= worker->held - worker->busy);
      worker->held -= p2p_get_u32(frame->payload + 1);
      lab_tell(worker->lab, &worker->n_return);
    } else {
      worker->want = p2p_get_u32(frame->payload + 1);
    }
    fake_grant(worker);
    break;
  case P2P_FRAME_TASK: fake_on_task(worker, frame); break;
  case P2P_FRAME_DATA:
    if (task == NULL) break;
    CHECK(p2p_blob_append(task->object, frame->payload, frame->length) == P2P_OK);
    if (p2p_blob_size(task->object) == task->size) fake_evaluate(worker, task);
    break;
  case P2P_FRAME_CANCEL:
    if (task != NULL) fake_send_lost(worker, task, "interrupted");
    lab_tell(worker->lab, &worker->n_cancel);
    break;
  case P2P_FRAME_PACKAGES: fake_on_packages(worker, frame); break;
  case P2P_FRAME_HELLO: fake_on_client_hello(worker, frame); break;
  default: break;
  }
}

static void fake_on_close(void *arg, const struct p2p_err *err) {
  struct fake_worker *worker = arg;
  (void)err;
  p2p_link_free(worker->link);
  worker->link = NULL;
  fake_end_all_tasks(worker);
  lab_tell(worker->lab, &worker->n_close);
}

static void fake_on_open(void *arg, const char *path) {
  struct fake_worker *worker = arg;
  char text[256];
  (void)path;
  int length = snprintf(text, sizeof text, "member=%s\nr=%s\nfuture=%s\nslots=%u\n",
                        worker->id != NULL ? worker->id : p2p_member_identity(worker->member)->id,
                        worker->r_version, worker->future_version, worker->slots);
  if (worker->records != NULL)
    length +=
        snprintf(text + length, sizeof text - (size_t)length, "records=%s\n", worker->records);
  CHECK(p2p_link_send(worker->link, P2P_FRAME_HELLO, 0, text, (size_t)length) == P2P_OK);
  lab_tell(worker->lab, &worker->n_open);
}

static void fake_accept(struct fake_worker *worker, const struct p2p_line *line) {
  static const struct p2p_link_callbacks callbacks = {NULL, fake_on_open, fake_on_frame, NULL,
                                                      fake_on_close};
  const char *to = p2p_line_get(line, "to"), *via = p2p_line_get(line, "via");
  if (to == NULL || strcmp(to, p2p_member_identity(worker->member)->id) != 0 ||
      worker->ignores_accept || worker->link != NULL)
    return;
  uint8_t sealed[512];
  char code[P2P_LINK_CODE_MAX + 1] = "";
  size_t length = 0;
  CHECK(via != NULL && strncmp(via, "link://", 7) == 0);
  CHECK(p2p_base64url_decode(via + 7, strlen(via + 7), sealed, sizeof sealed, &length) == P2P_OK);
  CHECK(length > P2P_SEAL_OVERHEAD && length - P2P_SEAL_OVERHEAD < sizeof code);
  CHECK(p2p_unseal(&worker->public_key, &worker->secret_key, sealed, length, (uint8_t *)code) ==
        P2P_OK);
  struct p2p_link_config config = {.loop = worker->lab->loop,
                                   .mailbox = p2p_member_mailbox(worker->member),
                                   .relay = p2p_member_relay(worker->member),
                                   .code = code};
  CHECK(p2p_link_open(&config, &callbacks, worker, &worker->link, NULL) == P2P_OK);
}

static void fake_on_line(void *arg, const struct p2p_line *line) {
  struct fake_worker *worker = arg;
  const char *type = p2p_line_get(line, "type");
  if (type == NULL) return;
  if (strcmp(type, "client") == 0 && !worker->has_crashed)
    (void)p2p_member_send_hello(worker->member);
  if (strcmp(type, "accept") == 0) fake_accept(worker, line);
  if (strcmp(type, "leave") == 0) lab_tell(worker->lab, &worker->n_leave);
}

static void fake_on_joined(void *arg) { (void)arg; }
static void fake_on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  (void)arg, (void)err, (void)retry_ms;
}
static void fake_on_failed(void *arg, const struct p2p_err *err) {
  (void)arg;
  fprintf(stderr, "the fake worker cannot join: %s\n", err->message);
  CHECK(false);
}

static const struct p2p_member_config *fake_config;

static void fake_start_here(void *arg) {
  static const struct p2p_member_callbacks callbacks = {fake_on_hello, fake_on_joined, fake_on_line,
                                                        fake_on_away,  fake_on_failed, NULL};
  struct fake_worker *worker = arg;
  CHECK(p2p_crypto_init() == P2P_OK);
  p2p_seal_keypair(&worker->public_key, &worker->secret_key);
  CHECK(p2p_member_new(fake_config, &callbacks, worker, &worker->member, NULL) == P2P_OK);
}

/* The fields above `member` may be set before; zero means the default. */
static void fake_start(struct fake_worker *worker, struct lab *lab,
                       const struct p2p_member_config *config) {
  worker->lab = lab;
  if (worker->slots == 0) worker->slots = 1;
  if (worker->r_version == NULL) worker->r_version = "4.2.2";
  if (worker->future_version == NULL) worker->future_version = "1.70.0";
  fake_config = config;
  CHECK(p2p_loop_call(lab->loop, fake_start_here, worker) == P2P_OK);
}

static inline void fake_cut(struct fake_worker *worker) {
  CHECK(p2p_loop_call(worker->lab->loop, fake_cut_here, worker) == P2P_OK);
}

/* Answers all tasks that are held. */
static void fake_release_here(void *arg) {
  struct fake_worker *worker = arg;
  for (size_t i = 0; i < FAKE_TASKS; i++) {
    if (worker->tasks[i].id != 0) fake_answer(worker, &worker->tasks[i]);
  }
}
static inline void fake_release(struct fake_worker *worker) {
  CHECK(p2p_loop_call(worker->lab->loop, fake_release_here, worker) == P2P_OK);
}

static void fake_recall_here(void *arg) {
  struct fake_worker *worker = arg;
  worker->slots--; /* another client gets it */
  fake_slot(worker, P2P_SLOT_RECALL, 1);
}
static inline void fake_recall(struct fake_worker *worker) {
  CHECK(p2p_loop_call(worker->lab->loop, fake_recall_here, worker) == P2P_OK);
}

static void fake_stop_here(void *arg) {
  struct fake_worker *worker = arg;
  fake_cut_here(worker);
  p2p_member_free(worker->member);
}
static void fake_stop(struct fake_worker *worker) {
  CHECK(p2p_loop_call(worker->lab->loop, fake_stop_here, worker) == P2P_OK);
}

#endif
