/* An SSH connection by libssh to OpenSSH's sshd on loopback, with its callbacks recorded. */
#ifndef P2P_TESTS_SSH_ATTEMPT_H
#define P2P_TESTS_SSH_ATTEMPT_H

#include "board/ssh.h"

#include "sshd_fixture.h"

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;

enum event { NO_EVENT, EVENT_READY, EVENT_START, EVENT_OUTPUT, EVENT_END, EVENT_CLOSE };

/* One connection with at most two commands, and what happened to it. */
struct attempt {
  struct p2p_address address;
  struct p2p_ssh *ssh;
  uint32_t timeout_ms;
  struct p2p_err err;
  int code, ready, closed, started, ended[2], status[2];
  const char *run[2], *input;
  struct p2p_ssh_command *commands[2];
  enum event free_in;              /* frees the commands and the connection in this callback */
  bool keeps_connection, is_freed; /* frees only the commands; it has done so */
  uint32_t silent_ms;              /* 0: the default */
  size_t received[2], expected;
  char text[2][256];
  int enough;
};

struct channel {
  struct attempt *attempt;
  int which;
} channels[2];

static inline void free_within(struct attempt *attempt, enum event event) {
  if (attempt->free_in != event) return;
  attempt->is_freed = true;
  for (int i = 0; i < 2; i++) p2p_ssh_command_free(attempt->commands[i]);
  if (!attempt->keeps_connection) {
    p2p_ssh_free(attempt->ssh);
    attempt->ssh = NULL;
  }
  site_count(&gate, &attempt->enough);
}

static inline void on_start(void *arg) {
  struct channel *channel = arg;
  struct attempt *attempt = channel->attempt;
  CHECK(!attempt->is_freed);
  if (channel->which == 0 && attempt->input != NULL)
    CHECK(p2p_ssh_command_write(attempt->commands[0], attempt->input, strlen(attempt->input)) ==
          P2P_OK);
  site_count(&gate, &attempt->started);
  free_within(attempt, EVENT_START);
}

static inline void on_output(void *arg, const char *bytes, size_t length) {
  struct channel *channel = arg;
  struct attempt *attempt = channel->attempt;
  char *text = attempt->text[channel->which];
  CHECK(!attempt->is_freed);
  size_t used = strlen(text), room = sizeof attempt->text[0] - 1 - used;
  if (memchr(bytes, 0, length) == NULL) strncat(text, bytes, length < room ? length : room);
  attempt->received[channel->which] += length;
  if (attempt->expected > 0 && attempt->received[channel->which] >= attempt->expected) {
    attempt->expected = 0;
    site_count(&gate, &attempt->enough);
  }
  free_within(attempt, EVENT_OUTPUT);
}

static inline void on_end(void *arg, int exit_status) {
  struct channel *channel = arg;
  CHECK(!channel->attempt->is_freed);
  channel->attempt->status[channel->which] = exit_status;
  site_count(&gate, &channel->attempt->ended[channel->which]);
  free_within(channel->attempt, EVENT_END);
}

static inline void on_ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_start, on_output, on_end};
  struct attempt *attempt = arg;
  if (attempt->silent_ms > 0) p2p_ssh_set_silence(attempt->ssh, attempt->silent_ms);
  for (int i = 0; i < 2; i++) {
    if (attempt->run[i] == NULL) continue;
    channels[i] = (struct channel){attempt, i};
    CHECK(p2p_ssh_run(attempt->ssh, attempt->run[i], &callbacks, &channels[i],
                      &attempt->commands[i], NULL) == P2P_OK);
  }
  site_count(&gate, &attempt->ready);
  free_within(attempt, EVENT_READY);
}

static inline void on_close(void *arg, const struct p2p_err *err) {
  struct attempt *attempt = arg;
  CHECK(!attempt->is_freed || attempt->keeps_connection);
  attempt->err = *err;
  site_count(&gate, &attempt->closed);
  free_within(attempt, EVENT_CLOSE);
}

static inline void connect_on_loop(void *arg) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct attempt *attempt = arg;
  const struct p2p_ssh_request request = {loop, &attempt->address, attempt->timeout_ms};
  attempt->code = p2p_ssh_connect(&request, &callbacks, attempt, &attempt->ssh, &attempt->err);
}

