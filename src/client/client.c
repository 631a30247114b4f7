/* Owns the client's face to other threads: what they ask is posted to the io thread, what they look
 * at is kept under one lock. Everything else happens in program.c. */
#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_loop.h"
#include "client/worker_link.h"
#include "crypto/random.h"

/* on any thread but the io thread */

static void destroy(struct p2p_client *client) {
  p2p_notifier_destroy(&client->notifier);
  pthread_mutex_destroy(&client->lock);
  free(client->mailbox);
  free(client->relay);
  free(client);
}

static int check_versions(const struct p2p_client_config *config, struct p2p_err *err) {
  if (config->r_version != NULL && p2p_version_is_valid(config->r_version) &&
      config->future_version != NULL && p2p_version_is_valid(config->future_version)) {
    return P2P_OK;
  }
  return p2p_err_set(err, P2P_ERR_INVALID,
                     "The versions of R and future must be like 4.2.2 and 1.70.0");
}

static int create(const struct p2p_client_config *config, struct p2p_log_queue *log,
                  struct p2p_client **out, struct p2p_err *err) {
  struct p2p_client *client = calloc(1, sizeof *client);
  if (client == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (p2p_notifier_init(&client->notifier) != P2P_OK) {
    free(client);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "The system has no more condition variables.");
  }
  pthread_mutex_init(&client->lock, NULL);
  client->loop = config->loop;
  client->log = log;
  client->workers_most = config->workers_most;
  client->object_cap_bytes = config->object_cap_bytes;
  client->retries = config->retries;
  snprintf(client->r_version, sizeof client->r_version, "%s", config->r_version);
  snprintf(client->future_version, sizeof client->future_version, "%s", config->future_version);
  client->mailbox = config->board.mailbox != NULL ? strdup(config->board.mailbox) : NULL;
  client->relay = config->board.relay != NULL ? strdup(config->board.relay) : NULL;
  if ((config->board.mailbox != NULL && client->mailbox == NULL) ||
      (config->board.relay != NULL && client->relay == NULL)) {
    destroy(client);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  }
  *out = client;
  return P2P_OK;
}

struct start {
  struct p2p_client *client;
  const struct p2p_client_config *config;
  struct p2p_err *err;
  int code;
};

static void start_here(void *arg) {
  struct start *start = arg;
  start->code = p2p_client_loop_start(start->client, start->config, start->err);
  if (start->code != P2P_OK) p2p_client_loop_end(start->client);
}

int p2p_client_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                   struct p2p_client **out, struct p2p_err *err) {
  int code = check_versions(config, err);
  if (code != P2P_OK) return code;
  if (p2p_crypto_init() != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "libsodium cannot be initialized.");
  struct p2p_client *client = NULL;
  code = create(config, log, &client, err);
  if (code != P2P_OK) return code;
  struct start start = {client, config, err, P2P_OK};
  code = p2p_loop_call(client->loop, start_here, &start);
  if (code == P2P_OK)
    code = start.code;
  else
    p2p_err_set(err, code, "The io thread has ended.");
  if (code == P2P_OK)
    *out = client;
  else
    destroy(client);
  return code;
}

static void end_here(void *client) { p2p_client_loop_end(client); }

void p2p_client_free(struct p2p_client *client) {
  if (client == NULL) return;
  /* Where the io thread cannot be asked, it may still use what we would free. */
  if (p2p_loop_call(client->loop, end_here, client) == P2P_OK) destroy(client);
}

void p2p_client_status(struct p2p_client *client, struct p2p_client_status *out) {
  pthread_mutex_lock(&client->lock);
  *out = client->status;
  out->waiting += client->inbox.length;
  out->needy += client->inbox.needy;
  pthread_mutex_unlock(&client->lock);
}

uint64_t p2p_client_wait(struct p2p_client *client, uint64_t seen, int timeout_ms) {
  return p2p_notifier_wait(&client->notifier, seen, timeout_ms);
}

int p2p_client_fd(const struct p2p_client *client) { return p2p_notifier_fd(&client->notifier); }

/* Once for all that came since the io thread last looked. */
static int wake_locked(struct p2p_client *client) {
  if (client->posted) return P2P_OK;
  int code = p2p_loop_post(client->loop, p2p_client_loop_look, client);
  client->posted = code == P2P_OK;
  return code;
}

int p2p_client_submit(struct p2p_client *client, struct p2p_task *task, struct p2p_err *err) {
  int code = P2P_OK;
  pthread_mutex_lock(&client->lock);
  if (client->status.failed.code != P2P_OK) {
    *err = client->status.failed;
    code = err->code;
  } else if ((code = wake_locked(client)) != P2P_OK) {
    p2p_err_set(err, code, "The io thread has ended, or there is no memory for the task.");
  } else if (!p2p_task_submit(task, client->retries)) {
    code = p2p_err_set(err, P2P_ERR_INVALID, "Future '%s' was submitted before.",
                       p2p_task_label(task));
  } else {
    p2p_task_ref(task);
    p2p_task_queue_push(&client->inbox, task);
  }
  pthread_mutex_unlock(&client->lock);
  return code;
}

/* The task ends here and now; the io thread then lets go of it, and tells the worker. */
void p2p_client_cancel(struct p2p_client *client, struct p2p_task *task) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_CANCELED, "Future '%s' was cancelled", p2p_task_label(task));
  if (!p2p_task_fail(task, &err)) return;
  p2p_notifier_notify(&client->notifier);
  pthread_mutex_lock(&client->lock);
  client->canceled = true;
  wake_locked(client); /* if it fails, the io thread sees it with what comes next */
  pthread_mutex_unlock(&client->lock);
}

struct view {
  struct p2p_client *client;
  struct p2p_worker_info *out;
  size_t most, length;
};

static const char *describe_state(const struct p2p_roster_worker *worker) {
  if (!worker->compatible) return "incompatible";
  if (worker->is_lost) return "lost";
  if (worker->peer == NULL) return "seen";
  if (p2p_worker_link_lane(worker->peer) == NULL) return "linking";
  return worker->left ? "leaving" : "linked";
}

/* on the io thread */
static void view_here(void *arg) {
  struct view *view = arg;
  const struct p2p_roster *roster = &view->client->roster;
  view->length = roster->length;
  for (size_t i = 0; i < roster->length && i < view->most; i++) {
    const struct p2p_roster_worker *worker = roster->workers[i];
    const struct p2p_task_stream *stream =
        worker->peer != NULL ? p2p_worker_link_lane(worker->peer) : NULL;
    struct p2p_worker_info *info = &view->out[i];
    *info = (struct p2p_worker_info){.slots = worker->slots,
                                     .busy = stream != NULL ? p2p_task_stream_running(stream) : 0};
    snprintf(info->from, sizeof info->from, "%s", worker->from);
    snprintf(info->r_version, sizeof info->r_version, "%s", worker->r_version);
    snprintf(info->future_version, sizeof info->future_version, "%s", worker->future_version);
    snprintf(info->platform, sizeof info->platform, "%s", worker->machine.platform);
    info->cores = worker->machine.cores;
    info->memory_mib = worker->machine.memory_mib;
    snprintf(info->state, sizeof info->state, "%s", describe_state(worker));
    snprintf(info->path, sizeof info->path, "%s",
             worker->peer != NULL ? p2p_worker_link_path(worker->peer) : "");
  }
}

size_t p2p_client_workers(struct p2p_client *client, struct p2p_worker_info *out, size_t most) {
  struct view view = {client, out, most, 0};
  p2p_loop_call(client->loop, view_here,
                &view); /* microseconds: that thread never waits for anything */
  return view.length;
}
