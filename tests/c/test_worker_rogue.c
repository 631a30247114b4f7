/* The worker service and a client that breaks the protocol. The client is a member of the board and
 * a link that the test uses directly. */
#include "base/encode.h"
#include "base/endian.h"
#include "board/member.h"
#include "crypto/seal.h"
#include "protocol/slot.h"
#include "worker/evaluator.h"
#include "worker_fixture.h"
#include "wormhole/link.h"

static struct site_gate gate = SITE_GATE;
static struct {
  struct p2p_member *member;
  struct p2p_link *link;
  char id[P2P_IDENTITY_ID_MAX]; /* its own */
  char worker[P2P_IDENTITY_ID_MAX], lost[256], hello[512], machine[128], packages[256], load[256],
      busy[16];
  struct p2p_seal_public key;
  char data[32]; /* of the last DATA frame */
  size_t queued; /* bytes for the worker */
  int results, replies, joined, seen, opened, granted, recalled, lost_frames, closed, leaves, loads,
      busy_hellos;
  const char *via; /* instead of the true code */
  int accepts;     /* so many of the same */
} rogue;

static void rogue_line(void *arg, const struct p2p_line *line) {
  const char *type = p2p_line_get(line, "type"), *key = p2p_line_get(line, "key"),
             *from = p2p_line_get(line, "from"), *member = p2p_line_get(line, "member");
  size_t length;
  (void)arg;
  if (type != NULL && strcmp(type, "leave") == 0 && strncmp(from, "carol@", 6) == 0)
    site_count(&gate, &rogue.leaves);
  if (type == NULL || strcmp(type, "worker") != 0) return;
  if (p2p_line_get(line, "busy") != NULL) {
    snprintf(rogue.busy, sizeof rogue.busy, "%s", p2p_line_get(line, "busy"));
    site_count(&gate, &rogue.busy_hellos);
  }
  if (rogue.worker[0] != '\0') return;
  CHECK(p2p_base64url_decode(key, strlen(key), rogue.key.bytes, sizeof rogue.key.bytes, &length) ==
        P2P_OK);
  const char *platform = p2p_line_get(line, "platform"), *cores = p2p_line_get(line, "cores"),
             *memory = p2p_line_get(line, "memory");
  if (platform != NULL && cores != NULL && memory != NULL)
    snprintf(rogue.machine, sizeof rogue.machine, "%s %s %s", platform, cores, memory);
  snprintf(rogue.worker, sizeof rogue.worker, "%s", member);
  site_count(&gate, &rogue.seen);
}
static void rogue_joined(void *arg) {
  (void)arg;
  snprintf(rogue.id, sizeof rogue.id, "%s", p2p_member_identity(rogue.member)->id);
  site_count(&gate, &rogue.joined);
}
static void rogue_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  (void)arg, (void)err, (void)retry_ms;
}
static void rogue_failed(void *arg, const struct p2p_err *err) {
  (void)arg;
  fprintf(stderr, "the rogue cannot join: %s\n", err->message);
}

static void rogue_accept(const char *via) {
  struct p2p_line line;
  CHECK(p2p_line_begin(&line, "accept", p2p_member_identity(rogue.member), time(NULL), 15) ==
        P2P_OK);
  CHECK(p2p_line_put(&line, "to", rogue.worker) == P2P_OK &&
        p2p_line_put(&line, "via", via) == P2P_OK);
  CHECK(p2p_member_send(rogue.member, &line) == P2P_OK);
}

