/* The files of a personal cluster: who makes the key, and which of two is kept. */
#include <sys/wait.h>

#include "key_folder.h"
#include "keys/members_file.h"
#include "keys/personal.h"
#include "protocol/certificate.h"

#define CLUSTER "bob/personal"
#define PLACE "bob%40board%3A22/bob/personal/"

static struct p2p_err err;
static struct p2p_device device;
static struct p2p_membership membership, first;
static bool exists, is_alone;
static const struct p2p_key_place place = {key_folder, "board:22", CLUSTER, "bob"};

static void begin(void) {
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
}

static void make(void) {
  CHECK(p2p_personal_make(&place, &device, &membership, &is_alone, &err) == P2P_OK);
}

static void read_back(void) {
  CHECK(p2p_personal_read(&place, &device, &membership, &exists, &is_alone, &err) == P2P_OK);
}

static bool is_same(const struct p2p_membership *a, const struct p2p_membership *b) {
  return memcmp(a->grant.secret, b->grant.secret, sizeof a->grant.secret) == 0 &&
         memcmp(&a->grant.owner, &b->grant.owner, sizeof a->grant.owner) == 0 &&
         memcmp(a->grant.certificate, b->grant.certificate, sizeof a->grant.certificate) == 0;
}

/* A key that another device has made. */
static struct p2p_membership key_of_another(void) {
  const struct p2p_key_place elsewhere = {key_folder, "elsewhere:22", CLUSTER, "bob"};
  struct p2p_membership out;
  bool is_alone_there;
  CHECK(p2p_personal_make(&elsewhere, &device, &out, &is_alone_there, &err) == P2P_OK);
  return out;
}

static int add_device(void *arg, struct p2p_members *members, struct p2p_err *error) {
  const struct p2p_sign_public other = {{7, 7, 7}};
  (void)arg;
  (void)error;
  return p2p_members_add(members, "bob", &other, 1);
}

static void share(void) { CHECK(p2p_members_change(&place, add_device, NULL, &err) == P2P_OK); }

TEST(without_files_there_is_no_key) {
  begin();
  read_back();
  CHECK(!exists && !is_alone);
  key_folder_remove();
}

TEST(a_key_is_made_once_and_its_owner_comes_from_it) {
  struct p2p_cluster_key key;
  struct p2p_sign_secret secret;
  struct p2p_sign_public owner;
  begin();
  make();
  CHECK(membership.is_enrolled && membership.grant.epoch == 1 && is_alone);
  CHECK_STR(membership.grant.user, "bob");
  p2p_cluster_key_derive(CLUSTER, 1, membership.grant.secret, &key);
  p2p_cluster_key_owner(&key, CLUSTER, &secret);
  p2p_sign_public_of(&secret, &owner);
  CHECK(memcmp(&owner, &membership.grant.owner, sizeof owner) == 0);
  const struct p2p_certificate certificate = {CLUSTER, 1, "bob", device.public_key};
  CHECK(p2p_certificate_check(&certificate, &owner, membership.grant.certificate));
  first = membership;
  make();
  CHECK(is_same(&first, &membership) && is_alone);
  read_back();
  CHECK(exists && is_alone && is_same(&first, &membership));
  CHECK(key_folder_mode(PLACE "membership") == 0600 && key_folder_mode(PLACE "members") == 0600);
  key_folder_remove();
}

TEST(processes_that_make_it_at_once_get_one_key) {
  enum { PROCESSES = 8 };
  pid_t children[PROCESSES];
  int ends[2];
  begin();
  CHECK(pipe(ends) == 0);
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    if (children[i] != 0) continue;
    int code = p2p_personal_make(&place, &device, &membership, &is_alone, &err);
    ssize_t n = write(ends[1], membership.grant.secret, sizeof membership.grant.secret);
    _exit(code == P2P_OK && n == (ssize_t)sizeof membership.grant.secret ? 0 : 1);
  }
  make();
  for (int i = 0; i < PROCESSES; i++) {
    uint8_t secret[sizeof membership.grant.secret];
    int status = 1;
    CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
    CHECK(read(ends[0], secret, sizeof secret) == (ssize_t)sizeof secret);
    CHECK(memcmp(secret, membership.grant.secret, sizeof secret) == 0);
  }
  close(ends[0]);
  close(ends[1]);
  key_folder_remove();
}

TEST(a_key_that_nobody_else_has_gives_way) {
  begin();
  make();
  first = membership;
  const struct p2p_membership other = key_of_another();
  struct p2p_membership kept = other;
  CHECK(p2p_personal_keep(&place, &device, &kept, &err) == P2P_OK && is_same(&kept, &other));
  read_back();
  CHECK(exists && is_same(&membership, &other) && !is_same(&membership, &first));
  CHECK(!is_alone); /* the giver has it */
  key_folder_remove();
}

TEST(a_key_that_others_have_stays) {
  begin();
  make();
  first = membership;
  share();
  read_back();
  CHECK(!is_alone);
  struct p2p_membership kept = key_of_another();
  CHECK(p2p_personal_keep(&place, &device, &kept, &err) == P2P_OK);
  CHECK(is_same(&kept, &first)); /* what to use instead */
  read_back();
  CHECK(is_same(&membership, &first));
  make();
  CHECK(is_same(&membership, &first) && !is_alone);
  key_folder_remove();
}

TEST(what_was_damaged_is_neither_used_nor_replaced) {
  static const char nonsense[] = "future.p2p membership 1\nnonsense\n";
  char left[256];
  begin();
  make();
  key_folder_write(PLACE "membership", nonsense, sizeof nonsense - 1);
  struct p2p_membership kept = membership;
  CHECK(p2p_personal_make(&place, &device, &membership, &is_alone, &err) == P2P_ERR_PARSE);
  CHECK_STR(err.reason, "keys_damaged");
  CHECK(p2p_personal_keep(&place, &device, &kept, &err) == P2P_ERR_PARSE);
  CHECK(kept.grant.epoch == 0); /* wiped */
  CHECK(p2p_personal_read(&place, &device, &membership, &exists, &is_alone, &err) == P2P_ERR_PARSE);
  CHECK(key_folder_read(PLACE "membership", left, sizeof left) == sizeof nonsense - 1);
  CHECK_STR(left, nonsense);
  key_folder_remove();
}

UNIT_MAIN("personal_key", UNIT(without_files_there_is_no_key),
          UNIT(a_key_is_made_once_and_its_owner_comes_from_it),
          UNIT(processes_that_make_it_at_once_get_one_key),
          UNIT(a_key_that_nobody_else_has_gives_way), UNIT(a_key_that_others_have_stays),
          UNIT(what_was_damaged_is_neither_used_nor_replaced))
