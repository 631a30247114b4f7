/* A link: frames in transit records, one record per frame, and the heartbeat. wormhole/link_setup.c
 * makes the connection. */
#include "wormhole/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "wormhole/link_setup.h"
#include "wormhole/record.h"

#define LINGER_MS 1000
#define RECORD_ROOM (P2P_RECORD_OVERHEAD + P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX)

enum state {
  SETUP, /* the connection is being made */
  OPEN,  /* frames are sent and received */
  ENDED  /* on_close was reported, or the link was freed */
};

struct p2p_link {
  struct p2p_loop *loop;
  enum state state;
  struct p2p_link_callbacks callbacks;
  void *arg;
  bool is_opener;
  uint8_t verifier[P2P_KEY_LEN]; /* in OPEN */
  struct p2p_transit_key key;    /* in OPEN, until p2p_link_switch */
  uint32_t heartbeat_ms, silence_ms, stall_ms;
  struct p2p_link_setup *setup; /* in SETUP */
  struct p2p_tcp *tcp;          /* in OPEN */
  struct p2p_timer *heartbeat, *silence, *pause;
  uint64_t received_ms; /* when the peer's last bytes arrived */
  uint64_t ticked_ms;   /* by p2p_clock_boot_ms, when the heartbeat last ran */
  uint64_t resumed_ms;  /* when the last pause of this process was over */
  uint64_t paused_ms;   /* how long this process did not run; 0: bytes have arrived since */
  bool is_paused;       /* by the owner */
  bool is_overdue;      /* nothing arrived for silence_ms; the socket is read once more */
  uint64_t sent_bytes, taken_bytes; /* taken: by the kernel, at the last heartbeat */
  uint64_t taken_ms;                /* when it had last taken something, or nothing waited */
  struct p2p_record_sealer sealer;
  struct p2p_record_opener opener;
  struct p2p_buf partial;      /* a frame that started in one record and ends in another */
  struct p2p_post free_post;   /* frees the memory after the callbacks that are running */
  uint8_t record[RECORD_ROOM]; /* for p2p_link_send */
};

static void drop_connections(struct p2p_link *link) {
  p2p_link_setup_free(link->setup);
  link->setup = NULL;
  p2p_timer_free(link->heartbeat);
  p2p_timer_free(link->silence);
  p2p_timer_free(link->pause);
  link->heartbeat = link->silence = link->pause = NULL;
  if (link->tcp != NULL) p2p_tcp_finish(link->tcp, LINGER_MS);
  link->tcp = NULL;
  p2p_wipe(link->verifier, sizeof link->verifier);
  p2p_wipe(&link->key, sizeof link->key);
}

static void destroy(void *arg) {
  struct p2p_link *link = arg;

  p2p_record_sealer_clear(&link->sealer);
  p2p_record_opener_clear(&link->opener);
  p2p_buf_clear(&link->partial);
  p2p_wipe(link, sizeof *link);
  free(link);
}

/* Looks how late the heartbeat is: longer than silence_ms means that this computer slept or that
 * this process was stopped, and that the peer may have given up the link. */
static void note_pause(struct p2p_link *link) {
  uint64_t now_ms = p2p_clock_boot_ms(), late_ms = now_ms - link->ticked_ms;

  link->ticked_ms = now_ms;
  if (late_ms < link->silence_ms) return;
  link->paused_ms = late_ms;
  link->resumed_ms = now_ms;
}

/* Reports the last event. The owner may free the link. */
static void end(struct p2p_link *link, const struct p2p_err *err) {
  struct p2p_err copy = *err; /* `err` may belong to a connection that is freed here */

  if (link->paused_ms > 0)
    p2p_err_set(&copy, err->code,
                "this computer slept, or this process was stopped, for %.1f s; then %s",
                (double)link->paused_ms / 1000, err->message);
  link->state = ENDED;
  drop_connections(link);
  link->callbacks.on_close(link->arg, &copy);
}

