/* One act of a scenario: opens sockets in a certain way, and prints a line of JSON with the truth about each.
 *
 *     act WAY ADDRESS PORT [NUMBER]
 *
 * The server expects 8 bytes, of which the first four are the length of its answer (little endian), and then
 * anything; it answers at once, and closes when the client does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static struct sockaddr_storage server;
static socklen_t server_length;
static const char *address, *way;
static int port, number;
static char data[1 << 20];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void resolve(void) {
    struct sockaddr_in *v4 = (void *)&server;
    struct sockaddr_in6 *v6 = (void *)&server;
    if (strchr(address, '%')) { /* a link-local address with its interface */
        char *plain = strdup(address), *device = strchr(plain, '%');
        *device = 0;
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = if_nametoindex(device + 1)};
        inet_pton(AF_INET6, plain, &v6->sin6_addr);
        address = plain, server_length = sizeof *v6;
    } else if (strchr(address, ':')) {
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        inet_pton(AF_INET6, address, &v6->sin6_addr);
        server_length = sizeof *v6;
    } else {
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        inet_pton(AF_INET, address, &v4->sin_addr);
        server_length = sizeof *v4;
    }
}

static int local_port(int fd) {
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    if (getsockname(fd, (void *)&own, &length)) die("getsockname");
    return ntohs(own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port : ((struct sockaddr_in *)&own)->sin_port);
}

/* The truth about a connection of this process; -1 for what is not known or not asked for. */
static void truth(const char *protocol, int from, int pid, long sent, long received) {
    char name[64] = "";
    FILE *comm = fopen("/proc/self/comm", "r");
    if (comm && fgets(name, sizeof name, comm)) name[strcspn(name, "\n")] = 0;
    if (comm) fclose(comm);
    printf("{\"protocol\":\"%s\",\"local_port\":%d,\"remote\":\"%s\",\"remote_port\":%d,\"pid\":%d,\"name\":\"%s\",\"sent\":%ld,\"received\":%ld}\n",
           protocol, from, address, port, pid, name, sent, received);
    fflush(stdout);
}

static int opened(int type, int protocol) {
    int fd = socket(server.ss_family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) die("socket");
    return fd;
}

static int connected(int type, int protocol) {
    int fd = opened(type, protocol);
    if (connect(fd, (void *)&server, server_length)) die("connect");
    return fd;
}

static void send_all(int fd, long bytes) {
    while (bytes > 0) {
        ssize_t sent = send(fd, data, bytes > (long)sizeof data ? sizeof data : (size_t)bytes, MSG_NOSIGNAL);
        if (sent < 0) die("send");
        bytes -= sent;
    }
}

/* Asks for an answer of a length. */
static void ask(int fd, uint32_t answer) {
    uint32_t head[2] = {answer, 0};
    if (send(fd, head, sizeof head, MSG_NOSIGNAL) != sizeof head) die("send");
}

static long receive_all(int fd, long bytes) {
    long got = 0;
    while (got < bytes) {
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n <= 0) break;
        got += n;
    }
    return got;
}

/* One whole connection of this process; gives its local port. */
static int talk(int protocol, long payload, long answer) {
    int fd = connected(SOCK_STREAM, protocol), from = local_port(fd);
    ask(fd, answer);
    send_all(fd, payload);
    if (receive_all(fd, answer) != answer) die("answer");
    close(fd);
    return from;
}

static void *in_thread(void *name) {
    if (name) prctl(PR_SET_NAME, name);
    truth("tcp", talk(0, 1000, 700), getpid(), 1008, 700);
    return NULL;
}

