/* A hostile peer for file transfers: it follows a script that lies, disconnects, stalls or corrupts
 * data. It is built from the same parts as a real transfer. Whatever it does, the transfer under
 * test ends with an error message in bounded time and leaves nothing behind. */
#ifndef P2P_TESTS_HOSTILE_PEER_H
#define P2P_TESTS_HOSTILE_PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "descriptors.h"
#include "mailbox_fixture.h"
#include "net/listener.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "transfer/transfer.h"
#include "wormhole/record.h"
#include "wormhole/transit.h"
#include "wormhole/wormhole.h"

#define PATIENCE_MS 10000
#define DRIP_MS 20
#define DRIP_MAX 65536

struct script {
  bool receives;       /* the peer is the receiver, the transfer under test the sender */
  const char *message; /* after transit: an offer or an answer; NULL: none */
  void (*stream)(
      struct p2p_tcp *tcp,
      struct p2p_record_sealer *sealer); /* sends what follows the handshake; NULL: nothing */
  bool no_transit;                       /* it sends no hints, but connects */
  bool no_handshake;                     /* it accepts connections, but sends nothing on them */
  bool no_read;                          /* it does not read from the connection */
  bool disconnects;                      /* at once */
  size_t record, drop;  /* it sends a record of `record` bytes, `drop` of them every DRIP_MS */
  const char *receipt;  /* of a receiver that has everything; NULL: none */
  const char *expected; /* part of the error message; NULL: the transfer succeeds */
  int code;
  uint32_t timeout_ms, stall_ms;
};

/* What the transfer under test sends: more than the kernel buffers. */
static char hostile_bytes[32 * 1024 * 1024];

struct peer {
  struct lab *lab;
  const struct script *script;
  struct p2p_wormhole *wormhole;
  struct p2p_transit *transit;
  struct p2p_transit_key key;
  struct p2p_tcp *tcp;
  struct p2p_record_sealer sealer;
  struct p2p_record_opener opener;
  size_t received;
  struct p2p_listener *silent;
  struct p2p_tcp *accepted[8];
  size_t n_accepted;
  struct p2p_timer *drip;
  size_t dripped;
  uint8_t record[P2P_RECORD_OVERHEAD + DRIP_MAX];
};

static void send_record(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer, size_t length,
                        int spoiled) {
  static uint8_t record[P2P_RECORD_OVERHEAD + 4096];
  p2p_record_seal(sealer, record, length);
  if (spoiled >= 0) record[spoiled] ^= 1;
  CHECK(p2p_tcp_write(tcp, record, P2P_RECORD_OVERHEAD + length) == P2P_OK);
}

static inline void send_text(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer,
                             const char *text) {
  uint8_t record[P2P_RECORD_OVERHEAD + 200];
  memcpy(record + P2P_RECORD_OVERHEAD, text, strlen(text));
  p2p_record_seal(sealer, record, strlen(text));
  CHECK(p2p_tcp_write(tcp, record, P2P_RECORD_OVERHEAD + strlen(text)) == P2P_OK);
}

/* ---- streams ---- */

static void huge(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  (void)sealer;
  CHECK(p2p_tcp_write(tcp, "\xff\xff\xff\xff", 4) == P2P_OK);
}
static void tiny(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  (void)sealer;
  CHECK(p2p_tcp_write(tcp, "\0\0\0\x17", 4) == P2P_OK);
}
static void wrong_nonce(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  sealer->counter = 1;
  send_record(tcp, sealer, 100, -1);
}
static void flipped(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  send_record(tcp, sealer, 100, P2P_RECORD_OVERHEAD + 50);
}
static void one(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  send_record(tcp, sealer, 100, -1);
}

/* ---- the peer ---- */

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct peer *peer = arg;
  const uint8_t *payload;
  size_t payload_length;
  if (peer->script->receipt == NULL) return;
  while (p2p_record_open(&peer->opener, &bytes, &length, &payload, &payload_length, NULL) == 1)
    peer->received += payload_length;
  if (peer->received == sizeof hostile_bytes)
    send_text(peer->tcp, &peer->sealer, peer->script->receipt);
}

