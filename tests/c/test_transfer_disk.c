/* A transfer whose disk is slow: the io thread, which serves every connection of the process, never
 * waits for it. */
#include "transfer/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crypto/random.h"
#include "descriptors.h"
#include "mailbox_fixture.h"

#define PATIENCE_MS 20000
#define MARK "p2p-slow-disk"

/* ---- calls of the core, which replace those of the C library ---- */

static pthread_t io_thread;
static atomic_int n_calls, n_calls_on_io_thread;

static void note_call(const char *path) {
  if (strstr(path, MARK) == NULL) return;
  atomic_fetch_add(&n_calls, 1);
  if (pthread_equal(pthread_self(), io_thread)) atomic_fetch_add(&n_calls_on_io_thread, 1);
}

int open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  int mode = (flags & O_CREAT) != 0 ? va_arg(args, int) : 0;
  va_end(args);
  note_call(path);
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int unlink(const char *path) {
  note_call(path);
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int link(const char *from, const char *to) {
  note_call(from);
  return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- transfers ---- */

struct disk {
  struct lab lab;
  char folder[64], from[96], to[96];
  struct p2p_transfer *sender, *receiver;
};

static void note_thread(void *arg) {
  (void)arg;
  io_thread = pthread_self();
}

static void disk_open(struct disk *disk) {
  memset(disk, 0, sizeof *disk);
  lab_open(&disk->lab);
  CHECK(p2p_loop_call(disk->lab.loop, note_thread, NULL) == P2P_OK);
  snprintf(disk->folder, sizeof disk->folder, "/tmp/" MARK "-XXXXXX");
  CHECK(mkdtemp(disk->folder) != NULL);
  snprintf(disk->from, sizeof disk->from, "%s/from", disk->folder);
  snprintf(disk->to, sizeof disk->to, "%s/to", disk->folder);
  FILE *file = fopen(disk->from, "wb");
  CHECK(file != NULL && ftruncate(fileno(file), 32 * 1024 * 1024) == 0 && fclose(file) == 0);
  n_calls = n_calls_on_io_thread = 0;
}

static void disk_close(struct disk *disk) {
  char command[128];
  p2p_transfer_free(disk->sender);
  p2p_transfer_free(disk->receiver);
  snprintf(command, sizeof command, "rm -rf %s", disk->folder);
  CHECK(system(command) == 0);
  lab_close(&disk->lab);
}

static void start(struct disk *disk) {
  struct p2p_transfer_config config = {.loop = disk->lab.loop,
                                       .mailbox = disk->lab.mailbox,
                                       .code = "7-slow",
                                       .file = disk->from,
                                       .timeout_ms = PATIENCE_MS};
  CHECK(p2p_transfer_new(&config, &disk->sender, NULL) == P2P_OK);
  config.file = NULL;
  config.path = disk->to;
  CHECK(p2p_transfer_new(&config, &disk->receiver, NULL) == P2P_OK);
}

static enum p2p_transfer_state wait_for_end(struct p2p_transfer *transfer) {
  struct p2p_transfer_status status;
  uint64_t seen = 0, now = 0;
  do {
    seen = now;
    p2p_transfer_status(transfer, &status);
    if (status.state >= P2P_TRANSFER_DONE) return status.state;
    now = p2p_transfer_wait(transfer, seen, PATIENCE_MS);
  } while (now != seen);
  return status.state;
}

static void wait_for_bytes(struct p2p_transfer *transfer) {
  struct p2p_transfer_status status;
  uint64_t seen = 0;
  do {
    seen = p2p_transfer_wait(transfer, seen, PATIENCE_MS);
    p2p_transfer_status(transfer, &status);
  } while (status.moved_bytes < 1000000 && status.state < P2P_TRANSFER_DONE);
}

TEST(files_are_opened_and_named_off_the_io_thread) {
  static struct disk disk;
  disk_open(&disk);
  start(&disk);
  CHECK(wait_for_end(disk.receiver) == P2P_TRANSFER_DONE);
  CHECK(wait_for_end(disk.sender) == P2P_TRANSFER_DONE);
  CHECK(n_calls >= 4); /* two are opened; one is linked to its name, and its first one removed */
  CHECK(n_calls_on_io_thread == 0);
  disk_close(&disk);
}

TEST(an_incomplete_file_is_removed_off_the_io_thread) {
  static struct disk disk;
  disk_open(&disk);
  start(&disk);
  wait_for_bytes(disk.receiver);
  p2p_transfer_cancel(disk.receiver);
  CHECK(wait_for_end(disk.receiver) >= P2P_TRANSFER_DONE);
  CHECK(n_calls >= 3); /* two are opened, one is removed */
  CHECK(n_calls_on_io_thread == 0);
  disk_close(&disk);
}

/* Whatever the moment: while the file is being created, too. */
TEST(canceling_at_any_moment_leaves_nothing) {
  static struct disk disk;
  for (int i = 0; i < 20; i++) {
    disk_open(&disk);
    int before = count_files(disk.folder);
    start(&disk);
    for (uint64_t seen = 0; atomic_load(&n_calls) < 2 && seen < (uint64_t)PATIENCE_MS; seen++)
      usleep(200);
    usleep((unsigned)(100 * i));
    p2p_transfer_cancel(disk.receiver);
    bool is_whole = wait_for_end(disk.receiver) == P2P_TRANSFER_DONE;
    CHECK(count_files(disk.folder) == before + (is_whole ? 1 : 0));
    disk_close(&disk);
  }
}

UNIT_MAIN("transfer_disk", UNIT(files_are_opened_and_named_off_the_io_thread),
          UNIT(an_incomplete_file_is_removed_off_the_io_thread),
          UNIT(canceling_at_any_moment_leaves_nothing))
