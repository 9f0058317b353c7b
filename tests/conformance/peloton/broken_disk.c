/* A disk that breaks when told to: preloaded into a server, it stands between SQLite and the system.
 *
 * 1. While the file BROKEN_DISK names holds "<call> <errno>", each such call on a file below
 *    BROKEN_BELOW fails with that number; nothing is written then. Calls are write and sync.
 * 2. Without that file everything is as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_broken(const char *call, int file) {
    const char *note = getenv("BROKEN_DISK"), *below = getenv("BROKEN_BELOW");
    char link[64], path[PATH_MAX] = "", word[16];
    int number;
    FILE *told;
    ssize_t length;

    if (note == NULL || below == NULL || (told = fopen(note, "re")) == NULL) return 0;
    if (fscanf(told, "%15s %d", word, &number) != 2 || strcmp(word, call) != 0) number = 0;
    fclose(told);
    if (number == 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if ((length = readlink(link, path, sizeof path - 1)) < 0) return 0;
    path[length] = '\0';
    if (strncmp(path, below, strlen(below)) != 0) return 0;
    errno = number;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return is_broken("write", file) ? -1 : NEXT(pwrite)(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    return is_broken("write", file) ? -1 : NEXT(pwrite64)(file, bytes, count, at);
}

ssize_t write(int file, const void *bytes, size_t count) {
    return is_broken("write", file) ? -1 : NEXT(write)(file, bytes, count);
}

int ftruncate(int file, off_t length) {
    return is_broken("write", file) ? -1 : NEXT(ftruncate)(file, length);
}

int ftruncate64(int file, off64_t length) {
    return is_broken("write", file) ? -1 : NEXT(ftruncate64)(file, length);
}

int fsync(int file) {
    return is_broken("sync", file) ? -1 : NEXT(fsync)(file);
}

int fdatasync(int file) {
    return is_broken("sync", file) ? -1 : NEXT(fdatasync)(file);
}
