/* The topics of a board. An access list belongs to the member that created its topic, and ends with
 * that member's subscription; members that join later cannot change it. Which topic a member gets
 * is decided once, when it subscribes. A topic that a pipe has created carries lines.
 *
 * One rule of the public board (pipe.pico.sh) is left out on purpose: there, when the second-last
 * member leaves a topic, the last one is disconnected. Here it stays, so that a host or worker that
 * is alone keeps its connection. */
#include "server/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/limits.h"
#include "server/whole_lines.h"

struct topic {
  struct topic *next;
  struct p2p_topics *topics;
  struct p2p_subscription *subscriptions; /* oldest first */
  struct p2p_subscription *creator;       /* whose access list it is; NULL once it has left */
  char *access;                           /* owned; NULL: none */
  bool has_lines;                         /* only whole lines are passed on */
  char
      owner[64]; /* on whose limit it counts: a user, or the fingerprint of a key without account */
  char name[P2P_TOPICS_NAME_MAX + 1];
};

struct p2p_subscription {
  struct p2p_subscription *next;
  struct topic *topic;
  struct p2p_subscriber_callbacks callbacks;
  void *arg;
  char *label; /* owned */
  bool reads, writes, replay, round_robin, keep_alive;
  bool is_pending; /* waits for a first reader; meanwhile `pending` grows */
  bool has_ended_input;
  struct p2p_buf pending;
  struct p2p_whole_lines lines; /* where the topic has lines */
  size_t n_delivered;           /* round_robin: decides whose turn it is */
};

struct p2p_topics {
  struct topic *first;
  size_t per_user_max;
  size_t n_pending; /* bytes that wait for first readers, of all writers */
};

struct p2p_topics *p2p_topics_new(size_t per_user_max) {
  struct p2p_topics *topics = calloc(1, sizeof *topics);
  if (topics != NULL) topics->per_user_max = per_user_max;
  return topics;
}

void p2p_topics_free(struct p2p_topics *topics) { free(topics); }

/* --- the topic of a request --- */

static struct topic *find_topic(const struct p2p_topics *topics, const char *name) {
  struct topic *topic = topics->first;
  while (topic != NULL && strcmp(topic->name, name) != 0) topic = topic->next;
  return topic;
}

bool p2p_topics_exists(const struct p2p_topics *topics, const char *name) {
  return find_topic(topics, name) != NULL;
}

static bool is_in_list(const char *list, const char *name) {
  size_t length = strlen(name);
  while (length > 0 && list != NULL) {
    const char *comma = strchr(list, ',');
    size_t entry = comma == NULL ? strlen(list) : (size_t)(comma - list);
    if (entry == length && memcmp(list, name, length) == 0) return true;
    list = comma == NULL ? NULL : comma + 1;
  }
  return false;
}

/* The full name of the requested topic. Access is checked under the name as typed; without access
 * the name becomes one in the user's own namespace. */
static int resolve_name(const struct p2p_topics *topics,
                        const struct p2p_subscribe_request *request, char *out, size_t size) {
  const char *prefix = request->user;
  const struct topic *typed = find_topic(topics, request->topic);
  size_t user_length = strlen(request->user);
  bool is_own = strncmp(request->topic, request->user, user_length) == 0 &&
                request->topic[user_length] == '/';
  if (request->is_public)
    prefix = "public";
  else if (is_own || (typed != NULL && (is_in_list(typed->access, request->user) ||
                                        is_in_list(typed->access, request->fingerprint))))
    prefix = NULL;
  int length = prefix == NULL ? snprintf(out, size, "%s", request->topic)
                              : snprintf(out, size, "%s/%s", prefix, request->topic);
  return length > 0 && (size_t)length < size ? P2P_OK : P2P_ERR_INVALID;
}

static bool is_in_namespace(const struct topic *topic, const char *user, size_t length) {
  return strncmp(topic->name, user, length) == 0 && topic->name[length] == '/';
}

static bool is_at_limit(const struct p2p_topics *topics, const char *owner) {
  size_t count = 0;
  for (const struct topic *topic = topics->first; topic != NULL; topic = topic->next)
    count += strcmp(topic->owner, owner) == 0;
  return count >= topics->per_user_max;
}

static int find_or_add_topic(struct p2p_topics *topics, const char *name,
                             const struct p2p_subscribe_request *request, struct topic **out) {
  const char *owner = strcmp(request->user, "public") == 0 ? request->fingerprint : request->user;
  *out = find_topic(topics, name);
  if (*out != NULL) return P2P_OK;
  if (is_at_limit(topics, owner)) return P2P_ERR_TOO_LARGE;
  struct topic *topic = calloc(1, sizeof *topic);
  if (topic == NULL) return P2P_ERR_MEMORY;
  snprintf(topic->name, sizeof topic->name, "%s", name);
  snprintf(topic->owner, sizeof topic->owner, "%s", owner);
  topic->has_lines = request->reads && request->writes;
  topic->topics = topics;
  topic->next = topics->first;
  topics->first = topic;
  *out = topic;
  return P2P_OK;
}

