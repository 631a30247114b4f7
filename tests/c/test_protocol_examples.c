/* The examples in docs/protocol.md: each line and frame is read by the reader of its message, and
 * the writer writes the same bytes. */
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "protocol/accept.h"
#include "protocol/access_line.h"
#include "protocol/certified_line.h"
#include "protocol/enrolment.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/hello_line.h"
#include "protocol/here.h"
#include "protocol/leave.h"
#include "protocol/load.h"
#include "protocol/lost.h"
#include "protocol/package_list.h"
#include "protocol/resources.h"
#include "protocol/sealed_line.h"
#include "protocol/slot.h"
#include "protocol/task_header.h"
#include "unit.h"

#define NOW 1795000000
#define CODE "7-00112233445566778899aabbccddeeff"
#define CLUSTER "alice/friends"

/* ---- lines ---- */

static void check_same(const struct p2p_line *line, const char *expected) {
  char text[P2P_LINE_MAX + 1] = "";
  long length = p2p_line_format(line, text, sizeof text);
  if (length > 0) text[length - 1] = '\0';
  CHECK_STR(text, expected);
}

static void check_accept(const struct p2p_line *line) {
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret_key;
  struct p2p_hello_line hello;
  struct p2p_accept accept = {.code = ""};
  struct p2p_line worker;
  /* The key of the worker's hello, in the same document. */
  const char *key = "key=j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8";
  char text[512];
  snprintf(
      text, sizeof text,
      "when=x,type=worker,from=carol@desk:1,member=%s,protocols=link,%s,slots=1,r=4.2,future=1.7",
      p2p_line_get(line, "to"), key);
  CHECK(p2p_line_parse(text, strlen(text), &worker) == P2P_OK);
  CHECK(p2p_hello_line_read(&worker, &hello) == P2P_OK);
  public_key = hello.key;
  for (size_t i = 0; i < sizeof secret_key.bytes; i++) secret_key.bytes[i] = (uint8_t)i;
  CHECK(p2p_accept_read(line, p2p_line_get(line, "to"), &public_key, &secret_key, &accept) ==
        P2P_OK);
  CHECK_STR(accept.code, CODE);
  CHECK_STR(accept.client.name, p2p_line_get(line, "from"));
  CHECK_STR(accept.client.id, p2p_line_get(line, "member"));
}

/* The keys of the examples, which the document names by their first byte. */
enum { SECRET = 0x00, OWNER = 0x20, DEVICE = 0x40, INVITATION = 0x60 };

static struct p2p_sign_secret secret_of(uint8_t first) {
  struct p2p_sign_secret secret;
  for (size_t i = 0; i < sizeof secret.bytes; i++) secret.bytes[i] = (uint8_t)(first + i);
  return secret;
}

static void check_is_of(const struct p2p_sign_public *key, uint8_t first) {
  struct p2p_sign_secret secret = secret_of(first);
  struct p2p_sign_public expected;
  p2p_sign_public_of(&secret, &expected);
  CHECK(memcmp(key, &expected, sizeof expected) == 0);
}

static char leave[256]; /* the example of leave, which the sealed line holds, too */

static void check_sealed(const struct p2p_line *line) {
  struct p2p_cluster_key key;
  struct p2p_line inner;
  struct p2p_line_place place = {{0}, 0};
  p2p_cluster_key_derive(CLUSTER, 1, secret_of(SECRET).bytes, &key);
  CHECK(p2p_sealed_line_read(line, &key, &inner, &place) == P2P_OK);
  check_same(&inner, leave);
  CHECK(memcmp(place.boot, "\xb0\x07\x55\x55\xaa\xaa\x00\x01", P2P_BOOT_LEN) == 0);
  CHECK(place.number == UINT64_MAX);
}

