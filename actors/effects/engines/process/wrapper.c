/* Leads one run: claims it, starts its containers, and records how each of them ended.
 *
 *     wrapper RUN_DIRECTORY BELL KEY INIT_COUNT COUNT
 *
 * 1. The files that it reads and writes, and their order, are the contract in record.py, which
 *    wrapper.sh keeps as well.
 * 2. It claims the run before anything else, by creating record/claim; finding it taken it exits with 3.
 * 3. A container leads a session and group of its own. Its process id is on record before its program
 *    begins, and the stop marker is looked for after that: whoever writes the marker first and reads the
 *    records then misses nobody.
 * 4. What a container leaves behind in its group is killed before its end is recorded; what left the group
 *    too becomes a child of the wrapper, and is killed before the run's end is recorded.
 * 5. How a container ended is written as soon as there is room for it: until then, on a full disk, it waits.
 * 6. It needs no agent to be alive: the bell is opened for reading too, so that it never blocks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TAKEN = 3, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

extern char **environ;
static const char *bell, *key;
static pid_t *children;

static void ring(void) {
    char line[PIPE_BUF];
    int length = snprintf(line, sizeof line, "%s\n", key);
    int fd = open(bell, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, line, (size_t)length) < 0) { /* the agent finds the record by itself later */ }
        close(fd);
    }
}

static int record(const char *name, const char *text, int is_durable) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    ssize_t written = write(fd, text, strlen(text));
    int reason = errno;
    if (is_durable) fsync(fd);
    close(fd);
    if (is_durable) {
        int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0) { fsync(directory); close(directory); }
    }
    errno = reason;
    return written == (ssize_t)strlen(text) ? 0 : -1;
}

static void record_at_last(const char *name, const char *text) {
    while (record(name, text, 1) != 0 && (errno == ENOSPC || errno == EDQUOT)) sleep(1);
}

static int record_self(const char *name, int is_durable) {
    char line[4096], text[64];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0) close(fd);
    if (length <= 0) return -1;
    line[length] = 0;
    char *field = strrchr(line, ')'); /* the name before it may hold anything; next is field 3 */
    for (int i = 2; field && i < 22; i++) field = strchr(field + 1, ' ');
    if (!field) return -1;
    snprintf(text, sizeof text, "%d %llu\n", (int)getpid(), strtoull(field, NULL, 10));
    return record(name, text, is_durable);
}

static char *next(char **at, char *end) {
    char *field = *at;
    char *zero = field < end ? memchr(field, 0, (size_t)(end - field)) : NULL;
    if (!zero) _exit(NOT_EXECUTABLE);
    *at = zero + 1;
    return field;
}

static void limit(int what, const char *soft, const char *hard) {
    struct rlimit limits = {(rlim_t)strtoull(soft, NULL, 10), (rlim_t)strtoull(hard, NULL, 10)};
    setrlimit(what, &limits);
}

static int append(const char *directory, const char *name, int fd) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return file < 0 ? -1 : dup2(file, fd);
}

/* In the child: become the container. The order is read before, so that nothing of it is missing later. */
static void become(int i, char *order, char *end) {
    char name[32], path[PATH_MAX];
    setsid();
    snprintf(name, sizeof name, "%d.pid", i);
    if (record_self(name, 0) != 0) return;
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (access("stop", F_OK) == 0) raise(SIGTERM);
    char *soft = next(&order, end), *hard = next(&order, end), *data = next(&order, end);
    char *group = next(&order, end), *logs = next(&order, end);
    if (*group) {
        snprintf(path, sizeof path, "%s/cgroup.procs", group);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
            if (write(fd, "0\n", 2) < 0) { /* runs without limits, as where there are no groups */ }
            close(fd);
        }
    }
    if (append(logs, "stdout", 1) < 0 || append(logs, "stderr", 2) < 0) return;
    umask(022);
    if (chdir("../sandbox") != 0) return;
    int variables = atoi(next(&order, end));
    environ = calloc((size_t)variables + 1, sizeof *environ);
    if (!environ) return;
    for (int v = 0; v < variables; v++) environ[v] = next(&order, end);
    int arguments = atoi(next(&order, end));
    char **command = calloc((size_t)arguments + 1, sizeof *command);
    if (!command) return;
    for (int a = 0; a < arguments; a++) command[a] = next(&order, end);
    limit(RLIMIT_NOFILE, soft, hard);
    if (strcmp(data, "0") != 0) limit(RLIMIT_DATA, data, data);
    errno = ENOENT;
    if (arguments) execvp(command[0], command);
}

