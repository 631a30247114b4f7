/* Mailboxes and nameplates. A mailbox has its nameplate for as long as one of its sides holds it,
 * so one record is enough for both. */
#include "server/mailbox_store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "server/client_address.h"
#include "server/limits.h"

#define DRAWN_MAX 9999 /* the largest nameplate that is drawn: more than there can be mailboxes */
#define MAILBOX_ID_BYTES 12

struct side {
  char name[P2P_STORE_NAME_MAX + 1]; /* "": free */
  bool holds_nameplate, has_claimed, has_opened, has_closed;
};

struct message {
  struct message *next;
  struct p2p_stored_message content; /* its strings are in `text` */
  char text[];
};

/* What the mailboxes take that one address has created. */
struct usage {
  struct usage *next;
  size_t n_mailboxes, n_bytes; /* bytes: those that count */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
};

struct p2p_stored_mailbox {
  struct p2p_stored_mailbox *next;
  struct p2p_mailbox_store *store;
  struct usage *usage; /* of the address that has created it */
  char appid[P2P_STORE_NAME_MAX + 1], id[P2P_STORE_NAME_MAX + 1];
  char nameplate[P2P_NAMEPLATE_MAX]; /* "": none, or none any more */
  struct side sides[2];
  struct message *first, **end;
  size_t n_messages, n_bytes;
  struct p2p_mailbox_subscriber *subscribers;
  uint64_t used_ms;
};

struct p2p_mailbox_store {
  struct p2p_stored_mailbox *first;
  struct usage *usages;        /* of addresses that have mailboxes */
  size_t n_mailboxes, n_bytes; /* bytes: those that count */
};

struct p2p_mailbox_store *p2p_mailbox_store_new(void) {
  return calloc(1, sizeof(struct p2p_mailbox_store));
}

/* --- mailboxes --- */

static struct usage *find_or_add_usage(struct p2p_mailbox_store *store,
                                       const char *client_address) {
  struct usage *usage = store->usages;
  while (usage != NULL && strcmp(usage->client_address, client_address) != 0) usage = usage->next;
  if (usage != NULL || (usage = calloc(1, sizeof *usage)) == NULL) return usage;
  snprintf(usage->client_address, sizeof usage->client_address, "%s", client_address);
  usage->next = store->usages;
  store->usages = usage;
  return usage;
}

static void drop_usage_if_empty(struct p2p_mailbox_store *store, struct usage *usage) {
  if (usage->n_mailboxes > 0) return;
  struct usage **at = &store->usages;
  while (*at != usage) at = &(*at)->next;
  *at = usage->next;
  free(usage);
}

/* Of the bytes in a mailbox, those that count for the bounds. */
static size_t count_bytes(size_t n_bytes) {
  return n_bytes > P2P_STORE_BYTES_FREE ? n_bytes - P2P_STORE_BYTES_FREE : 0;
}

static void drop_mailbox(struct p2p_stored_mailbox *mailbox) {
  struct p2p_stored_mailbox **at = &mailbox->store->first;
  while (*at != mailbox) at = &(*at)->next;
  *at = mailbox->next;
  mailbox->store->n_mailboxes--;
  mailbox->store->n_bytes -= count_bytes(mailbox->n_bytes);
  mailbox->usage->n_mailboxes--;
  mailbox->usage->n_bytes -= count_bytes(mailbox->n_bytes);
  drop_usage_if_empty(mailbox->store, mailbox->usage);
  while (mailbox->first != NULL) {
    struct message *message = mailbox->first;
    mailbox->first = message->next;
    free(message);
  }
  free(mailbox);
}

void p2p_mailbox_store_free(struct p2p_mailbox_store *store) {
  if (store == NULL) return;
  while (store->first != NULL) drop_mailbox(store->first);
  free(store);
}

static bool is_name(const char *name) {
  return name[0] != '\0' && strlen(name) <= P2P_STORE_NAME_MAX;
}

static int check_name(const char *name, struct p2p_err *err) {
  if (is_name(name)) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_INVALID, "a name is empty or too long");
}

static int check_names(const char *a, const char *b, struct p2p_err *err) {
  int code = check_name(a, err);
  return code == P2P_OK ? check_name(b, err) : code;
}