static void reset_on_close(int fd) {
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* io_uring without a library: one ring, one request at a time. */
static int ring_fd;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask, *sq_flags;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static int is_polled;

static void ring_open(int polled) {
    struct io_uring_params p = {.flags = polled ? IORING_SETUP_SQPOLL : 0, .sq_thread_idle = 1000};
    is_polled = polled;
    ring_fd = syscall(SYS_io_uring_setup, 4, &p);
    if (ring_fd < 0) die("io_uring_setup");
    char *sq = mmap(0, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_SQ_RING);
    char *cq = mmap(0, p.cq_off.cqes + p.cq_entries * sizeof *cqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_CQ_RING);
    sqes = mmap(0, p.sq_entries * sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_SQES);
    sq_tail = (void *)(sq + p.sq_off.tail), sq_mask = (void *)(sq + p.sq_off.ring_mask), sq_array = (void *)(sq + p.sq_off.array);
    sq_flags = (void *)(sq + p.sq_off.flags);
    cq_head = (void *)(cq + p.cq_off.head), cq_tail = (void *)(cq + p.cq_off.tail), cq_mask = (void *)(cq + p.cq_off.ring_mask);
    cqes = (void *)(cq + p.cq_off.cqes);
}

static int ring_do(int opcode, int fd, const void *place, unsigned length, uint64_t offset) {
    unsigned at = *sq_tail & *sq_mask;
    sqes[at] = (struct io_uring_sqe){.opcode = opcode, .fd = fd, .addr = (uintptr_t)place, .len = length, .off = offset};
    sq_array[at] = at;
    __atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_SEQ_CST);
    int wakes = is_polled && (__atomic_load_n(sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP);
    unsigned flags = IORING_ENTER_GETEVENTS | (wakes ? IORING_ENTER_SQ_WAKEUP : 0);
    if (syscall(SYS_io_uring_enter, ring_fd, is_polled ? 0 : 1, 1, flags, 0, 0) < 0) die("io_uring_enter");
    while (__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) == *cq_head) usleep(100);
    int result = cqes[*cq_head & *cq_mask].res;
    __atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
    return result;
}

static void by_ring(int polled) {
    ring_open(polled);
    int fd = opened(SOCK_STREAM, 0);
    if (ring_do(IORING_OP_CONNECT, fd, &server, 0, server_length)) die("ring connect");
    int from = local_port(fd);
    uint32_t head[2] = {700, 0};
    if (ring_do(IORING_OP_SEND, fd, head, 8, 0) != 8 || ring_do(IORING_OP_SEND, fd, data, 5000, 0) != 5000) die("ring send");
    long got = 0;
    while (got < 700) {
        int n = ring_do(IORING_OP_RECV, fd, data, 700, 0);
        if (n <= 0) die("ring recv");
        got += n;
    }
    ring_do(IORING_OP_CLOSE, fd, NULL, 0, 0);
    truth("tcp", from, getpid(), 5008, 700);
}

/* A process with a certain id, as one gets when they are used up. */
static int fork_as(pid_t pid) {
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    return syscall(SYS_clone3, &arguments, sizeof arguments);
}

