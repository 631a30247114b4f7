/* A fake board: board/member.h for members of one process, without SSH, so that tests decide which
 * member is disconnected and when. A program that includes it does not link board/member.c. io
 * thread only, except for fake_board_init. */
#ifndef P2P_TESTS_FAKE_BOARD_H
#define P2P_TESTS_FAKE_BOARD_H

#include <stdlib.h>

#include "board/member.h"
#include "mailbox_fixture.h"
#include "protocol/certified_line.h"

struct p2p_member {
  struct p2p_member *next;
  struct p2p_member_callbacks callbacks;
  void *arg;
  enum p2p_role role;
  struct p2p_identity identity;
  bool joined;
};

static struct {
  struct lab *lab;
  struct p2p_member *members;
  int made;                                     /* so far: ids and names differ */
  const char *mailbox;                          /* NULL: the lab's */
  const char *refusal;                          /* a newcomer fails with this */
  const struct p2p_credentials *credentials[3]; /* by role; NULL: without a key */
  uint64_t hellos;                              /* so far */
} fake_board;

static void fake_board_init(struct lab *lab) {
  memset(&fake_board, 0, sizeof fake_board);
  fake_board.lab = lab;
}

struct fake_post {
  char from[P2P_IDENTITY_ID_MAX];
  struct p2p_line line;
};

static void fake_deliver(void *arg) {
  struct fake_post *post = arg;
  for (struct p2p_member *member = fake_board.members, *next; member != NULL; member = next) {
    next = member->next;
    if (member->joined && strcmp(member->identity.id, post->from) != 0)
      member->callbacks.on_line(member->arg, &post->line);
  }
  free(post);
}

const struct p2p_credentials *p2p_member_credentials(const struct p2p_member *member) {
  return fake_board.credentials[member->role];
}

int p2p_member_send(struct p2p_member *member, const struct p2p_line *line) {
  if (!member->joined) return P2P_ERR_CLOSED;
  struct fake_post *post = calloc(1, sizeof *post);
  char text[P2P_LINE_MAX];
  long length = p2p_line_format(line, text, sizeof text);
  CHECK(length > 0 && p2p_line_parse(text, (size_t)length - 1, &post->line) == P2P_OK);
  memcpy(post->from, member->identity.id, sizeof post->from);
  return p2p_loop_post(fake_board.lab->loop, fake_deliver, post);
}

int p2p_member_send_hello(struct p2p_member *member) {
  struct p2p_hello_line hello = {.role = member->role};
  struct p2p_line line;
  hello.from = member->identity;
  if (member->callbacks.on_hello != NULL) member->callbacks.on_hello(member->arg, &hello);
  CHECK(p2p_hello_line_write(&line, &hello, time(NULL)) == P2P_OK);
  const struct p2p_credentials *ours = p2p_member_credentials(member);
  if (ours != NULL && member->role == P2P_ROLE_WORKER)
    CHECK(p2p_certified_line_sign(&line, ours, ++fake_board.hellos) == P2P_OK);
  return p2p_member_send(member, &line);
}

static void fake_identify(struct p2p_member *member) {
  struct p2p_identity *identity = &member->identity;
  snprintf(identity->id, sizeof identity->id, "%032x", (unsigned)++fake_board.made);
  snprintf(identity->name, sizeof identity->name, "%s@box:%d",
           member->role == P2P_ROLE_CLIENT ? "bob" : "carol", fake_board.made);
}

/* As a program that was killed and started again. */
static inline void fake_restart(struct p2p_member *member) {
  fake_identify(member);
  CHECK(p2p_member_send_hello(member) == P2P_OK);
}

/* All members that are not joined join. */
static void fake_join(void *arg) {
  (void)arg;
  for (struct p2p_member *member = fake_board.members, *next; member != NULL; member = next) {
    next = member->next;
    if (member->joined) continue;
    if (fake_board.refusal != NULL && member->role == P2P_ROLE_CLIENT) {
      struct p2p_err err;
      p2p_err_set(&err, P2P_ERR_ACCESS, "%s", fake_board.refusal);
      member->callbacks.on_failed(member->arg, &err);
      continue;
    }
    member->joined = true;
    CHECK(p2p_member_send_hello(member) == P2P_OK);
    member->callbacks.on_joined(member->arg);
  }
}

int p2p_member_new(const struct p2p_member_config *config,
                   const struct p2p_member_callbacks *callbacks, void *arg, struct p2p_member **out,
                   struct p2p_err *err) {
  if (config->board.cluster != NULL && strchr(config->board.cluster, '/') == NULL) {
    return p2p_err_set(err, P2P_ERR_INVALID, "A cluster's name is owner/name");
  }
  struct p2p_member *member = calloc(1, sizeof *member);
  *member = (struct p2p_member){
      .next = fake_board.members, .callbacks = *callbacks, .arg = arg, .role = config->role};
  fake_identify(member);
  fake_board.members = member;
  *out = member;
  return p2p_loop_post(fake_board.lab->loop, fake_join, NULL);
}

void p2p_member_free(struct p2p_member *member) {
  if (member == NULL) return;
  struct p2p_member **at = &fake_board.members;
  while (*at != member) at = &(*at)->next;
  *at = member->next;
  free(member);
}

const char *p2p_member_user(const struct p2p_member *member) {
  return member->role == P2P_ROLE_CLIENT ? "bob" : "carol";
}
const char *p2p_member_name(const struct p2p_member *member) { return member->identity.name; }
const struct p2p_identity *p2p_member_identity(const struct p2p_member *member) {
  return &member->identity;
}
const char *p2p_member_cluster(const struct p2p_member *member) {
  (void)member;
  return "alice/friends";
}
const char *p2p_member_hosted(const struct p2p_member *member) {
  (void)member;
  return "";
}
const char *p2p_member_mailbox(const struct p2p_member *member) {
  (void)member;
  return fake_board.mailbox != NULL ? fake_board.mailbox : fake_board.lab->mailbox;
}
const char *p2p_member_relay(const struct p2p_member *member) {
  (void)member;
  return fake_board.lab->relay;
}

#endif