static void rogue_code(void *arg, const char *code) {
  uint8_t sealed[256];
  char via[400] = "link://";
  (void)arg;
  CHECK(p2p_seal(&rogue.key, code, strlen(code), sealed) == P2P_OK);
  p2p_base64url_encode(sealed, strlen(code) + P2P_SEAL_OVERHEAD, via + 7);
  rogue_accept(via);
}
static void rogue_open(void *arg, const char *path) {
  (void)arg, (void)path, site_count(&gate, &rogue.opened);
}
static void rogue_frame(void *arg, const struct p2p_frame *frame) {
  (void)arg;
  if (frame->type == P2P_FRAME_LOST) {
    snprintf(rogue.lost, sizeof rogue.lost, "%.*s", (int)frame->length,
             (const char *)frame->payload);
    site_count(&gate, &rogue.lost_frames);
  }
  if (frame->type == P2P_FRAME_DATA) {
    snprintf(rogue.data, sizeof rogue.data, "%.*s", (int)frame->length,
             (const char *)frame->payload);
    site_count(&gate, &rogue.results);
  }
  if (frame->type == P2P_FRAME_HELLO)
    snprintf(rogue.hello, sizeof rogue.hello, "%.*s", (int)frame->length,
             (const char *)frame->payload);
  if (frame->type == P2P_FRAME_PACKAGES) {
    snprintf(rogue.packages, sizeof rogue.packages, "%.*s", (int)frame->length,
             (const char *)frame->payload);
    site_count(&gate, &rogue.replies);
  }
  if (frame->type == P2P_FRAME_LOAD) {
    snprintf(rogue.load, sizeof rogue.load, "%.*s", (int)frame->length,
             (const char *)frame->payload);
    site_count(&gate, &rogue.loads);
  }
  if (frame->type == P2P_FRAME_SLOT)
    site_count(&gate, frame->payload[0] == P2P_SLOT_GRANT ? &rogue.granted : &rogue.recalled);
}
static void rogue_close(void *arg, const struct p2p_err *err) {
  (void)arg, (void)err;
  p2p_link_free(rogue.link);
  rogue.link = NULL;
  site_count(&gate, &rogue.closed);
}

static void rogue_link(void *arg) {
  static const struct p2p_link_callbacks link_events = {rogue_code, rogue_open, rogue_frame, NULL,
                                                        rogue_close};
  struct p2p_link_config config = {.loop = loop,
                                   .mailbox = p2p_member_mailbox(rogue.member),
                                   .relay = p2p_member_relay(rogue.member)};
  (void)arg;
  CHECK(p2p_link_open(&config, &link_events, NULL, &rogue.link, NULL) == P2P_OK);
}
static void rogue_join(void *arg) {
  static const struct p2p_member_callbacks member_events = {NULL,       rogue_joined, rogue_line,
                                                            rogue_away, rogue_failed, NULL};
  struct p2p_member_config config = {.loop = loop,
                                     .board.host = host,
                                     .board.ssh_args = ssh_args[EVE],
                                     .board.n_ssh_args = ARGS,
                                     .board.cluster = CLUSTER,
                                     .role = P2P_ROLE_CLIENT};
  (void)arg;
  CHECK(p2p_member_new(&config, &member_events, NULL, &rogue.member, NULL) == P2P_OK);
}
static void rogue_end(void *arg) {
  (void)arg;
  p2p_link_free(rogue.link);
  p2p_member_free(rogue.member);
}

static void rogue_begin(bool with_link) {
  memset(&rogue, 0, sizeof rogue);
  CHECK(p2p_loop_call(loop, rogue_join, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &rogue.joined, 1) && site_wait(&gate, &rogue.seen, 1));
  if (!with_link) return;
  CHECK(p2p_loop_call(loop, rogue_link, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &rogue.opened, 1));
}

struct rogue_message {
  uint8_t type;
  uint32_t task;
  const void *payload;
  size_t length;
};
static void rogue_send_here(void *arg) {
  struct rogue_message *message = arg;
  if (rogue.link != NULL)
    (void)!p2p_link_send(rogue.link, message->type, message->task, message->payload,
                         message->length);
}
static void rogue_send(uint8_t type, uint32_t task, const void *payload, size_t length) {
  CHECK(p2p_loop_call(loop, rogue_send_here,
                      &(struct rogue_message){type, task, payload, length}) == P2P_OK);
}
static void rogue_hello(void) {
  char text[256];
  int length = snprintf(text, sizeof text, "member=%s\nr=4.2.2\nfuture=1.70.0\n", rogue.id);
  rogue_send(P2P_FRAME_HELLO, 0, text, (size_t)length);
}
static void rogue_slot(uint8_t op, uint32_t count) {
  uint8_t payload[5] = {op};
  p2p_set_u32(payload + 1, count);
  rogue_send(P2P_FRAME_SLOT, 0, payload, sizeof payload);
}
static void rogue_task(uint32_t task, uint64_t size) {
  uint8_t payload[14];
  p2p_set_u64(payload, size);
  memcpy(payload + 8, "\033[2J\r\n", 6);
  rogue_send(P2P_FRAME_TASK, task, payload, sizeof payload);
}

/* The worker closes the link to a client that breaks the protocol, and continues. */
static void check_breach(const char *what) {
  CHECK(logs(what) && site_wait(&gate, &rogue.closed, 1));
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
}

static void request_packages_twice(void *arg) {
  char names[2000];
  struct rogue_message message = {P2P_FRAME_PACKAGES, 0, names, sizeof names - 1};
  for (size_t i = 0; i < sizeof names; i += 2) memcpy(names + i, "a;", 2);
  for (int i = 0; i < 2; i++) rogue_send_here(&message);
  (void)arg;
}