static void tcp_ways(void) {
    int fd, from;
    if (!strcmp(way, "tcp")) {
        truth("tcp", talk(0, number, 700), getpid(), number + 8, 700);
    } else if (!strcmp(way, "mptcp")) {
        truth("tcp", talk(IPPROTO_MPTCP, 3000, 700), getpid(), 3008, 700);
    } else if (!strcmp(way, "long")) {
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700);
        for (int i = 0; i < 5; i++) send_all(fd, 100), usleep(500000);
        receive_all(fd, 700), close(fd);
        truth("tcp", from, getpid(), 508, 700);
    } else if (!strcmp(way, "bound")) { /* from a given port */
        int on = 1;
        fd = opened(SOCK_STREAM, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(number)};
        if (bind(fd, (void *)&own, sizeof own)) die("bind");
        if (connect(fd, (void *)&server, server_length)) die("connect");
        ask(fd, 700), send_all(fd, 1000), receive_all(fd, 700), reset_on_close(fd), close(fd);
        truth("tcp", number, getpid(), 1008, 700);
    } else if (!strcmp(way, "reset")) {
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700), send_all(fd, number), receive_all(fd, 700), usleep(50000), reset_on_close(fd), close(fd);
        truth("tcp", from, getpid(), number + 8, 700);
    } else if (!strcmp(way, "unread")) { /* closed with data in the buffer, which resets */
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 5000), send_all(fd, 1000), usleep(100000), close(fd);
        truth("tcp", from, getpid(), 1008, 5000);
    } else if (!strcmp(way, "half")) { /* this side's FIN first */
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700), send_all(fd, 1000), shutdown(fd, SHUT_WR);
        while (recv(fd, data, sizeof data, 0) > 0);
        close(fd);
        truth("tcp", from, getpid(), 1008, 700);
    } else if (!strcmp(way, "refused") || !strcmp(way, "refused-nonblocking")) {
        fd = opened(SOCK_STREAM | (strcmp(way, "refused") ? SOCK_NONBLOCK : 0), 0);
        struct pollfd waits = {fd, POLLOUT, 0};
        if (connect(fd, (void *)&server, server_length) && errno == EINPROGRESS) poll(&waits, 1, 1000);
        close(fd);
        truth("tcp", -1, getpid(), 0, 0);
    } else if (!strcmp(way, "timeout")) {
        fd = opened(SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct pollfd waits = {fd, POLLOUT, 0};
        connect(fd, (void *)&server, server_length), from = local_port(fd);
        poll(&waits, 1, 1500), close(fd);
        truth("tcp", from, getpid(), 0, 0);
    } else if (!strcmp(way, "again")) { /* one socket, two connections */
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700), send_all(fd, 1000), receive_all(fd, 700);
        truth("tcp", from, getpid(), 1008, 700);
        connect(fd, &none, sizeof none);
        if (connect(fd, (void *)&server, server_length)) die("connect again");
        from = local_port(fd);
        ask(fd, 500), send_all(fd, 2000), receive_all(fd, 500), close(fd);
        truth("tcp", from, getpid(), 2008, 500);
    } else if (!strcmp(way, "sendfile") || !strcmp(way, "splice")) {
        int file = memfd_create("content", 0), pipes[2];
        if (write(file, data, 100000) != 100000 || pipe(pipes)) die("content");
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700);
        off_t at = 0;
        while (at < 100000) {
            if (!strcmp(way, "sendfile")) {
                if (sendfile(fd, file, &at, 100000 - at) <= 0) die("sendfile");
            } else {
                ssize_t n = splice(file, &at, pipes[1], NULL, 50000, 0);
                while (n > 0) n -= splice(pipes[0], NULL, fd, NULL, n, 0);
            }
        }
        receive_all(fd, 700), close(fd);
        truth("tcp", from, getpid(), 100008, 700);
    } else if (!strcmp(way, "zerocopy")) {
        int on = 1;
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on)) die("SO_ZEROCOPY");
        ask(fd, 700);
        for (int i = 0; i < 10; i++) if (send(fd, data, 50000, MSG_ZEROCOPY | MSG_NOSIGNAL) != 50000) die("zerocopy");
        receive_all(fd, 700), close(fd);
        truth("tcp", from, getpid(), 500008, 700);
    } else if (!strcmp(way, "fastopen")) {
        uint32_t head[2] = {700, 0};
        for (int i = 0; i < 2; i++) { /* the first fetches the cookie */
            fd = opened(SOCK_STREAM, 0);
            memcpy(data, head, 8);
            if (sendto(fd, data, 1008, MSG_FASTOPEN, (void *)&server, server_length) != 1008) die("fastopen");
            from = local_port(fd), receive_all(fd, 700), close(fd);
            truth("tcp", from, getpid(), 1008, 700);
        }
    } else if (!strcmp(way, "urgent")) {
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700);
        if (send(fd, "!", 1, MSG_OOB) != 1) die("urgent");
        send_all(fd, 999), receive_all(fd, 700), close(fd);
        truth("tcp", from, getpid(), 1008, 700);
    } else if (!strcmp(way, "pingpong")) {
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 0);
        for (int i = 0; i < 1000; i++) send_all(fd, 1);
        close(fd);
        truth("tcp", from, getpid(), 1008, 0);
    } else if (!strcmp(way, "killed")) {
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700), send_all(fd, 1000), receive_all(fd, 700);
        truth("tcp", from, getpid(), 1008, 700);
        kill(getpid(), SIGKILL);
    } else if (!strcmp(way, "many")) { /* to 127.1.0.0/16 and further */
        for (int i = 0; i < number; i++) {
            static char text[20];
            snprintf(text, sizeof text, "127.1.%d.%d", i / 250, 1 + i % 250);
            address = text, resolve();
            truth("tcp", talk(0, 100 + i, 10), getpid(), 108 + i, 10);
        }
    } else if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, in_thread, "worker-7"), pthread_join(thread, NULL);
    } else if (!strcmp(way, "threads")) {
        pthread_t threads[8];
        for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, in_thread, NULL);
        for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    } else if (!strcmp(way, "renamed")) {
        prctl(PR_SET_NAME, "kworker/0:1"), in_thread(NULL);
    } else if (!strcmp(way, "fork")) { /* a child without an exec */
        if (!fork()) in_thread(NULL), _exit(0);
        wait(NULL);
    } else if (!strcmp(way, "forks")) {
        for (int i = 0; i < number; i++) if (!fork()) in_thread(NULL), _exit(0);
        while (wait(NULL) > 0);
    } else if (!strcmp(way, "vfork")) {
        char text[12];
        snprintf(text, sizeof text, "%d", port);
        if (!vfork()) execl("/proc/self/exe", "act", "tcp", address, text, "1000", NULL), _exit(1);
        wait(NULL);
    } else if (!strcmp(way, "daemon")) {
        if (!fork()) {
            setsid();
            if (!fork()) usleep(20000), in_thread(NULL), _exit(0);
            _exit(0);
        }
        wait(NULL), usleep(100000);
    } else if (!strcmp(way, "nobody")) {
        if (setgid(65534) || setuid(65534)) die("setuid");
        in_thread(NULL);
    } else if (!strcmp(way, "exec")) { /* connects, and becomes another program */
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        ask(fd, 700), send_all(fd, 1000), receive_all(fd, 700);
        address = strdup(address);
        prctl(PR_SET_NAME, "sleep"), truth("tcp", from, getpid(), 1008, 700);
        fcntl(fd, F_SETFD, 0);
        execl("/bin/sleep", "sleep", "2.5", NULL);
    } else if (!strcmp(way, "inherit")) { /* the parent connects, the child uses it and outlives it */
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        if (!fork()) {
            usleep(1500000), ask(fd, 700), send_all(fd, 1000), receive_all(fd, 700);
            truth("tcp", from, getpid(), 1008, 700), close(fd), _exit(0);
        }
        close(fd), usleep(50000), _exit(0);
    } else if (!strcmp(way, "memfd") || !strcmp(way, "deleted")) {
        char text[12], path[64];
        int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        int file = strcmp(way, "memfd") ? -1 : memfd_create("x", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/tmp/fidelity-%d", getpid());
        if (file < 0) file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        for (ssize_t n; (n = read(own, data, sizeof data)) > 0;) if (write(file, data, n) != n) die("copy");
        snprintf(text, sizeof text, "%d", port);
        char *arguments[] = {"act", "later", (char *)address, text, "1000", NULL};
        if (strcmp(way, "memfd")) {
            close(file);
            if (!fork()) execv(path, arguments), _exit(1);
            usleep(50000), unlink(path), wait(NULL);
        } else {
            fexecve(file, arguments, environ);
        }
    } else if (!strcmp(way, "later")) {
        usleep(150000), in_thread(NULL);
    } else if (!strcmp(way, "uring") || !strcmp(way, "uring-polled")) {
        by_ring(strcmp(way, "uring"));
    } else if (!strcmp(way, "same-pid")) { /* programs that get the same process id, one after the other */
        char text[12];
        snprintf(text, sizeof text, "%d", port);
        pid_t pid = getpid() + 1000;
        for (int i = 0; i < number; i++) {
            char name[64];
            snprintf(name, sizeof name, "/tmp/fidelity-pid-%d", i % 20);
            int child = fork_as(pid);
            if (child < 0) die("clone3");
            if (!child) execl(name, name + 5, "tcp", address, text, "1000", NULL), _exit(1);
            waitpid(child, NULL, 0);
        }
    } else {
        die(way);
    }
}

