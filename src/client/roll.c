/* The members that have answered. */
#include "client/roll.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/leave.h"

void p2p_roll_ask(struct p2p_roll *roll, uint64_t now_ms) {
  roll->length = 0;
  roll->has_asked = true;
  roll->asked_ms = now_ms;
}

static struct p2p_roll_member *find(struct p2p_roll *roll, const char *id) {
  for (size_t i = 0; i < roll->length; i++)
    if (strcmp(roll->members[i].here.from.id, id) == 0) return &roll->members[i];
  return NULL;
}

/* NULL: too many, or out of memory. */
static struct p2p_roll_member *add(struct p2p_roll *roll) {
  if (roll->length == P2P_ROLL_MAX) return NULL;
  if (roll->length == roll->capacity) {
    size_t capacity = roll->capacity == 0 ? 16 : 2 * roll->capacity;
    struct p2p_roll_member *members = realloc(roll->members, capacity * sizeof *roll->members);
    if (members == NULL) return NULL;
    roll->members = members;
    roll->capacity = capacity;
  }
  return &roll->members[roll->length++];
}

void p2p_roll_hear(struct p2p_roll *roll, const struct p2p_line *line, uint64_t now_ms) {
  struct p2p_here here;
  struct p2p_identity from;
  struct p2p_roll_member *member;
  if (!roll->has_asked || now_ms - roll->asked_ms > P2P_ROLL_LISTEN_MS) return;
  if (p2p_here_read(line, &here) == P2P_OK) {
    member = find(roll, here.from.id);
    if (member == NULL) member = add(roll);
    if (member != NULL) *member = (struct p2p_roll_member){here, now_ms};
  } else if (p2p_leave_read(line, &from) == P2P_OK && (member = find(roll, from.id)) != NULL) {
    *member = roll->members[--roll->length];
  }
}

void p2p_roll_clear(struct p2p_roll *roll) {
  free(roll->members);
  *roll = (struct p2p_roll){0};
}
