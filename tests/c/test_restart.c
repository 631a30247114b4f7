/* File transfers and links whose mailbox server restarts: they continue when it is back, and fail
 * with a clear message when it is not. */
#include <unistd.h>

#include "mailbox_fixture.h"
#include "transfer/transfer.h"
#include "wormhole/link.h"

#define PATIENCE_MS 20000

static void stop_mailbox(void *arg) {
  struct lab *lab = arg;
  p2p_mailbox_server_free(lab->mailbox_server);
  lab->mailbox_server = NULL;
}

/* On the same port. */
static void start_mailbox(void *arg) {
  struct lab *lab = arg;
  unsigned port = 0;
  CHECK(sscanf(lab->mailbox, "ws://127.0.0.1:%u/", &port) == 1);
  CHECK(p2p_mailbox_server_new(lab->loop, "127.0.0.1", (uint16_t)port, lab->log,
                               &lab->mailbox_server, NULL) == P2P_OK);
}

static void restart(struct lab *lab) {
  CHECK(p2p_loop_call(lab->loop, stop_mailbox, lab) == P2P_OK);
  CHECK(p2p_loop_call(lab->loop, start_mailbox, lab) == P2P_OK);
}

/* ---- transfers ---- */

static bool reaches(struct p2p_transfer *transfer, enum p2p_transfer_state state,
                    struct p2p_transfer_status *out) {
  uint64_t seen = 0, now;
  for (;; seen = now) {
    p2p_transfer_status(transfer, out);
    if (out->state == state) return true;
    if (out->state >= P2P_TRANSFER_DONE) fprintf(stderr, "(ended: %s)\n", out->err.message);
    if (out->state >= P2P_TRANSFER_DONE ||
        (now = p2p_transfer_wait(transfer, seen, PATIENCE_MS)) == seen)
      return false;
  }
}

static struct p2p_transfer *start(struct lab *lab, const char *code, const char *text,
                                  const char *bytes, bool must_confirm) {
  struct p2p_transfer_config config = {.loop = lab->loop,
                                       .mailbox = lab->mailbox,
                                       .code = code,
                                       .text = text,
                                       .bytes = bytes,
                                       .length = bytes ? strlen(bytes) : 0,
                                       .name = "x",
                                       .must_confirm = must_confirm,
                                       .timeout_ms = PATIENCE_MS,
                                       .path = "/tmp/p2p-restart-none"};
  struct p2p_transfer *transfer = NULL;
  CHECK(p2p_transfer_new(&config, &transfer, NULL) == P2P_OK);
  return transfer;
}

TEST(a_waiting_sender_is_found_after_a_restart) {
  static struct lab lab;
  struct p2p_transfer_status sent, received;
  lab_open(&lab);
  struct p2p_transfer *sender = start(&lab, NULL, "hello", NULL, false);
  CHECK(reaches(sender, P2P_TRANSFER_WAITING, &sent));
  restart(&lab);
  struct p2p_transfer *receiver = start(&lab, sent.code, NULL, NULL, false);
  CHECK(reaches(receiver, P2P_TRANSFER_DONE, &received) &&
        reaches(sender, P2P_TRANSFER_DONE, &sent));
  p2p_transfer_free(sender);
  p2p_transfer_free(receiver);
  lab_close(&lab);
}

/* Both sides have the key and wait for their users; all later messages use new connections. */
TEST(messages_sent_during_an_outage_are_delivered) {
  static struct lab lab;
  struct p2p_transfer_status sent, received;
  lab_open(&lab);
  struct p2p_transfer *sender = start(&lab, "7-away", NULL, "some bytes", true),
                      *receiver = start(&lab, "7-away", NULL, NULL, true);
  CHECK(reaches(sender, P2P_TRANSFER_CONFIRMING, &sent) &&
        reaches(receiver, P2P_TRANSFER_CONFIRMING, &received));
  CHECK(p2p_loop_call(lab.loop, stop_mailbox, &lab) == P2P_OK);
  p2p_transfer_confirm(sender, true);
  p2p_transfer_confirm(receiver, true);
  CHECK(p2p_loop_call(lab.loop, start_mailbox, &lab) == P2P_OK);
  CHECK(reaches(receiver, P2P_TRANSFER_DONE, &received) &&
        reaches(sender, P2P_TRANSFER_DONE, &sent));
  CHECK(received.moved_bytes == 10 && unlink("/tmp/p2p-restart-none") == 0);
  p2p_transfer_free(sender);
  p2p_transfer_free(receiver);
  lab_close(&lab);
}