/* Record a container that could not be started as one that ended. */
static void refuse(int i) {
    char name[32];
    snprintf(name, sizeof name, "%d.failed", i);
    record(name, "\n", 0);
    snprintf(name, sizeof name, "%d.exited", i);
    record(name, "exit 126\n", 1);
}

static char *read_order(int i, size_t *size) {
    char name[32], *order = NULL;
    struct stat found;
    snprintf(name, sizeof name, "%d.order", i);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    if (fstat(fd, &found) == 0 && (order = malloc((size_t)found.st_size + 1))) {
        *size = (size_t)found.st_size;
        if (read(fd, order, *size) != (ssize_t)*size) { free(order); order = NULL; }
    }
    close(fd);
    return order;
}

/* Returns 0 when there is now a child to wait for. */
static int start(int i) {
    char name[32];
    int report[2], reason = 0;
    size_t size = 0;
    char *order = read_order(i, &size);
    if (!order) { refuse(i); return -1; }
    if (pipe2(report, O_CLOEXEC) != 0) { free(order); refuse(i); return -1; }
    pid_t child = fork();
    if (child == 0) {
        errno = 0;
        become(i, order, order + size);
        reason = errno ? errno : EIO;
        if (write(report[1], &reason, sizeof reason) < 0) { /* the exit code says as much */ }
        _exit(reason == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
    }
    free(order);
    close(report[1]);
    /* Nothing comes when the program began: exec has closed the child's end of the pipe. */
    ssize_t got = 0;
    if (child > 0)
        do got = read(report[0], &reason, sizeof reason); while (got < 0 && errno == EINTR);
    close(report[0]);
    if (child < 0) { refuse(i); return -1; }
    children[i] = child;
    snprintf(name, sizeof name, "%d.%s", i, got > 0 ? "failed" : "started");
    record(name, "\n", 0);
    if (got <= 0) ring();
    return 0;
}

/* Wait for one child; returns its index, or -2 when it is a stray. The status is negative for a signal. */
static int wait_for_one(int count, int *status) {
    siginfo_t ended;
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT) != 0)
        if (errno != EINTR) return -1;
    int found = -2;
    for (int i = 0; i < count; i++)
        if (children[i] == ended.si_pid) found = i;
    /* Killed while its leader is not yet reaped: the group's number cannot be another's. */
    if (found >= 0) kill(-ended.si_pid, SIGKILL);
    waitpid(ended.si_pid, NULL, 0);
    /* The rest of the group becomes ours, parent before child. */
    if (found >= 0) while (waitpid(-ended.si_pid, NULL, 0) > 0) continue;
    *status = ended.si_code == CLD_EXITED ? ended.si_status : -ended.si_status;
    return found;
}

static void end_strays(void) {
    char line[4096];
    for (;;) {
        int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
        if (fd >= 0) close(fd);
        if (length <= 0) return;
        line[length] = 0;
        char *at = line, *rest;
        for (long pid = strtol(at, &rest, 10); rest != at && *rest == ' '; at = rest, pid = strtol(at, &rest, 10))
            kill((pid_t)pid, SIGKILL);
        if (waitpid(-1, NULL, 0) < 0) return;
    }
}

static int finish_one(int count) {
    char name[32], text[32];
    int status = 0, i;
    do i = wait_for_one(count, &status); while (i == -2);
    if (i < 0) exit(1);
    children[i] = 0;
    snprintf(name, sizeof name, "%d.exited", i);
    snprintf(text, sizeof text, "%s %d\n", status < 0 ? "signal" : "exit", abs(status));
    record_at_last(name, text);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 6 || chdir(argv[1]) != 0 || chdir("record") != 0) return 2;
    bell = argv[2], key = argv[3];
    int init = atoi(argv[4]), count = atoi(argv[5]), is_clean = 1;
    children = calloc((size_t)count + 1, sizeof *children);
    if (!children) return 1;
    if (mkdir("claim", 0700) != 0) return errno == EEXIST ? TAKEN : 1;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (record_self("claim/owner", 1) != 0) return 1;
    ring();
    for (int i = 0; is_clean && i < init && access("stop", F_OK) != 0; i++) {
        is_clean = start(i) == 0 && finish_one(count) == 0;
        ring();
    }
    int running = 0;
    for (int i = init; is_clean && i < count && access("stop", F_OK) != 0; i++) running += start(i) == 0;
    while (running-- > 0) {
        finish_one(count);
        if (running) ring();
    }
    end_strays();
    record("ended", "ended\n", 0);
    ring();
    return 0;
}