static struct p2p_stored_mailbox *find_by_id(const struct p2p_mailbox_store *store,
                                             const char *appid, const char *id) {
  struct p2p_stored_mailbox *mailbox = store->first;
  while (mailbox != NULL && (strcmp(mailbox->id, id) != 0 || strcmp(mailbox->appid, appid) != 0))
    mailbox = mailbox->next;
  return mailbox;
}

static struct p2p_stored_mailbox *find_by_nameplate(const struct p2p_mailbox_store *store,
                                                    const char *appid, const char *nameplate) {
  struct p2p_stored_mailbox *mailbox = store->first;
  while (mailbox != NULL &&
         (strcmp(mailbox->nameplate, nameplate) != 0 || strcmp(mailbox->appid, appid) != 0))
    mailbox = mailbox->next;
  return mailbox;
}

static struct usage *find_largest_usage(const struct p2p_mailbox_store *store) {
  struct usage *largest = store->usages;
  for (struct usage *usage = store->usages; usage != NULL; usage = usage->next)
    if (usage->n_mailboxes > largest->n_mailboxes) largest = usage;
  return largest;
}

/* Drops the mailbox of this address that has been unused for longest. False: all are open. */
static bool make_room(struct p2p_mailbox_store *store, const struct usage *usage) {
  struct p2p_stored_mailbox *oldest = NULL;
  for (struct p2p_stored_mailbox *mailbox = store->first; mailbox != NULL; mailbox = mailbox->next)
    if (mailbox->usage == usage && mailbox->subscribers == NULL &&
        (oldest == NULL || mailbox->used_ms <= oldest->used_ms))
      oldest = mailbox;
  if (oldest != NULL) drop_mailbox(oldest);
  return oldest != NULL;
}

static int add_mailbox(struct p2p_mailbox_store *store, const struct p2p_mailbox_caller *caller,
                       const char *id, struct p2p_stored_mailbox **out, struct p2p_err *err) {
  if (store->n_mailboxes >= P2P_STORE_MAILBOXES_MAX && !make_room(store, find_largest_usage(store)))
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "this server is full: try again later");
  struct usage *usage = find_or_add_usage(store, caller->client_address);
  if (usage != NULL && usage->n_mailboxes >= P2P_STORE_MAILBOXES_PER_ADDRESS_MAX &&
      !make_room(store, usage))
    return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                       "too many mailboxes were opened from your address: try again later");
  struct p2p_stored_mailbox *mailbox = usage == NULL ? NULL : calloc(1, sizeof *mailbox);
  if (mailbox == NULL) {
    if (usage != NULL) drop_usage_if_empty(store, usage);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  mailbox->store = store;
  mailbox->usage = usage;
  mailbox->end = &mailbox->first;
  snprintf(mailbox->appid, sizeof mailbox->appid, "%s", caller->appid);
  snprintf(mailbox->id, sizeof mailbox->id, "%s", id);
  mailbox->next = store->first;
  store->first = mailbox;
  store->n_mailboxes++;
  usage->n_mailboxes++;
  *out = mailbox;
  return P2P_OK;
}

/* The record of this side, or a free one; NULL when both belong to others. */
static struct side *find_side(struct p2p_stored_mailbox *mailbox, const char *name) {
  for (int i = 0; i < 2; i++)
    if (strcmp(mailbox->sides[i].name, name) == 0) return &mailbox->sides[i];
  for (int i = 0; i < 2; i++)
    if (mailbox->sides[i].name[0] == '\0') return &mailbox->sides[i];
  return NULL;
}

static struct side *find_or_add_side(struct p2p_stored_mailbox *mailbox, const char *name,
                                     struct p2p_err *err) {
  struct side *side = find_side(mailbox, name);
  if (side == NULL)
    p2p_err_set(err, P2P_ERR_ACCESS, "crowded");
  else
    snprintf(side->name, sizeof side->name, "%s", name);
  return side;
}

/* --- nameplates --- */

/* 0 for a nameplate that is never drawn. */
static uint32_t drawn_number(const char *nameplate) {
  uint32_t number = 0;
  if (nameplate[0] == '0') return 0;
  for (const char *at = nameplate; *at != '\0'; at++) {
    if (*at < '0' || *at > '9' || number > DRAWN_MAX) return 0;
    number = number * 10 + (uint32_t)(*at - '0');
  }
  return number;
}

