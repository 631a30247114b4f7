/* Owns the client's interface to other threads: requests are posted to the io thread, and the
 * status is kept under a lock. Everything else happens in client_loop.c. */
#include "client/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/notifier.h"
#include "client/client_loop.h"
#include "crypto/random.h"
#include "net/service.h"
#include "protocol/package_list.h"
#include "protocol/versions.h"

struct p2p_client {
  struct p2p_loop *loop;
  struct p2p_service *service;
  struct p2p_post post; /* of take_submitted */
  uint32_t retries;
  struct p2p_notifier notifier, watch; /* both are notified of every change */

  pthread_mutex_t lock;            /* guards what follows */
  struct p2p_task_queue submitted; /* not yet taken by the io thread */
  bool has_cancelled;              /* tasks were cancelled since the io thread took the queue */
  bool is_posted;                  /* the io thread will take both, by `post` */
  struct p2p_client_status status; /* written by the io thread only */

  struct p2p_client_loop *client_loop; /* io thread only */
};

/* Any thread. */
static void notify(struct p2p_client *client) {
  p2p_notifier_notify(&client->notifier);
  p2p_notifier_notify(&client->watch);
}

/* On the io thread. */

static bool is_same(const struct p2p_client_status *a, const struct p2p_client_status *b) {
  return a->joined == b->joined && a->failed.code == b->failed.code && a->workers == b->workers &&
         a->slots == b->slots && a->busy == b->busy && a->unreachable == b->unreachable &&
         a->resting == b->resting && a->incompatible == b->incompatible &&
         a->waiting == b->waiting && a->running == b->running &&
         a->waiting_with_needs == b->waiting_with_needs && a->cache_mib == b->cache_mib &&
         strcmp(a->incompatible_why, b->incompatible_why) == 0 && strcmp(a->user, b->user) == 0 &&
         strcmp(a->name, b->name) == 0 && strcmp(a->cluster, b->cluster) == 0 &&
         strcmp(a->hosted, b->hosted) == 0;
}

/* Only this thread writes the status, so it may read it without the lock. */
static void on_status(void *arg, const struct p2p_client_status *status) {
  struct p2p_client *client = arg;
  if (is_same(status, &client->status)) return;
  pthread_mutex_lock(&client->lock);
  client->status = *status;
  pthread_mutex_unlock(&client->lock);
  notify(client);
}

static void on_task(void *arg) { notify(arg); }

/* A submitted task is counted at every moment: by p2p_client_status while it is in the queue, by
 * the status from here on. */
static void take_submitted(void *arg) {
  struct p2p_client *client = arg;
  pthread_mutex_lock(&client->lock);
  struct p2p_task_queue tasks = client->submitted;
  bool has_cancelled = client->has_cancelled;
  client->submitted = (struct p2p_task_queue){0};
  client->status.waiting += tasks.length;
  client->status.waiting_with_needs += tasks.with_needs;
  client->has_cancelled = client->is_posted = false;
  pthread_mutex_unlock(&client->lock);
  p2p_client_loop_update(client->client_loop, &tasks, has_cancelled);
}

struct start {
  const struct p2p_client_config *config;
  struct p2p_log_queue *log;
};

static int start_here(void *state, const void *arg, struct p2p_err *err) {
  static const struct p2p_client_loop_callbacks callbacks = {on_status, on_task};
  struct p2p_client *client = state;
  const struct start *start = arg;
  return p2p_client_loop_new(start->config, start->log, &callbacks, client, &client->client_loop,
                             err);
}

/* All that was submitted has been taken before. */
static void stop_here(void *state) {
  struct p2p_client *client = state;
  p2p_client_loop_free(client->client_loop);
}

struct listing {
  struct p2p_worker_info *out;
  size_t capacity, length;
};

static void list_here(void *state, void *arg) {
  const struct p2p_client *client = state;
  struct listing *listing = arg;
  listing->length = p2p_client_loop_workers(client->client_loop, listing->out, listing->capacity);
}

static void ask_here(void *state, void *arg) {
  const struct p2p_client *client = state;
  int *code = arg;
  *code = p2p_client_loop_ask(client->client_loop);
}

struct roll_call {
  struct p2p_roll_member *out;
  size_t capacity, length;
};

static void call_roll_here(void *state, void *arg) {
  const struct p2p_client *client = state;
  struct roll_call *call = arg;
  const struct p2p_roll *roll = p2p_client_loop_roll(client->client_loop);
  call->length = roll->length;
  size_t n = roll->length < call->capacity ? roll->length : call->capacity;
  if (n > 0) memcpy(call->out, roll->members, n * sizeof *call->out);
}

struct question {
  const struct p2p_requirements *needs;
  struct p2p_waiting *out;
};

static void explain_here(void *state, void *arg) {
  const struct p2p_client *client = state;
  const struct question *question = arg;
  p2p_client_loop_explain(client->client_loop, question->needs, question->out);
}

/* On any other thread. */

static int check_config(const struct p2p_client_config *config, struct p2p_err *err) {
  if (config->r_version != NULL && p2p_version_is_valid(config->r_version) &&
      config->future_version != NULL && p2p_version_is_valid(config->future_version)) {
    return P2P_OK;
  }
  return p2p_err_set(err, P2P_ERR_INVALID,
                     "the versions of R and future must look like 4.2.2 and 1.70.0");
}

