/* The topics of a board. An access list belongs to the seat that was first on its topic and goes
 * with it; who comes later cannot change it. Where a member lands is decided once, when it joins.
 *
 * One rule of the board on the internet is left out on purpose: there, when the second-last member
 * leaves, the last one is thrown off. Here it stays, so that a lone host or worker is not sent away
 * whenever a client says goodbye. */
#include "server/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topic {
  struct topic *next;
  struct p2p_topics *topics;
  struct p2p_subscription *subscriptions; /* in the order in which they came */
  struct p2p_subscription *creator;       /* whose access list it is; NULL once that one has left */
  char *access;                           /* NULL: none */
  char maker[64]; /* whose topic it is when they are counted: a user, or the fingerprint of a key
                     without account */
  char name[P2P_TOPICS_NAME_MAX + 1];
};

struct p2p_subscription {
  struct p2p_subscription *next;
  struct topic *topic;
  void *arg;
  char *label;
  bool reads, writes, replay, round_robin, keep_alive;
  bool waits; /* for a first reader; meanwhile `held` grows */
  bool input_ended;
  struct p2p_buf held;
  size_t turn; /* round_robin: whose turn is next */
};

struct p2p_topics {
  struct topic *first;
  size_t of_user_max;
  size_t n_held; /* bytes that wait for first readers */
  struct p2p_topics_callbacks callbacks;
};

struct p2p_topics *p2p_topics_new(const struct p2p_topics_callbacks *callbacks,
                                  size_t of_user_max) {
  struct p2p_topics *topics = calloc(1, sizeof *topics);
  if (topics == NULL) return NULL;
  topics->callbacks = *callbacks;
  topics->of_user_max = of_user_max;
  return topics;
}

void p2p_topics_free(struct p2p_topics *topics) { free(topics); }

/* --- where a member lands --- */

static struct topic *find_topic(const struct p2p_topics *topics, const char *name) {
  struct topic *topic = topics->first;
  while (topic != NULL && strcmp(topic->name, name) != 0) topic = topic->next;
  return topic;
}

bool p2p_topics_exists(const struct p2p_topics *topics, const char *name) {
  return find_topic(topics, name) != NULL;
}

static bool list_names(const char *list, const char *who) {
  size_t length = strlen(who);
  while (length > 0 && list != NULL) {
    const char *comma = strchr(list, ',');
    size_t entry = comma == NULL ? strlen(list) : (size_t)(comma - list);
    if (entry == length && memcmp(list, who, length) == 0) return true;
    list = comma == NULL ? NULL : comma + 1;
  }
  return false;
}

/* The access list is looked up under the name as typed; without access the name becomes one in the
 * user's own namespace. */
static int landing_name(const struct p2p_topics *topics,
                        const struct p2p_subscribe_request *request, char *out, size_t size) {
  const char *prefix = request->user;
  const struct topic *typed = find_topic(topics, request->topic);
  size_t user_length = strlen(request->user);
  bool is_own = strncmp(request->topic, request->user, user_length) == 0 &&
                request->topic[user_length] == '/';
  if (request->open_to_all)
    prefix = "public";
  else if (is_own || (typed != NULL && (list_names(typed->access, request->user) ||
                                        list_names(typed->access, request->fingerprint))))
    prefix = NULL;
  int length = prefix == NULL ? snprintf(out, size, "%s", request->topic)
                              : snprintf(out, size, "%s/%s", prefix, request->topic);
  return length > 0 && (size_t)length < size ? P2P_OK : P2P_ERR_INVALID;
}

static bool is_in_namespace(const struct topic *topic, const char *user, size_t length) {
  return strncmp(topic->name, user, length) == 0 && topic->name[length] == '/';
}

static bool has_too_many(const struct p2p_topics *topics, const char *maker) {
  size_t count = 0;
  for (const struct topic *topic = topics->first; topic != NULL; topic = topic->next)
    count += strcmp(topic->maker, maker) == 0;
  return count >= topics->of_user_max;
}

