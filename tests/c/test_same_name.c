/* Members of one name: containers on one host have the same user, host name and process id. Here
 * all members are in one process anyway. */
#include "worker_fixture.h"

#define WORKERS 4

static struct p2p_worker *workers[WORKERS];

static void start_workers(void) {
  for (int i = 0; i < WORKERS; i++) {
    begin(1);
    workers[i] = worker;
  }
}

static void stop_workers(void) {
  for (int i = 0; i < WORKERS; i++) p2p_worker_free(workers[i]);
  worker = NULL;
}

static bool all_start(struct p2p_client *client, struct p2p_task *const tasks[WORKERS]) {
  for (int i = 0; i < WORKERS; i++)
    if (!starts(client, tasks[i])) return false;
  return true;
}

/* With one slot each, all four have a future, or one of the futures waits. */
TEST(each_worker_of_one_name_is_used) {
  struct p2p_worker_info info[WORKERS + 1];
  struct p2p_task *tasks[WORKERS];
  start_workers();
  struct p2p_client *client = start_client(BOB);
  for (int i = 0; i < WORKERS; i++) tasks[i] = submit(client, "sleep", 0);
  CHECK(all_start(client, tasks));
  CHECK(p2p_client_workers(client, info, WORKERS + 1) == WORKERS);
  for (int i = 0; i < WORKERS; i++)
    for (int j = 0; j < i; j++) CHECK(strcmp(info[i].name, info[j].name) != 0);
  for (int i = 0; i < WORKERS; i++) {
    p2p_client_cancel(client, tasks[i]);
    p2p_task_free(tasks[i]);
  }
  p2p_client_free(client);
  stop_workers();
}

TEST(each_client_of_one_name_gets_its_results) {
  struct p2p_client *clients[2];
  struct p2p_task *tasks[2];
  begin(2);
  for (int i = 0; i < 2; i++) clients[i] = start_client(BOB);
  for (int i = 0; i < 2; i++) tasks[i] = submit(clients[i], "sleep", 0);
  for (int i = 0; i < 2; i++) CHECK(starts(clients[i], tasks[i]));
  CHECK(logs("#")); /* linked to client 'bob@laptop:99#1f3a' */
  for (int i = 0; i < 2; i++) {
    p2p_client_cancel(clients[i], tasks[i]);
    p2p_task_free(tasks[i]);
  }
  CHECK_STR(resolve(clients[0], "first"), "first");
  p2p_client_free(clients[0]); /* its leave does not concern the other client */
  CHECK_STR(resolve(clients[1], "second"), "second");
  end(clients[1]);
}

UNIT_MAIN("same_name", UNIT(prepare), UNIT(each_worker_of_one_name_is_used),
          UNIT(each_client_of_one_name_gets_its_results), UNIT(nothing_is_left))
