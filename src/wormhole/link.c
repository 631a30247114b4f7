/* An open link: frames in transit records, one record a frame, and the heartbeat. How it comes to
 * be is the business of wormhole/link_setup.c. */
#include "wormhole/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "wormhole/link_setup.h"
#include "wormhole/record.h"

#define LINGER_MS 1000
#define RECORD_ROOM (P2P_RECORD_OVERHEAD + P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX)

enum state {
  MEETING, /* the rendezvous goes on */
  OPEN,    /* frames go both ways */
  ENDED    /* on_close was told, or the owner freed it */
};

struct p2p_link {
  struct p2p_loop *loop;
  enum state state;
  struct p2p_link_callbacks callbacks;
  void *arg;
  bool is_opener;
  uint32_t heartbeat_ms, silence_ms;
  struct p2p_link_setup *setup; /* in MEETING */
  struct p2p_tcp *tcp;          /* in OPEN */
  struct p2p_timer *heartbeat, *silence;
  uint64_t heard_ms; /* when the peer's last bytes came */
  bool is_doubted;   /* the silence was long enough; one more look */
  struct p2p_record_sealer sealer;
  struct p2p_record_opener opener;
  struct p2p_buf partial; /* the beginning of a frame that came in one record and ends in another */
  bool busy;              /* frames are being told; memory stays until that returns */
  bool freed;             /* the owner is done */
  uint8_t record[RECORD_ROOM]; /* the one that is being sealed */
};

static void drop_connections(struct p2p_link *link) {
  p2p_link_setup_free(link->setup);
  link->setup = NULL;
  p2p_timer_free(link->heartbeat);
  p2p_timer_free(link->silence);
  link->heartbeat = link->silence = NULL;
  if (link->tcp != NULL) p2p_tcp_finish(link->tcp, LINGER_MS);
  link->tcp = NULL;
}

static void destroy(struct p2p_link *link) {
  p2p_record_sealer_clear(&link->sealer);
  p2p_record_opener_clear(&link->opener);
  p2p_buf_clear(&link->partial);
  p2p_wipe(link, sizeof *link);
  free(link);
}

/* The last event: nothing is touched after it. */
static void end(struct p2p_link *link, const struct p2p_err *err) {
  struct p2p_err copy = *err; /* it may live in what is dropped now */

  link->state = ENDED;
  drop_connections(link);
  link->callbacks.on_close(link->arg, &copy);
}

static const char *peer_word(const struct p2p_link *link) {
  return link->is_opener ? "worker" : "client";
}

/* ---- what comes ---- */

/* Tells the whole frames at the start of the bytes; returns how many bytes those were, or
 * P2P_ERR_*. */
static long tell_frames(struct p2p_link *link, const uint8_t *bytes, size_t length) {
  size_t at = 0;

  while (link->state == OPEN) {
    struct p2p_frame frame;
    long used = p2p_frame_get(bytes + at, length - at, &frame);
    if (used < 0) return used;
    if (used == 0) break;
    at += (size_t)used;
    if (frame.type != P2P_FRAME_PING) link->callbacks.on_frame(link->arg, &frame);
  }
  return (long)at;
}

/* Frames are cut from the stream of all payloads. Mostly a record is a frame, and nothing is
 * copied. */
static int take_payload(struct p2p_link *link, const uint8_t *payload, size_t length) {
  int code = P2P_OK;

  if (p2p_buf_len(&link->partial) > 0) {
    code = p2p_buf_put(&link->partial, payload, length);
    payload = p2p_buf_data(&link->partial);
    length = p2p_buf_len(&link->partial);
  }
  long used = code == P2P_OK ? tell_frames(link, payload, length) : code;
  if (used < 0) return (int)used;
  if (p2p_buf_len(&link->partial) > 0)
    p2p_buf_consume(&link->partial, (size_t)used);
  else if ((size_t)used < length)
    code = p2p_buf_put(&link->partial, payload + used, length - (size_t)used);
  return code;
}

static void take_records(struct p2p_link *link, const uint8_t *bytes, size_t length) {
  struct p2p_err err;

  while (link->state == OPEN) {
    const uint8_t *payload;
    size_t payload_length;
    int code = p2p_record_open(&link->opener, &bytes, &length, &payload, &payload_length, &err);
    if (code == 0) return;
    if (code == 1) {
      code = take_payload(link, payload, payload_length);
      if (code != P2P_OK)
        p2p_err_set(&err, code == P2P_ERR_MEMORY ? code : P2P_ERR_PROTOCOL,
                    code == P2P_ERR_MEMORY ? "Out of memory" : "The %s sent a frame that is none",
                    peer_word(link));
    }
    if (code < 0) {
      end(link, &err);
      return;
    }
  }
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_link *link = arg;

  link->heard_ms = p2p_clock_ms();
  link->is_doubted = false;
  link->busy = true;
  take_records(link, bytes, length);
  link->busy = false;
  if (link->freed) destroy(link);
}

static void on_drain(void *arg) {
  struct p2p_link *link = arg;

  if (link->callbacks.on_drain != NULL) link->callbacks.on_drain(link->arg);
}

static void on_tcp_close(void *arg, const struct p2p_err *err) {
  struct p2p_link *link = arg;
  struct p2p_err why = *err;

  if (why.code != P2P_ERR_CLOSED)
    why.code = P2P_ERR_LOST;
  else if (p2p_record_opener_is_within(&link->opener) || p2p_buf_len(&link->partial) > 0)
    p2p_err_set(&why, P2P_ERR_LOST, "The connection to the %s broke off in the middle of a message",
                peer_word(link));
  else
    p2p_err_set(&why, P2P_ERR_CLOSED, "The %s closed the link", peer_word(link));
  end(link, &why);
}