static inline void free_on_loop(void *arg) {
  struct attempt *attempt = arg;
  p2p_ssh_free(attempt->ssh);
  attempt->ssh = NULL;
}

/* Loopback, the known_hosts of the site, only the key `key`. */
static inline void prepare(struct attempt *attempt, const char *key) {
  memset(attempt, 0, sizeof *attempt);
  attempt->timeout_ms = 10000;
  snprintf(attempt->address.host, sizeof attempt->address.host, "127.0.0.1");
  attempt->address.port = site.port;
  attempt->address.identities_only = true;
  snprintf(attempt->address.known_hosts, sizeof attempt->address.known_hosts, "%s",
           site_path(&site, "known_hosts"));
  snprintf(attempt->address.identities[0], sizeof attempt->address.identities[0], "%s",
           site_path(&site, key));
  attempt->address.n_identities = 1;
}

static inline void add_argument(struct p2p_address *address, const char *text) {
  char *at = address->args;
  for (size_t i = 0; i < address->n_args; i++) at += strlen(at) + 1;
  snprintf(at, (size_t)(address->args + sizeof address->args - at), "%s", text);
  address->n_args++;
}

/* The same, by the program `ssh`. */
static inline void prepare_program(struct attempt *attempt, const char *key) {
  char known[400];
  prepare(attempt, key);
  snprintf(known, sizeof known, "-oUserKnownHostsFile=%s", site_path(&site, "known_hosts"));
  attempt->address.by_program = true;
  add_argument(&attempt->address, "-Fnone");
  add_argument(&attempt->address, "-i");
  add_argument(&attempt->address, site_path(&site, key));
  add_argument(&attempt->address, "-oIdentitiesOnly=yes");
  add_argument(&attempt->address, known);
}

static inline void start(struct attempt *attempt) {
  CHECK(p2p_loop_call(loop, connect_on_loop, attempt) == P2P_OK);
  CHECK(attempt->code == P2P_OK);
}

static inline void stop(struct attempt *attempt) {
  CHECK(p2p_loop_call(loop, free_on_loop, attempt) == P2P_OK);
}

/* Connects and expects to be closed with this code. */
static inline void expect_closed(struct attempt *attempt, int code) {
  start(attempt);
  CHECK(site_wait(&gate, &attempt->closed, 1));
  CHECK(attempt->ready == 0);
  if (attempt->err.code != code)
    fprintf(stderr, "%d %s\n", attempt->err.code, attempt->err.message);
  CHECK(attempt->err.code == code);
  stop(attempt);
}

static inline void trust_host(const char *key) {
  char text[1024];
  site_public_key(&site, key, text, sizeof text);
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", site.port, text);
}

static inline void open_site(void) {
  char text[1024];
  site_open(&site);
  site_key(&site, "host", "");
  const char *rsa[] = {"ssh-keygen", "-q", "-t", "rsa", "-b",
                       "2048",       "-N", "",   "-f",  site_path(&site, "host_rsa"),
                       NULL};
  CHECK(site_run(rsa) == 0);
  site_key(&site, "other_host", "");
  site_key(&site, "alice", "");
  site_key(&site, "stranger", "");
  site_key(&site, "locked", "secret");
  site_write(&site, "board.sh",
             "case \"$SSH_ORIGINAL_COMMAND\" in\n"
             "user) printf '%%s\\nid\\n2026\\n' \"$1\";;\n"
             "exit3) exit 3;;\n"
             "cat) exec cat;;\n"
             "flood) head -c 3000000 /dev/zero;;\n"
             "errors) head -c 3000000 /dev/zero >&2; echo done;;\n"
             "die) kill $PPID;;\n"
             "freeze) echo $PPID > %s; kill -STOP $PPID;;\n"
             "later) sleep 4; echo still here;;\n"
             "*) echo \"what? $SSH_ORIGINAL_COMMAND\";;\n"
             "esac\n",
             site_path(&site, "frozen"));
  site_public_key(&site, "alice", text, sizeof text);
  site_write(&site, "authorized_keys", "restrict,command=\"/bin/sh %s alice\" %s\n",
             site_path(&site, "board.sh"), text);
  site_start_sshd(&site, "host");
  trust_host("host");
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
}

static inline void close_site(void) {
  p2p_loop_stop(loop);
  site_close(&site);
}

#endif
