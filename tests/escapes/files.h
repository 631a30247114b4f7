/* Attempts on files of the lender that need more than opening them. */
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>

static void read_by_link(void) {
  const char *key = path_in(fact("HOME"), "key_by_link");
  if (symlink(key, "a link") == 0) print_file(open("a link", O_RDONLY));
  if (link(key, "a hard link") == 0) print_file(open("a hard link", O_RDONLY));
}

/* As from a container, by the handle of a file instead of its path. */
static void read_by_handle(void) {
  union {
    struct file_handle handle;
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } it = {.handle.handle_bytes = 0};
  char *hex;
  it.handle.handle_type = (int)strtol(fact("HANDLE"), &hex, 10);
  for (hex++; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
    unsigned byte = 0;
    sscanf(hex, "%2x", &byte);
    it.handle.f_handle[it.handle.handle_bytes++] = (unsigned char)byte;
  }
  int mount = open(fact("DROP"), O_RDONLY | O_DIRECTORY);
  print_file(open_by_handle_at(mount, &it.handle, O_RDONLY));
}

/* The lender's program sees the same root: what is above that of this process is reached by a
 * folder that is kept open. */
static void leave_root(void) {
  int here = open("/", O_RDONLY | O_DIRECTORY);
  if (mkdir("cage", 0700) != 0 || chroot("cage") != 0 || fchdir(here) != 0) return;
  for (int i = 0; i < 64; i++) (void)!chdir("..");
  if (chroot(".") == 0) print_file(open(path_in(fact("HOME"), "key_by_root"), O_RDONLY));
}

static void move_file(void) {
  if (rename(path_in(fact("HOME"), "moved"), "moved") == 0) print_file(open("moved", O_RDONLY));
}

static void change_mode(void) {
  const char *path = path_in(fact("HOME"), "mode");
  if (chmod(path, 0666) != 0) fchmodat(AT_FDCWD, path, 0666, 0);
  syscall(452 /* fchmodat2 */, AT_FDCWD, path, 0666, 0);
}

static void change_times(void) {
  const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  const struct timeval older[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  const char *path = path_in(fact("HOME"), "times");
  utimensat(AT_FDCWD, path, times, 0);
  utimes(path, older);
}

static void change_attributes(void) {
  const char *path = path_in(fact("HOME"), "attributes");
  setxattr(path, "user.escaped", "1", 1, 0);
  syscall(463 /* setxattrat */, AT_FDCWD, path, 0, "user.escaped", NULL, 0);
}

static void cut_file(void) {
  const char *path = path_in(fact("HOME"), "cut");
  (void)!truncate(path, 0);
  close(open(path, O_RDONLY | O_TRUNC));
  close(open(path, O_ACCMODE | O_TRUNC));
}

/* A program that runs as the lender for whoever starts it. */
static void make_setuid(void) {
  const char *path = path_in(fact("DROP"), "setuid");
  umask(0);
  close(open(path, O_WRONLY | O_CREAT, 04755));
  mknod(path_in(fact("DROP"), "setuid_node"), S_IFREG | 04755, 0);
  chmod(path, 04755);
  int fd = open(path, O_WRONLY | O_CREAT, 0755);
  fchmod(fd, 04755);
  fchmodat(AT_FDCWD, path, 04755, 0);
  syscall(452 /* fchmodat2 */, AT_FDCWD, path, 04755, 0);
}

static void make_device(void) {
  mknod(path_in(fact("DROP"), "device"), S_IFCHR | 0600, makedev(1, 3));
}

/* "program" is set-user-id root and prints what only root can read. */
static void run_setuid(void) { execl(fact("SETUID"), "setuid", "read_for_root", NULL); }

static void read_for_root(void) {
  (void)!setuid(0);
  print_file(open(fact("ROOT_FILE"), O_RDONLY));
}

/* What the supervisor has open, if it was handed on. */
static void read_descriptors(void) {
  for (int fd = 5; fd < 256; fd++) {
    char text[128];
    ssize_t length = pread(fd, text, sizeof text, 0);
    if (length > 0) show(text, length);
  }
}

static const struct attempt on_files[] = {
    ATTEMPT(read_by_link),    ATTEMPT(read_by_handle), ATTEMPT(leave_root),
    ATTEMPT(move_file),       ATTEMPT(change_mode),    ATTEMPT(change_times),
    ATTEMPT(cut_file),        ATTEMPT(make_setuid),    ATTEMPT(change_attributes),
    ATTEMPT(make_device),     ATTEMPT(run_setuid),     ATTEMPT(read_for_root),
    ATTEMPT(read_descriptors)};