static const char *peer_role(const struct p2p_link *link) {
  return link->is_opener ? "worker" : "client";
}

/* ---- receive ---- */

/* Reports the complete frames at the start of the bytes. Returns their length in bytes, or
 * P2P_ERR_*. */
static long receive_frames(struct p2p_link *link, const uint8_t *bytes, size_t length) {
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

/* A frame may span records. Usually each record is one frame, and nothing is copied. */
static int receive_payload(struct p2p_link *link, const uint8_t *payload, size_t length) {
  int code = P2P_OK;

  if (p2p_buf_len(&link->partial) > 0) {
    code = p2p_buf_put(&link->partial, payload, length);
    payload = p2p_buf_data(&link->partial);
    length = p2p_buf_len(&link->partial);
  }
  long used = code == P2P_OK ? receive_frames(link, payload, length) : code;
  if (used < 0) return (int)used;
  if (p2p_buf_len(&link->partial) > 0)
    p2p_buf_consume(&link->partial, (size_t)used);
  else if ((size_t)used < length)
    code = p2p_buf_put(&link->partial, payload + used, length - (size_t)used);
  return code;
}

static void receive_records(struct p2p_link *link, const uint8_t *bytes, size_t length) {
  struct p2p_err err;

  while (link->state == OPEN) {
    const uint8_t *payload;
    size_t payload_length;
    int code = p2p_record_open(&link->opener, &bytes, &length, &payload, &payload_length, &err);
    if (code == 0) return;
    if (code == 1) {
      code = receive_payload(link, payload, payload_length);
      if (code != P2P_OK)
        p2p_err_set(&err, code == P2P_ERR_MEMORY ? code : P2P_ERR_PROTOCOL,
                    code == P2P_ERR_MEMORY ? "out of memory" : "the %s sent a malformed frame",
                    peer_role(link));
    }
    if (code < 0) {
      end(link, &err);
      return;
    }
  }
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_link *link = arg;

  link->received_ms = p2p_clock_ms();
  link->is_overdue = false;
  /* Bytes that arrive at once may have waited in the kernel. */
  if (p2p_clock_boot_ms() - link->resumed_ms > link->heartbeat_ms / 2) link->paused_ms = 0;
  receive_records(link, bytes, length);
}

static void on_drain(void *arg) {
  struct p2p_link *link = arg;

  if (link->callbacks.on_drain != NULL) link->callbacks.on_drain(link->arg);
}

static void on_tcp_close(void *arg, const struct p2p_err *err) {
  struct p2p_link *link = arg;
  struct p2p_err why = *err;

  note_pause(link);
  if (why.code != P2P_ERR_CLOSED)
    why.code = P2P_ERR_LOST;
  else if (p2p_record_opener_is_within(&link->opener) || p2p_buf_len(&link->partial) > 0)
    p2p_err_set(&why, P2P_ERR_LOST, "the connection to the %s broke in the middle of a message",
                peer_role(link));
  else
    p2p_err_set(&why, P2P_ERR_CLOSED, "the %s closed the link", peer_role(link));
  end(link, &why);
}

/* ---- the heartbeat ---- */

/* A peer that sends and does not read would hold what it was granted for ever. */
static bool is_stalled(struct p2p_link *link) {
  size_t queued = p2p_tcp_queued(link->tcp);
  uint64_t taken_bytes = link->sent_bytes - queued, now_ms = p2p_clock_ms();

  if (queued == 0 || taken_bytes != link->taken_bytes) link->taken_ms = now_ms;
  link->taken_bytes = taken_bytes;
  return now_ms - link->taken_ms >= link->stall_ms;
}

static void on_heartbeat(void *arg) {
  struct p2p_link *link = arg;
  struct p2p_err err;

  note_pause(link);
  if (is_stalled(link)) {
    p2p_err_set(&err, P2P_ERR_LOST, "the %s has read nothing for %g s", peer_role(link),
                link->stall_ms / 1000.0);
    end(link, &err);
    return;
  }
  /* Data that is queued serves as well. A failure is reported by on_close. */
  if (p2p_tcp_queued(link->tcp) == 0) (void)p2p_link_send(link, P2P_FRAME_PING, 0, NULL, 0);
}

static void on_silence(void *arg) {
  struct p2p_link *link = arg;
  if (link->is_paused) link->received_ms = p2p_clock_ms();
  uint64_t silent_ms = p2p_clock_ms() - link->received_ms;
  struct p2p_err err;

  if (silent_ms < link->silence_ms) {
    p2p_timer_start(link->silence, link->silence_ms - silent_ms, 0);
  } else if (!link->is_overdue) {
    /* If this process was stopped for a while, bytes may wait in the kernel: read them first. */
    link->is_overdue = true;
    p2p_timer_start(link->silence, 1, 0);
  } else {
    note_pause(link);
    p2p_err_set(&err, P2P_ERR_LOST, "nothing received from the %s for %g s", peer_role(link),
                link->silence_ms / 1000.0);
    end(link, &err);
  }
}

static void on_pause_end(void *arg) { p2p_link_resume(arg); }

static int start_heartbeat(struct p2p_link *link) {
  link->heartbeat = p2p_timer_new(link->loop, on_heartbeat, link);
  link->silence = p2p_timer_new(link->loop, on_silence, link);
  link->pause = p2p_timer_new(link->loop, on_pause_end, link);
  if (link->heartbeat == NULL || link->silence == NULL || link->pause == NULL)
    return P2P_ERR_MEMORY;
  link->received_ms = link->taken_ms = p2p_clock_ms();
  link->ticked_ms = p2p_clock_boot_ms();
  p2p_timer_start(link->heartbeat, link->heartbeat_ms, link->heartbeat_ms);
  p2p_timer_start(link->silence, link->silence_ms, 0);
  return P2P_OK;
}

/* ---- set-up ---- */

static void on_code(void *arg, const char *code) {
  struct p2p_link *link = arg;
  link->callbacks.on_code(link->arg, code);
}

static void on_setup_fail(void *arg, const struct p2p_err *err) { end(arg, err); }

static void on_connected(void *arg, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                         const char *path, const uint8_t *rest, size_t rest_length) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_data, on_drain, on_tcp_close};
  static const struct p2p_err OUT_OF_MEMORY = {P2P_ERR_MEMORY, NULL, "out of memory"};
  struct p2p_link *link = arg;

  p2p_record_init(&link->sealer, &link->opener, key, link->is_opener);
  link->key = *key;
  p2p_link_setup_verifier(link->setup, link->verifier);
  p2p_link_setup_free(link->setup);
  link->setup = NULL;
  link->tcp = tcp;
  /* If the connection has ended already, the next read or write reports it. */
  (void)p2p_tcp_attach(tcp, &EVENTS, link);
  if (start_heartbeat(link) != P2P_OK) {
    end(link, &OUT_OF_MEMORY);
    return;
  }
  link->state = OPEN;
  link->callbacks.on_open(link->arg, path);
  if (rest_length > 0) receive_records(link, rest, rest_length);
}

