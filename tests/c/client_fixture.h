/* A client of cluster alice/friends on a fake board, with a real mailbox and relay. */
#ifndef P2P_TESTS_CLIENT_FIXTURE_H
#define P2P_TESTS_CLIENT_FIXTURE_H

#include "client/client.h"
#include "fake_board.h"
#include "fake_worker.h"
#include "mailbox_fixture.h"

#define PATIENCE_MS 20000

static struct lab lab;
static struct p2p_client *client;
/* Of the fake workers. */
static const struct p2p_member_config member = {.board.cluster = "alice/friends",
                                                .role = P2P_ROLE_WORKER};

static void open_board(void) {
  lab_open(&lab);
  fake_board_init(&lab);
}

/* `config` has what differs between tests. */
static void open_client(struct p2p_client_config config) {
  struct p2p_err err = {0};
  config.loop = lab.loop;
  config.board.cluster = member.board.cluster;
  config.r_version = "4.2.2";
  config.future_version = "1.70.0";
  CHECK(p2p_client_new(&config, lab.log, &client, &err) == P2P_OK);
}

#endif
