/* From a transit key to a file on the other side. Whatever fails is told by on_end. */
#include "wormhole/haul.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wormhole/incoming.h"
#include "wormhole/offer.h"
#include "wormhole/outgoing.h"
#include "wormhole/record.h"

#define LINGER_MS 1000
#define EARLY_MAX (P2P_RECORD_OVERHEAD + P2P_OFFER_RECEIPT_MAX)

struct p2p_haul {
  struct p2p_loop *loop;
  struct p2p_haul_events events;
  void *arg;
  bool is_sender, is_racing;
  struct p2p_transit_key key;
  struct p2p_transit *transit;   /* until there is a connection */
  struct p2p_tcp *tcp;           /* sender: connected, and the file is not wanted yet */
  char way[P2P_TRANSIT_PATH_MAX];
  uint8_t early[EARLY_MAX];      /* what came over it meanwhile */
  size_t early_length;
  struct p2p_source *source;     /* sender: once the file is wanted */
  struct p2p_arrival *arrival;   /* receiver */
  uint64_t size_bytes;
  struct p2p_outgoing *outgoing;
  struct p2p_incoming *incoming;
  uint64_t passed_before; /* when it was asked for a stall */
  int silences;           /* one after the other, at that */
};

static void destroy(struct p2p_haul *haul) {
  struct p2p_haul_events events = haul->events;
  void *arg = haul->arg;

  p2p_wipe(haul, sizeof *haul);
  free(haul);
  events.on_gone(arg);
}

static void end(struct p2p_haul *haul, const struct p2p_err *err) {
  haul->events.on_end(haul->arg, err);
}

/* ---- the stream ---- */

static void on_progress(void *arg, uint64_t moved_bytes) {
  struct p2p_haul *haul = arg;
  haul->events.on_progress(haul->arg, moved_bytes);
}

static void on_stream_end(void *arg, const struct p2p_err *err) {
  end(arg, err);
}

static void on_stream_gone(void *arg) {
  destroy(arg); /* a stream is freed only by our own end */
}

static void start_incoming(struct p2p_haul *haul, struct p2p_tcp *tcp, const uint8_t *rest, size_t rest_length) {
  static const struct p2p_incoming_events EVENTS = { on_progress, on_stream_end, on_stream_gone };
  struct p2p_err err;

  haul->events.on_moving(haul->arg, haul->way);
  if (p2p_incoming_new(haul->loop, tcp, &haul->key, haul->arrival, haul->size_bytes, rest, rest_length, &EVENTS, haul,
                       &haul->incoming, &err) != P2P_OK)
    end(haul, &err);
}

static void start_outgoing(struct p2p_haul *haul) {
  static const struct p2p_outgoing_events EVENTS = { on_progress, on_stream_end, on_stream_gone };
  struct p2p_tcp *tcp = haul->tcp;
  struct p2p_err err;

  haul->tcp = NULL;
  haul->events.on_moving(haul->arg, haul->way);
  if (p2p_outgoing_new(haul->loop, tcp, &haul->key, haul->source, haul->early, haul->early_length, &EVENTS, haul,
                       &haul->outgoing, &err) != P2P_OK)
    end(haul, &err);
}

/* ---- the connection ---- */

/* The receipt of an empty file can be here before the word, by way of the mailbox, that it is wanted. */
static void on_early_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_haul *haul = arg;
  struct p2p_err err;

  if (length <= sizeof haul->early - haul->early_length) {
    memcpy(haul->early + haul->early_length, bytes, length);
    haul->early_length += length;
    return;
  }
  p2p_err_set(&err, P2P_ERR_PROTOCOL, "The receiver speaks before it was sent anything");
  end(arg, &err);
}

/* A receipt may be followed by the end: then what counts is the receipt. */
static void on_early_close(void *arg, const struct p2p_err *err) {
  struct p2p_haul *haul = arg;

  if (haul->early_length == 0)
    end(haul, err);
}

