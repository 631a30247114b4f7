/* The negotiation of a file transfer, with the peer's messages in any order. */
#include "transfer/negotiation.h"

#include <stdlib.h>

#include "unit.h"

#define TRANSIT "{\"transit\":{\"abilities-v1\":[],\"hints-v1\":[]}}"
#define FILE_OFFER "{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":10}}}"
#define FILE_ANSWER "{\"answer\":{\"file_ack\":\"ok\"}}"
#define TEXT_OFFER "{\"offer\":{\"message\":\"hello\"}}"
#define TEXT_ANSWER "{\"answer\":{\"message_ack\":\"ok\"}}"

static int receive(struct p2p_negotiation *negotiation, const char *text) {
  return p2p_negotiation_receive(negotiation, text, strlen(text), NULL);
}

static void check_format(const struct p2p_negotiation *negotiation, const char *expected) {
  char *text = NULL;
  CHECK(p2p_negotiation_format(negotiation, &text) == P2P_OK);
  CHECK_STR(text, expected);
  free(text);
}

#define NEXT(negotiation, step) \
  CHECK(p2p_negotiation_next(&(negotiation)) == P2P_NEGOTIATION_##step)

TEST(a_file_is_offered_accepted_and_sent) {
  struct p2p_negotiation sender = {0};
  p2p_negotiation_offer_file(&sender, "/tmp/x", 10);
  NEXT(sender, WAIT); /* nothing is sent before the peer is confirmed */
  sender.is_confirmed = true;
  NEXT(sender, SEND_MESSAGE);
  check_format(&sender, FILE_OFFER);
  NEXT(sender, WAIT);
  CHECK(receive(&sender, FILE_ANSWER) == P2P_OK);
  CHECK(receive(&sender, TRANSIT) == P2P_OK);
  NEXT(sender, CONNECT);
  NEXT(sender, SEND_FILE);
  NEXT(sender, WAIT);
  p2p_negotiation_clear(&sender);
}

TEST(a_file_is_received_whatever_comes_first) {
  for (int i = 0; i < 2; i++) {
    struct p2p_negotiation receiver = {.is_confirmed = true};
    CHECK(receive(&receiver, i == 0 ? TRANSIT : FILE_OFFER) == P2P_OK);
    if (i == 0) NEXT(receiver, WAIT);
    CHECK(receive(&receiver, i == 0 ? FILE_OFFER : TRANSIT) == P2P_OK);
    NEXT(receiver, SEND_MESSAGE);
    check_format(&receiver, FILE_ANSWER);
    NEXT(receiver, CONNECT);
    NEXT(receiver, WAIT);
    CHECK(receiver.size_bytes == 10);
    p2p_negotiation_clear(&receiver);
  }
}

TEST(a_text_needs_no_connection) {
  struct p2p_negotiation sender = {.is_confirmed = true}, receiver = {.is_confirmed = true};
  CHECK(p2p_negotiation_offer_text(&sender, "hello") == P2P_OK);
  NEXT(sender, SEND_MESSAGE);
  check_format(&sender, TEXT_OFFER);
  NEXT(sender, WAIT);
  CHECK(receive(&receiver, TEXT_OFFER) == P2P_OK);
  NEXT(receiver, SEND_MESSAGE);
  check_format(&receiver, TEXT_ANSWER);
  NEXT(receiver, FINISH);
  CHECK_STR(receiver.text, "hello");
  CHECK(receive(&sender, TEXT_ANSWER) == P2P_OK);
  NEXT(sender, FINISH);
  NEXT(sender, WAIT);
  p2p_negotiation_clear(&sender);
  p2p_negotiation_clear(&receiver);
}

TEST(messages_out_of_place_are_protocol_errors) {
  struct p2p_negotiation sender = {.is_confirmed = true}, receiver = {.is_confirmed = true};
  p2p_negotiation_offer_file(&sender, "x", 10);
  CHECK(receive(&sender, FILE_ANSWER) == P2P_ERR_PROTOCOL); /* before the offer */
  NEXT(sender, SEND_MESSAGE);
  CHECK(receive(&sender, TEXT_ANSWER) == P2P_ERR_PROTOCOL);
  CHECK(receive(&sender, FILE_OFFER) == P2P_ERR_PROTOCOL);
  CHECK(receive(&sender, TEXT_OFFER) == P2P_ERR_PROTOCOL);
  CHECK(receive(&receiver, FILE_ANSWER) == P2P_ERR_PROTOCOL);
  CHECK(receive(&receiver, TEXT_OFFER) == P2P_OK);
  CHECK(receive(&receiver, TEXT_OFFER) == P2P_ERR_PROTOCOL);
  CHECK(receive(&receiver, "[]") == P2P_ERR_PARSE);
  p2p_negotiation_clear(&sender);
  p2p_negotiation_clear(&receiver);
}

TEST(what_is_overdue_is_named) {
  struct p2p_negotiation sender = {.is_confirmed = true}, receiver = {0};
  p2p_negotiation_offer_file(&sender, "x", 10);
  CHECK(p2p_negotiation_overdue(&sender) == NULL && p2p_negotiation_overdue(&receiver) == NULL);
  NEXT(sender, SEND_MESSAGE);
  CHECK_STR(p2p_negotiation_overdue(&sender), "the receiver did not answer the offer");
  receiver.is_confirmed = true;
  CHECK_STR(p2p_negotiation_overdue(&receiver), "the sender did not offer anything");
  CHECK(receive(&receiver, FILE_OFFER) == P2P_OK);
  CHECK(p2p_negotiation_overdue(&receiver) == NULL);
}

UNIT_MAIN("negotiation", UNIT(a_file_is_offered_accepted_and_sent),
          UNIT(a_file_is_received_whatever_comes_first), UNIT(a_text_needs_no_connection),
          UNIT(messages_out_of_place_are_protocol_errors), UNIT(what_is_overdue_is_named))
