/* Senders that lie, break off, stop or spoil what they send, and our receiver: no file is there
 * under the final name but a whole one. */
#include "hostile_peer.h"

#define OFFER(name, size) "{\"offer\":{\"file\":{\"filename\":\"" name "\",\"filesize\":" size "}}}"

TEST(records_that_are_wrong) {
  play(&(struct script){.says = OFFER("x", "100"),
                        .stream = huge,
                        .words = "4294967295 bytes",
                        .code = P2P_ERR_TOO_LARGE},
       NULL);
  play(&(struct script){.says = OFFER("x", "100"),
                        .stream = tiny,
                        .words = "too short",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.says = OFFER("x", "100"),
                        .stream = wrong_nonce,
                        .words = "out of order",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.says = OFFER("x", "100"),
                        .stream = flipped,
                        .words = "cannot be decrypted",
                        .code = P2P_ERR_CRYPTO},
       NULL);
}

TEST(sizes_that_are_lies) {
  play(&(struct script){.says = OFFER("x", "99"),
                        .stream = one,
                        .words = "more bytes than it announced",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.says = OFFER("x", "101"),
                        .stream = one,
                        .hangs_up = true,
                        .words = "after 100 of 101 bytes",
                        .code = P2P_ERR_LOST},
       NULL);
  play(&(struct script){.says = OFFER("x", "-1"), .words = "malformed", .code = P2P_ERR_PARSE},
       NULL);
  play(&(struct script){.says = OFFER("x", "9000000000000000000"),
                        .words = "of an impossible size",
                        .code = P2P_ERR_TOO_LARGE},
       NULL);
}

TEST(names_that_are_paths) {
  play(&(struct script){.says = OFFER("../../etc/passwd", "100"), .stream = one}, "passwd");
  play(&(struct script){.says = OFFER("/etc/cron.d/", "100"), .stream = one}, "file");
  play(&(struct script){.says = OFFER("..", "100"), .stream = one}, "file");
  play(&(struct script){.says = OFFER("a\\u001b[2J\\u202egpj.exe", "100"), .stream = one},
       "a?[2J?gpj.exe");
}

TEST(peers_that_stop) {
  play(&(struct script){.no_transit = true,
                        .timeout_ms = 500,
                        .words = "did not offer anything",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
  play(&(struct script){.no_transit = true,
                        .says = OFFER("x", "1"),
                        .stall_ms = 500,
                        .words = "almost nothing was transferred",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
  play(&(struct script){.says = OFFER("x", "101"),
                        .stream = one,
                        .stall_ms = 500,
                        .words = "almost nothing was transferred",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
}

/* A byte now and then is no progress; within one record, a slow link makes some. */
TEST(peers_that_trickle) {
  play(&(struct script){.says = OFFER("x", "1000"),
                        .record = 1000,
                        .drop = 1,
                        .stall_ms = 300,
                        .words = "almost nothing was transferred",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
  play(
      &(struct script){.says = OFFER("x", "65536"), .record = 65536, .drop = 1600, .stall_ms = 300},
      "x");
}

TEST(other_things_said) {
  play(&(struct script){.says = "{\"offer\":{\"directory\":{}}}",
                        .words = "a directory",
                        .code = P2P_ERR_INVALID},
       NULL);
  play(&(struct script){.says = "{\"error\":\"no \\u001b way\"}",
                        .words = "gave up: no ? way",
                        .code = P2P_ERR_CANCELED},
       NULL);
  play(&(struct script){.says = "{\"answer\":{\"file_ack\":\"ok\"}}",
                        .words = "both sides want to receive",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.says = "[]", .words = "malformed", .code = P2P_ERR_PARSE}, NULL);
}

UNIT_MAIN("hostile_peer", UNIT(records_that_are_wrong), UNIT(sizes_that_are_lies),
          UNIT(names_that_are_paths), UNIT(peers_that_stop), UNIT(peers_that_trickle),
          UNIT(other_things_said))
