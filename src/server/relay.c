/* The transit relay. A connection sends a request, waits for its partner, and then is one end of a
 * pair. When one end closes, the other gets the bytes that are on their way and is closed too. */
#include "server/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/listener.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "server/client_address.h"
#include "server/limits.h"
#include "server/relay_request.h"

#define CHECK_MS 5000        /* between two checks for connections that have waited too long */
#define REPLY_LINGER_MS 1000 /* for the reply to a request that is refused */

enum stage {
  STAGE_REQUEST, /* its request has not been received completely */
  STAGE_WAITING, /* for its partner */
  STAGE_JOINED   /* bytes are passed both ways */
};

struct end {
  struct end *next;
  struct p2p_relay *relay;
  struct p2p_tcp *tcp;
  struct end *partner; /* in STAGE_JOINED, else NULL */
  enum stage stage;
  uint64_t stage_ms; /* when the stage began */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
  struct p2p_relay_request request;
  uint8_t line[P2P_RELAY_REQUEST_MAX]; /* the request as far as it was received */
  size_t line_length;
  uint64_t passed_bytes; /* from this end to its partner */
};

struct p2p_relay {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_listener *listener;
  struct p2p_timer *check_timer; /* runs while there are ends */
  struct end *ends;
  size_t n_ends;
};

static void free_end(struct end *end) {
  struct end **at = &end->relay->ends;
  while (*at != end) at = &(*at)->next;
  *at = end->next;
  if (--end->relay->n_ends == 0) p2p_timer_stop(end->relay->check_timer);
  p2p_wipe(&end->request, sizeof end->request);
  p2p_wipe(end->line, sizeof end->line);
  free(end);
}

static void reply_and_close(struct end *end, const char *line) {
  p2p_tcp_write(end->tcp, line, strlen(line));
  p2p_tcp_finish(end->tcp, REPLY_LINGER_MS);
  free_end(end);
}

static void set_stage(struct end *end, enum stage stage) {
  end->stage = stage;
  end->stage_ms = p2p_clock_ms();
}

/* --- joining --- */

static struct end *find_partner(const struct end *end) {
  for (struct end *other = end->relay->ends; other != NULL; other = other->next)
    if (other != end && other->stage == STAGE_WAITING &&
        p2p_relay_request_matches(&other->request, &end->request))
      return other;
  return NULL;
}

/* Other connections that wait with the same token are no longer needed. */
static void close_redundant(const struct end *joined) {
  for (struct end *end = joined->relay->ends, *next; end != NULL; end = next) {
    next = end->next;
    if (end->stage != STAGE_WAITING ||
        memcmp(end->request.token, joined->request.token, P2P_RELAY_TOKEN_LEN) != 0)
      continue;
    p2p_tcp_free(end->tcp);
    free_end(end);
  }
}

static void join(struct end *a, struct end *b) {
  char name_a[64] = "?", name_b[64] = "?";
  a->partner = b;
  b->partner = a;
  set_stage(a, STAGE_JOINED);
  set_stage(b, STAGE_JOINED);
  (void)p2p_tcp_peer_name(a->tcp, name_a, sizeof name_a);
  (void)p2p_tcp_peer_name(b->tcp, name_b, sizeof name_b);
  p2p_log_write(a->relay->log, P2P_LOG_INFO, "relay joined %s and %s", name_a, name_b);
  close_redundant(a);
  p2p_tcp_write(a->tcp, "ok\n", 3);
  p2p_tcp_write(b->tcp, "ok\n", 3);
}

static void on_request_bytes(struct end *end, const uint8_t *bytes, size_t length) {
  size_t room = sizeof end->line - end->line_length, taken = length < room ? length : room;
  memcpy(end->line + end->line_length, bytes, taken);
  end->line_length += taken;
  long request_length = p2p_relay_request_parse(end->line, end->line_length, &end->request);
  if (request_length == 0) return;
  if (request_length < 0) {
    reply_and_close(end, "bad handshake\n");
    return;
  }
  if ((size_t)request_length < end->line_length || taken < length) {
    reply_and_close(end, "impatient\n");
    return;
  }
  struct end *partner = find_partner(end);
  set_stage(end, STAGE_WAITING);
  if (partner != NULL) join(partner, end);
}

/* --- callbacks of a connection --- */

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct end *end = arg;
  switch (end->stage) {
  case STAGE_REQUEST: on_request_bytes(end, bytes, length); break;
  case STAGE_WAITING: reply_and_close(end, "impatient\n"); break;
  case STAGE_JOINED:
    end->passed_bytes += length;
    p2p_tcp_write(end->partner->tcp, bytes, length); /* on_close reports a failure */
    if (p2p_tcp_queued(end->partner->tcp) > P2P_RELAY_QUEUE_MAX) p2p_tcp_pause(end->tcp);
    break;
  }
}