TEST(worker_reports_its_machine_and_packages) {
  begin(1);
  rogue_begin(true);
  CHECK(mkdir(site_path(&site, "future"), 0700) == 0);
  site_write(&site, "future/DESCRIPTION", "Package: future\nVersion: 1.70.0\n");
  rogue_hello();
  rogue_send(P2P_FRAME_PACKAGES, 0, "future;absent", 13);
  CHECK(site_wait(&gate, &rogue.replies, 1));
  CHECK_STR(rogue.packages, "future=1.70.0;absent=");
  CHECK(strstr(rogue.hello, "slots=1\nplatform=x86_64-pc-linux-gnu\ncores=4\nmemory=8000\n") !=
        NULL);
  CHECK_STR(rogue.machine, "x86_64-pc-linux-gnu 4 8000");
  CHECK(logs("; cipher: secretbox")); /* as with a client of an older version */
  rogue_send(P2P_FRAME_PACKAGES, 0, "../../etc", 9);
  check_breach("sent a malformed or oversized PACKAGES request");
  rogue_begin(true);
  rogue_hello();
  CHECK(p2p_loop_call(loop, request_packages_twice, NULL) == P2P_OK);
  check_breach("sent a PACKAGES request while another one was pending");
  end(NULL);
}

TEST(a_client_that_waits_learns_for_whom_the_worker_is_busy) {
  begin(1);
  struct p2p_client *bob = start_client(BOB);
  struct p2p_task *task = submit(bob, "sleep", 0);
  CHECK(logs("started"));
  rogue_begin(true); /* its hello is answered with one that says `busy` */
  CHECK(site_wait(&gate, &rogue.busy_hellos, 1));
  CHECK_STR(rogue.busy, "1");
  rogue_hello();
  rogue_slot(P2P_SLOT_WANT, 1);
  CHECK(site_wait(&gate, &rogue.loads, 1));
  CHECK_STR(rogue.load, "busy=1\nusers=bob\n");
  p2p_client_cancel(bob, task);
  CHECK(site_wait(&gate, &rogue.loads, 2));
  CHECK_STR(rogue.load, "");
  CHECK(site_wait(&gate, &rogue.granted, 1));
  p2p_task_free(task);
  p2p_client_free(bob);
  rogue_send(P2P_FRAME_LOAD, 0, NULL, 0);
  check_breach("sent a frame that is not for a worker");
  end(NULL);
}

#define OTHER_HELLO "member=00000000000000000000000000000001\nr=4.2.2\nfuture=1.70.0\n"

TEST(clients_that_break_the_protocol_are_disconnected) {
  begin(1);
  rogue_begin(true);
  rogue_send(P2P_FRAME_TASK, 1, NULL, 0);
  check_breach("did not send HELLO first");
  rogue_begin(true);
  rogue_send(P2P_FRAME_HELLO, 0, "member=x", 8);
  check_breach("malformed HELLO");
  rogue_begin(true);
  rogue_send(P2P_FRAME_HELLO, 0, OTHER_HELLO, strlen(OTHER_HELLO));
  check_breach("sent a HELLO with another id");
  rogue_begin(true);
  rogue_hello();
  rogue_slot(P2P_SLOT_GRANT, 1); /* the worker's to send */
  check_breach("malformed SLOT");
  rogue_begin(true);
  rogue_hello();
  rogue_send(P2P_FRAME_TASK, 1, "1234567", 7);
  check_breach("malformed TASK");
  rogue_begin(true);
  rogue_hello();
  rogue_task(1, 100);
  check_breach("sent a TASK frame without a slot for it");
  rogue_begin(true);
  rogue_hello();
  rogue_task(1, UINT64_MAX);
  check_breach("sent a TASK frame without a slot for it");
  rogue_begin(true);
  rogue_hello();
  rogue_send(P2P_FRAME_DATA, 1, "abc", 3); /* was under way */
  rogue_send(P2P_FRAME_CANCEL, 77, NULL, 0);
  rogue_slot(P2P_SLOT_RETURN, 1);
  check_breach("returned slots that it does not hold");
  rogue_begin(true);
  rogue_hello();
  rogue_slot(P2P_SLOT_WANT, UINT32_MAX);
  CHECK(site_wait(&gate, &rogue.granted, 1));
  rogue_task(1, UINT64_MAX);
  CHECK(site_wait(&gate, &rogue.lost_frames, 1) && strstr(rogue.lost, "accepts at most") != NULL);
  rogue_task(1, 3);
  CHECK(logs("future '?[2J"));
  rogue_send(P2P_FRAME_DATA, 1, "abcd", 4);
  check_breach("sent more data than announced");
  rogue_begin(true);
  rogue_hello();
  rogue_slot(P2P_SLOT_WANT, 1);
  CHECK(site_wait(&gate, &rogue.granted,
                  1)); /* the evaluator that was left in the middle is warm again */
  rogue_send(P2P_FRAME_RESULT, 1, NULL, 0);
  check_breach("sent a frame that is not for a worker");
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "next"), "next");
  end(client);
}