static void drop_access(struct topic *topic) {
  free(topic->access);
  topic->access = NULL;
  topic->creator = NULL;
}

static void drop_topic_if_empty(struct topic *topic) {
  if (topic->subscriptions != NULL) return;
  struct topic **at = &topic->topics->first;
  while (*at != topic) at = &(*at)->next;
  *at = topic->next;
  drop_access(topic);
  free(topic);
}

/* --- messages --- */

static size_t count_readers(const struct p2p_subscription *writer) {
  size_t count = 0;
  for (const struct p2p_subscription *subscription = writer->topic->subscriptions;
       subscription != NULL; subscription = subscription->next)
    if (subscription->reads && (subscription != writer || writer->replay)) count++;
  return count;
}

static void deliver(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_subscription *writer = arg;
  size_t n_readers = count_readers(writer), at = 0;
  size_t chosen = n_readers == 0 ? 0 : writer->n_delivered++ % n_readers;
  for (struct p2p_subscription *reader = writer->topic->subscriptions; reader != NULL;
       reader = reader->next) {
    if (!reader->reads || (reader == writer && !writer->replay)) continue;
    if (!writer->round_robin || at == chosen)
      reader->callbacks.on_message(reader->arg, bytes, length);
    at++;
  }
}

static void pass(struct p2p_subscription *writer, const uint8_t *bytes, size_t length) {
  if (writer->topic->has_lines)
    p2p_whole_lines_add(&writer->lines, bytes, length, deliver, writer);
  else
    deliver(writer, bytes, length);
}

static void finish(struct p2p_subscription *subscription) {
  subscription->callbacks.on_finish(subscription->arg);
}

static void drop_pending(struct p2p_subscription *writer) {
  writer->topic->topics->n_pending -= p2p_buf_len(&writer->pending);
  p2p_buf_clear(&writer->pending);
}

/* Delivers what a writer has sent before its first reader joined. */
static void deliver_pending(struct p2p_subscription *writer) {
  if (!writer->is_pending || count_readers(writer) == 0) return;
  writer->is_pending = false;
  if (p2p_buf_len(&writer->pending) > 0)
    pass(writer, p2p_buf_data(&writer->pending), p2p_buf_len(&writer->pending));
  drop_pending(writer);
  if (writer->has_ended_input) finish(writer);
}

static int keep_pending(struct p2p_subscription *writer, const uint8_t *bytes, size_t length) {
  struct p2p_topics *topics = writer->topic->topics;
  if (length > P2P_TOPICS_PENDING_TOTAL_MAX - topics->n_pending) return P2P_ERR_TOO_LARGE;
  int code = p2p_buf_put(&writer->pending, bytes, length);
  if (code == P2P_OK) topics->n_pending += length;
  return code;
}

int p2p_subscription_write(struct p2p_subscription *subscription, const uint8_t *bytes,
                           size_t length) {
  if (!subscription->writes || subscription->has_ended_input || length == 0) return P2P_OK;
  if (subscription->is_pending) return keep_pending(subscription, bytes, length);
  pass(subscription, bytes, length);
  return P2P_OK;
}

void p2p_subscription_end_input(struct p2p_subscription *subscription) {
  if (!subscription->writes || subscription->has_ended_input) return;
  subscription->has_ended_input = true;
  if (!subscription->is_pending) finish(subscription);
}

bool p2p_subscription_is_pending(const struct p2p_subscription *subscription) {
  return subscription->is_pending;
}
const char *p2p_subscription_topic(const struct p2p_subscription *subscription) {
  return subscription->topic->name;
}

/* --- subscribing --- */

static void free_subscription(struct p2p_subscription *subscription) {
  p2p_whole_lines_clear(&subscription->lines);
  free(subscription->label);
  free(subscription);
}

static struct p2p_subscription *new_subscription(const struct p2p_subscribe_request *request,
                                                 const struct p2p_subscriber_callbacks *callbacks,
                                                 void *arg) {
  struct p2p_subscription *subscription = calloc(1, sizeof *subscription);
  if (subscription == NULL) return NULL;
  subscription->label = strdup(request->label);
  subscription->callbacks = *callbacks;
  subscription->arg = arg;
  subscription->reads = request->reads;
  subscription->writes = request->writes;
  subscription->replay = request->replay;
  subscription->round_robin = request->round_robin;
  subscription->keep_alive = request->keep_alive;
  subscription->is_pending = request->writes && request->wait_for_reader;
  p2p_buf_init(&subscription->pending, P2P_TOPICS_PENDING_MAX);
  p2p_whole_lines_init(&subscription->lines);
  if (subscription->label != NULL) return subscription;
  free_subscription(subscription);
  return NULL;
}