static int bound_udp(int own_port) {
    int on = 1, fd = opened(SOCK_DGRAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(own_port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&own, sizeof own)) die("bind");
    return fd;
}

static void udp_ways(void) {
    int fd, from;
    if (!strcmp(way, "udp-connected")) {
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        send(fd, data, number, 0);
        long got = recv(fd, data, sizeof data, 0);
        close(fd), truth("udp", from, getpid(), number, got);
    } else if (!strcmp(way, "udp-sendto")) {
        fd = opened(SOCK_DGRAM, 0);
        sendto(fd, data, number, 0, (void *)&server, server_length), from = local_port(fd);
        long got = recv(fd, data, sizeof data, 0);
        close(fd), truth("udp", from, getpid(), number, got);
    } else if (!strcmp(way, "udp-oneway")) {
        fd = opened(SOCK_DGRAM, 0);
        sendto(fd, data, number, 0, (void *)&server, server_length), from = local_port(fd);
        close(fd), truth("udp", from, getpid(), number, -1);
    } else if (!strcmp(way, "udp-bound") || !strcmp(way, "udp-bound-connected")) {
        fd = bound_udp(number);
        if (strcmp(way, "udp-bound") && connect(fd, (void *)&server, server_length)) die("connect");
        sendto(fd, data, 400, 0, strcmp(way, "udp-bound") ? NULL : (void *)&server, strcmp(way, "udp-bound") ? 0 : server_length);
        long got = recv(fd, data, sizeof data, 0);
        close(fd), truth("udp", number, getpid(), 400, got);
    } else if (!strcmp(way, "udp-turns") || !strcmp(way, "udp-turns-connected")) { /* children that use one port in turn */
        way = strcmp(way, "udp-turns") ? "udp-bound-connected" : "udp-bound";
        for (int i = 0; i < 20; i++) {
            if (!fork()) udp_ways(), _exit(0);
            wait(NULL);
        }
    } else if (!strcmp(way, "udp-heir")) { /* a port for several ticks, and at once for another process */
        for (int bytes = 200; bytes <= 300; bytes += 100) {
            if (!fork()) {
                long got = 0;
                fd = bound_udp(number);
                for (int i = 0; i < 5; i++) usleep(i ? 600000 : 0), sendto(fd, data, bytes, 0, (void *)&server, server_length), got += recv(fd, data, sizeof data, 0);
                close(fd), truth("udp", number, getpid(), 5 * bytes, got), _exit(0);
            }
            wait(NULL);
        }
    } else if (!strcmp(way, "udp-long")) {
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        long got = 0;
        for (int i = 0; i < 5; i++) send(fd, data, 100, 0), got += recv(fd, data, sizeof data, 0), usleep(500000);
        close(fd), truth("udp", from, getpid(), 500, got);
    } else if (!strcmp(way, "udp-fork")) {
        if (!fork()) way = "udp-sendto", udp_ways(), _exit(0);
        wait(NULL);
    } else if (!strcmp(way, "udp-many")) {
        fd = opened(SOCK_DGRAM, 0);
        for (int i = 0; i < number; i++) {
            static char text[20];
            snprintf(text, sizeof text, "127.2.%d.%d", i / 250, 1 + i % 250);
            address = text, resolve();
            sendto(fd, data, 100 + i % 50, 0, (void *)&server, server_length);
            truth("udp", local_port(fd), getpid(), 100 + i % 50, -1);
        }
        usleep(1200000), close(fd);
    } else if (!strcmp(way, "udp-mmsg")) {
        struct iovec part = {data, 300};
        struct mmsghdr messages[10] = {0};
        for (int i = 0; i < 10; i++) messages[i].msg_hdr.msg_iov = &part, messages[i].msg_hdr.msg_iovlen = 1;
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        if (sendmmsg(fd, messages, 10, 0) != 10) die("sendmmsg");
        usleep(100000), close(fd), truth("udp", from, getpid(), 3000, -1);
    } else if (!strcmp(way, "udp-gso")) {
        int size = 1000;
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size)) die("UDP_SEGMENT");
        if (send(fd, data, 20000, 0) != 20000) die("send");
        usleep(100000), close(fd), truth("udp", from, getpid(), 20000, -1);
    } else if (!strcmp(way, "udp-refused")) {
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        send(fd, data, 200, 0), usleep(20000), recv(fd, data, sizeof data, MSG_DONTWAIT);
        close(fd), truth("udp", from, getpid(), 200, 0);
    } else if (!strcmp(way, "udp-uring")) {
        ring_open(0);
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        if (ring_do(IORING_OP_SEND, fd, data, 600, 0) != 600) die("ring send");
        int got = ring_do(IORING_OP_RECV, fd, data, 2000, 0);
        close(fd), truth("udp", from, getpid(), 600, got);
    } else {
        die(way);
    }
}

