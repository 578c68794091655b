/* Further acts: sockets in shapes that are easily mistaken. Part of act.c. */
#include <net/if.h>
#include <linux/if_packet.h>
#include <sys/uio.h>

/* The process id outside of all PID namespaces, if /proc is the host's. */
static int outer_pid(void) {
    char text[16] = "";
    return readlink("/proc/self", text, sizeof text - 1) > 0 ? atoi(text) : getpid();
}

static long exchange(int fd, long payload, long answer) {
    ask(fd, answer), send_all(fd, payload);
    return receive_all(fd, answer);
}

static void *outlive_the_leader(void *unused) {
    (void)unused;
    usleep(200000);
    truth("tcp", talk(0, 1000, 700), getpid(), 1008, 700);
    exit(0);
}

static void *exec_by_thread(void *arguments) {
    char **all = arguments;
    execv(all[0], all + 1);
    return NULL;
}

/* Sends a descriptor, and receives one. */
static void pass_on(int channel, int fd) {
    char byte = 'x', space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof fd);
    if (sendmsg(channel, &message, 0) != 1) die("sendmsg");
}

static int passed_on(int channel) {
    int fd;
    char byte, space[CMSG_SPACE(sizeof fd)];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (recvmsg(channel, &message, 0) != 1) die("recvmsg");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static int tcp_shapes(void) {
    int fd, from;
    if (!strcmp(way, "outer")) { /* the process id of the host, in whatever namespace */
        from = talk(0, 1000, 700), truth("tcp", from, outer_pid(), 1008, 700);
    } else if (!strcmp(way, "leader-gone")) {
        pthread_t thread;
        pthread_create(&thread, NULL, outlive_the_leader, NULL), pthread_exit(NULL);
    } else if (!strcmp(way, "exec-by-thread")) {
        char text[12], own[64];
        pthread_t thread;
        snprintf(text, sizeof text, "%d", port);
        ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
        if (length < 0) die("readlink");
        own[length] = 0;
        char *all[] = {own, "act", "later", (char *)address, text, "1000", NULL};
        pthread_create(&thread, NULL, exec_by_thread, all), pthread_join(thread, NULL);
    } else if (!strcmp(way, "passed-on")) { /* connected here, used and closed by another process, which got it by SCM_RIGHTS */
        int channel[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, channel)) die("socketpair");
        if (!fork()) {
            fd = passed_on(channel[1]), from = local_port(fd);
            exchange(fd, 1000, 700), close(fd), truth("tcp", from, getpid(), 1008, 700), _exit(0);
        }
        fd = connected(SOCK_STREAM, 0), pass_on(channel[0], fd), close(fd), wait(NULL);
    } else if (!strcmp(way, "from-address")) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 4)};
        fd = opened(SOCK_STREAM, 0);
        if (bind(fd, (void *)&own, sizeof own) || connect(fd, (void *)&server, server_length)) die("bind");
        from = local_port(fd), exchange(fd, 1000, 700), close(fd), truth("tcp", from, getpid(), 1008, 700);
    } else if (!strcmp(way, "silent")) { /* open for several ticks, with keep-alive and without a byte */
        int on = 1;
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &on, sizeof on);
        usleep(2500000), close(fd), truth("tcp", from, getpid(), 0, 0);
    } else if (!strcmp(way, "shut-both-ways")) {
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        exchange(fd, 1000, 700), shutdown(fd, SHUT_RDWR), usleep(100000), close(fd), truth("tcp", from, getpid(), 1008, 700);
    } else if (!strcmp(way, "vmsplice")) {
        int pipes[2];
        struct iovec part = {data, 60000};
        fd = connected(SOCK_STREAM, 0), from = local_port(fd), ask(fd, 700);
        if (pipe(pipes) || vmsplice(pipes[1], &part, 1, 0) != 60000) die("vmsplice");
        for (long left = 60000; left > 0;) left -= splice(pipes[0], NULL, fd, NULL, left, 0);
        receive_all(fd, 700), close(fd), truth("tcp", from, getpid(), 60008, 700);
    } else if (!strcmp(way, "closed-in-the-handshake")) { /* closed before the answer to the first packet can arrive */
        fd = opened(SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fd, (void *)&server, server_length), from = local_port(fd), close(fd), truth("tcp", from, getpid(), 0, 0);
    } else if (!strcmp(way, "split-io")) { /* one descriptor for each direction */
        fd = connected(SOCK_STREAM, 0), from = local_port(fd);
        int other = dup(fd);
        ask(other, 700), close(other), send_all(fd, 1000), receive_all(fd, 700), close(fd), truth("tcp", from, getpid(), 1008, 700);
    } else {
        return 0;
    }
    return 1;
}