/* Sends the next part of the record. */
static void on_drip(void *arg) {
  struct peer *peer = arg;
  size_t left = P2P_RECORD_OVERHEAD + peer->script->record - peer->dripped;
  size_t part = left < peer->script->drop ? left : peer->script->drop;
  if (part == left) p2p_timer_stop(peer->drip);
  if (p2p_tcp_write(peer->tcp, peer->record + peer->dripped, part) == P2P_OK) peer->dripped += part;
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct peer *peer = arg;
  (void)err;
  p2p_timer_stop(peer->drip);
  p2p_tcp_free(peer->tcp);
  peer->tcp = NULL;
}

static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest,
                         size_t rest_length) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_data, NULL, on_close};
  struct peer *peer = arg;
  struct p2p_record_key send, receive;
  (void)path;
  peer->tcp = tcp;
  CHECK(p2p_tcp_attach(tcp, &EVENTS, peer) == P2P_OK);
  if (peer->script->no_read) p2p_tcp_pause(tcp);
  p2p_key_record(&peer->key, !peer->script->receives, &send);
  p2p_key_record(&peer->key, peer->script->receives, &receive);
  p2p_record_sealer_init(&peer->sealer, &send);
  p2p_record_opener_init(&peer->opener, &receive);
  if (rest_length > 0) on_data(peer, rest, rest_length);
  if (peer->script->stream != NULL) peer->script->stream(tcp, &peer->sealer);
  if (peer->script->record > 0) {
    p2p_record_seal(&peer->sealer, peer->record, peer->script->record);
    p2p_timer_start(peer->drip, 0, DRIP_MS);
  }
  if (!peer->script->disconnects) return;
  p2p_tcp_finish(tcp, 1000);
  peer->tcp = NULL;
}

static void on_transit_fail(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
}

static void send_message(struct peer *peer, const char *text) {
  CHECK(p2p_wormhole_send(peer->wormhole, text, strlen(text)) == P2P_OK);
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct peer *peer = arg;
  if (peer->n_accepted < sizeof peer->accepted / sizeof peer->accepted[0])
    peer->accepted[peer->n_accepted++] = tcp;
  else
    p2p_tcp_free(tcp);
}

/* Sends the address of a listener that never completes a handshake. */
static void send_silent_hint(struct peer *peer) {
  char text[200];
  CHECK(p2p_listener_new(
            &(struct p2p_listener_config){peer->lab->loop, "127.0.0.1", 0, on_accept, peer},
            &peer->silent, NULL) == P2P_OK);
  snprintf(text, sizeof text,
           "{\"transit\":{\"abilities-v1\":[{\"type\":\"direct-tcp-v1\"}],\"hints-v1\":[{\"type\":"
           "\"direct-tcp-v1\",\"hostname\":\"127.0.0.1\",\"port\":%u,\"priority\":0.0}]}}",
           p2p_listener_port(peer->silent));
  send_message(peer, text);
}

static void on_peer(void *arg) {
  static const struct p2p_transit_callbacks EVENTS = {on_connected, on_transit_fail};
  struct peer *peer = arg;
  struct p2p_hints hints;
  char *text;
  p2p_wormhole_transit_key(peer->wormhole, &peer->key);
  struct p2p_transit_config config = {.loop = peer->lab->loop,
                                      .key = &peer->key,
                                      .is_sender = !peer->script->receives,
                                      .is_peer_local = true,
                                      .timeout_ms = PATIENCE_MS};
  CHECK(p2p_transit_new(&config, &EVENTS, peer, &peer->transit, NULL) == P2P_OK);
  p2p_transit_hints(peer->transit, &hints);
  CHECK(p2p_hints_format(&hints, &text) == P2P_OK);
  if (peer->script->no_handshake)
    send_silent_hint(peer);
  else if (!peer->script->no_transit)
    send_message(peer, text);
  free(text);
  if (peer->script->message != NULL) send_message(peer, peer->script->message);
}

static void on_code(void *arg, const char *code) {
  (void)arg;
  (void)code;
}

static void on_message(void *arg, const uint8_t *text, size_t length) {
  struct peer *peer = arg;
  struct p2p_hints hints;
  struct p2p_err err;
  if (peer->tcp != NULL || peer->script->no_handshake ||
      p2p_hints_parse((const char *)text, length, &hints, &err) != P2P_OK)
    return;
  if (p2p_transit_race(peer->transit, &hints, &err) != P2P_OK) return;
}