/* One of the free numbers from `least` to 10 * least - 1, each equally likely; 0 without one. */
static uint32_t draw_nameplate(const struct p2p_mailbox_store *store, const char *appid,
                               uint32_t least) {
  bool is_taken[DRAWN_MAX + 1] = {false};
  uint32_t n_free = 9 * least;
  for (const struct p2p_stored_mailbox *mailbox = store->first; mailbox != NULL;
       mailbox = mailbox->next) {
    uint32_t number = drawn_number(mailbox->nameplate);
    if (number < least || number >= 10 * least || is_taken[number] ||
        strcmp(mailbox->appid, appid) != 0)
      continue;
    is_taken[number] = true;
    n_free--;
  }
  if (n_free == 0) return 0;
  uint32_t left = p2p_random_below(n_free), number = least;
  for (;; number++) {
    if (is_taken[number]) continue;
    if (left-- == 0) return number;
  }
}

int p2p_mailbox_store_allocate(struct p2p_mailbox_store *store, const char *appid,
                               char nameplate[static P2P_NAMEPLATE_MAX], struct p2p_err *err) {
  uint32_t drawn = 0;
  for (uint32_t least = 1; drawn == 0 && least < DRAWN_MAX; least *= 10)
    drawn = draw_nameplate(store, appid, least);
  if (drawn == 0)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "this server is full: try again later");
  snprintf(nameplate, P2P_NAMEPLATE_MAX, "%u", (unsigned)drawn);
  return P2P_OK;
}

int p2p_mailbox_store_claim(struct p2p_mailbox_store *store,
                            const struct p2p_mailbox_caller *caller, const char *nameplate,
                            const char **out, struct p2p_err *err) {
  uint8_t random[MAILBOX_ID_BYTES];
  char id[P2P_HEX_LEN(MAILBOX_ID_BYTES) + 1];
  if (!p2p_nameplate_is_valid(nameplate, strlen(nameplate)))
    return p2p_err_set(err, P2P_ERR_INVALID, "a nameplate is a number of 1 to %d digits",
                       P2P_NAMEPLATE_MAX - 1);
  int code = check_names(caller->appid, caller->side, err);
  if (code != P2P_OK) return code;
  struct p2p_stored_mailbox *mailbox = find_by_nameplate(store, caller->appid, nameplate);
  if (mailbox == NULL) {
    p2p_random_bytes(random, sizeof random);
    p2p_hex_encode(random, sizeof random, id);
    code = add_mailbox(store, caller, id, &mailbox, err);
    if (code != P2P_OK) return code;
    snprintf(mailbox->nameplate, sizeof mailbox->nameplate, "%s", nameplate);
  }
  struct side *side = find_or_add_side(mailbox, caller->side, err);
  if (side == NULL) return P2P_ERR_ACCESS;
  if (side->has_claimed && !side->holds_nameplate)
    return p2p_err_set(err, P2P_ERR_ACCESS, "reclaimed");
  side->has_claimed = side->holds_nameplate = true;
  mailbox->used_ms = caller->now_ms;
  *out = mailbox->id;
  return P2P_OK;
}

void p2p_mailbox_store_release(struct p2p_mailbox_store *store,
                               const struct p2p_mailbox_caller *caller, const char *nameplate) {
  struct p2p_stored_mailbox *mailbox = find_by_nameplate(store, caller->appid, nameplate);
  if (mailbox == NULL || nameplate[0] == '\0') return;
  for (int i = 0; i < 2; i++)
    if (strcmp(mailbox->sides[i].name, caller->side) == 0)
      mailbox->sides[i].holds_nameplate = false;
  if (!mailbox->sides[0].holds_nameplate && !mailbox->sides[1].holds_nameplate)
    mailbox->nameplate[0] = '\0';
}

/* --- messages --- */

int p2p_mailbox_store_open(struct p2p_mailbox_store *store, const struct p2p_mailbox_caller *caller,
                           const char *id, struct p2p_mailbox_subscriber *subscriber,
                           struct p2p_stored_mailbox **out, struct p2p_err *err) {
  int code = check_names(caller->appid, caller->side, err);
  if (code == P2P_OK) code = check_name(id, err);
  if (code != P2P_OK) return code;
  struct p2p_stored_mailbox *mailbox = find_by_id(store, caller->appid, id);
  if (mailbox == NULL) code = add_mailbox(store, caller, id, &mailbox, err);
  if (code != P2P_OK) return code;
  struct side *side = find_or_add_side(mailbox, caller->side, err);
  if (side == NULL) return P2P_ERR_ACCESS;
  side->has_opened = true;
  side->has_closed = false;
  mailbox->used_ms = caller->now_ms;
  subscriber->next = mailbox->subscribers;
  mailbox->subscribers = subscriber;
  for (struct message *message = mailbox->first; message != NULL; message = message->next)
    subscriber->on_message(subscriber->arg, &message->content);
  *out = mailbox;
  return P2P_OK;
}

