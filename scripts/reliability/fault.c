/* Makes the K-th call that changes the disk fail, under one folder: a library to be preloaded.
 *
 *   FAULT_DIR   calls on files below this folder count, others pass
 *   FAULT_AT    K, counted from 1; 0 counts only
 *   FAULT_KIND  eio, enospc (that call alone fails), full (it and every later write fails with ENOSPC), torn (a write puts half of its bytes
 *               and the next fails), kill (the process is killed with signal 9 instead of the call)
 *   FAULT_LOG   a file that gets the number of calls, and which one failed, when the process ends or is killed
 *
 * Counted are open for writing, write, fsync, fdatasync, rename, mkdir, unlink, rmdir, ftruncate, link and their relatives.
 * Built by the scripts beside it: cc -shared -fPIC -O1 -o fault.so fault.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static atomic_int tear;
static long at;
static const char *dir, *kind, *log_path;
static char failed[256];

static void report(void) {
    if (!log_path) return;
    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) return;
    char line[512];
    int n = snprintf(line, sizeof line, "%ld %s\n", atomic_load(&calls), failed[0] ? failed : "-");
    syscall(SYS_write, fd, line, (size_t)n);
    syscall(SYS_close, fd);
}

__attribute__((constructor)) static void begin(void) {
    const char *k = getenv("FAULT_AT");
    at = k ? atol(k) : 0;
    dir = getenv("FAULT_DIR");
    kind = getenv("FAULT_KIND");
    log_path = getenv("FAULT_LOG");
    if (!kind) kind = "eio";
}

__attribute__((destructor)) static void end(void) { report(); }

static int below(const char *path) {
    if (!dir || !path) return 0;
    char whole[PATH_MAX];
    if (path[0] != '/') {
        if (!getcwd(whole, sizeof whole)) return 0;
        size_t n = strlen(whole);
        snprintf(whole + n, sizeof whole - n, "/%s", path);
        path = whole;
    }
    return strncmp(path, dir, strlen(dir)) == 0;
}

static int below_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    /* A pipe's name is no path. */
    return path[0] == '/' && below(path);
}

/* 0: let it pass; 1: fail with errno set; 2: write half. */
static int judge(const char *name, int is_write) {
    long k = atomic_fetch_add(&calls, 1) + 1;
    int later_full = at > 0 && k > at && strcmp(kind, "full") == 0 && is_write;
    int later_torn = atomic_exchange(&tear, 0);
    if (at == 0 || (k != at && !later_full && !later_torn)) return 0;
    if (!failed[0]) snprintf(failed, sizeof failed, "%s", name);
    if (strcmp(kind, "kill") == 0) {
        report();
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
    if (k == at && strcmp(kind, "torn") == 0 && is_write) {
        atomic_store(&tear, 1);
        return 2;
    }
    errno = strcmp(kind, "eio") == 0 ? EIO : ENOSPC;
    return 1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t n) {
    REAL(write);
    if (below_fd(fd)) {
        int verdict = judge("write", 1);
        if (verdict == 1) return -1;
        if (verdict == 2 && n > 1) return real(fd, bytes, n / 2);
    }
    return real(fd, bytes, n);
}
ssize_t writev(int fd, const struct iovec *v, int n) {
    REAL(writev);
    if (below_fd(fd) && judge("writev", 1) == 1) return -1;
    return real(fd, v, n);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t where) {
    REAL(pwrite64);
    if (below_fd(fd) && judge("pwrite", 1) == 1) return -1;
    return real(fd, bytes, n, where);
}
int fsync(int fd) {
    REAL(fsync);
    if (below_fd(fd) && judge("fsync", 0)) return -1;
    return real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    if (below_fd(fd) && judge("fdatasync", 0)) return -1;
    return real(fd);
}
int ftruncate64(int fd, off64_t n) {
    REAL(ftruncate64);
    if (below_fd(fd) && judge("ftruncate", 0)) return -1;
    return real(fd, n);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    if ((below(from) || below(to)) && judge("rename", 0)) return -1;
    return real(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    REAL(linkat);
    if ((below(from) || below(to)) && judge("linkat", 0)) return -1;
    return real(a, from, b, to, flags);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    if (below(path) && judge("mkdir", 1)) return -1;
    return real(path, mode);
}
int unlink(const char *path) {
    REAL(unlink);
    if (below(path) && judge("unlink", 0)) return -1;
    return real(path);
}
int rmdir(const char *path) {
    REAL(rmdir);
    if (below(path) && judge("rmdir", 0)) return -1;
    return real(path);
}
int unlinkat(int fd, const char *path, int flags) {
    REAL(unlinkat);
    if ((path[0] == '/' ? below(path) : below_fd(fd)) && judge("unlinkat", 0)) return -1;
    return real(fd, path, flags);
}
int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if ((flags & O_ACCMODE) != O_RDONLY && below(path) && judge("open", 1) == 1) return -1;
    return real(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if ((flags & O_ACCMODE) != O_RDONLY && below(path) && judge("open", 1) == 1) return -1;
    return real(path, flags, mode);
}
int openat64(int fd, const char *path, int flags, ...) {
    REAL(openat64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if ((flags & O_ACCMODE) != O_RDONLY && below(path) && judge("open", 1) == 1) return -1;
    return real(fd, path, flags, mode);
}