/* The sender's connection may stand before the receiver has said that it wants the file. */
static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest, size_t rest_length) {
  static const struct p2p_tcp_events EARLY = { NULL, on_early_data, NULL, on_early_close };
  struct p2p_haul *haul = arg;

  snprintf(haul->way, sizeof haul->way, "%s", path);
  p2p_transit_free(haul->transit); /* nobody else need knock any more */
  haul->transit = NULL;
  if (!haul->is_sender) {
    start_incoming(haul, tcp, rest, rest_length);
    return;
  }
  haul->tcp = tcp;
  (void)p2p_tcp_attach(tcp, &EARLY, haul); /* if it ended meanwhile, the next write or read says so */
  if (rest_length > sizeof haul->early) {
    on_early_data(haul, rest, rest_length);
    return;
  }
  if (rest_length > 0)
    memcpy(haul->early, rest, rest_length);
  haul->early_length = rest_length;
  if (haul->source != NULL)
    start_outgoing(haul);
}

static void on_transit_fail(void *arg, const struct p2p_err *err) {
  end(arg, err);
}

/* ---- what the owner does ---- */

int p2p_haul_new(const struct p2p_transit_config *config, const struct p2p_haul_events *events, void *arg,
                 struct p2p_haul **out, struct p2p_err *err) {
  static const struct p2p_transit_events EVENTS = { on_connected, on_transit_fail };
  struct p2p_haul *haul = calloc(1, sizeof *haul);

  if (haul == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  haul->loop = config->loop;
  haul->events = *events;
  haul->arg = arg;
  haul->is_sender = config->is_sender;
  haul->key = *config->key;
  int code = p2p_transit_new(config, &EVENTS, haul, &haul->transit, err);
  if (code == P2P_OK)
    *out = haul;
  else
    free(haul);
  return code;
}

void p2p_haul_hints(const struct p2p_haul *haul, struct p2p_hints *out) {
  p2p_transit_hints(haul->transit, out);
}

void p2p_haul_send(struct p2p_haul *haul, struct p2p_source *source) {
  haul->source = source;
  if (haul->tcp != NULL)
    start_outgoing(haul);
}

void p2p_haul_receive(struct p2p_haul *haul, struct p2p_arrival *arrival, uint64_t size_bytes) {
  haul->arrival = arrival;
  haul->size_bytes = size_bytes;
}

int p2p_haul_race(struct p2p_haul *haul, const struct p2p_hints *theirs, struct p2p_err *err) {
  haul->is_racing = true;
  if (haul->transit == NULL)
    return P2P_OK; /* the other side has reached us already */
  return p2p_transit_race(haul->transit, theirs, err);
}

bool p2p_haul_time_out(const struct p2p_haul *haul, const char *peer, double seconds, struct p2p_err *err) {
  if (!haul->is_racing || haul->transit == NULL)
    return false;
  p2p_transit_time_out(haul->transit, peer, seconds, err);
  return true;
}

bool p2p_haul_has_stalled(struct p2p_haul *haul) {
  bool is_all = false;
  uint64_t passed = haul->outgoing != NULL ? p2p_outgoing_passed(haul->outgoing, &is_all) : p2p_incoming_passed(haul->incoming);
  bool is_silent = passed - haul->passed_before < P2P_HAUL_STALL_BYTES;

  haul->passed_before = passed;
  haul->silences = is_silent ? haul->silences + 1 : 0;
  return haul->silences >= (is_all ? P2P_HAUL_RECEIPT_STALLS : 1);
}

void p2p_haul_free(struct p2p_haul *haul) {
  if (haul == NULL)
    return;
  p2p_transit_free(haul->transit);
  haul->transit = NULL;
  if (haul->tcp != NULL)
    p2p_tcp_finish(haul->tcp, LINGER_MS);
  if (haul->outgoing != NULL)
    p2p_outgoing_free(haul->outgoing);
  else if (haul->incoming != NULL)
    p2p_incoming_free(haul->incoming);
  else
    destroy(haul);
}
