/* Reservations: who begins when, and what is left. */
#include "worker/reservations.h"

#include "unit.h"

static struct p2p_reservations line;
static struct p2p_reservation a, b, c;

static void begin(void) {
  p2p_reservations_init(&line, &(struct p2p_amounts){4, 8192, 0}, &(struct p2p_cpus){{0x0f}});
  a = (struct p2p_reservation){.amounts = {1, 6144, 0}, .client = 1};
  b = (struct p2p_reservation){.amounts = {1, 6144, 0}, .client = 2};
  c = (struct p2p_reservation){.amounts = {1, 100, 0}, .client = 3};
}

TEST(two_of_6_gib_do_not_share_8) {
  begin();
  p2p_reservations_add(&line, &a), p2p_reservations_add(&line, &b);
  CHECK(p2p_reservations_grant(&line) == &a && p2p_reservations_grant(&line) == NULL);
  CHECK(line.left.cores == 3 && line.left.memory_mib == 2048);
  p2p_reservations_remove(&line, &a);
  CHECK(p2p_reservations_grant(&line) == &b && p2p_reservations_grant(&line) == NULL);
  p2p_reservations_remove(&line, &b);
  CHECK(line.left.cores == 4 && line.left.memory_mib == 8192 && line.first == NULL);
}

TEST(a_small_one_does_not_overtake_a_large_one) {
  begin();
  p2p_reservations_add(&line, &a), p2p_reservations_add(&line, &b);
  p2p_reservations_add(&line, &c);
  CHECK(p2p_reservations_grant(&line) == &a && p2p_reservations_grant(&line) == NULL);
  p2p_reservations_remove(&line, &b); /* it leaves the line, and gives nothing back */
  CHECK(p2p_reservations_grant(&line) == &c && line.left.memory_mib == 8192 - 6144 - 100);
}

TEST(those_in_line_can_be_listed) {
  begin();
  p2p_reservations_add(&line, &a), p2p_reservations_add(&line, &b);
  p2p_reservations_add(&line, &c);
  CHECK(p2p_reservations_grant(&line) == &a);
  CHECK(p2p_reservations_waiting(&line, NULL) == &b && p2p_reservations_waiting(&line, &b) == &c);
  CHECK(p2p_reservations_waiting(&line, &c) == NULL);
}

TEST(others_are_told_what_is_granted) {
  struct p2p_amounts amounts;
  begin();
  p2p_reservations_add(&line, &a), p2p_reservations_add(&line, &b);
  CHECK(p2p_reservations_grant(&line) == &a);
  p2p_reservations_of_others(&line, 1, &amounts);
  CHECK(p2p_amounts_are_none(&amounts));
  p2p_reservations_of_others(&line, 2, &amounts);
  CHECK(amounts.cores == 1 && amounts.memory_mib == 6144);
}

TEST(no_gpu_is_given_twice) {
  p2p_reservations_init(&line, &(struct p2p_amounts){.gpus = 3}, &(struct p2p_cpus){{0}});
  a = b = c = (struct p2p_reservation){.amounts = {.gpus = 1}};
  b.amounts.gpus = 2;
  p2p_reservations_add(&line, &a), p2p_reservations_add(&line, &b);
  p2p_reservations_add(&line, &c);
  CHECK(p2p_reservations_grant(&line) == &a && a.gpus == 1);
  CHECK(p2p_reservations_grant(&line) == &b && b.gpus == 6);
  CHECK(p2p_reservations_grant(&line) == NULL && line.gpus == 0);
  p2p_reservations_remove(&line, &b);
  CHECK(p2p_reservations_grant(&line) == &c && c.gpus == 2 && line.gpus == 4);
  p2p_reservations_remove(&line, &a), p2p_reservations_remove(&line, &c);
  CHECK(line.gpus == 7 && line.left.gpus == 3);
}

TEST(all_gpus_of_the_largest_machine_can_be_given) {
  p2p_reservations_init(&line, &(struct p2p_amounts){.gpus = P2P_GPUS_MAX},
                        &(struct p2p_cpus){{0}});
  a = (struct p2p_reservation){.amounts = {.gpus = P2P_GPUS_MAX}};
  p2p_reservations_add(&line, &a);
  CHECK(p2p_reservations_grant(&line) == &a && a.gpus == UINT64_MAX && line.gpus == 0);
}

TEST(cores_come_with_processors_of_their_own) {
  begin();
  b.amounts = (struct p2p_amounts){2, 0, 0};
  p2p_reservations_add(&line, &a), p2p_reservations_add(&line, &b);
  CHECK(p2p_reservations_grant(&line) == &a && p2p_reservations_grant(&line) == &b);
  CHECK(a.cpus.bits[0] == 0x01 && b.cpus.bits[0] == 0x06 && line.cpus.bits[0] == 0x08);
  p2p_reservations_remove(&line, &a);
  CHECK(line.cpus.bits[0] == 0x09);
  c.amounts = (struct p2p_amounts){2, 0, 0};
  p2p_reservations_add(&line, &c);
  CHECK(p2p_reservations_grant(&line) == &c && c.cpus.bits[0] == 0x09);
}

TEST(one_that_was_never_added_is_no_problem) {
  begin();
  p2p_reservations_remove(&line, &a);
  CHECK(line.left.memory_mib == 8192);
}

UNIT_MAIN("reservations", UNIT(two_of_6_gib_do_not_share_8),
          UNIT(a_small_one_does_not_overtake_a_large_one), UNIT(those_in_line_can_be_listed),
          UNIT(others_are_told_what_is_granted), UNIT(no_gpu_is_given_twice),
          UNIT(all_gpus_of_the_largest_machine_can_be_given),
          UNIT(cores_come_with_processors_of_their_own),
          UNIT(one_that_was_never_added_is_no_problem))
