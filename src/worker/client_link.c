/* The link to a client: its opening, its frames but those of tasks, its end. */
#include "worker/client_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/client_tasks.h"
#include "worker/link_opening.h"
#include "worker/package_lookup.h"
#include "worker/part_store.h"

struct p2p_client_link {
  const struct p2p_client_link_shared *shared;
  size_t number;
  struct p2p_identity identity;
  char name[P2P_IDENTITY_LABEL_MAX]; /* what people see */
  char user[P2P_USER_NAME_MAX];      /* the part of the name before the '@' */
  struct p2p_link *link;
  bool open;
  struct p2p_sign_public device;     /* with a cluster key, from its HELLO on */
  bool has_hello;                    /* the client's HELLO has arrived */
  struct p2p_package_lookup *lookup; /* NULL: no PACKAGES request is pending */
  struct p2p_client_tasks tasks;
};

#define LOG(client, level, ...) p2p_log_write((client)->shared->log, level, __VA_ARGS__)
#define LOG_EVENT(client, ...) p2p_log_event((client)->shared->log, P2P_LOG_INFO, __VA_ARGS__)

static void notify(const struct p2p_client_link *client) {
  client->shared->on_change(client->shared->arg);
}

/* ---- the end ---- */

static void destroy(struct p2p_client_link *client) {
  p2p_client_tasks_abandon(&client->tasks);
  p2p_evaluator_pool_remove_client(client->shared->pool, &client->tasks);
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

void p2p_client_link_free(struct p2p_client_link *client, const char *why) {
  if (client == NULL) return;
  p2p_client_tasks_send_lost(&client->tasks, 0, P2P_LOST_FINAL, why);
  destroy(client);
}

/* ---- frames of the client; the functions return NULL or how it broke the protocol ---- */

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

static void on_packages_reply(void *arg, int code, const struct p2p_buf *reply) {
  struct p2p_client_link *client = arg;
  client->lookup = NULL;
  if (code == P2P_OK)
    p2p_client_tasks_send(&client->tasks, P2P_FRAME_PACKAGES, 0, p2p_buf_data(reply),
                          p2p_buf_len(reply));
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
  client->tasks.reads_marks = hello.reads_marks;
  client->device = hello.badge.device;
  if (p2p_client_link_device(client) != NULL)
    p2p_slots_set_user(client->shared->slots, client->number, hello.badge.user);
  return NULL;
}

static const char *dispatch(struct p2p_client_link *client, const struct p2p_frame *frame) {
  if (!client->has_hello) return on_hello(client, frame);
  switch (frame->type) {
  case P2P_FRAME_SLOT: return on_slot(client, frame);
  case P2P_FRAME_REQUEST: return p2p_client_tasks_on_request(&client->tasks, frame);
  case P2P_FRAME_TASK: return p2p_client_tasks_on_task(&client->tasks, frame);
  case P2P_FRAME_DATA: return p2p_client_tasks_on_data(&client->tasks, frame);
  case P2P_FRAME_CANCEL: return p2p_client_tasks_on_cancel(&client->tasks, frame);
  case P2P_FRAME_PACKAGES: return on_packages(client, frame);
  default: return "sent a frame that is not for a worker";
  }
}

/* ---- callbacks of the link ---- */

static void on_open(void *arg, const char *path) {
  struct p2p_client_link *client = arg;
  char text[P2P_HELLO_MAX + 1];
  client->open = true;
  LOG_EVENT(client, "linked", "linked to client '%s' (%s)", client->name, path);
  long length = p2p_link_opening_write_hello(client->shared, client->link, text);
  if (length > 0) p2p_client_tasks_send(&client->tasks, P2P_FRAME_HELLO, 0, text, (size_t)length);
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
  p2p_client_tasks_on_drain(&client->tasks);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct p2p_client_link *client = arg;
  struct p2p_err warning = *err;
  if (client->open && err->code == P2P_ERR_CLOSED) {
    LOG_EVENT(client, "left", "client '%s' left", client->name);
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

/* A single evaluator keeps what it has read; for several, the store has as much as one of them. */
static uint64_t stored_bytes(const struct p2p_client_link_shared *shared) {
  return shared->n_slots > 1 ? (uint64_t)shared->machine.cache_mib << 20 : 0;
}

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
  client->tasks = (struct p2p_client_tasks){.shared = shared,
                                            .number = config->number,
                                            .name = client->name,
                                            .parts = p2p_part_store_new(stored_bytes(shared))};
  const struct p2p_link_events events = {&callbacks, client};
  int code = client->tasks.parts != NULL
                 ? p2p_link_opening_start(shared, config, &events, &client->link, err)
                 : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code != P2P_OK) {
    p2p_part_store_free(client->tasks.parts);
    free(client);
    return code;
  }
  client->tasks.link = client->link;
  *out = client;
  return P2P_OK;
}

bool p2p_client_link_is_open(const struct p2p_client_link *client) { return client->open; }
bool p2p_client_link_is_confirmed(const struct p2p_client_link *client) {
  return p2p_link_is_confirmed(client->link);
}
bool p2p_client_link_is_broken(const struct p2p_client_link *client) {
  return client->tasks.broken;
}

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
  return p2p_client_tasks_running(&client->tasks, lent_ms);
}

void p2p_client_link_send_slot(struct p2p_client_link *client, enum p2p_slot_op op,
                               uint32_t count) {
  uint8_t payload[P2P_SLOT_LEN];
  p2p_slot_write(op, count, payload);
  p2p_client_tasks_send(&client->tasks, P2P_FRAME_SLOT, 0, payload, sizeof payload);
}

void p2p_client_link_send_load(struct p2p_client_link *client, const struct p2p_load *load) {
  char payload[P2P_LOAD_MAX];
  size_t length = p2p_load_write(load, payload);
  p2p_client_tasks_send(&client->tasks, P2P_FRAME_LOAD, 0, payload, length);
}