static void on_fail(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
}

static void peer_open(void *arg) {
  static const struct p2p_wormhole_callbacks EVENTS = {on_code, on_peer, on_message, NULL, on_fail};
  struct peer *peer = arg;
  struct p2p_wormhole_config config = {.loop = peer->lab->loop,
                                       .mailbox = peer->lab->mailbox,
                                       .appid = P2P_OFFER_APPID,
                                       .code = "7-hostile",
                                       .timeout_ms = PATIENCE_MS};
  peer->drip = p2p_timer_new(peer->lab->loop, on_drip, peer);
  CHECK(p2p_wormhole_open(&config, &EVENTS, peer, &peer->wormhole, NULL) == P2P_OK);
}

static void peer_free(void *arg) {
  struct peer *peer = arg;
  p2p_wormhole_free(peer->wormhole, false);
  p2p_transit_free(peer->transit);
  p2p_tcp_free(peer->tcp);
  p2p_record_opener_clear(&peer->opener);
  p2p_listener_free(peer->silent);
  p2p_timer_free(peer->drip);
  for (size_t i = 0; i < peer->n_accepted; i++) p2p_tcp_free(peer->accepted[i]);
}

/* The number of files, sockets and threads of this process; 0 if it is unknown. */
static int count_held(void) { return count_descriptors() + count_files("/proc/self/task"); }

/* Waits until the transfer is over. */
static void wait_for_end(struct p2p_transfer *transfer, struct p2p_transfer_status *status) {
  uint64_t seen = 0, now = 0;
  do {
    seen = now;
    p2p_transfer_status(transfer, status);
    if (status->state >= P2P_TRANSFER_DONE) return;
    now = p2p_transfer_wait(transfer, seen, PATIENCE_MS);
  } while (now != seen);
}

static void check_end(const struct script *script, const struct p2p_transfer_status *status) {
  CHECK(status->state == (script->expected != NULL ? P2P_TRANSFER_FAILED : P2P_TRANSFER_DONE));
  if (script->expected == NULL) return;
  bool is_expected =
      status->err.code == script->code && strstr(status->err.message, script->expected) != NULL;
  CHECK(is_expected);
  if (!is_expected) fprintf(stderr, "(%d: %s)\n", status->err.code, status->err.message);
}

/* Runs a transfer against the script. `name`: the expected name of the file; NULL: any. */
static void play(const struct script *script, const char *name) {
  static struct lab lab;
  static int held; /* includes threads of the pool, which are kept */
  static bool is_warm;
  struct peer peer = {.lab = &lab, .script = script};
  char folder[] = "/tmp/p2p-hostile-XXXXXX", path[64];
  struct p2p_transfer *transfer;
  struct p2p_transfer_status status;

  if (!is_warm) {
    is_warm = true;
    play(&(struct script){.message = "{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":100}}}",
                          .stream = one},
         "x");
    held = count_held();
  }
  lab_open(&lab);
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/to", folder);
  struct p2p_transfer_config config = {.loop = lab.loop,
                                       .mailbox = lab.mailbox,
                                       .code = "7-hostile",
                                       .path = path,
                                       .timeout_ms =
                                           script->timeout_ms ? script->timeout_ms : PATIENCE_MS,
                                       .stall_ms = script->stall_ms};
  if (script->receives) {
    config.bytes = hostile_bytes;
    config.length = sizeof hostile_bytes;
    config.name = "x";
  }
  CHECK(p2p_loop_call(lab.loop, peer_open, &peer) == P2P_OK);
  CHECK(p2p_transfer_new(&config, &transfer, NULL) == P2P_OK);
  wait_for_end(transfer, &status);
  check_end(script, &status);
  if (name != NULL) CHECK_STR(status.name, name);
  CHECK(count_files(folder) == (script->expected == NULL && !script->receives));
  p2p_transfer_free(transfer);
  CHECK(p2p_loop_call(lab.loop, peer_free, &peer) == P2P_OK);
  unlink(path);
  CHECK(rmdir(folder) == 0);
  lab_close(&lab);
  CHECK(held == 0 || count_held() == held);
}

#endif