static void check_certified(const struct p2p_line *line) {
  struct p2p_sign_secret owner = secret_of(OWNER);
  struct p2p_credentials ours = {.cluster = CLUSTER, .key.epoch = 1};
  struct p2p_line_badge badge = {.number = 0};
  struct p2p_hello_line hello;
  p2p_sign_public_of(&owner, &ours.owner);
  CHECK(p2p_hello_line_read(line, &hello) == P2P_OK);
  CHECK(p2p_certified_line_check(line, &ours, NULL, &badge) && badge.number == 1);
  CHECK_STR(badge.user, "carol");
  check_is_of(&badge.device, DEVICE);
}

static void check_enrol(const struct p2p_line *line, const char *text) {
  struct p2p_sign_secret device = secret_of(DEVICE), invitation = secret_of(INVITATION);
  struct p2p_line again;
  struct p2p_enrol enrol;
  CHECK(p2p_enrol_read(line, CLUSTER, &enrol) == P2P_OK);
  CHECK(p2p_enrol_write(&again, &enrol, CLUSTER, &device, enrol.is_invited ? &invitation : NULL,
                        NOW) == P2P_OK);
  check_same(&again, text);
}

static void check_enrolled(const struct p2p_line *line) {
  struct p2p_sign_secret device = secret_of(DEVICE);
  struct p2p_grant grant = {0};
  CHECK(p2p_grant_read(line, CLUSTER, &device, &grant) == P2P_OK);
  CHECK(grant.epoch == 1 && memcmp(grant.secret, secret_of(SECRET).bytes, 32) == 0);
  check_is_of(&grant.owner, OWNER);
  CHECK_STR(grant.user, "bob");
}

static void check_owners_line(const struct p2p_line *line, const char *text) {
  struct p2p_sign_secret secret = secret_of(OWNER);
  struct p2p_identity from;
  struct p2p_owner_device owner = {CLUSTER, &from, &secret};
  struct p2p_line again;
  struct p2p_refused refused;
  struct p2p_epoch epoch;
  const char *to = p2p_line_get(line, "to");
  CHECK(p2p_line_sender(line, &from));
  if (to != NULL) {
    CHECK(p2p_refused_read(line, CLUSTER, to, &refused) == P2P_OK);
    CHECK(p2p_refused_write(&again, refused.reason, to, &owner, NOW) == P2P_OK);
  } else {
    CHECK(p2p_epoch_read(line, CLUSTER, &epoch) == P2P_OK);
    CHECK(p2p_epoch_write(&again, &epoch, &owner, NOW) == P2P_OK);
  }
  check_same(&again, text);
}

/* False for lines of another kind. */
static bool check_key_line(const char *kind, const struct p2p_line *line, const char *text) {
  if (strcmp(kind, "p2p1") == 0)
    check_sealed(line);
  else if (strcmp(kind, "certified") == 0)
    check_certified(line);
  else if (strcmp(kind, "enrol") == 0)
    check_enrol(line, text);
  else if (strcmp(kind, "enrolled") == 0)
    check_enrolled(line);
  else if (strcmp(kind, "refused") == 0 || strcmp(kind, "epoch") == 0)
    check_owners_line(line, text);
  else
    return false;
  return true;
}

