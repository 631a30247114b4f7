/* Receivers that lie, break off, stop or spoil what they send, and our sender. */
#include "hostile_peer.h"

#define WANTED "{\"answer\":{\"file_ack\":\"ok\"}}"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define SILENT(...)                          \
  (&(struct script){.receives = true,        \
                    .timeout_ms = 1500,      \
                    .stall_ms = 700,         \
                    .code = P2P_ERR_TIMEOUT, \
                    __VA_ARGS__})
#define FALSE_WORD(...) (&(struct script){.receives = true, __VA_ARGS__})

static void receipt_at_once(struct p2p_tcp *tcp, struct p2p_record_sealer *sealer) {
  send_text(tcp, sealer, "{\"ack\":\"ok\"}");
}

TEST(receivers_that_stop) {
  play(SILENT(.words = "did not answer the offer within 1.5 s"), NULL);
  play(SILENT(.says = WANTED, .no_race = true,
              .words = "no connection to the receiver within 1.5 s"),
       NULL);
  play(SILENT(.says = WANTED, .no_read = true, .words = "almost nothing was transferred for 0.7 s"),
       NULL);
  play(SILENT(.says = WANTED, .words = "almost nothing was transferred for 0.7 s"),
       NULL); /* it takes all, and does not confirm it */
}

TEST(receivers_that_hang_up) {
  play(
      FALSE_WORD(.says = WANTED, .hangs_up = true, .words = "the other side", .code = P2P_ERR_LOST),
      NULL);
}

TEST(answers_that_are_none) {
  play(FALSE_WORD(.says = "{\"answer\":{\"file_ack\":\"no\"}}", .words = "rejected the offer",
                  .code = P2P_ERR_CANCELED),
       NULL);
  play(FALSE_WORD(.says = "{\"answer\":{\"message_ack\":\"ok\"}}",
                  .words = "accepted something that was not offered", .code = P2P_ERR_PROTOCOL),
       NULL);
  play(FALSE_WORD(.says = "{\"offer\":{\"message\":\"x\"}}", .words = "both sides want to send",
                  .code = P2P_ERR_PROTOCOL),
       NULL);
  play(FALSE_WORD(.says = "{\"error\":\"disk full\"}", .words = "gave up: disk full",
                  .code = P2P_ERR_CANCELED),
       NULL);
  play(FALSE_WORD(.says = "{\"answer\":1}", .words = "malformed", .code = P2P_ERR_PARSE), NULL);
}

TEST(records_that_are_wrong) {
  play(FALSE_WORD(.says = WANTED, .stream = huge, .words = "4294967295 bytes",
                  .code = P2P_ERR_TOO_LARGE),
       NULL);
  play(FALSE_WORD(.says = WANTED, .stream = tiny, .words = "too short", .code = P2P_ERR_PROTOCOL),
       NULL);
  play(FALSE_WORD(.says = WANTED, .stream = wrong_nonce, .words = "out of order",
                  .code = P2P_ERR_PROTOCOL),
       NULL);
  play(FALSE_WORD(.says = WANTED, .stream = flipped, .words = "cannot be decrypted",
                  .code = P2P_ERR_CRYPTO),
       NULL);
  play(FALSE_WORD(.says = WANTED, .stream = receipt_at_once, .words = "before it was complete",
                  .code = P2P_ERR_PROTOCOL),
       NULL);
}

TEST(receipts_that_are_wrong) {
  play(FALSE_WORD(.says = WANTED, .receipt = "{\"ack\":\"ok\"}"),
       NULL); /* who does not tell a hash has none that is wrong */
  play(FALSE_WORD(.says = WANTED, .receipt = "{\"ack\":\"ok\",\"sha256\":\"" ZEROS "\"}",
                  .words = "received corrupted data (SHA-256 mismatch)", .code = P2P_ERR_CRYPTO),
       NULL);
  play(FALSE_WORD(.says = WANTED, .receipt = "{\"ack\":\"no\"}", .words = "did not confirm",
                  .code = P2P_ERR_PARSE),
       NULL);
}

UNIT_MAIN("hostile_receiver", UNIT(receivers_that_stop), UNIT(receivers_that_hang_up),
          UNIT(answers_that_are_none), UNIT(records_that_are_wrong), UNIT(receipts_that_are_wrong))