static int udp_shapes(void) {
    int fd, from, on = 1;
    if (!strcmp(way, "udp-broadcast")) {
        fd = opened(SOCK_DGRAM, 0), setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
        if (sendto(fd, data, 300, 0, (void *)&server, server_length) != 300) die("broadcast");
        from = local_port(fd), close(fd), truth("udp", from, getpid(), -1, -1);
    } else if (!strcmp(way, "udp-v6-only")) {
        fd = opened(SOCK_DGRAM, 0), setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        sendto(fd, data, 300, 0, (void *)&server, server_length), from = local_port(fd);
        long got = recv(fd, data, sizeof data, 0);
        close(fd), truth("udp", from, getpid(), 300, got);
    } else if (!strcmp(way, "udp-two-remotes")) { /* one socket, connected to one after the other */
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        send(fd, data, 300, 0);
        long got = recv(fd, data, sizeof data, 0);
        const char *first = address;
        int first_port = port;
        /* Nobody listens there. The server would answer from 127.0.0.1, whichever address was asked, and no socket takes that. */
        address = "127.0.0.2", port = 9, resolve();
        if (connect(fd, (void *)&server, server_length)) die("connect again");
        send(fd, data, 500, 0);
        close(fd), truth("udp", from, getpid(), 500, -1);
        address = first, port = first_port, truth("udp", from, getpid(), 300, got);
    } else if (!strcmp(way, "udp-passed-on")) {
        int channel[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, channel)) die("socketpair");
        if (!fork()) {
            fd = passed_on(channel[1]), from = local_port(fd), send(fd, data, 300, 0);
            long got = recv(fd, data, sizeof data, 0);
            usleep(1500000), close(fd), truth("udp", from, getpid(), 300, got), _exit(0);
        }
        fd = connected(SOCK_DGRAM, 0), pass_on(channel[0], fd), close(fd), wait(NULL);
    } else if (!strcmp(way, "udp-empty")) { /* datagrams without payload */
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        for (int i = 0; i < 5; i++) send(fd, data, 0, 0);
        close(fd), truth("udp", from, getpid(), 0, -1);
    } else if (!strcmp(way, "udp-large")) { /* in fragments */
        fd = connected(SOCK_DGRAM, 0), from = local_port(fd);
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, (int[]){1 << 20}, 4) || send(fd, data, 30000, 0) != 30000) die("send");
        long got = recv(fd, data, sizeof data, 0);
        close(fd), truth("udp", from, getpid(), 30000, got);
    } else if (!strcmp(way, "udp-twice-connected")) { /* two sockets of one port, each with its own remote */
        int other = bound_udp(number);
        fd = bound_udp(number);
        if (connect(fd, (void *)&server, server_length)) die("connect");
        send(fd, data, 300, 0);
        recv(fd, data, sizeof data, 0), truth("udp", number, getpid(), 300, -1);
        address = "127.0.0.3", resolve();
        if (connect(other, (void *)&server, server_length)) die("connect");
        send(other, data, 500, 0), usleep(1000);
        truth("udp", number, getpid(), 500, -1), close(fd), close(other);
    } else {
        return 0;
    }
    return 1;
}

/* A packet socket whose frames the kernel writes into shared memory. */
static void packet_ring(void) {
    port = 0;
    struct tpacket_req request = {.tp_block_size = 1 << 16, .tp_block_nr = 4, .tp_frame_size = 2048, .tp_frame_nr = 128};
    int fd = socket(AF_PACKET, SOCK_RAW, htons(3));
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request)) die("PACKET_RX_RING");
    if (mmap(NULL, 1 << 18, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) die("mmap");
    usleep(2500000), close(fd), truth("packet", -1, getpid(), -1, -1);
}