/* An empty DATA frame every 20 ms. */
TEST(data_after_the_task_does_not_extend_the_time_limit) {
  limits = (struct p2p_limits){.time_ms = 300};
  begin(1);
  rogue_begin(true);
  rogue_hello();
  rogue_slot(P2P_SLOT_WANT, 1);
  CHECK(site_wait(&gate, &rogue.granted, 1));
  rogue_task(1, 5);
  rogue_send(P2P_FRAME_DATA, 1, "sleep", 5);
  int sent = 0;
  for (; sent < 500 && rogue.lost_frames == 0; sent++) {
    rogue_send(P2P_FRAME_DATA, 1, NULL, 0);
    poll(NULL, 0, 20);
  }
  CHECK(sent < 500 && site_wait(&gate, &rogue.lost_frames, 1));
  CHECK(strstr(rogue.lost, "was stopped at the time limit of 0.3 s per future") != NULL);
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
  limits = (struct p2p_limits){0};
  end(NULL);
}

/* With a code that nobody else uses. */
static void send_bogus_accept(int number) {
  char code[64], via[400] = "link://";
  uint8_t sealed[256];
  snprintf(code, sizeof code, "%d-0123456789abcdef0123456789abcdef", 900 + number);
  CHECK(p2p_seal(&rogue.key, code, strlen(code), sealed) == P2P_OK);
  p2p_base64url_encode(sealed, strlen(code) + P2P_SEAL_OVERHEAD, via + 7);
  rogue_accept(via);
}

#define BLOCKS 480 /* 30 MiB */

static void send_block(void *arg) {
  static char block[65536] = "next";
  (void)arg;
  if (rogue.link == NULL) return;
  CHECK(p2p_link_send(rogue.link, P2P_FRAME_DATA, 2, block, sizeof block) == P2P_OK);
  rogue.queued = p2p_link_queued(rogue.link);
}

static void count_queued(void *arg) {
  (void)arg;
  rogue.queued = rogue.link != NULL ? p2p_link_queued(rogue.link) : 0;
}

/* False: the worker has stopped reading. */
static bool worker_reads(void) {
  for (int i = 0; i < 100 && rogue.queued > 1024 * 1024; i++) {
    poll(NULL, 0, 10);
    CHECK(p2p_loop_call(loop, count_queued, NULL) == P2P_OK);
  }
  return rogue.queued <= 1024 * 1024;
}

TEST(data_for_a_stopped_evaluator_is_not_read) {
  int sent = 0;
  begin(1);
  rogue_begin(true);
  rogue_hello();
  rogue_slot(P2P_SLOT_WANT, 1);
  CHECK(site_wait(&gate, &rogue.granted, 1));
  rogue_task(1, 3);
  rogue_send(P2P_FRAME_DATA, 1, "pid", 3);
  CHECK(site_wait(&gate, &rogue.results, 1));
  pid_t pid = (pid_t)atoi(rogue.data);
  CHECK(pid > 1 && kill(pid, SIGSTOP) == 0);
  rogue_task(2, BLOCKS * 65536);
  for (; sent < BLOCKS && worker_reads(); sent++)
    CHECK(p2p_loop_call(loop, send_block, NULL) == P2P_OK);
  CHECK(sent < BLOCKS);
  CHECK(pid > 1 && kill(pid, SIGCONT) == 0);
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  while (sent < BLOCKS && p2p_clock_ms() < until_ms)
    if (worker_reads()) sent += p2p_loop_call(loop, send_block, NULL) == P2P_OK;
  CHECK(site_wait(&gate, &rogue.results, 2));
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
  end(NULL);
}

