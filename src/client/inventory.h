/* An inventory: which packages a linked worker has, as far as it was asked. The client's part of
 * the PACKAGES frame without I/O: questions go out and answers come in as bytes, and time is an
 * argument. A package is asked for once; the answer holds for as long as the link, or until it is
 * forgotten. Answers are hostile. io thread only. */
#ifndef P2P_CLIENT_INVENTORY_H
#define P2P_CLIENT_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define P2P_INVENTORY_MAX \
  4096 /* packages; beyond it the oldest answers are forgotten, and asked for again if need be */
#define P2P_INVENTORY_ASK_MAX 500 /* in one question */
#define P2P_INVENTORY_ASK_BYTES \
  16384 /* of one question; its answer, with versions, fits into a frame as well */
#define P2P_INVENTORY_PATIENCE_MS \
  20000 /* a question without an answer counts as answered by "no" then */
#define P2P_INVENTORY_NAME_MAX 129 /* with its NUL */
#define P2P_INVENTORY_VERSION_MAX 64

struct p2p_inventory_item;

struct p2p_inventory {
  struct p2p_inventory_item *items; /* in the order in which they were first looked up */
  size_t length, capacity;
  bool is_open;      /* a question is */
  uint64_t asked_ms; /* when it was asked */
};

enum p2p_inventory_word {
  P2P_INVENTORY_HAS,   /* all of them */
  P2P_INVENTORY_LACKS, /* at least one of them, or nothing is to be learned from it any more */
  P2P_INVENTORY_UNTOLD
};

/* A zeroed inventory is an empty one. */
void p2p_inventory_clear(struct p2p_inventory *inventory);

/* Has the worker what `packages`, as "a;b", names? What was never asked goes into the next
 * question. */
enum p2p_inventory_word p2p_inventory_look_up(struct p2p_inventory *inventory, const char *packages,
                                              uint64_t now_ms);
/* What is lacking of `packages`, as "'a', 'b' and 3 more"; "" where there was no answer in time. */
void p2p_inventory_lacks(const struct p2p_inventory *inventory, const char *packages, char *out,
                         size_t size);

/* What it has not may be installed since: it will be asked for again. */
void p2p_inventory_forget_absent(struct p2p_inventory *inventory);

/* Writes the next question into `out`, which is empty; it then counts as asked. Nothing: there is
 * none, or one is open. */
int p2p_inventory_ask(struct p2p_inventory *inventory, uint64_t now_ms,
                      struct p2p_buf *out) P2P_MUST_USE;
/* Takes the worker's answer to the open question: each name that was asked, in that order. *breach
 * is set, and nothing is changed, where it is anything else. */
int p2p_inventory_take(struct p2p_inventory *inventory, const void *answer, size_t length,
                       const char **breach) P2P_MUST_USE;
/* When the open question counts as answered, for those who wait for that; UINT64_MAX: there is
 * none, or it does. */
uint64_t p2p_inventory_due_ms(const struct p2p_inventory *inventory, uint64_t now_ms);

/* The next name in "a;b;c", from *list on: copied to `name`, cut at its size; *list moves behind
 * it. False: no more. */
bool p2p_inventory_next_name(const char **list, char name[P2P_INVENTORY_NAME_MAX]);
/* "a;b;c" of names as packages have them: at most 128 ASCII letters, digits and dots, a letter
 * first. */
bool p2p_inventory_is_list(const char *packages);

#endif
