/* File transfers with peers that lie, break off, stop or spoil what they send: each is a sentence, in bounded time, and leaves nothing
 * behind. The peer is a script over the parts that ours is made of. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab.h"
#include "wormhole/record.h"
#include "wormhole/transfer.h"
#include "wormhole/transit.h"

#define PATIENCE_MS 10000

struct script {
  const char *offer;                                                  /* what is said after transit; NULL: nothing */
  const char *filename;
  void (*stream)(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer); /* what follows the handshake; NULL: nothing */
  bool no_transit, hangs_up;
  const char *words;                                                  /* of the receiver's error */
  int code;
  uint32_t timeout_ms, stall_ms;
};

struct peer {
  struct lab *lab;
  const struct script *script;
  struct p2p_wormhole *wormhole;
  struct p2p_transit *transit;
  struct p2p_transit_key key;
  struct p2p_tcp *tcp;
};

static void send_record(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer, size_t length, int spoiled) {
  static uint8_t record[P2P_RECORD_OVERHEAD + 4096];
  p2p_record_seal(sealer, record, length);
  if (spoiled >= 0) record[spoiled] ^= 1;
  CHECK(p2p_tcp_write(tcp, record, P2P_RECORD_OVERHEAD + length) == P2P_OK);
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  (void)arg;
  (void)bytes;
  (void)length;
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct peer *peer = arg;
  (void)err;
  p2p_tcp_free(peer->tcp);
  peer->tcp = NULL;
}

static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest, size_t rest_length) {
  static const struct p2p_tcp_events EVENTS = { NULL, on_data, NULL, on_close };
  struct peer *peer = arg;
  struct p2p_record_sealer sealer;
  struct p2p_record_key key;
  (void)path;
  (void)rest;
  (void)rest_length;
  peer->tcp = tcp;
  CHECK(p2p_tcp_attach(tcp, &EVENTS, peer) == P2P_OK);
  p2p_key_record(&peer->key, true, &key);
  p2p_record_sealer_init(&sealer, &key);
  if (peer->script->stream != NULL) peer->script->stream(tcp, &sealer);
  if (!peer->script->hangs_up) return;
  p2p_tcp_finish(tcp, 1000);
  peer->tcp = NULL;
}

static void on_transit_fail(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
}

static void say(struct peer *peer, const char *text) {
  CHECK(p2p_wormhole_send(peer->wormhole, text, strlen(text)) == P2P_OK);
}

static void on_peer(void *arg) {
  static const struct p2p_transit_events EVENTS = { on_connected, on_transit_fail };
  struct peer *peer = arg;
  struct p2p_hints hints;
  char *text;
  p2p_wormhole_transit_key(peer->wormhole, &peer->key);
  struct p2p_transit_config config = { .loop = peer->lab->loop, .key = &peer->key, .is_sender = true, .timeout_ms = PATIENCE_MS };
  CHECK(p2p_transit_new(&config, &EVENTS, peer, &peer->transit, NULL) == P2P_OK);
  p2p_transit_hints(peer->transit, &hints);
  CHECK(p2p_hints_format(&hints, &text) == P2P_OK);
  if (!peer->script->no_transit) say(peer, text);
  free(text);
  if (peer->script->offer != NULL) say(peer, peer->script->offer);
}

static void on_code(void *arg, const char *code) {
  (void)arg;
  (void)code;
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct peer *peer = arg;
  struct p2p_hints hints;
  struct p2p_err err;
  if (peer->tcp != NULL || p2p_hints_parse((const char *)text, length, &hints, &err) != P2P_OK) return;
  if (p2p_transit_race(peer->transit, &hints, &err) != P2P_OK) return;
}

static void on_fail(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
}

static void peer_open(void *arg) {
  static const struct p2p_wormhole_events EVENTS = { on_code, on_peer, on_message, on_fail };
  struct peer *peer = arg;
  struct p2p_wormhole_config config = { .loop = peer->lab->loop, .mailbox = peer->lab->mailbox, .appid = P2P_OFFER_APPID,
                                        .code = "7-hostile", .timeout_ms = PATIENCE_MS };
  CHECK(p2p_wormhole_open(&config, &EVENTS, peer, &peer->wormhole, NULL) == P2P_OK);
}

static void peer_free(void *arg) {
  struct peer *peer = arg;
  p2p_wormhole_free(peer->wormhole, false);
  p2p_transit_free(peer->transit);
  p2p_tcp_free(peer->tcp);
}

static int count_files(const char *folder) {
  DIR *dir = opendir(folder);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) count += entry->d_name[0] != '.';
  closedir(dir);
  return count;
}