#include "shapes.h"

static uint16_t checksum(const void *bytes, size_t length) {
    const uint16_t *words = bytes;
    uint32_t sum = 0;
    for (size_t i = 0; i < length / 2; i++) sum += words[i];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static void other_ways(void) {
    int is_v6 = server.ss_family == AF_INET6, fd;
    struct sockaddr_in *v4 = (void *)&server;
    port = 0, v4->sin_port = 0;
    if (!strcmp(way, "icmp") || !strcmp(way, "ping-socket")) {
        /* A tunnel: many large echo requests, whose answers come from the kernel. */
        int type = strcmp(way, "icmp") ? SOCK_DGRAM : SOCK_RAW;
        fd = opened(type, is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
        for (int i = 0; i < number; i++) {
            struct { uint8_t type, code; uint16_t sum, id, sequence; char payload[1000]; } echo = {is_v6 ? 128 : 8, 0, 0, htons(7), htons(i), {0}};
            echo.sum = checksum(&echo, sizeof echo);
            if (sendto(fd, &echo, sizeof echo, 0, (void *)&server, server_length) < 0) die("echo");
            usleep(2000);
        }
        close(fd), truth("icmp", -1, getpid(), number * 1008L, -1);
    } else if (!strcmp(way, "raw")) { /* a protocol for experiments (RFC 3692) */
        fd = opened(SOCK_RAW, 253);
        for (int i = 0; i < number; i++) if (sendto(fd, data, 500, 0, (void *)&server, server_length) != 500) die("sendto");
        close(fd), truth("raw", -1, getpid(), number * 500L, -1);
    } else if (!strcmp(way, "udplite")) {
        fd = opened(SOCK_DGRAM, IPPROTO_UDPLITE);
        v4->sin_port = htons(9);
        for (int i = 0; i < number; i++) if (sendto(fd, data, 500, 0, (void *)&server, server_length) != 500) die("sendto");
        close(fd), truth("udplite", -1, getpid(), number * 500L, -1);
    } else if (!strcmp(way, "packet") || !strcmp(way, "sniffer")) {
        fd = socket(AF_PACKET, SOCK_RAW, htons(3)); /* every frame, of every device */
        if (fd < 0) die("packet socket");
        if (!strcmp(way, "sniffer")) {
            usleep(2500000);
            close(fd), truth("packet", -1, getpid(), -1, -1);
        } else {
            long got = 0;
            struct timeval patience = {0, 300000};
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            int pings = socket(AF_INET, SOCK_DGRAM, 0);
            struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
            sendto(pings, data, 700, 0, (void *)&to, sizeof to);
            for (int i = 0; i < 2; i++) { ssize_t n = recv(fd, data, sizeof data, 0); got += n > 0 ? n : 0; }
            close(fd), truth("packet", -1, getpid(), 0, got);
        }
    } else {
        die(way);
    }
}

int main(int count, char **arguments) {
    if (count < 4) return 2;
    way = arguments[1], address = arguments[2], port = atoi(arguments[3]), number = count > 4 ? atoi(arguments[4]) : 1000;
    resolve();
    if (!strcmp(way, "packet-ring")) return packet_ring(), 0;
    if (tcp_shapes() || udp_shapes()) return 0;
    static const char *others[] = {"icmp", "ping-socket", "raw", "udplite", "packet", "sniffer"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) if (!strcmp(way, others[i])) return other_ways(), 0;
    if (!strncmp(way, "udp-", 4)) udp_ways();
    else tcp_ways();
    return 0;
}