static int find_or_add_topic(struct p2p_topics *topics, const char *name,
                             const struct p2p_subscribe_request *request, struct topic **out) {
  const char *maker = strcmp(request->user, "public") == 0 ? request->fingerprint : request->user;
  *out = find_topic(topics, name);
  if (*out != NULL) return P2P_OK;
  if (has_too_many(topics, maker)) return P2P_ERR_TOO_LARGE;
  struct topic *topic = calloc(1, sizeof *topic);
  if (topic == NULL) return P2P_ERR_MEMORY;
  snprintf(topic->name, sizeof topic->name, "%s", name);
  snprintf(topic->maker, sizeof topic->maker, "%s", maker);
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

static void deliver(struct p2p_subscription *writer, const uint8_t *bytes, size_t length) {
  const struct p2p_topics_callbacks *callbacks = &writer->topic->topics->callbacks;
  size_t readers = count_readers(writer), at = 0;
  size_t chosen = readers == 0 ? 0 : writer->turn++ % readers;
  for (struct p2p_subscription *subscription = writer->topic->subscriptions; subscription != NULL;
       subscription = subscription->next) {
    if (!subscription->reads || (subscription == writer && !writer->replay)) continue;
    if (!writer->round_robin || at == chosen)
      callbacks->on_message(subscription->arg, bytes, length);
    at++;
  }
}

static void drop_held(struct p2p_subscription *subscription) {
  subscription->topic->topics->n_held -= p2p_buf_len(&subscription->held);
  p2p_buf_clear(&subscription->held);
}

/* A writer who waited for a reader goes on when there is one. */
static void stop_waiting(struct p2p_subscription *subscription) {
  if (!subscription->waits || count_readers(subscription) == 0) return;
  subscription->waits = false;
  if (p2p_buf_len(&subscription->held) > 0)
    deliver(subscription, p2p_buf_data(&subscription->held), p2p_buf_len(&subscription->held));
  drop_held(subscription);
  if (subscription->input_ended)
    subscription->topic->topics->callbacks.on_finish(subscription->arg);
}

static int hold(struct p2p_subscription *subscription, const uint8_t *bytes, size_t length) {
  struct p2p_topics *topics = subscription->topic->topics;
  if (length > P2P_TOPICS_HELD_IN_ALL_MAX - topics->n_held) return P2P_ERR_TOO_LARGE;
  int code = p2p_buf_put(&subscription->held, bytes, length);
  if (code == P2P_OK) topics->n_held += length;
  return code;
}

int p2p_topics_write(struct p2p_subscription *subscription, const uint8_t *bytes, size_t length) {
  if (!subscription->writes || subscription->input_ended || length == 0) return P2P_OK;
  if (subscription->waits) return hold(subscription, bytes, length);
  deliver(subscription, bytes, length);
  return P2P_OK;
}

void p2p_topics_end_input(struct p2p_subscription *subscription) {
  if (!subscription->writes || subscription->input_ended) return;
  subscription->input_ended = true;
  if (!subscription->waits) subscription->topic->topics->callbacks.on_finish(subscription->arg);
}

bool p2p_subscription_was_read(const struct p2p_subscription *subscription) {
  return !subscription->waits;
}
const char *p2p_subscription_topic(const struct p2p_subscription *subscription) {
  return subscription->topic->name;
}

/* --- coming and going --- */

static struct p2p_subscription *new_seat(const struct p2p_subscribe_request *request, void *arg) {
  struct p2p_subscription *subscription = calloc(1, sizeof *subscription);
  if (subscription == NULL) return NULL;
  subscription->label = strdup(request->label);
  subscription->arg = arg;
  subscription->reads = request->reads;
  subscription->writes = request->writes;
  subscription->replay = request->replay;
  subscription->round_robin = request->round_robin;
  subscription->keep_alive = request->keep_alive;
  subscription->waits = request->writes && request->wait_for_reader;
  p2p_buf_init(&subscription->held, P2P_TOPICS_HELD_MAX);
  if (subscription->label == NULL) {
    free(subscription);
    return NULL;
  }
  return subscription;
}

static void free_seat(struct p2p_subscription *subscription) {
  free(subscription->label);
  free(subscription);
}

static void sit_down(struct topic *topic, struct p2p_subscription *subscription) {
  struct p2p_subscription **at = &topic->subscriptions;
  while (*at != NULL) at = &(*at)->next;
  *at = subscription;
  subscription->topic = topic;
  for (struct p2p_subscription *other = topic->subscriptions; other != NULL; other = other->next)
    stop_waiting(other);
}

int p2p_topics_join(struct p2p_topics *topics, const struct p2p_subscribe_request *request,
                    void *arg, struct p2p_subscription **out) {
  char name[P2P_TOPICS_NAME_MAX + 1];
  struct topic *topic;
  int code = landing_name(topics, request, name, sizeof name);
  if (code != P2P_OK) return code;
  char *access = request->access == NULL ? NULL : strdup(request->access);
  struct p2p_subscription *subscription = new_seat(request, arg);
  code = subscription == NULL || (request->access != NULL && access == NULL)
             ? P2P_ERR_MEMORY
             : find_or_add_topic(topics, name, request, &topic);
  if (code != P2P_OK) {
    free(access);
    if (subscription != NULL) free_seat(subscription);
    return code;
  }
  if (topic->creator == NULL) {
    topic->creator = subscription;
    topic->access = access;
  } else {
    free(access);
  }
  sit_down(topic, subscription);
  *out = subscription;
  return P2P_OK;
}

static bool has_writer(const struct topic *topic) {
  for (const struct p2p_subscription *subscription = topic->subscriptions; subscription != NULL;
       subscription = subscription->next)
    if (subscription->writes) return true;
  return false;
}

void p2p_topics_leave(struct p2p_subscription *subscription) {
  struct topic *topic = subscription->topic;
  struct p2p_subscription **at = &topic->subscriptions;
  while (*at != subscription) at = &(*at)->next;
  *at = subscription->next;
  if (topic->creator == subscription) drop_access(topic);
  if (subscription->writes &&
      !has_writer(topic)) /* who only reads has nothing to wait for, unless told to */
    for (struct p2p_subscription *other = topic->subscriptions; other != NULL; other = other->next)
      if (!other->keep_alive) topic->topics->callbacks.on_finish(other->arg);
  drop_held(subscription);
  free_seat(subscription);
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

static int put_seats(struct p2p_buf *out, const struct topic *topic, const char *title, bool reads,
                     bool writes) {
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
  if (code == P2P_OK) code = put_seats(out, topic, "  Pipes:\r\n", true, true);
  if (code == P2P_OK) code = put_seats(out, topic, "  Pubs:\r\n", false, true);
  if (code == P2P_OK) code = put_seats(out, topic, "  Subs:\r\n", true, false);
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
