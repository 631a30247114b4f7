/* A sender, and receivers that lie, disconnect, stall or corrupt data. */
#include "hostile_peer.h"

#define WANTED "{\"answer\":{\"file_ack\":\"ok\"}}"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define STALLING(...)                        \
  (&(struct script){.receives = true,        \
                    .timeout_ms = 1500,      \
                    .stall_ms = 700,         \
                    .code = P2P_ERR_TIMEOUT, \
                    __VA_ARGS__})
#define RECEIVER(...) (&(struct script){.receives = true, __VA_ARGS__})

static void receipt_at_once(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  send_text(tcp, sealer, "{\"ack\":\"ok\"}");
}

TEST(receivers_that_stall) {
  play(STALLING(.expected = "did not answer the offer within 1.5 s"), NULL);
  play(STALLING(.message = WANTED, .no_handshake = true,
                .expected = "no connection to the receiver within 1.5 s"),
       NULL);
  play(STALLING(.message = WANTED, .no_read = true,
                .expected = "almost nothing was transferred for 0.7 s"),
       NULL);
  play(STALLING(.message = WANTED, .expected = "almost nothing was transferred for 0.7 s"),
       NULL); /* it reads everything, but sends no receipt */
}

TEST(receivers_that_disconnect) {
  play(RECEIVER(.message = WANTED, .disconnects = true, .expected = "the other side",
                .code = P2P_ERR_LOST),
       NULL);
}

TEST(invalid_answers) {
  play(RECEIVER(.message = "{\"answer\":{\"file_ack\":\"no\"}}", .expected = "rejected the offer",
                .code = P2P_ERR_CANCELED),
       NULL);
  play(RECEIVER(.message = "{\"answer\":{\"message_ack\":\"ok\"}}",
                .expected = "accepted something that was not offered", .code = P2P_ERR_PROTOCOL),
       NULL);
  play(RECEIVER(.message = "{\"offer\":{\"message\":\"x\"}}", .expected = "both sides want to send",
                .code = P2P_ERR_PROTOCOL),
       NULL);
  play(RECEIVER(.message = "{\"error\":\"disk full\"}", .expected = "gave up: disk full",
                .code = P2P_ERR_CANCELED),
       NULL);
  play(RECEIVER(.message = "{\"answer\":1}", .expected = "malformed", .code = P2P_ERR_PARSE), NULL);
}

TEST(invalid_records) {
  play(RECEIVER(.message = WANTED, .stream = huge, .expected = "4294967295 bytes",
                .code = P2P_ERR_TOO_LARGE),
       NULL);
  play(RECEIVER(.message = WANTED, .stream = tiny, .expected = "too short",
                .code = P2P_ERR_PROTOCOL),
       NULL);
  play(RECEIVER(.message = WANTED, .stream = wrong_nonce, .expected = "out of order",
                .code = P2P_ERR_PROTOCOL),
       NULL);
  play(RECEIVER(.message = WANTED, .stream = flipped, .expected = "cannot be decrypted",
                .code = P2P_ERR_CRYPTO),
       NULL);
  play(RECEIVER(.message = WANTED, .stream = receipt_at_once, .expected = "before it was complete",
                .code = P2P_ERR_PROTOCOL),
       NULL);
}

TEST(invalid_receipts) {
  play(RECEIVER(.message = WANTED, .receipt = "{\"ack\":\"ok\"}"), NULL); /* the hash is optional */
  play(RECEIVER(.message = WANTED, .receipt = "{\"ack\":\"ok\",\"sha256\":\"" ZEROS "\"}",
                .expected = "received corrupted data (SHA-256 mismatch)", .code = P2P_ERR_CRYPTO),
       NULL);
  play(RECEIVER(.message = WANTED, .receipt = "{\"ack\":\"no\"}", .expected = "did not confirm",
                .code = P2P_ERR_PARSE),
       NULL);
}

UNIT_MAIN("hostile_receiver", UNIT(receivers_that_stall), UNIT(receivers_that_disconnect),
          UNIT(invalid_answers), UNIT(invalid_records), UNIT(invalid_receipts))
