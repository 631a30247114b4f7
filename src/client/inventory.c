/* Owns what is known of a worker's packages. One question is open at a time, so that an answer is
 * always one to that. A worker that does not answer, being of an older kind, is not asked again;
 * should the answer come late, it counts from then on. */
#include "client/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum state {
  NEW,   /* for the next question */
  ASKED, /* in the open question */
  THERE, /* the worker has it */
  ABSENT /* the worker has it not */
};

struct p2p_inventory_item {
  char *name;
  enum state state;
};

void p2p_inventory_clear(struct p2p_inventory *inventory) {
  for (size_t i = 0; i < inventory->length; i++) free(inventory->items[i].name);
  free(inventory->items);
  *inventory = (struct p2p_inventory){0};
}

bool p2p_inventory_next_name(const char **list, char name[P2P_INVENTORY_NAME_MAX]) {
  if (**list == '\0') return false;
  size_t length = strcspn(*list, ";");
  snprintf(name, P2P_INVENTORY_NAME_MAX, "%.*s", (int)length, *list);
  *list += length + ((*list)[length] == ';');
  return true;
}

bool p2p_inventory_is_list(const char *packages) {
  for (;;) {
    size_t length = strspn(packages, LETTERS DIGITS ".");
    if (strspn(packages, LETTERS) == 0 || length >= P2P_INVENTORY_NAME_MAX) return false;
    if (packages[length] == '\0') return true;
    if (packages[length] != ';') return false;
    packages += length + 1;
  }
}

/* What is known. */

static const struct p2p_inventory_item *find(const struct p2p_inventory *inventory,
                                             const char *name) {
  for (size_t i = 0; i < inventory->length; i++) {
    if (strcmp(inventory->items[i].name, name) == 0) return &inventory->items[i];
  }
  return NULL;
}

static void forget_oldest_answer(struct p2p_inventory *inventory) {
  size_t i = 0;
  while (i < inventory->length && inventory->items[i].state < THERE) i++;
  if (i == inventory->length) return;
  free(inventory->items[i].name);
  inventory->length--;
  memmove(inventory->items + i, inventory->items + i + 1,
          (inventory->length - i) * sizeof inventory->items[0]);
}

/* Where there is no room or no memory just now, the next look-up tries again. */
static void note(struct p2p_inventory *inventory, const char *name) {
  if (inventory->length == P2P_INVENTORY_MAX) forget_oldest_answer(inventory);
  if (inventory->length == P2P_INVENTORY_MAX) return;
  if (inventory->length == inventory->capacity) {
    size_t capacity = inventory->capacity == 0 ? 8 : 2 * inventory->capacity;
    struct p2p_inventory_item *items = realloc(inventory->items, capacity * sizeof *items);
    if (items == NULL) return;
    inventory->items = items;
    inventory->capacity = capacity;
  }
  char *copy = strdup(name);
  if (copy != NULL) inventory->items[inventory->length++] = (struct p2p_inventory_item){copy, NEW};
}

void p2p_inventory_forget_absent(struct p2p_inventory *inventory) {
  size_t kept = 0;
  for (size_t i = 0; i < inventory->length; i++) {
    if (inventory->items[i].state == ABSENT)
      free(inventory->items[i].name);
    else
      inventory->items[kept++] = inventory->items[i];
  }
  inventory->length = kept;
}

static bool is_silent(const struct p2p_inventory *inventory, uint64_t now_ms) {
  return inventory->is_open && inventory->asked_ms + P2P_INVENTORY_PATIENCE_MS <= now_ms;
}

enum p2p_inventory_word p2p_inventory_look_up(struct p2p_inventory *inventory, const char *packages,
                                              uint64_t now_ms) {
  enum p2p_inventory_word word = P2P_INVENTORY_HAS;
  char name[P2P_INVENTORY_NAME_MAX];
  while (p2p_inventory_next_name(&packages, name)) {
    const struct p2p_inventory_item *item = find(inventory, name);
    if (item == NULL) note(inventory, name);
    if (item != NULL && item->state == ABSENT)
      word = P2P_INVENTORY_LACKS;
    else if ((item == NULL || item->state != THERE) && word == P2P_INVENTORY_HAS)
      word = P2P_INVENTORY_UNTOLD;
  }
  return word == P2P_INVENTORY_UNTOLD && is_silent(inventory, now_ms) ? P2P_INVENTORY_LACKS : word;
}

