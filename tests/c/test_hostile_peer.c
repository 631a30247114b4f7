/* Senders that lie, break off, stop or spoil what they send, and our receiver: no file is there
 * under the final name but a whole one. */
#include "hostile_peer.h"

#define OFFER(name, size) "{\"offer\":{\"file\":{\"filename\":\"" name "\",\"filesize\":" size "}}}"

TEST(invalid_records) {
  play(&(struct script){.message = OFFER("x", "100"),
                        .stream = huge,
                        .expected = "4294967295 bytes",
                        .code = P2P_ERR_TOO_LARGE},
       NULL);
  play(&(struct script){.message = OFFER("x", "100"),
                        .stream = tiny,
                        .expected = "too short",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.message = OFFER("x", "100"),
                        .stream = wrong_nonce,
                        .expected = "out of order",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.message = OFFER("x", "100"),
                        .stream = flipped,
                        .expected = "cannot be decrypted",
                        .code = P2P_ERR_CRYPTO},
       NULL);
}

TEST(wrong_sizes) {
  play(&(struct script){.message = OFFER("x", "99"),
                        .stream = one,
                        .expected = "more bytes than it announced",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.message = OFFER("x", "101"),
                        .stream = one,
                        .disconnects = true,
                        .expected = "after 100 of 101 bytes",
                        .code = P2P_ERR_LOST},
       NULL);
  play(
      &(struct script){.message = OFFER("x", "-1"), .expected = "malformed", .code = P2P_ERR_PARSE},
      NULL);
  play(&(struct script){.message = OFFER("x", "9000000000000000000"),
                        .expected = "of an impossible size",
                        .code = P2P_ERR_TOO_LARGE},
       NULL);
}

TEST(names_that_are_paths) {
  play(&(struct script){.message = OFFER("../../etc/passwd", "100"), .stream = one}, "passwd");
  play(&(struct script){.message = OFFER("/etc/cron.d/", "100"), .stream = one}, "file");
  play(&(struct script){.message = OFFER("..", "100"), .stream = one}, "file");
  play(&(struct script){.message = OFFER("a\\u001b[2J\\u202egpj.exe", "100"), .stream = one},
       "a?[2J?gpj.exe");
}

TEST(senders_that_stall) {
  play(&(struct script){.no_transit = true,
                        .timeout_ms = 500,
                        .expected = "did not offer anything",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
  play(&(struct script){.no_transit = true,
                        .message = OFFER("x", "1"),
                        .stall_ms = 500,
                        .expected = "almost nothing was transferred",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
  play(&(struct script){.message = OFFER("x", "101"),
                        .stream = one,
                        .stall_ms = 500,
                        .expected = "almost nothing was transferred",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
}

/* A few bytes at a time are no progress. A slow link makes progress within one record. */
TEST(senders_that_trickle) {
  play(&(struct script){.message = OFFER("x", "1000"),
                        .record = 1000,
                        .drop = 1,
                        .stall_ms = 300,
                        .expected = "almost nothing was transferred",
                        .code = P2P_ERR_TIMEOUT},
       NULL);
  play(
      &(struct script){
          .message = OFFER("x", "65536"), .record = 65536, .drop = 1600, .stall_ms = 300},
      "x");
}

TEST(other_messages) {
  play(&(struct script){.message = "{\"offer\":{\"directory\":{}}}",
                        .expected = "a directory",
                        .code = P2P_ERR_INVALID},
       NULL);
  play(&(struct script){.message = "{\"error\":\"no \\u001b way\"}",
                        .expected = "gave up: no ? way",
                        .code = P2P_ERR_CANCELED},
       NULL);
  play(&(struct script){.message = "{\"answer\":{\"file_ack\":\"ok\"}}",
                        .expected = "both sides want to receive",
                        .code = P2P_ERR_PROTOCOL},
       NULL);
  play(&(struct script){.message = "[]", .expected = "malformed", .code = P2P_ERR_PARSE}, NULL);
}

UNIT_MAIN("hostile_peer", UNIT(invalid_records), UNIT(wrong_sizes), UNIT(names_that_are_paths),
          UNIT(senders_that_stall), UNIT(senders_that_trickle), UNIT(other_messages))