static bool check_line(const char *kind, const char *text) {
  struct p2p_line line, again;
  struct p2p_hello_line hello;
  struct p2p_access_line access;
  struct p2p_here here;
  struct p2p_identity from;
  CHECK(p2p_line_parse(text, strlen(text), &line) == P2P_OK);
  if (strcmp(kind, "hello") == 0) {
    CHECK(p2p_hello_line_read(&line, &hello) == P2P_OK);
    CHECK(p2p_hello_line_write(&again, &hello, NOW) == P2P_OK);
    check_same(&again, text);
  } else if (strcmp(kind, "leave") == 0) {
    CHECK(p2p_leave_read(&line, &from) == P2P_OK && p2p_leave_write(&again, &from, NOW) == P2P_OK);
    check_same(&again, text);
    snprintf(leave, sizeof leave, "%s", text);
  } else if (strcmp(kind, "who") == 0) {
    CHECK(p2p_who_read(&line) == P2P_OK && p2p_line_sender(&line, &from));
    CHECK(p2p_who_write(&again, &from, NOW) == P2P_OK);
    check_same(&again, text);
  } else if (strcmp(kind, "here") == 0) {
    CHECK(p2p_here_read(&line, &here) == P2P_OK && p2p_here_write(&again, &here, NOW) == P2P_OK);
    check_same(&again, text);
  } else if (strcmp(kind, "access") == 0) {
    CHECK(p2p_access_line_read(&line, &access) == P2P_OK);
    CHECK(p2p_access_line_write(&again, &access, NOW) == P2P_OK);
    check_same(&again, text);
  } else if (strcmp(kind, "accept") == 0) {
    check_accept(&line);
  } else {
    return check_key_line(kind, &line, text);
  }
  return true;
}

/* ---- frames ---- */

static void check_hello(const struct p2p_frame *frame, enum p2p_role sender) {
  struct p2p_hello hello;
  char text[P2P_HELLO_MAX + 1];
  CHECK(p2p_hello_read(frame->payload, frame->length, sender, &hello, NULL) == P2P_OK);
  CHECK(p2p_hello_write(&hello, sender, text, sizeof text) == (long)frame->length);
  CHECK(memcmp(text, frame->payload, frame->length) == 0);
}

static void check_slot(const struct p2p_frame *frame, enum p2p_role sender) {
  struct p2p_slot slot;
  uint8_t out[P2P_SLOT_LEN];
  CHECK(p2p_slot_read(frame->payload, frame->length, sender, &slot) == P2P_OK);
  p2p_slot_write(slot.op, slot.count, out);
  CHECK(memcmp(out, frame->payload, sizeof out) == 0);
}

static void check_task(const struct p2p_frame *frame) {
  struct p2p_task_header header;
  uint8_t out[P2P_TASK_HEADER_MAX + P2P_TASK_PARTS_LEN_MAX];
  CHECK(p2p_task_header_read(frame->payload, frame->length, &header) == P2P_OK);
  size_t length = p2p_task_header_write(header.size, header.label, out);
  CHECK(length + p2p_task_parts_write(&header.parts, out + length) == frame->length);
  CHECK(memcmp(out, frame->payload, frame->length) == 0);
}

static void check_packages(const struct p2p_frame *frame, enum p2p_role sender) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  int code, count = 0;
  p2p_package_reader_init(&reader, frame->payload, frame->length);
  while ((code = sender == P2P_ROLE_CLIENT ? p2p_package_request_next(&reader, &package)
                                           : p2p_package_reply_next(&reader, &package)) == 1)
    count++;
  CHECK(code == 0 && count == 2);
}

static void check_load(const struct p2p_frame *frame) {
  struct p2p_load load;
  char text[P2P_LOAD_MAX];
  CHECK(p2p_load_read(frame->payload, frame->length, &load) == P2P_OK);
  CHECK(p2p_load_write(&load, text) == frame->length);
  CHECK(memcmp(text, frame->payload, frame->length) == 0);
}

static void check_request(const struct p2p_frame *frame) {
  struct p2p_resources request;
  char text[P2P_REQUEST_MAX];
  CHECK(p2p_request_read(frame->payload, frame->length, &request) == P2P_OK);
  CHECK(p2p_request_write(&request, text) == frame->length);
  CHECK(memcmp(text, frame->payload, frame->length) == 0);
}