static const char *put_string(char **at, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = memcpy(*at, text, size);
  *at += size;
  return copy;
}

static struct message *copy_message(const struct p2p_stored_message *from, size_t n_bytes) {
  struct message *message = calloc(1, sizeof *message + n_bytes);
  if (message == NULL) return NULL;
  char *at = message->text;
  message->content.side = put_string(&at, from->side);
  message->content.phase = put_string(&at, from->phase);
  message->content.body = put_string(&at, from->body);
  if (from->id != NULL) message->content.id = put_string(&at, from->id);
  return message;
}

int p2p_mailbox_store_add(struct p2p_stored_mailbox *mailbox, const struct p2p_stored_message *from,
                          uint64_t now_ms, struct p2p_err *err) {
  size_t n_bytes = strlen(from->side) + strlen(from->phase) + strlen(from->body) + 3;
  int code = check_names(from->side, from->phase, err);
  if (code == P2P_OK && from->id != NULL && from->id[0] != '\0') code = check_name(from->id, err);
  if (code != P2P_OK) return code;
  if (from->id != NULL) n_bytes += strlen(from->id) + 1;
  size_t n_more = count_bytes(mailbox->n_bytes + n_bytes) - count_bytes(mailbox->n_bytes);
  if (strlen(from->body) > P2P_STORE_BODY_MAX || mailbox->n_messages >= P2P_STORE_MESSAGES_MAX ||
      n_more > P2P_STORE_BYTES_MAX - mailbox->store->n_bytes)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "this mailbox is full");
  if (n_more > P2P_STORE_BYTES_PER_ADDRESS_MAX - mailbox->usage->n_bytes)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                       "the mailboxes that were opened from your address are full");
  struct message *message = copy_message(from, n_bytes);
  if (message == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  *mailbox->end = message;
  mailbox->end = &message->next;
  mailbox->n_messages++;
  mailbox->n_bytes += n_bytes;
  mailbox->store->n_bytes += n_more;
  mailbox->usage->n_bytes += n_more;
  mailbox->used_ms = now_ms;
  for (struct p2p_mailbox_subscriber *subscriber = mailbox->subscribers; subscriber != NULL;
       subscriber = subscriber->next)
    subscriber->on_message(subscriber->arg, &message->content);
  return P2P_OK;
}

void p2p_mailbox_store_leave(struct p2p_stored_mailbox *mailbox,
                             struct p2p_mailbox_subscriber *subscriber, uint64_t now_ms) {
  struct p2p_mailbox_subscriber **at = &mailbox->subscribers;
  while (*at != subscriber) at = &(*at)->next;
  *at = subscriber->next;
  mailbox->used_ms = now_ms;
}

void p2p_mailbox_store_close(struct p2p_stored_mailbox *mailbox,
                             struct p2p_mailbox_subscriber *subscriber, const char *side_name) {
  bool is_in_use = false;
  p2p_mailbox_store_leave(mailbox, subscriber, mailbox->used_ms);
  for (int i = 0; i < 2; i++) {
    struct side *side = &mailbox->sides[i];
    if (strcmp(side->name, side_name) == 0) side->has_closed = true;
    is_in_use = is_in_use || (side->name[0] != '\0' && !side->has_closed);
  }
  if (!is_in_use && mailbox->subscribers == NULL) drop_mailbox(mailbox);
}

void p2p_mailbox_store_prune(struct p2p_mailbox_store *store, uint64_t now_ms) {
  for (struct p2p_stored_mailbox *mailbox = store->first, *next; mailbox != NULL; mailbox = next) {
    next = mailbox->next;
    if (mailbox->subscribers == NULL && now_ms - mailbox->used_ms > P2P_STORE_IDLE_MS)
      drop_mailbox(mailbox);
  }
}

size_t p2p_mailbox_store_count(const struct p2p_mailbox_store *store) { return store->n_mailboxes; }