static void on_drain(void *arg) {
  struct end *end = arg;
  if (end->stage == STAGE_JOINED) p2p_tcp_resume(end->partner->tcp);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct end *end = arg, *partner = end->partner;
  (void)err;
  if (partner != NULL) {
    p2p_log_write(end->relay->log, P2P_LOG_INFO,
                  "relay closed a pair of connections after %llu bytes",
                  (unsigned long long)(end->passed_bytes + partner->passed_bytes));
    p2p_tcp_finish(partner->tcp, P2P_RELAY_LINGER_MS);
    free_end(partner);
  }
  p2p_tcp_free(end->tcp);
  free_end(end);
}

static const char *reason_to_refuse(const struct p2p_relay *relay, const char *client_address) {
  size_t n_of_address = 0;
  for (const struct end *end = relay->ends; end != NULL; end = end->next)
    n_of_address += strcmp(end->client_address, client_address) == 0;
  if (relay->n_ends >= P2P_RELAY_CONNECTIONS_MAX) return "too many connections";
  return n_of_address >= P2P_RELAY_CONNECTIONS_PER_ADDRESS_MAX
             ? "too many connections from this address"
             : NULL;
}

/* Takes over tcp only when it succeeds. */
static int add_end(struct p2p_relay *relay, struct p2p_tcp *tcp, const char *client_address) {
  static const struct p2p_tcp_callbacks callbacks = {
      .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
  struct end *end = calloc(1, sizeof *end);
  if (end == NULL) return P2P_ERR_MEMORY;
  snprintf(end->client_address, sizeof end->client_address, "%s", client_address);
  end->relay = relay;
  end->tcp = tcp;
  end->next = relay->ends;
  relay->ends = end;
  if (relay->n_ends++ == 0) p2p_timer_start(relay->check_timer, CHECK_MS, CHECK_MS);
  set_stage(end, STAGE_REQUEST);
  int code = p2p_tcp_attach(tcp, &callbacks, end);
  if (code != P2P_OK) free_end(end);
  return code;
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_relay *relay = arg;
  char address[64] = "?:0", client_address[P2P_CLIENT_ADDRESS_MAX];
  (void)p2p_tcp_peer_name(tcp, address, sizeof address);
  p2p_client_address_of(address, client_address);
  const char *reason = reason_to_refuse(relay, client_address);
  if (reason == NULL && add_end(relay, tcp, client_address) != P2P_OK) reason = "out of memory";
  if (reason == NULL) return;
  p2p_log_write(relay->log, P2P_LOG_WARN, "relay refused a connection from %s: %s", address,
                reason);
  p2p_tcp_free(tcp);
}

static void on_check_timer(void *arg) {
  struct p2p_relay *relay = arg;
  uint64_t now_ms = p2p_clock_ms();
  for (struct end *end = relay->ends, *next; end != NULL; end = next) {
    next = end->next;
    uint64_t age_ms = now_ms - end->stage_ms;
    if ((end->stage == STAGE_REQUEST && age_ms > P2P_RELAY_REQUEST_MS) ||
        (end->stage == STAGE_WAITING && age_ms > P2P_RELAY_WAIT_MS))
      reply_and_close(end, "impatient\n");
  }
}

/* --- the relay --- */

int p2p_relay_new(struct p2p_loop *loop, const char *address, uint16_t port,
                  struct p2p_log_queue *log, struct p2p_relay **out, struct p2p_err *err) {
  struct p2p_relay *relay = calloc(1, sizeof *relay);
  int code = P2P_OK;
  if (relay == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  relay->loop = loop;
  relay->log = log;
  relay->check_timer = p2p_timer_new(loop, on_check_timer, relay);
  if (relay->check_timer == NULL) code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK)
    code = p2p_listener_new(&(struct p2p_listener_config){loop, address, port, on_accept, relay},
                            &relay->listener, err);
  if (code != P2P_OK) {
    p2p_relay_free(relay);
    return code;
  }
  *out = relay;
  return P2P_OK;
}

void p2p_relay_free(struct p2p_relay *relay) {
  if (relay == NULL) return;
  p2p_listener_free(relay->listener);
  while (relay->ends != NULL) {
    p2p_tcp_free(relay->ends->tcp);
    free_end(relay->ends);
  }
  p2p_timer_free(relay->check_timer);
  free(relay);
}

uint16_t p2p_relay_port(const struct p2p_relay *relay) {
  return p2p_listener_port(relay->listener);
}
