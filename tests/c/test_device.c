/* The device key: made once, private, the same for all who make it at once. */
#include <stdbool.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "crypto/random.h"
#include "key_folder.h"
#include "keys/device.h"

#define MAKERS 8
#define ROUNDS 20

static struct p2p_err err;
static struct p2p_device device;

TEST(the_key_is_made_once) {
  struct p2p_device again;
  struct p2p_sign_public public_key;
  static const struct p2p_device none;
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  CHECK(memcmp(&device, &none, sizeof none) != 0);
  p2p_sign_public_of(&device.secret_key, &public_key);
  CHECK(memcmp(&public_key, &device.public_key, sizeof public_key) == 0);
  CHECK(p2p_device_load(key_folder, &again, &err) == P2P_OK);
  CHECK(memcmp(&device, &again, sizeof again) == 0);
  CHECK(key_folder_mode(".") == 0700 && key_folder_mode("device") == 0600);
  key_folder_remove();
}

TEST(missing_folders_above_are_made) {
  char deep[160];
  key_folder_make();
  snprintf(deep, sizeof deep, "%s/a/b/keys", key_folder);
  CHECK(p2p_device_load(deep, &device, &err) == P2P_OK);
  CHECK(key_folder_mode("a") == 0700 && key_folder_mode("a/b/keys/device") == 0600);
  key_folder_remove();
}

/* In a child: writes the public key to `out` when `go` is closed. */
static void make_in_child(int go, int out) {
  char byte;
  struct p2p_device made;
  (void)!read(go, &byte, 1);
  bool is_good = p2p_device_load(key_folder, &made, &err) == P2P_OK &&
                 write(out, &made.public_key, sizeof made.public_key) == sizeof made.public_key;
  _exit(is_good ? 0 : 1);
}

static size_t count_files(void) {
  char command[128], text[16] = "";
  snprintf(command, sizeof command, "ls -A '%s' | wc -l", key_folder);
  FILE *list = popen(command, "r");
  CHECK(list != NULL && fgets(text, sizeof text, list) != NULL);
  if (list != NULL) pclose(list);
  return strtoul(text, NULL, 10);
}

static void make_at_once(void) {
  int go[2], out[2], status;
  struct p2p_sign_public keys[MAKERS];
  CHECK(pipe(go) == 0 && pipe(out) == 0);
  for (int i = 0; i < MAKERS; i++) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid != 0) continue;
    close(go[1]);
    make_in_child(go[0], out[1]);
  }
  close(go[1]);
  for (int i = 0; i < MAKERS; i++) CHECK(wait(&status) > 0 && status == 0);
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  for (int i = 0; i < MAKERS; i++) {
    CHECK(read(out[0], &keys[i], sizeof keys[i]) == sizeof keys[i]);
    CHECK(memcmp(&keys[i], &device.public_key, sizeof keys[i]) == 0);
  }
  CHECK(count_files() == 1);
  close(go[0]);
  close(out[0]);
  close(out[1]);
}

TEST(processes_that_make_the_key_at_once_agree) {
  for (int round = 0; round < ROUNDS; round++) {
    key_folder_make();
    make_at_once();
    key_folder_remove();
  }
}

static void expect(int code, const char *reason) {
  static const struct p2p_device none;
  memset(&device, 1, sizeof device);
  err = (struct p2p_err){0};
  CHECK(p2p_device_load(key_folder, &device, &err) == code && err.code == code);
  if (reason == NULL)
    CHECK(err.reason == NULL);
  else
    CHECK_STR(err.reason, reason);
  CHECK(strstr(err.message, key_folder) != NULL);
  CHECK(memcmp(&device, &none, sizeof none) == 0); /* wiped */
}

TEST(what_others_can_reach_is_refused) {
  static const mode_t bits[] = {0040, 0020, 0010, 0004, 0002, 0001};
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
    CHECK(chmod(key_folder_path("device"), 0600 | bits[i]) == 0);
    expect(P2P_ERR_ACCESS, "keys_exposed");
    CHECK(chmod(key_folder_path("device"), 0600) == 0);
    CHECK(chmod(key_folder, 0700 | bits[i]) == 0);
    expect(P2P_ERR_ACCESS, "keys_exposed");
    CHECK(chmod(key_folder, 0700) == 0);
  }
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  key_folder_remove();
}

TEST(a_folder_of_another_user_is_refused) {
  key_folder_make();
  if (geteuid() == 0)
    CHECK(mkdir(key_folder, 0700) == 0 && chown(key_folder, 4711, (gid_t)-1) == 0);
  else
    snprintf(key_folder, sizeof key_folder, "/usr"); /* of root */
  expect(P2P_ERR_ACCESS, "keys_owner");
  key_folder_remove();
}