/* ---- calls of the owner ---- */

int p2p_link_open(const struct p2p_link_config *config, const struct p2p_link_callbacks *callbacks,
                  void *arg, struct p2p_link **out, struct p2p_err *err) {
  static const struct p2p_link_setup_callbacks EVENTS = {on_code, on_connected, on_setup_fail};
  struct p2p_link *link = calloc(1, sizeof *link);

  if (link == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  link->loop = config->loop;
  link->callbacks = *callbacks;
  link->arg = arg;
  link->is_opener = config->mailbox_id != NULL ? config->is_opener : config->code == NULL;
  link->heartbeat_ms = config->heartbeat_ms ? config->heartbeat_ms : P2P_LINK_HEARTBEAT_MS;
  link->silence_ms = config->silence_ms ? config->silence_ms : P2P_LINK_SILENCE_MS;
  link->stall_ms = config->stall_ms ? config->stall_ms : P2P_LINK_STALL_MS;
  p2p_buf_init(&link->partial,
               P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX + P2P_RECORD_PAYLOAD_MAX);
  struct p2p_link_setup_config setup = {.loop = config->loop,
                                        .mailbox = config->mailbox,
                                        .relay = config->relay,
                                        .code = config->code,
                                        .mailbox_id = config->mailbox_id,
                                        .password = config->password,
                                        .is_opener = link->is_opener,
                                        .no_listen = config->no_listen,
                                        .no_direct = config->no_direct,
                                        .timeout_ms = config->timeout_ms ? config->timeout_ms
                                                                         : P2P_LINK_TIMEOUT_MS};
  int code = p2p_link_setup_new(&setup, &EVENTS, link, &link->setup, err);
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
  if (length > P2P_FRAME_PAYLOAD_MAX || p2p_tcp_queued(link->tcp) > P2P_LINK_QUEUE_MAX)
    return P2P_ERR_TOO_LARGE;
  p2p_frame_write_header(type, task, (uint32_t)length, frame);
  if (length > 0) memcpy(frame + P2P_FRAME_HEADER_LEN, payload, length);
  uint8_t *record = p2p_record_seal(&link->sealer, link->record, P2P_FRAME_HEADER_LEN + length);
  if (record == NULL) return P2P_ERR_CRYPTO;
  size_t record_length = (size_t)(frame - record) + P2P_FRAME_HEADER_LEN + length;
  link->sent_bytes += record_length;
  return p2p_tcp_write(link->tcp, record, record_length);
}

int p2p_link_switch(struct p2p_link *link, enum p2p_cipher_kind kind) {
  if (link->state != OPEN) return P2P_ERR_CLOSED;
  if (kind == P2P_CIPHER_NONE) return P2P_OK;
  if (link->sealer.cipher != NULL) return P2P_ERR_INVALID;
  int code = p2p_record_switch(&link->sealer, &link->opener, kind, &link->key, link->is_opener);
  p2p_wipe(&link->key, sizeof link->key);
  return code;
}

bool p2p_link_is_confirmed(const struct p2p_link *link) {
  return link->state == OPEN || (link->state == SETUP && p2p_link_setup_is_confirmed(link->setup));
}

const uint8_t *p2p_link_verifier(const struct p2p_link *link) { return link->verifier; }

size_t p2p_link_queued(const struct p2p_link *link) {
  return link->tcp ? p2p_tcp_queued(link->tcp) : 0;
}

void p2p_link_measure(const struct p2p_link *link, struct p2p_tcp_measure *out) {
  p2p_tcp_measure(link->tcp, out);
}

void p2p_link_pause(struct p2p_link *link, uint32_t for_ms) {
  if (link->state != OPEN) return;
  if (for_ms == 0)
    p2p_timer_stop(link->pause);
  else if (!link->is_paused)
    p2p_timer_start(link->pause, for_ms, 0);
  link->is_paused = true;
  p2p_tcp_pause(link->tcp);
  if (for_ms == 0) p2p_tcp_watch_end(link->tcp);
}

void p2p_link_resume(struct p2p_link *link) {
  if (link->state != OPEN || !link->is_paused) return;
  p2p_timer_stop(link->pause);
  link->is_paused = false;
  link->received_ms = p2p_clock_ms();
  p2p_tcp_resume(link->tcp);
}

void p2p_link_free(struct p2p_link *link) {
  if (link == NULL) return;
  link->state = ENDED;
  drop_connections(link);
  link->free_post = (struct p2p_post){.fn = destroy, .arg = link};
  p2p_loop_defer(link->loop, &link->free_post);
}