TEST(a_mailbox_that_does_not_return_is_named) {
  static struct lab lab;
  struct p2p_transfer_config config = {.loop = NULL, .text = "hello", .timeout_ms = 2000};
  struct p2p_transfer *sender = NULL;
  struct p2p_transfer_status sent;
  lab_open(&lab);
  config.loop = lab.loop;
  config.mailbox = lab.mailbox;
  CHECK(p2p_transfer_new(&config, &sender, NULL) == P2P_OK);
  CHECK(reaches(sender, P2P_TRANSFER_WAITING, &sent));
  CHECK(p2p_loop_call(lab.loop, stop_mailbox, &lab) == P2P_OK);
  CHECK(reaches(sender, P2P_TRANSFER_FAILED, &sent) && sent.err.code == P2P_ERR_TIMEOUT);
  CHECK(strstr(sent.err.message, "was lost and not restored within 2 s") != NULL &&
        strstr(sent.err.message, lab.mailbox) != NULL);
  CHECK_STR(sent.err.reason, "mailbox_lost");
  p2p_transfer_free(sender);
  lab_close(&lab);
}

/* ---- links ---- */

struct end {
  struct lab *lab;
  struct p2p_link *link;
  struct p2p_link_config config;
  char code[P2P_LINK_CODE_MAX];
  struct p2p_err err;
  int n_code, n_open, n_close;
};

static void on_code(void *arg, const char *code) {
  struct end *end = arg;
  snprintf(end->code, sizeof end->code, "%s", code);
  lab_tell(end->lab, &end->n_code);
}

static void on_open(void *arg, const char *path) {
  struct end *end = arg;
  (void)path;
  lab_tell(end->lab, &end->n_open);
}

static void on_frame(void *arg, const struct p2p_frame *frame) {
  (void)arg;
  (void)frame;
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct end *end = arg;
  end->err = *err;
  lab_tell(end->lab, &end->n_close);
}

static void open_end(void *arg) {
  static const struct p2p_link_callbacks EVENTS = {on_code, on_open, on_frame, NULL, on_close};
  struct end *end = arg;
  end->config.loop = end->lab->loop;
  end->config.mailbox = end->lab->mailbox;
  CHECK(p2p_link_open(&end->config, &EVENTS, end, &end->link, NULL) == P2P_OK);
}

static void free_end(void *arg) {
  struct end *end = arg;
  p2p_link_free(end->link);
}

TEST(a_link_survives_a_restart) {
  static struct lab lab;
  lab_open(&lab);
  struct end opener = {.lab = &lab}, joiner = {.lab = &lab, .config = {.code = joiner.code}};
  CHECK(p2p_loop_call(lab.loop, open_end, &opener) == P2P_OK);
  CHECK(lab_wait(&lab, &opener.n_code, 1, PATIENCE_MS));
  restart(&lab);
  memcpy(joiner.code, opener.code, sizeof joiner.code);
  CHECK(p2p_loop_call(lab.loop, open_end, &joiner) == P2P_OK);
  CHECK(lab_wait(&lab, &opener.n_open, 1, PATIENCE_MS) &&
        lab_wait(&lab, &joiner.n_open, 1, PATIENCE_MS));
  CHECK(p2p_loop_call(lab.loop, free_end, &opener) == P2P_OK);
  CHECK(p2p_loop_call(lab.loop, free_end, &joiner) == P2P_OK);
  lab_close(&lab);
}

TEST(a_link_whose_mailbox_does_not_return_fails) {
  static struct lab lab;
  lab_open(&lab);
  struct end opener = {.lab = &lab, .config = {.timeout_ms = 2000}};
  CHECK(p2p_loop_call(lab.loop, open_end, &opener) == P2P_OK);
  CHECK(lab_wait(&lab, &opener.n_code, 1, PATIENCE_MS));
  CHECK(p2p_loop_call(lab.loop, stop_mailbox, &lab) == P2P_OK);
  CHECK(lab_wait(&lab, &opener.n_close, 1, PATIENCE_MS) && opener.err.code == P2P_ERR_TIMEOUT);
  CHECK(strstr(opener.err.message, "was lost and not restored within 2 s") != NULL);
  CHECK(p2p_loop_call(lab.loop, free_end, &opener) == P2P_OK);
  lab_close(&lab);
}

UNIT_MAIN("restart", UNIT(a_waiting_sender_is_found_after_a_restart),
          UNIT(messages_sent_during_an_outage_are_delivered),
          UNIT(a_mailbox_that_does_not_return_is_named), UNIT(a_link_survives_a_restart),
          UNIT(a_link_whose_mailbox_does_not_return_fails))