/* The link is not read for a second, and then again, until much waits. */
TEST(a_slow_evaluator_does_not_hold_up_other_frames_for_long) {
  begin(1);
  rogue_begin(true);
  CHECK(mkdir(site_path(&site, "future"), 0700) == 0 || errno == EEXIST);
  rogue_hello();
  rogue_slot(P2P_SLOT_WANT, 1);
  CHECK(site_wait(&gate, &rogue.granted, 1));
  rogue_task(1, 3);
  rogue_send(P2P_FRAME_DATA, 1, "pid", 3);
  CHECK(site_wait(&gate, &rogue.results, 1));
  pid_t pid = (pid_t)atoi(rogue.data);
  CHECK(pid > 1 && kill(pid, SIGSTOP) == 0);
  rogue_task(2, 32 * 65536);
  for (int i = 0; i < 32; i++) CHECK(p2p_loop_call(loop, send_block, NULL) == P2P_OK);
  uint64_t began_ms = p2p_clock_ms();
  rogue_send(P2P_FRAME_PACKAGES, 0, "future", 6);
  CHECK(site_wait(&gate, &rogue.replies, 1));
  CHECK(p2p_clock_ms() - began_ms >= P2P_EVALUATOR_SLOW_MS / 2);
  CHECK(pid > 1 && kill(pid, SIGCONT) == 0);
  CHECK(site_wait(&gate, &rogue.results, 2));
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
  end(NULL);
}

static void send_accepts(void *arg) {
  (void)arg;
  for (int i = 0; i < rogue.accepts; i++) {
    if (rogue.via != NULL)
      rogue_accept(rogue.via);
    else
      send_bogus_accept(i);
  }
}

TEST(invalid_accepts_are_ignored) {
  begin(1);
  rogue_begin(false);
  rogue.via = "link://AAAA";
  rogue.accepts = 3;
  CHECK(p2p_loop_call(loop, send_accepts, NULL) == P2P_OK);
  CHECK(logs("ignoring an accept that is not encrypted for this worker (3 so far)"));
  rogue.via = NULL;
  rogue.accepts = 1;
  for (int i = 0; i < 2; i++) CHECK(p2p_loop_call(loop, send_accepts, NULL) == P2P_OK);
  CHECK(logs("its code was used before"));
  rogue.accepts = 200;
  CHECK(p2p_loop_call(loop, send_accepts, NULL) == P2P_OK);
  CHECK(logs("too many links were started within a second"));
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
  end(NULL);
}

static void send_next_accept(void *arg) {
  (void)arg;
  send_bogus_accept(rogue.accepts++);
}

/* 16 at once, and then 16 a second. On a slow machine, the client may have to try once more, after
 * 30 s: its link must be joined before the place is given to another. */
TEST(accepts_without_a_client_do_not_keep_others_from_a_worker) {
  begin(1);
  rogue_begin(false);
  for (int i = 0; i < 16; i++) CHECK(p2p_loop_call(loop, send_next_accept, NULL) == P2P_OK);
  CHECK(logs("opening a link to client"));
  struct p2p_client *client = start_client(BOB);
  struct p2p_task *task = submit(client, "next", 0);
  uint64_t until_ms = p2p_clock_ms() + 80000;
  while (p2p_task_state(task) < P2P_TASK_DONE && p2p_clock_ms() < until_ms) {
    CHECK(p2p_loop_call(loop, send_next_accept, NULL) == P2P_OK);
    poll(NULL, 0, 62);
  }
  CHECK(p2p_clock_ms() < until_ms);
  CHECK_STR(result(client, task), "next");
  p2p_task_free(task);
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
  end(client);
}

TEST(worker_that_leaves_says_so_on_the_board) {
  begin(1);
  rogue_begin(false);
  p2p_worker_drain(worker);
  CHECK(site_wait(&gate, &rogue.leaves, 1));
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
  end(NULL);
  begin(1);
  rogue_begin(false);
  end(NULL);
  CHECK(site_wait(&gate, &rogue.leaves, 1));
  CHECK(p2p_loop_call(loop, rogue_end, NULL) == P2P_OK);
}

UNIT_MAIN("worker_rogue", UNIT(prepare), UNIT(worker_reports_its_machine_and_packages),
          UNIT(a_client_that_waits_learns_for_whom_the_worker_is_busy),
          UNIT(clients_that_break_the_protocol_are_disconnected),
          UNIT(data_after_the_task_does_not_extend_the_time_limit),
          UNIT(data_for_a_stopped_evaluator_is_not_read),
          UNIT(a_slow_evaluator_does_not_hold_up_other_frames_for_long),
          UNIT(invalid_accepts_are_ignored),
          UNIT(accepts_without_a_client_do_not_keep_others_from_a_worker),
          UNIT(worker_that_leaves_says_so_on_the_board), UNIT(nothing_is_left))
