/*
 * Loaded before libc (LD_PRELOAD): appends to the file POWER_CUT_LOG what a process, and those that it starts, do to the
 * files below POWER_CUT_FOLDER. recording.ts reads it.
 *
 * What changes a file or a folder is recorded when it is done and before the caller hears of it; a sync when it begins and
 * when it has ended: it is answerable for what was recorded before its beginning. Each record is one write with O_APPEND,
 * so that the records of all processes are in one order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, RESIZE, SYNC, SYNCED, MKDIR, RENAME, UNLINK, RMDIR, LINK, SYMLINK, MARK, UNKNOWN };
enum { MOST_FDS = 65536, MOST_PIECES = 1024 };

struct header {
  uint32_t bytes; /* of the record, this included */
  uint32_t type;
  uint64_t inode, at; /* at: offset, length, or the number of a sync */
  uint32_t path, other; /* lengths; then the path, the other path, and the data */
};

static int log_file = -1;
static char folder[PATH_MAX];
static uint64_t inodes[MOST_FDS]; /* of the descriptors that are watched; else 0 */

#define REAL(result, name, ...) static result (*real_##name)(__VA_ARGS__)
REAL(int, open64, const char *, int, ...);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
REAL(ssize_t, pwritev64, int, const struct iovec *, int, off64_t);
REAL(int, ftruncate64, int, off64_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, close, int);
REAL(int, mkdir, const char *, mode_t);
REAL(int, rename, const char *, const char *);
REAL(int, unlink, const char *);
REAL(int, rmdir, const char *);
REAL(int, remove, const char *);
REAL(int, link, const char *, const char *);
REAL(int, symlink, const char *, const char *);
REAL(ssize_t, sendfile64, int, int, off64_t *, size_t);

__attribute__((constructor)) static void begin(void) {
#define FIND(name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)
  FIND(open64), FIND(write), FIND(writev), FIND(pwrite64), FIND(pwritev64), FIND(ftruncate64), FIND(fsync);
  FIND(fdatasync), FIND(close), FIND(mkdir), FIND(rename), FIND(unlink), FIND(rmdir), FIND(remove), FIND(link);
  FIND(symlink), FIND(sendfile64);
  const char *file = getenv("POWER_CUT_LOG"), *where = getenv("POWER_CUT_FOLDER");
  if (file == NULL || where == NULL || realpath(where, folder) == NULL) return;
  log_file = real_open64(file, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void record(uint32_t type, uint64_t inode, uint64_t at, const char *path, const char *other,
                   const struct iovec *data, int pieces) {
  int before = errno;
  struct header header = {0, type, inode, at, path ? strlen(path) : 0, other ? strlen(other) : 0};
  struct iovec all[MOST_PIECES + 3] = {
      {&header, sizeof header}, {(void *)path, header.path}, {(void *)other, header.other}};
  for (int i = 0; i < pieces; i++) all[i + 3] = data[i];
  for (int i = 0; i < pieces + 3; i++) header.bytes += all[i].iov_len;
  /* A record in part would make nonsense of the rest. */
  if (real_writev(log_file, all, pieces + 3) != header.bytes) abort();
  errno = before;
}

/* The path as the kernel understands it, where it is below the folder; else NULL. */
static const char *watched(const char *path, char *absolute) {
  if (log_file < 0 || path == NULL) return NULL;
  char parent[PATH_MAX], real[PATH_MAX];
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  snprintf(parent, sizeof parent, "%.*s", slash == NULL ? 1 : (int)(slash - path), slash == NULL ? "." : path);
  int before = errno;
  if (realpath(slash == path ? "/" : parent, real) == NULL) real[0] = 0;
  errno = before;
  snprintf(absolute, PATH_MAX, "%s/%s", real, name);
  size_t length = strlen(folder);
  if (strncmp(absolute, folder, length) != 0) return NULL;
  if (absolute[length] == 0) return absolute + length;
  return absolute[length] == '/' ? absolute + length + 1 : NULL;
}

static uint64_t inode_of(int fd) { return log_file >= 0 && fd >= 0 && fd < MOST_FDS ? inodes[fd] : 0; }

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  char absolute[PATH_MAX];
  const char *mine = watched(path, absolute);
  struct stat found;
  int before = errno;
  int was_there = mine == NULL || lstat(path, &found) == 0;
  errno = before;
  int fd = real_open64(path, flags, mode);
  if (fd < 0 || fd >= MOST_FDS) return fd;
  inodes[fd] = 0;
  if (mine == NULL || fstat(fd, &found) != 0) return fd;
  inodes[fd] = found.st_ino;
  if (!was_there) record(CREATE, found.st_ino, 0, mine, NULL, NULL, 0);
  else if (flags & O_TRUNC) record(RESIZE, found.st_ino, 0, NULL, NULL, NULL, 0);
  return fd;
}
int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  return open64(path, flags, mode);
}