/* Only root can give files away. */
TEST(a_file_of_another_user_is_refused) {
  if (geteuid() != 0) return;
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  CHECK(chown(key_folder_path("device"), 4711, (gid_t)-1) == 0);
  expect(P2P_ERR_ACCESS, "keys_owner");
  key_folder_remove();
}

TEST(only_regular_files_are_read) {
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  char elsewhere[96];
  snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", key_root);
  CHECK(rename(key_folder_path("device"), elsewhere) == 0);
  CHECK(symlink(elsewhere, key_folder_path("device")) == 0);
  expect(P2P_ERR_INVALID, NULL);
  CHECK(unlink(key_folder_path("device")) == 0);
  CHECK(symlink("/nowhere/at/all", key_folder_path("device")) == 0);
  expect(P2P_ERR_INVALID, NULL);
  CHECK(unlink(key_folder_path("device")) == 0);
  CHECK(mkfifo(key_folder_path("device"), 0600) == 0);
  expect(P2P_ERR_INVALID, NULL);
  CHECK(unlink(key_folder_path("device")) == 0);
  CHECK(mkdir(key_folder_path("device"), 0700) == 0);
  expect(P2P_ERR_INVALID, NULL);
  key_folder_remove();
}

TEST(the_folder_may_be_reached_by_a_link_but_must_be_one) {
  char elsewhere[96];
  key_folder_make();
  snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", key_root);
  CHECK(mkdir(elsewhere, 0700) == 0);
  CHECK(symlink(elsewhere, key_folder) == 0);
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  CHECK(unlink(key_folder) == 0);
  int fd = open(key_folder, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  close(fd);
  expect(P2P_ERR_SYSTEM, NULL);
  key_folder_remove();
}

TEST(a_damaged_file_is_an_error_and_stays) {
  char text[256], after[256];
  key_folder_make();
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  size_t length = key_folder_read("device", text, sizeof text);
  CHECK(strncmp(text, "future.p2p device 1\nseed=", 25) == 0 && length == 25 + 43 + 1);
  for (size_t cut = 0; cut < length; cut++) {
    key_folder_write("device", text, cut);
    expect(P2P_ERR_PARSE, "keys_damaged");
    CHECK(key_folder_read("device", after, sizeof after) == cut);
  }
  text[length] = '\n';
  key_folder_write("device", text, length + 1);
  expect(P2P_ERR_PARSE, "keys_damaged");
  for (size_t i = 0; i < length; i++) {
    char was = text[i];
    text[i] = '!';
    key_folder_write("device", text, length);
    expect(P2P_ERR_PARSE, "keys_damaged");
    text[i] = '\0';
    key_folder_write("device", text, length);
    expect(P2P_ERR_PARSE, "keys_damaged");
    text[i] = was;
  }
  text[18] = '2';
  key_folder_write("device", text, length);
  expect(P2P_ERR_VERSION, "keys_newer");
  text[18] = '1';
  key_folder_write("device", text, length);
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  static char large[4096];
  key_folder_write("device", large, sizeof large);
  expect(P2P_ERR_TOO_LARGE, NULL);
  key_folder_remove();
}

TEST(a_path_that_is_too_long_or_empty_is_an_error) {
  static char path[2000];
  CHECK(p2p_device_load("", &device, &err) == P2P_ERR_TOO_LARGE);
  memset(path, 'a', sizeof path - 1);
  CHECK(p2p_device_load(path, &device, &err) == P2P_ERR_TOO_LARGE);
}

/* Made by: printf 000102...1f | xxd -r -p | openssl dgst -sha256 -binary | base64 */
TEST(the_fingerprint_is_that_of_openssh) {
  struct p2p_sign_public key;
  char text[P2P_FINGERPRINT_MAX];
  for (size_t i = 0; i < sizeof key.bytes; i++) key.bytes[i] = (uint8_t)i;
  p2p_fingerprint(&key, text);
  CHECK_STR(text, "SHA256:Yw3NKWbEM2aRElRIu7JbT/QSpJxzLbLIq8G4WBvXEN0");
}

UNIT_MAIN("device", UNIT(the_key_is_made_once), UNIT(missing_folders_above_are_made),
          UNIT(processes_that_make_the_key_at_once_agree), UNIT(what_others_can_reach_is_refused),
          UNIT(a_folder_of_another_user_is_refused), UNIT(a_file_of_another_user_is_refused),
          UNIT(only_regular_files_are_read),
          UNIT(the_folder_may_be_reached_by_a_link_but_must_be_one),
          UNIT(a_damaged_file_is_an_error_and_stays),
          UNIT(a_path_that_is_too_long_or_empty_is_an_error),
          UNIT(the_fingerprint_is_that_of_openssh))