/* ---- the heartbeat ---- */

static void on_heartbeat(void *arg) {
  struct p2p_link *link = arg;

  /* What is on its way already is a sign of life as good. A connection that fails says so as
   * on_close. */
  if (p2p_tcp_queued(link->tcp) == 0) (void)p2p_link_send(link, P2P_FRAME_PING, 0, NULL, 0);
}

static void on_silence(void *arg) {
  struct p2p_link *link = arg;
  uint64_t silent_ms = p2p_clock_ms() - link->heard_ms;
  struct p2p_err err;

  if (silent_ms < link->silence_ms) {
    p2p_timer_start(link->silence, link->silence_ms - silent_ms, 0);
  } else if (!link->is_doubted) {
    /* Perhaps it was us who stood still (a stopped process), and the bytes wait in the kernel: read
     * first. */
    link->is_doubted = true;
    p2p_timer_start(link->silence, 1, 0);
  } else {
    p2p_err_set(&err, P2P_ERR_LOST,
                "Nothing was heard of the %s for %g s: it is gone, or the network between is",
                peer_word(link), link->silence_ms / 1000.0);
    end(link, &err);
  }
}

static int start_heartbeat(struct p2p_link *link) {
  link->heartbeat = p2p_timer_new(link->loop, on_heartbeat, link);
  link->silence = p2p_timer_new(link->loop, on_silence, link);
  if (link->heartbeat == NULL || link->silence == NULL) return P2P_ERR_MEMORY;
  link->heard_ms = p2p_clock_ms();
  p2p_timer_start(link->heartbeat, link->heartbeat_ms, link->heartbeat_ms);
  p2p_timer_start(link->silence, link->silence_ms, 0);
  return P2P_OK;
}

/* ---- the rendezvous ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_link *link = arg;
  link->callbacks.on_code(link->arg, code);
}

static void on_meeting_fail(void *arg, const struct p2p_err *err) { end(arg, err); }

static void set_keys(struct p2p_link *link, const struct p2p_transit_key *key) {
  struct p2p_record_key send, receive;

  p2p_key_record(key, link->is_opener, &send);
  p2p_key_record(key, !link->is_opener, &receive);
  p2p_record_sealer_init(&link->sealer, &send);
  p2p_record_opener_init(&link->opener, &receive);
  p2p_wipe(&send, sizeof send);
  p2p_wipe(&receive, sizeof receive);
}

static void on_connected(void *arg, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                         const char *path, const uint8_t *rest, size_t rest_length) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_data, on_drain, on_tcp_close};
  static const struct p2p_err NO_MEMORY = {P2P_ERR_MEMORY, NULL, "Out of memory"};
  struct p2p_link *link = arg;

  set_keys(link, key);
  p2p_link_setup_free(link->setup);
  link->setup = NULL;
  link->tcp = tcp;
  (void)p2p_tcp_attach(tcp, &EVENTS,
                       link); /* if it ended meanwhile, the next write or read says so */
  if (start_heartbeat(link) != P2P_OK) {
    end(link, &NO_MEMORY);
    return;
  }
  link->state = OPEN;
  link->busy = true;
  link->callbacks.on_open(link->arg, path);
  if (rest_length > 0) take_records(link, rest, rest_length);
  link->busy = false;
  if (link->freed) destroy(link);
}

/* ---- what the owner does ---- */

int p2p_link_open(const struct p2p_link_config *config, const struct p2p_link_callbacks *callbacks,
                  void *arg, struct p2p_link **out, struct p2p_err *err) {
  static const struct p2p_link_setup_callbacks EVENTS = {on_code, on_connected, on_meeting_fail};
  struct p2p_link *link = calloc(1, sizeof *link);

  if (link == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  link->loop = config->loop;
  link->callbacks = *callbacks;
  link->arg = arg;
  link->is_opener = config->code == NULL;
  link->heartbeat_ms = config->heartbeat_ms ? config->heartbeat_ms : P2P_LINK_HEARTBEAT_MS;
  link->silence_ms = config->silence_ms ? config->silence_ms : P2P_LINK_SILENCE_MS;
  p2p_buf_init(&link->partial,
               P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX + P2P_RECORD_PAYLOAD_MAX);
  int code = p2p_link_setup_new(config, &EVENTS, link, &link->setup, err);
  if (code != P2P_OK)
    destroy(link);
  else
    *out = link;
  return code;
}

int p2p_link_send(struct p2p_link *link, uint8_t type, uint32_t task, const void *payload,
                  size_t length) {
  uint8_t *frame = link->record + P2P_RECORD_OVERHEAD;

  if (link->state != OPEN) return P2P_ERR_CLOSED;
  if (length > P2P_FRAME_PAYLOAD_MAX) return P2P_ERR_TOO_LARGE;
  frame[0] = type;
  p2p_set_u32(frame + 1, task);
  p2p_set_u32(frame + 5, (uint32_t)length);
  if (length > 0) memcpy(frame + P2P_FRAME_HEADER_LEN, payload, length);
  p2p_record_seal(&link->sealer, link->record, P2P_FRAME_HEADER_LEN + length);
  return p2p_tcp_write(link->tcp, link->record,
                       P2P_RECORD_OVERHEAD + P2P_FRAME_HEADER_LEN + length);
}

size_t p2p_link_queued(const struct p2p_link *link) {
  return link->tcp ? p2p_tcp_queued(link->tcp) : 0;
}

void p2p_link_free(struct p2p_link *link) {
  if (link == NULL) return;
  link->freed = true;
  link->state = ENDED;
  drop_connections(link);
  if (!link->busy) destroy(link);
}
