/* Tasks that wait, by the packages that they need, and who can run how many of them. */
#include "client/needs.h"

#include "unit.h"

static struct p2p_task_queue queue;
static struct p2p_needs needs;

static void put(const char *packages) {
  struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "x");
  struct p2p_err err;
  if (packages[0] != '\0') CHECK(p2p_task_need(task, packages, &err) == P2P_OK);
  p2p_task_queue_push(&queue, task);
}

static void empty_queue(void) {
  for (struct p2p_task *task; (task = p2p_task_queue_pop(&queue)) != NULL;) p2p_task_free(task);
}

/* A worker's inventory, after it answered the question about a, b and ab. */
static struct p2p_inventory told(const char *answer) {
  struct p2p_inventory inventory = {0};
  struct p2p_buf question;
  const char *breach;
  p2p_buf_init(&question, 100);
  (void)p2p_inventory_look_up(&inventory, "a;b", 0);
  CHECK(p2p_inventory_ask(&inventory, 0, &question) == P2P_OK);
  CHECK(p2p_inventory_take(&inventory, answer, strlen(answer), &breach) == P2P_OK);
  p2p_buf_clear(&question);
  return inventory;
}

static struct p2p_schedule_worker judge(struct p2p_inventory *inventory) {
  struct p2p_schedule_worker worker = {0};
  p2p_needs_judge(&needs, inventory, 0, &worker);
  return worker;
}

TEST(tasks_with_the_same_packages_are_one_need) {
  put(""), put("a"), put("a;b"), put("a"), put("");
  p2p_needs_gather(&needs, &queue);
  CHECK(needs.plain == 2 && needs.length == 2 && p2p_needs_waiting(&needs) == 5);
  CHECK_STR(needs.list[0].packages, "a");
  CHECK(needs.list[0].waiting == 2 && needs.list[1].waiting == 1);
  struct p2p_inventory has_a = told("a=1;b="), has_both = told("a=1;b=1"), has_none = told("a=;b="),
                       is_new = {0};
  struct p2p_schedule_worker worker = judge(&has_a);
  CHECK(worker.suits == 4 && worker.sure == 4);
  worker = judge(&has_both);
  CHECK(worker.suits == 5 && worker.sure == 5);
  worker = judge(&has_none);
  CHECK(worker.suits == 2 && worker.sure == 2);
  worker = judge(&is_new);
  CHECK(worker.suits == 5 && worker.sure == 2);
  worker = judge(NULL);
  CHECK(worker.suits == 5 && worker.sure == 2);
  CHECK(needs.list[0].have == 2 && needs.list[0].lack == 1 && needs.list[0].unknown == 2);
  CHECK(needs.list[1].have == 1 && needs.list[1].lack == 2 && needs.list[1].unknown == 2);
  p2p_inventory_clear(&has_a), p2p_inventory_clear(&has_both), p2p_inventory_clear(&has_none),
      p2p_inventory_clear(&is_new);
  empty_queue();
}

TEST(a_need_is_hopeless_when_all_were_asked_and_none_has_it) {
  struct p2p_inventory has_a = told("a=1;b="), has_none = told("a=;b=");
  put("b");
  p2p_needs_gather(&needs, &queue);
  CHECK(!p2p_need_is_hopeless(&needs.list[0])); /* there is nobody at all */
  CHECK(p2p_needs_search(&needs) == 0);
  judge(&has_a);
  CHECK(p2p_need_is_hopeless(&needs.list[0]) && p2p_needs_search(&needs) == 2);
  judge(NULL);
  CHECK(!p2p_need_is_hopeless(&needs.list[0]) && p2p_needs_search(&needs) == 2);
  for (int i = 0; i < 20; i++) judge(&has_none);
  CHECK(p2p_needs_search(&needs) == 8); /* not the whole cluster at once */
  p2p_inventory_clear(&has_a), p2p_inventory_clear(&has_none);
  empty_queue();
}

TEST(without_needs_every_worker_can_run_all_and_nothing_is_asked) {
  struct p2p_inventory inventory = {0};
  put(""), put("");
  p2p_needs_gather(&needs, &queue);
  struct p2p_schedule_worker worker = judge(&inventory);
  CHECK(worker.suits == 2 && worker.sure == 2 && needs.length == 0 && inventory.length == 0);
  empty_queue();
}

TEST(a_flood_of_needs_is_capped) {
  char name[16];
  for (int i = 0; i < P2P_NEEDS_MAX + 5; i++) {
    snprintf(name, sizeof name, "p%d", i);
    put(name);
  }
  put(""), put("p1");
  p2p_needs_gather(&needs, &queue);
  CHECK(needs.length == P2P_NEEDS_MAX && needs.plain == 1 && needs.list[1].waiting == 2);
  CHECK(p2p_needs_waiting(&needs) == P2P_NEEDS_MAX + 2);
  empty_queue();
}

UNIT_MAIN("needs", UNIT(tasks_with_the_same_packages_are_one_need),
          UNIT(a_need_is_hopeless_when_all_were_asked_and_none_has_it),
          UNIT(without_needs_every_worker_can_run_all_and_nothing_is_asked),
          UNIT(a_flood_of_needs_is_capped))