/* Receives from the script. An error is expected where the script has words of one, else the file. */
static void play(const struct script *script, const char *name) {
  static struct lab lab;
  struct peer peer = { .lab = &lab, .script = script };
  char folder[] = "/tmp/p2p-hostile-XXXXXX", path[64];
  struct p2p_transfer *receiver;
  struct p2p_transfer_status status;
  uint64_t seen = 0, now = 0;

  lab_open(&lab);
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/to", folder);
  struct p2p_transfer_config config = { .loop = lab.loop, .mailbox = lab.mailbox, .code = "7-hostile", .path = path,
    .timeout_ms = script->timeout_ms ? script->timeout_ms : PATIENCE_MS, .stall_ms = script->stall_ms };
  p2p_loop_call(lab.loop, peer_open, &peer);
  CHECK(p2p_transfer_new(&config, &receiver, NULL) == P2P_OK);
  do {
    seen = now;
    p2p_transfer_status(receiver, &status);
    if (status.state >= P2P_TRANSFER_DONE) break;
    now = p2p_transfer_wait(receiver, seen, PATIENCE_MS);
  } while (now != seen);
  CHECK(status.state == (script->words != NULL ? P2P_TRANSFER_FAILED : P2P_TRANSFER_DONE));
  if (script->words != NULL) CHECK(status.err.code == script->code && strstr(status.err.message, script->words) != NULL);
  if (script->words != NULL && strstr(status.err.message, script->words) == NULL) fprintf(stderr, "(%s)\n", status.err.message);
  if (name != NULL) CHECK_STR(status.name, name);
  CHECK(count_files(folder) == (script->words == NULL));
  p2p_transfer_free(receiver);
  p2p_loop_call(lab.loop, peer_free, &peer);
  unlink(path);
  CHECK(rmdir(folder) == 0);
  lab_close(&lab);
}

#define OFFER(name, size) "{\"offer\":{\"file\":{\"filename\":\"" name "\",\"filesize\":" size "}}}"

static void huge(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) { (void)sealer; CHECK(p2p_tcp_write(tcp, "\xff\xff\xff\xff", 4) == P2P_OK); }
static void tiny(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) { (void)sealer; CHECK(p2p_tcp_write(tcp, "\0\0\0\x17", 4) == P2P_OK); }
static void wrong_nonce(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) { sealer->counter = 1; send_record(tcp, sealer, 100, -1); }
static void flipped(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) { send_record(tcp, sealer, 100, P2P_RECORD_OVERHEAD + 50); }
static void one(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) { send_record(tcp, sealer, 100, -1); }

TEST(records_that_are_wrong) {
  play(&(struct script){ .offer = OFFER("x", "100"), .stream = huge, .words = "4294967295 bytes", .code = P2P_ERR_TOO_LARGE }, NULL);
  play(&(struct script){ .offer = OFFER("x", "100"), .stream = tiny, .words = "too short", .code = P2P_ERR_PROTOCOL }, NULL);
  play(&(struct script){ .offer = OFFER("x", "100"), .stream = wrong_nonce, .words = "out of order", .code = P2P_ERR_PROTOCOL }, NULL);
  play(&(struct script){ .offer = OFFER("x", "100"), .stream = flipped, .words = "does not decrypt", .code = P2P_ERR_CRYPTO }, NULL);
}

TEST(sizes_that_are_lies) {
  play(&(struct script){ .offer = OFFER("x", "99"), .stream = one, .words = "more bytes than it announced", .code = P2P_ERR_PROTOCOL }, NULL);
  play(&(struct script){ .offer = OFFER("x", "101"), .stream = one, .hangs_up = true, .words = "after 100 of 101 bytes", .code = P2P_ERR_LOST }, NULL);
  play(&(struct script){ .offer = OFFER("x", "-1"), .words = "malformed", .code = P2P_ERR_PARSE }, NULL);
  play(&(struct script){ .offer = OFFER("x", "9000000000000000000"), .words = "larger than any disk", .code = P2P_ERR_TOO_LARGE }, NULL);
}

TEST(names_that_are_paths) {
  play(&(struct script){ .offer = OFFER("../../etc/passwd", "100"), .stream = one }, "passwd");
  play(&(struct script){ .offer = OFFER("/etc/cron.d/", "100"), .stream = one }, "file");
  play(&(struct script){ .offer = OFFER("..", "100"), .stream = one }, "file");
  play(&(struct script){ .offer = OFFER("a\\u001b[2J\\u202egpj.exe", "100"), .stream = one }, "a?[2J?gpj.exe");
}

TEST(peers_that_stop) {
  play(&(struct script){ .no_transit = true, .timeout_ms = 500, .words = "offered nothing", .code = P2P_ERR_TIMEOUT }, NULL);
  play(&(struct script){ .no_transit = true, .offer = OFFER("x", "1"), .stall_ms = 500, .words = "nothing moved", .code = P2P_ERR_TIMEOUT }, NULL);
  play(&(struct script){ .offer = OFFER("x", "101"), .stream = one, .stall_ms = 500, .words = "nothing moved", .code = P2P_ERR_TIMEOUT }, NULL);
}

TEST(other_things_said) {
  play(&(struct script){ .offer = "{\"offer\":{\"directory\":{}}}", .words = "a directory", .code = P2P_ERR_INVALID }, NULL);
  play(&(struct script){ .offer = "{\"error\":\"no \\u001b way\"}", .words = "gave up: no ? way", .code = P2P_ERR_CANCELED }, NULL);
  play(&(struct script){ .offer = "{\"answer\":{\"file_ack\":\"ok\"}}", .words = "Both sides want to receive", .code = P2P_ERR_PROTOCOL }, NULL);
  play(&(struct script){ .offer = "[]", .words = "malformed", .code = P2P_ERR_PARSE }, NULL);
}

UNIT_MAIN("hostile_peer", UNIT(records_that_are_wrong), UNIT(sizes_that_are_lies), UNIT(names_that_are_paths), UNIT(peers_that_stop),
          UNIT(other_things_said))