void p2p_inventory_lacks(const struct p2p_inventory *inventory, const char *packages, char *out,
                         size_t size) {
  enum { NAMED = 3 };
  char name[P2P_INVENTORY_NAME_MAX];
  size_t count = 0, at = 0;
  out[0] = '\0';
  while (p2p_inventory_next_name(&packages, name)) {
    const struct p2p_inventory_item *item = find(inventory, name);
    if (item == NULL || item->state != ABSENT || count++ >= NAMED || at >= size) continue;
    at += (size_t)snprintf(out + at, size - at, "%s'%s'", count > 1 ? ", " : "", name);
  }
  if (count > NAMED && at < size)
    snprintf(out + at, size - at, " and %u more", (unsigned)(count - NAMED));
}

/* Questions and answers. */

static int put_name(struct p2p_buf *out, const char *name, bool first) {
  int code = first ? P2P_OK : p2p_buf_put(out, ";", 1);
  return code == P2P_OK ? p2p_buf_put(out, name, strlen(name)) : code;
}

int p2p_inventory_ask(struct p2p_inventory *inventory, uint64_t now_ms, struct p2p_buf *out) {
  size_t count = 0;
  if (inventory->is_open) return P2P_OK;
  for (size_t i = 0; i < inventory->length && count < P2P_INVENTORY_ASK_MAX; i++) {
    struct p2p_inventory_item *item = &inventory->items[i];
    if (item->state != NEW) continue;
    if (p2p_buf_len(out) + 1 + strlen(item->name) > P2P_INVENTORY_ASK_BYTES) break;
    int code = put_name(out, item->name, count == 0);
    if (code != P2P_OK) return code;
    item->state = ASKED;
    count++;
  }
  inventory->is_open = count > 0;
  inventory->asked_ms = now_ms;
  return P2P_OK;
}

/* "name=version" at the start of `text`, and nothing or a ';' behind it. Returns its length, ';'
 * and all; 0: it is not there. */
static size_t read_entry(const char *text, size_t length, const char *name, bool *is_there) {
  size_t name_length = strlen(name), version = 0;
  if (length <= name_length || memcmp(text, name, name_length) != 0 || text[name_length] != '=')
    return 0;
  text += name_length + 1;
  length -= name_length + 1;
  while (version < length && text[version] != ';') {
    if (version == P2P_INVENTORY_VERSION_MAX || text[version] == '\0' ||
        strchr(LETTERS DIGITS "._-", text[version]) == NULL)
      return 0;
    version++;
  }
  *is_there = version > 0;
  return name_length + 1 + version + (version < length);
}

/* Reads the whole of an answer; what it says is taken only when that was tried before. */
static bool read_answer(struct p2p_inventory *inventory, const char *text, size_t length,
                        bool take) {
  bool is_first = true, ends_in_separator = false;
  for (size_t i = 0; i < inventory->length; i++) {
    struct p2p_inventory_item *item = &inventory->items[i];
    bool is_there;
    if (item->state != ASKED) continue;
    if (!is_first && !ends_in_separator) return false;
    size_t entry = read_entry(text, length, item->name, &is_there);
    if (entry == 0) return false;
    ends_in_separator = text[entry - 1] == ';';
    is_first = false;
    text += entry;
    length -= entry;
    if (take) item->state = is_there ? THERE : ABSENT;
  }
  return length == 0 && !ends_in_separator;
}

int p2p_inventory_take(struct p2p_inventory *inventory, const void *answer, size_t length,
                       const char **breach) {
  if (!inventory->is_open)
    *breach = "an answer about packages that was not asked for";
  else if (!read_answer(inventory, answer, length, false))
    *breach = "an answer about other packages than it was asked for";
  else
    *breach = NULL;
  if (*breach != NULL) return P2P_ERR_PROTOCOL;
  (void)read_answer(inventory, answer, length, true);
  inventory->is_open = false;
  return P2P_OK;
}

uint64_t p2p_inventory_due_ms(const struct p2p_inventory *inventory, uint64_t now_ms) {
  return inventory->is_open && !is_silent(inventory, now_ms)
             ? inventory->asked_ms + P2P_INVENTORY_PATIENCE_MS
             : UINT64_MAX;
}