static void add_subscription(struct topic *topic, struct p2p_subscription *subscription) {
  struct p2p_subscription **at = &topic->subscriptions;
  while (*at != NULL) at = &(*at)->next;
  *at = subscription;
  subscription->topic = topic;
  for (struct p2p_subscription *other = topic->subscriptions; other != NULL; other = other->next)
    deliver_pending(other);
}

int p2p_topics_subscribe(struct p2p_topics *topics, const struct p2p_subscribe_request *request,
                         const struct p2p_subscriber_callbacks *callbacks, void *arg,
                         struct p2p_subscription **out) {
  char name[P2P_TOPICS_NAME_MAX + 1];
  struct topic *topic;
  int code = resolve_name(topics, request, name, sizeof name);
  if (code != P2P_OK) return code;
  char *access = request->access == NULL ? NULL : strdup(request->access);
  struct p2p_subscription *subscription = new_subscription(request, callbacks, arg);
  code = subscription == NULL || (request->access != NULL && access == NULL)
             ? P2P_ERR_MEMORY
             : find_or_add_topic(topics, name, request, &topic);
  if (code != P2P_OK) {
    free(access);
    if (subscription != NULL) free_subscription(subscription);
    return code;
  }
  if (topic->creator == NULL) {
    topic->creator = subscription;
    topic->access = access;
  } else {
    free(access);
  }
  add_subscription(topic, subscription);
  *out = subscription;
  return P2P_OK;
}

static bool has_writer(const struct topic *topic) {
  for (const struct p2p_subscription *subscription = topic->subscriptions; subscription != NULL;
       subscription = subscription->next)
    if (subscription->writes) return true;
  return false;
}

/* Readers have nothing to wait for when the last writer has left, unless they were told to stay. */
static void finish_readers(struct topic *topic) {
  for (struct p2p_subscription *reader = topic->subscriptions; reader != NULL;
       reader = reader->next)
    if (!reader->keep_alive) finish(reader);
}

void p2p_topics_unsubscribe(struct p2p_subscription *subscription) {
  struct topic *topic = subscription->topic;
  struct p2p_subscription **at = &topic->subscriptions;
  while (*at != subscription) at = &(*at)->next;
  *at = subscription->next;
  if (topic->creator == subscription) drop_access(topic);
  if (subscription->writes && !has_writer(topic)) finish_readers(topic);
  drop_pending(subscription);
  free_subscription(subscription);
  drop_topic_if_empty(topic);
}

/* --- ls --- */

static int put(struct p2p_buf *out, const char *text) {
  return p2p_buf_put(out, text, strlen(text));
}

static int put_access(struct p2p_buf *out, const char *access) {
  if (access == NULL || access[0] == '\0') return P2P_OK;
  int code = put(out, " (Access List: ");
  for (; code == P2P_OK && *access != '\0'; access++)
    code = *access == ',' ? put(out, ", ") : p2p_buf_put(out, access, 1);
  return code != P2P_OK ? code : put(out, ")");
}

static int put_subscriptions(struct p2p_buf *out, const struct topic *topic, const char *title,
                             bool reads, bool writes) {
  int code = P2P_OK;
  bool is_first = true;
  for (const struct p2p_subscription *subscription = topic->subscriptions;
       code == P2P_OK && subscription != NULL; subscription = subscription->next) {
    if (subscription->reads != reads || subscription->writes != writes) continue;
    if (is_first) code = put(out, title);
    if (code == P2P_OK) code = put(out, "  - ");
    if (code == P2P_OK) code = put(out, subscription->label);
    if (code == P2P_OK) code = put(out, "\r\n");
    is_first = false;
  }
  return code;
}

static int put_topic(struct p2p_buf *out, const struct topic *topic) {
  int code = put(out, "- ");
  if (code == P2P_OK) code = put(out, topic->name);
  if (code == P2P_OK) code = put(out, ":");
  if (code == P2P_OK) code = put_access(out, topic->access);
  if (code == P2P_OK) code = put(out, "\r\n");
  if (code == P2P_OK) code = put_subscriptions(out, topic, "  Pipes:\r\n", true, true);
  if (code == P2P_OK) code = put_subscriptions(out, topic, "  Pubs:\r\n", false, true);
  if (code == P2P_OK) code = put_subscriptions(out, topic, "  Subs:\r\n", true, false);
  return code;
}

int p2p_topics_list(const struct p2p_topics *topics, const char *user, struct p2p_buf *out) {
  size_t length = strlen(user);
  bool is_first = true;
  int code = P2P_OK;
  for (const struct topic *topic = topics->first; code == P2P_OK && topic != NULL;
       topic = topic->next) {
    if (!is_in_namespace(topic, user, length)) continue;
    if (is_first) code = put(out, "Channel Information\r\n");
    if (code == P2P_OK) code = put_topic(out, topic);
    is_first = false;
  }
  return code == P2P_OK && is_first ? put(out, "no pubsub channels found\r\n") : code;
}