static int create(const struct p2p_client_config *config, struct p2p_client **out,
                  struct p2p_err *err) {
  struct p2p_client *client = calloc(1, sizeof *client);
  if (client == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  client->loop = config->loop;
  client->retries = config->retries;
  client->post = (struct p2p_post){.fn = take_submitted, .arg = client};
  int code = p2p_notifier_init(&client->notifier, err);
  if (code != P2P_OK) goto fail;
  code = p2p_notifier_init(&client->watch, err);
  if (code != P2P_OK) goto fail_watch;
  if (pthread_mutex_init(&client->lock, NULL) != 0) {
    code = p2p_err_set(err, P2P_ERR_SYSTEM, "cannot create a mutex");
    goto fail_lock;
  }
  *out = client;
  return P2P_OK;

fail_lock:
  p2p_notifier_destroy(&client->watch);
fail_watch:
  p2p_notifier_destroy(&client->notifier);
fail:
  free(client);
  return code;
}

/* Any thread. */
static void destroy(void *state) {
  struct p2p_client *client = state;
  p2p_notifier_destroy(&client->watch);
  p2p_notifier_destroy(&client->notifier);
  pthread_mutex_destroy(&client->lock);
  free(client);
}

int p2p_client_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                   struct p2p_client **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start_here, stop_here, destroy};
  struct start start = {config, log};
  struct p2p_service *service = NULL;
  struct p2p_client *client = NULL;
  int code = check_config(config, err);
  if (code != P2P_OK) return code;
  if (p2p_crypto_init() != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "libsodium cannot be initialized");
  code = create(config, &client, err);
  if (code == P2P_OK) code = p2p_service_start(config->loop, &type, client, &start, &service, err);
  if (code != P2P_OK) return code;
  client->service = service;
  *out = client;
  return P2P_OK;
}

void p2p_client_free(struct p2p_client *client) {
  if (client != NULL) p2p_service_stop(client->service);
}

void p2p_client_status(struct p2p_client *client, struct p2p_client_status *out) {
  pthread_mutex_lock(&client->lock);
  *out = client->status;
  out->waiting += client->submitted.length;
  out->waiting_with_needs += client->submitted.with_needs;
  pthread_mutex_unlock(&client->lock);
}

size_t p2p_client_workers(struct p2p_client *client, struct p2p_worker_info *out, size_t capacity) {
  struct listing listing = {out, capacity, 0};
  if (p2p_service_call(client->service, list_here, &listing, NULL) != P2P_OK) return 0;
  return listing.length;
}

int p2p_client_ask(struct p2p_client *client) {
  int answer = P2P_OK, code = p2p_service_call(client->service, ask_here, &answer, NULL);
  return code != P2P_OK ? code : answer;
}

size_t p2p_client_present(struct p2p_client *client, struct p2p_roll_member *out, size_t capacity) {
  struct roll_call call = {out, capacity, 0};
  if (p2p_service_call(client->service, call_roll_here, &call, NULL) != P2P_OK) return 0;
  return call.length;
}

int p2p_client_explain(struct p2p_client *client, const struct p2p_requirements *needs,
                       struct p2p_waiting *out) {
  return p2p_service_call(client->service, explain_here, &(struct question){needs, out}, NULL);
}

uint64_t p2p_client_wait(struct p2p_client *client, uint64_t seen, int timeout_ms) {
  return p2p_notifier_wait(&client->notifier, seen, timeout_ms);
}

int p2p_client_fd(const struct p2p_client *client) { return p2p_notifier_fd(&client->notifier); }

int p2p_client_watch_fd(const struct p2p_client *client) { return p2p_notifier_fd(&client->watch); }

void p2p_client_watch_poll(struct p2p_client *client) { (void)p2p_notifier_poll(&client->watch); }

/* Once for all that is submitted and cancelled before the io thread takes it. */
static int post_locked(struct p2p_client *client) {
  if (client->is_posted) return P2P_OK;
  int code = p2p_loop_post_own(client->loop, &client->post);
  client->is_posted = code == P2P_OK;
  return code;
}

int p2p_client_submit(struct p2p_client *client, struct p2p_task *task, struct p2p_err *err) {
  int code = P2P_OK;
  pthread_mutex_lock(&client->lock);
  if (client->status.failed.code != P2P_OK) {
    *err = client->status.failed;
    code = err->code;
  } else if ((code = post_locked(client)) != P2P_OK) {
    p2p_loop_explain(code, err);
  } else if (!p2p_task_submit(task, client->retries)) {
    code = p2p_err_set(err, P2P_ERR_INVALID, "future '%s' was already submitted",
                       p2p_task_label(task));
  } else {
    p2p_task_ref(task);
    p2p_task_queue_push(&client->submitted, task);
  }
  pthread_mutex_unlock(&client->lock);
  return code;
}

/* The task ends at once; the io thread then releases it, and sends CANCEL to the worker. */
void p2p_client_cancel(struct p2p_client *client, struct p2p_task *task) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_CANCELED, "this session canceled it");
  if (!p2p_task_fail(task, &err)) return;
  notify(client);
  pthread_mutex_lock(&client->lock);
  client->has_cancelled = true;
  (void)post_locked(client); /* it fails only if the io thread has ended, and the link with it */
  pthread_mutex_unlock(&client->lock);
}
