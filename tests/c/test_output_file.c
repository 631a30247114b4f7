/* Received files: no file is ever replaced. */
#include "transfer/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "unit.h"

/* ---- a file system, with or without hard links ---- */

static bool has_links = true;

int link(const char *from, const char *to) {
  if (has_links) return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
  errno = EPERM;
  return -1;
}

static char folder[64];

static void folder_open(void) {
  snprintf(folder, sizeof folder, "/tmp/p2p-output-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
}

static void folder_close(int files) {
  char command[128];
  CHECK(count_files(folder) == files);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  CHECK(system(command) == 0);
}

/* Receives `text` as `name`. Returns the code; `got` is the last part of the final name. */
static int receive(const char *name, bool is_numbered, const char *text, char got[static 256]) {
  struct p2p_output_file output;
  char path[320];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int code = p2p_output_file_open(&output, path, is_numbered, NULL);
  if (code == P2P_OK) code = p2p_output_file_write(&output, text, strlen(text), NULL);
  if (code == P2P_OK) code = p2p_output_file_commit(&output, NULL);
  snprintf(got, 256, "%s", output.final + strlen(folder) + 1);
  return code;
}

static bool contains(const char *name, const char *text) {
  char path[320], bytes[64] = "";
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  size_t length = fread(bytes, 1, sizeof bytes - 1, file);
  fclose(file);
  return length == strlen(text) && strcmp(bytes, text) == 0;
}

static void check_numbers(void) {
  char got[256], path[320];
  folder_open();
  snprintf(path, sizeof path, "%s/results (2).rds", folder);
  CHECK(symlink("/nonexistent", path) == 0);
  CHECK(receive("results.rds", true, "a", got) == P2P_OK);
  CHECK_STR(got, "results.rds");
  CHECK(receive("results.rds", true, "b", got) == P2P_OK);
  CHECK_STR(got, "results (1).rds");
  CHECK(receive("results.rds", true, "c", got) == P2P_OK);
  CHECK_STR(got, "results (3).rds"); /* nor is a symbolic link followed or replaced */
  CHECK(receive("results.rds", false, "d", got) == P2P_ERR_SYSTEM);
  CHECK(receive("README", true, "e", got) == P2P_OK && receive("README", true, "f", got) == P2P_OK);
  CHECK_STR(got, "README (1)");
  CHECK(contains("results.rds", "a") && contains("results (1).rds", "b") &&
        contains("results (3).rds", "c") && contains("README (1)", "f"));
  folder_close(6);
}

TEST(an_existing_file_is_kept_and_the_new_one_gets_a_number) {
  check_numbers();
  has_links = false;
  check_numbers();
  has_links = true;
}

static void *receive_one(void *arg) {
  char got[256];
  CHECK(receive("same.txt", true, arg, got) == P2P_OK);
  CHECK(contains(got, arg));
  return NULL;
}

static void check_race(void) {
  enum { N = 8 };
  static char texts[N][2];
  pthread_t threads[N];
  folder_open();
  for (int i = 0; i < N; i++) {
    texts[i][0] = (char)('a' + i);
    CHECK(pthread_create(&threads[i], NULL, receive_one, texts[i]) == 0);
  }
  for (int i = 0; i < N; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  folder_close(N);
}

TEST(files_that_arrive_together_all_stay) {
  check_race();
  has_links = false;
  check_race();
  has_links = true;
}

TEST(a_file_that_appears_meanwhile_is_kept) {
  struct p2p_output_file output;
  struct p2p_err err;
  char path[320];
  folder_open();
  snprintf(path, sizeof path, "%s/x", folder);
  CHECK(p2p_output_file_open(&output, path, false, &err) == P2P_OK);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL && fputs("theirs", file) >= 0 && fclose(file) == 0);
  CHECK(p2p_output_file_commit(&output, &err) == P2P_ERR_SYSTEM);
  CHECK(contains("x", "theirs"));
  folder_close(1);
}

UNIT_MAIN("output_file", UNIT(an_existing_file_is_kept_and_the_new_one_gets_a_number),
          UNIT(files_that_arrive_together_all_stay), UNIT(a_file_that_appears_meanwhile_is_kept))