static void check_payload(const struct p2p_frame *frame, enum p2p_role sender) {
  uint64_t size;
  enum p2p_lost_kind kind;
  char why[P2P_LOST_MAX];
  uint8_t lost[P2P_LOST_MAX];
  switch (frame->type) {
  case P2P_FRAME_HELLO: check_hello(frame, sender); break;
  case P2P_FRAME_SLOT: check_slot(frame, sender); break;
  case P2P_FRAME_TASK: check_task(frame); break;
  case P2P_FRAME_CONDITION:
  case P2P_FRAME_RESULT:
    CHECK(p2p_size_header_read(frame->payload, frame->length, &size) == P2P_OK);
    break;
  case P2P_FRAME_LOST:
    kind = p2p_lost_read(frame->payload, frame->length, why, sizeof why);
    CHECK(p2p_lost_write(kind, why, lost) == frame->length);
    CHECK(memcmp(lost, frame->payload, frame->length) == 0);
    break;
  case P2P_FRAME_PACKAGES: check_packages(frame, sender); break;
  case P2P_FRAME_LOAD: check_load(frame); break;
  case P2P_FRAME_REQUEST: check_request(frame); break;
  case P2P_FRAME_NEED: CHECK(frame->length == P2P_NEED_LEN); break;
  case P2P_FRAME_CANCEL:
  case P2P_FRAME_PING: CHECK(frame->length == 0); break;
  default: CHECK(frame->type == P2P_FRAME_DATA);
  }
}

/* ---- the document ---- */

static struct {
  char kind[16]; /* of the example that is read; "": none */
  bool is_frame;
  uint8_t bytes[512];
  size_t length;
  int lines, frames;
  unsigned types; /* bits: types of frames with an example */
} example;

static void end_frame(void) {
  struct p2p_frame frame;
  enum p2p_role sender = strcmp(example.kind, "client") == 0 ? P2P_ROLE_CLIENT : P2P_ROLE_WORKER;
  CHECK(p2p_frame_get(example.bytes, example.length, &frame) == (long)example.length);
  for (size_t length = 0; length < example.length; length++)
    CHECK(p2p_frame_get(example.bytes, length, &frame) == 0);
  if (p2p_frame_get(example.bytes, example.length, &frame) <= 0) return;
  check_payload(&frame, sender);
  example.types |= 1u << frame.type;
  example.frames++;
}

/* Bytes in hexadecimal, with single spaces; a comment follows two spaces. */
static void add_bytes(const char *text) {
  char hex[128];
  size_t used = 0, length;
  for (; *text != '\0' && strncmp(text, "  ", 2) != 0; text++)
    if (*text != ' ' && used < sizeof hex) hex[used++] = *text;
  CHECK(p2p_hex_decode(hex, used, example.bytes + example.length,
                       sizeof example.bytes - example.length, &length) == P2P_OK);
  example.length += length;
}

static void read_text(const char *text) {
  if (strncmp(text, "```", 3) == 0) {
    if (example.kind[0] != '\0' && example.is_frame) end_frame();
    example.is_frame = strncmp(text, "```frame ", 9) == 0;
    example.length = 0;
    bool is_example = example.is_frame || strncmp(text, "```line ", 8) == 0;
    snprintf(example.kind, sizeof example.kind, "%.15s", is_example ? strchr(text, ' ') + 1 : "");
  } else if (example.kind[0] != '\0' && example.is_frame) {
    add_bytes(text);
  } else if (example.kind[0] != '\0') {
    CHECK(check_line(example.kind, text));
    example.lines++;
  }
}

TEST(the_examples_are_read_and_written_as_they_are) {
  static char text[8192];
  FILE *file = fopen("docs/protocol.md", "r");
  CHECK(file != NULL);
  if (file == NULL) return;
  while (fgets(text, sizeof text, file) != NULL) {
    text[strcspn(text, "\n")] = '\0';
    read_text(text);
  }
  fclose(file);
  CHECK(example.lines >= 13 && example.frames >= 14);
  CHECK(example.types == 0x3ffe); /* every type has an example */
}

TEST(prepare) {
  CHECK(p2p_crypto_init() == P2P_OK);
  setenv("TZ", "UTC", 1);
  tzset();
}

UNIT_MAIN("protocol_examples", UNIT(prepare), UNIT(the_examples_are_read_and_written_as_they_are))
