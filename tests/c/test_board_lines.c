/* The exact text of the lines that members of a cluster write to the board, as another member reads
 * them. What differs from run to run is replaced: the time by T, an expiry by its distance in
 * seconds, "HOST:PID", and random values by their form. */
#include "board/member.h"
#include "worker_fixture.h"

#define LINES_MAX 64
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static struct site_gate gate = SITE_GATE;
static struct {
  struct p2p_member *member;
  int joined, lines;
  char text[LINES_MAX][512];
} observer;

static bool is_made_of(const char *text, const char *letters, size_t length) {
  return strspn(text, letters) == strlen(text) && strlen(text) == length;
}

static void mask_expires(const char *value, char *out, size_t size) {
  static const int distances[] = {30, 60, 240};
  long long distance = atoll(value) - (long long)time(NULL);
  snprintf(out, size, "%s", value);
  for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++)
    if (distance <= distances[i] && distance >= distances[i] - 8)
      snprintf(out, size, "+%d", distances[i]);
}

static void mask(const char *key, const char *value, char *out, size_t size) {
  snprintf(out, size, "%s", value);
  if (strcmp(key, "when") == 0 && is_made_of(value, "0123456789-:T", 19)) {
    snprintf(out, size, "T");
  } else if (strcmp(key, "expires") == 0) {
    mask_expires(value, out, size);
  } else if (strcmp(key, "id") == 0 && is_made_of(value, "0123456789abcdef", 16)) {
    snprintf(out, size, "HEX16");
  } else if ((strcmp(key, "member") == 0 || strcmp(key, "to") == 0) &&
             is_made_of(value, "0123456789abcdef", 32)) {
    snprintf(out, size, "HEX32");
  } else if (strcmp(key, "key") == 0 && is_made_of(value, BASE64URL, 43)) {
    snprintf(out, size, "BASE64URL43");
  } else if (strcmp(key, "via") == 0 && strncmp(value, "link://", 7) == 0 &&
             strspn(value + 7, BASE64URL) == strlen(value + 7)) {
    snprintf(out, size, "link://BASE64URL");
  } else if (strcmp(key, "from") == 0) {
    snprintf(out, size, "%.*s@HOST:PID", (int)strcspn(value, "@"), value);
  }
}

static void on_line(void *arg, const struct p2p_line *line) {
  (void)arg;
  if (observer.lines == LINES_MAX) return;
  char *text = observer.text[observer.lines], value[512];
  size_t used = 0;
  for (size_t i = 0; i < line->used; i++) {
    mask(line->pairs[i].key, line->pairs[i].value, value, sizeof value);
    used += (size_t)snprintf(text + used, sizeof observer.text[0] - used, "%s%s=%s",
                             i == 0 ? "" : ",", line->pairs[i].key, value);
  }
  site_count(&gate, &observer.lines);
}

static void on_joined(void *arg) { (void)arg, site_count(&gate, &observer.joined); }
static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  (void)arg, (void)err, (void)retry_ms;
}
static void on_failed(void *arg, const struct p2p_err *err) {
  (void)arg;
  fprintf(stderr, "the observer cannot join: %s\n", err->message);
}

static void observer_join(void *arg) {
  static const struct p2p_member_callbacks callbacks = {.on_joined = on_joined,
                                                        .on_line = on_line,
                                                        .on_disconnected = on_away,
                                                        .on_failed = on_failed};
  struct p2p_member_config config = {.loop = loop,
                                     .board.host = host,
                                     .board.ssh_args = ssh_args[EVE],
                                     .board.n_ssh_args = ARGS,
                                     .board.cluster = CLUSTER,
                                     .role = P2P_ROLE_CLIENT};
  (void)arg;
  CHECK(p2p_member_new(&config, &callbacks, NULL, &observer.member, NULL) == P2P_OK);
}

static void observer_leave(void *arg) {
  (void)arg;
  p2p_member_free(observer.member);
}

/* Waits for the line. */
static bool reads(const char *text) {
  for (int at = 0; site_wait(&gate, &observer.lines, at + 1); at++)
    if (strcmp(observer.text[at], text) == 0) return true;
  fprintf(stderr, "missing: %s\n", text);
  for (int i = 0; i < observer.lines; i++) fprintf(stderr, "  read: %s\n", observer.text[i]);
  return false;
}

TEST(the_lines_of_a_worker_and_a_client_have_their_exact_text) {
  CHECK(p2p_loop_call(loop, observer_join, NULL) == P2P_OK);
  CHECK(site_wait(&gate, &observer.joined, 1));
  begin(1);
  CHECK(reads(
      "when=T,expires=+60,type=worker,from=carol@HOST:PID,member=HEX32,protocols=link,id=HEX16,"
      "key=BASE64URL43,slots=1,r=4.2.2,future=1.70.0,platform=x86_64-pc-linux-gnu,cores=4,"
      "memory=8000,reserves=1"));
  struct p2p_client *client = start_client(BOB);
  CHECK_STR(resolve(client, "text"), "text");
  CHECK(reads("when=T,expires=+60,type=client,from=bob@HOST:PID,member=HEX32,protocols=link,id="
              "HEX16,r=4.2.2,"
              "future=1.70.0"));
  CHECK(reads("when=T,expires=+30,type=accept,from=bob@HOST:PID,member=HEX32,to=HEX32,"
              "via=link://BASE64URL"));
  end(client);
  CHECK(reads("when=T,type=leave,from=bob@HOST:PID,member=HEX32"));
  CHECK(reads("when=T,type=leave,from=carol@HOST:PID,member=HEX32"));
}

TEST(the_lines_of_a_host_have_their_exact_text) {
  static const char *const users[] = {"bob", "carol", "dave", "eve"};
  struct p2p_member_config config = {.loop = server_loop,
                                     .board.host = host,
                                     .board.ssh_args = ssh_args[ALICE],
                                     .board.n_ssh_args = ARGS,
                                     .board.cluster = CLUSTER,
                                     .role = P2P_ROLE_HOST,
                                     .users = users,
                                     .n_users = 4};
  struct p2p_cluster_host *second;
  struct p2p_err err;
  CHECK(p2p_cluster_host_new(&config, host_log, &second, &err) == P2P_OK);
  CHECK(reads(
      "when=T,expires=+60,type=cluster,from=alice@HOST:PID,member=HEX32,protocols=link,id=HEX16"));
  CHECK(reads("when=T,owner=alice,nusers=4,users=bob;carol;dave;eve,expires=+240"));
  p2p_cluster_host_free(second);
  CHECK(p2p_loop_call(loop, observer_leave, NULL) == P2P_OK);
}

UNIT_MAIN("board_lines", UNIT(prepare),
          UNIT(the_lines_of_a_worker_and_a_client_have_their_exact_text),
          UNIT(the_lines_of_a_host_have_their_exact_text), UNIT(nothing_is_left))
