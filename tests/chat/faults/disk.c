/* A disk that fails on demand, put before the C library by LD_PRELOAD. Writes, syncs and changes of length of files
 * below the folder FAULTY_DISK fail as the file FAULTY_DISK_IS says at that moment: "well", or "full PERCENT SEED"
 * (ENOSPC), or "broken PERCENT SEED" (EIO). Everything else passes through. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic unsigned long throws;

/* Whether the descriptor is open on a file below the folder. */
static int concerns(int fd) {
    const char *folder = getenv("FAULTY_DISK");
    char link[64], path[4096];
    if (folder == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* The error that this call has to fail with, or 0. */
static int fault(int fd) {
    int saved = errno, control;
    char text[64] = "", how[16] = "well";
    unsigned percent = 0;
    unsigned long seed = 0;
    if (concerns(fd) && (control = open(getenv("FAULTY_DISK_IS"), O_RDONLY | O_CLOEXEC)) >= 0) {
        ssize_t length = read(control, text, sizeof text - 1);
        close(control);
        if (length > 0) sscanf(text, "%15s %u %lu", how, &percent, &seed);
    }
    errno = saved;
    if (percent == 0) return 0;
    unsigned long dice = (seed + atomic_fetch_add(&throws, 1)) * 0x9e3779b97f4a7c15UL;
    dice ^= dice >> 29;
    dice *= 0xbf58476d1ce4e5b9UL;
    if ((dice >> 33) % 100 >= percent) return 0;
    return strcmp(how, "full") == 0 ? ENOSPC : EIO;
}

#define FAIL_OR_PASS(type, name, types, ...)                         \
    static type (*real) types;                                       \
    if (real == NULL) real = (type(*) types)dlsym(RTLD_NEXT, #name); \
    int error = fault(fd);                                           \
    if (error != 0) {                                                \
        errno = error;                                               \
        return -1;                                                   \
    }                                                                \
    return real(__VA_ARGS__)

ssize_t write(int fd, const void *bytes, size_t length) {
    FAIL_OR_PASS(ssize_t, write, (int, const void *, size_t), fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t place) {
    FAIL_OR_PASS(ssize_t, pwrite, (int, const void *, size_t, off_t), fd, bytes, length, place);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t place) {
    FAIL_OR_PASS(ssize_t, pwrite64, (int, const void *, size_t, off64_t), fd, bytes, length, place);
}

int fsync(int fd) { FAIL_OR_PASS(int, fsync, (int), fd); }

int fdatasync(int fd) { FAIL_OR_PASS(int, fdatasync, (int), fd); }

int ftruncate(int fd, off_t length) { FAIL_OR_PASS(int, ftruncate, (int, off_t), fd, length); }

int ftruncate64(int fd, off64_t length) { FAIL_OR_PASS(int, ftruncate64, (int, off64_t), fd, length); }
