/* Who has answered `who`: the members that are on the topic. Lines and time are arguments. Lines
 * are hostile, and prove nothing: anybody can write them in any name. Pure. */
#ifndef P2P_CLIENT_ROLL_H
#define P2P_CLIENT_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/here.h"

#define P2P_ROLL_MAX 1024        /* members; more are not listed */
#define P2P_ROLL_LISTEN_MS 10000 /* answers count so long after the question */

struct p2p_roll_member {
  struct p2p_here here;
  uint64_t heard_ms;
};

/* All zeros: nobody has asked. */
struct p2p_roll {
  struct p2p_roll_member *members;
  size_t length, capacity;
  bool has_asked;
  uint64_t asked_ms;
};

/* A `who` of ours is sent: the answers to an earlier one are forgotten. */
void p2p_roll_ask(struct p2p_roll *roll, uint64_t now_ms);
/* A line of another member: `here` adds or updates a member, `leave` removes it. */
void p2p_roll_hear(struct p2p_roll *roll, const struct p2p_line *line, uint64_t now_ms);
void p2p_roll_clear(struct p2p_roll *roll);

#endif