static void wrote(int fd, const struct iovec *data, int pieces, ssize_t written, int64_t at) {
  uint64_t inode = inode_of(fd);
  if (inode == 0 || written <= 0) return;
  if (at < 0) at = lseek(fd, 0, SEEK_CUR) - written;
  if (pieces > MOST_PIECES) abort();
  struct iovec taken[MOST_PIECES];
  int count = 0;
  for (ssize_t left = written; left > 0; count++) {
    taken[count] = data[count];
    if ((ssize_t)taken[count].iov_len > left) taken[count].iov_len = left;
    left -= taken[count].iov_len;
  }
  record(WRITE, inode, at, NULL, NULL, taken, count);
}

ssize_t write(int fd, const void *data, size_t bytes) {
  ssize_t written = real_write(fd, data, bytes);
  struct iovec piece = {(void *)data, bytes};
  wrote(fd, &piece, 1, written, -1);
  return written;
}
ssize_t writev(int fd, const struct iovec *data, int pieces) {
  ssize_t written = real_writev(fd, data, pieces);
  wrote(fd, data, pieces, written, -1);
  return written;
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
  ssize_t written = real_pwrite64(fd, data, bytes, at);
  struct iovec piece = {(void *)data, bytes};
  wrote(fd, &piece, 1, written, at);
  return written;
}
ssize_t pwritev64(int fd, const struct iovec *data, int pieces, off64_t at) {
  ssize_t written = real_pwritev64(fd, data, pieces, at);
  wrote(fd, data, pieces, written, at);
  return written;
}
int ftruncate64(int fd, off64_t length) {
  int result = real_ftruncate64(fd, length);
  if (result == 0 && inode_of(fd) != 0) record(RESIZE, inode_of(fd), length, NULL, NULL, NULL, 0);
  return result;
}

static int synced(int fd, int (*real)(int)) {
  static uint64_t syncs;
  uint64_t inode = inode_of(fd);
  if (inode == 0) return real(fd);
  uint64_t number = (uint64_t)getpid() << 32 | __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
  record(SYNC, inode, number, NULL, NULL, NULL, 0);
  int result = real(fd);
  if (result == 0) record(SYNCED, inode, number, NULL, NULL, NULL, 0);
  return result;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int close(int fd) {
  if (fd >= 0 && fd < MOST_FDS) inodes[fd] = 0;
  return real_close(fd);
}

int mkdir(const char *path, mode_t mode) {
  char absolute[PATH_MAX];
  const char *mine = watched(path, absolute);
  int result = real_mkdir(path, mode);
  struct stat made;
  if (result == 0 && mine != NULL && lstat(path, &made) == 0)
    record(MKDIR, made.st_ino, 0, mine, NULL, NULL, 0);
  return result;
}

static int changed(uint32_t type, const char *path, int (*real)(const char *)) {
  char absolute[PATH_MAX];
  const char *mine = watched(path, absolute);
  int result = real(path);
  if (result == 0 && mine != NULL) record(type, 0, 0, mine, NULL, NULL, 0);
  return result;
}
int unlink(const char *path) { return changed(UNLINK, path, real_unlink); }
int rmdir(const char *path) { return changed(RMDIR, path, real_rmdir); }
int remove(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 && S_ISDIR(found.st_mode) ? rmdir(path) : unlink(path);
}

/* Into or out of the folder nothing is renamed or linked: the reader refuses what has one path alone. */
static int twice(uint32_t type, const char *path, const char *other, int (*real)(const char *, const char *)) {
  char absolute[PATH_MAX], absolute_other[PATH_MAX];
  const char *mine = watched(path, absolute), *other_mine = watched(other, absolute_other);
  int result = real(path, other);
  if (result == 0 && (mine != NULL || other_mine != NULL)) record(type, 0, 0, mine, other_mine, NULL, 0);
  return result;
}
int rename(const char *path, const char *other) { return twice(RENAME, path, other, real_rename); }
int link(const char *path, const char *other) { return twice(LINK, path, other, real_link); }
int symlink(const char *target, const char *path) {
  char absolute[PATH_MAX];
  int result = real_symlink(target, path);
  const char *mine = watched(path, absolute);
  if (result == 0 && mine != NULL) record(SYMLINK, 0, 0, mine, target, NULL, 0);
  return result;
}

/* Of what is not understood the reader says so. */
ssize_t sendfile64(int to, int from, off64_t *at, size_t bytes) {
  if (inode_of(to) != 0) record(UNKNOWN, 0, 0, "sendfile", NULL, NULL, 0);
  return real_sendfile64(to, from, at, bytes);
}
long syscall(long number, ...) {
  static long (*real_syscall)(long, ...);
  if (real_syscall == NULL) *(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  /* As libuv closes. */
  if (number == SYS_close && a[0] >= 0 && a[0] < MOST_FDS) inodes[a[0]] = 0;
  if (number == SYS_copy_file_range && inode_of((int)a[2]) != 0)
    record(UNKNOWN, 0, 0, "copy_file_range", NULL, NULL, 0);
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
