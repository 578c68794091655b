"""The scenarios, and the expected output of a recorder.

A scenario is a function of the stage that returns the ground truth printed by its programs. Everything happens on
loopback, or in network namespaces that the stage has made.
"""
import os
import subprocess
import sys
import textwrap
import time

SCENARIOS = {}


def scenario(group):
    """Registers a scenario under its function's name."""
    def register(function):
        SCENARIOS[function.__name__.replace("_", "-")] = (group, function)
        return function
    return register


def simple(group, name, *arguments, server="plain", address="127.0.0.1", both=False, **options):
    """One run of the program `act`; with `both`, the server's end of each connection counts too."""
    def run(stage):
        return stage.act(*arguments, server=server, address=address, both=both, **options)
    SCENARIOS[name] = (group, run)


# TCP, as one process does it.
simple("tcp", "tcp-v4", "tcp")
simple("tcp", "tcp-v6", "tcp", address="::1")
simple("tcp", "tcp-v4-mapped", "tcp", address="::ffff:127.0.0.1")
simple("tcp", "tcp-20-mb", "tcp", number=20_000_000, both=True)
simple("tcp", "tcp-1000-times-1-byte", "pingpong")
simple("tcp", "tcp-over-several-ticks", "long", both=True)
simple("tcp", "tcp-1000-remotes", "many", number=1000)
simple("tcp", "mptcp", "mptcp")
simple("tcp", "fast-open", "fastopen", netns=True)
simple("tcp", "sendfile", "sendfile")
simple("tcp", "splice", "splice")
simple("tcp", "zero-copy", "zerocopy")
simple("tcp", "urgent-data", "urgent")
simple("tcp", "io-uring", "uring")
simple("tcp", "io-uring-polled-by-the-kernel", "uring-polled")
simple("tcp", "one-socket-connected-twice", "again")

simple("tcp", "tcp-from-an-address-to-another", "from-address", address="127.0.0.2")
simple("tcp", "tcp-without-a-byte", "silent", both=True)
simple("tcp", "vmsplice", "vmsplice")
simple("tcp", "two-descriptors", "split-io")

# How connections end, and how they do not begin.
simple("endings", "reset-by-client", "reset")
simple("endings", "reset-by-client-after-5-mb", "reset", number=5_000_000)
simple("endings", "reset-by-server", "half", server="reset", both=True)
simple("endings", "reset-by-unread-data", "unread")
simple("endings", "half-close-by-client", "half", both=True)
simple("endings", "half-close-by-server", "tcp", server="close-first", both=True)
simple("endings", "killed", "killed")
simple("endings", "refused-blocking", "refused", server="closed")
simple("endings", "refused-non-blocking", "refused-nonblocking", server="closed")
simple("endings", "refused-v6", "refused", server="closed", address="::1")
simple("endings", "timed-out", "timeout", server="deaf")
simple("endings", "shut-both-ways", "shut-both-ways", both=True)
simple("endings", "closed-in-the-handshake", "closed-in-the-handshake")

# Whose process it is.
simple("processes", "vfork-and-exec", "vfork")
simple("processes", "child-without-exec", "fork")
simple("processes", "200-children", "forks", number=200)
simple("processes", "daemon", "daemon")
simple("processes", "named-thread", "thread")
simple("processes", "eight-threads", "threads")
simple("processes", "renamed-to-a-kernel-thread", "renamed")
simple("processes", "other-user", "nobody")
simple("processes", "exec-after-connect", "exec")
simple("processes", "inherited-by-a-child", "inherit", wait_s=2.0)
simple("processes", "leader-thread-gone", "leader-gone")
simple("processes", "exec-by-a-thread", "exec-by-thread")
simple("processes", "passed-on-by-the-client", "passed-on")
simple("processes", "program-in-memory-only", "memfd")
simple("processes", "program-deleted", "deleted")


@scenario("processes")
def programs_of_a_millisecond(stage):
    truths = []
    for _ in range(100):
        truths += stage.act("tcp")
    return truths


def programs_of_one_process_id(stage, number, timeout_s):
    names = [f"/tmp/fidelity-pid-{number}" for number in range(20)]
    for name in names:
        stage.copy_act(name)
    try:
        return stage.act("same-pid", number=number, timeout_s=timeout_s)
    finally:
        for name in names:
            os.unlink(name)


@scenario("processes")
def same_process_id_again(stage):
    return programs_of_one_process_id(stage, 20, 30)


@scenario("load")
def ten_thousand_programs_of_one_process_id(stage):
    return programs_of_one_process_id(stage, 10_000, 600)


@scenario("processes")
def same_port_again(stage):
    truths = []
    for number in range(10):
        name = f"/tmp/fidelity-port-{number % 3}"
        stage.copy_act(name)
        truths += stage.act("bound", number=29_876, program=name)
        os.unlink(name)
    return truths


@scenario("processes")
def shell(stage):
    return stage.python_like(["bash", "-c", textwrap.dedent("""
        exec 3<>/dev/tcp/127.0.0.1/$1
        printf '\\x0a\\0\\0\\0\\0\\0\\0\\0hello' >&3
        head -c 10 <&3 >/dev/null
        echo $$""")], sent=13, received=10)


@scenario("processes")
def perl(stage):
    return stage.python_like(["perl", "-MIO::Socket::INET", "-e", textwrap.dedent("""
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
        print $s "\\x0a\\0\\0\\0\\0\\0\\0\\0hello"; $s->flush; read $s, my $x, 10; print "$$\\n";""")], sent=13, received=10)


@scenario("processes")
def shell_is_refused(stage):
    port = stage.port("closed")
    made = subprocess.run(["bash", "-c", f"echo $$; (: < /dev/tcp/127.0.0.1/{port}) 2>/dev/null; exec 3<>/dev/tcp/127.0.0.1/{port}"],
                          capture_output=True, text=True)
    return [{"protocol": "tcp", "local_port": -1, "remote": "127.0.0.1", "remote_port": port, "pid": int(made.stdout), "name": "bash",
             "sent": 0, "received": 0}]


@scenario("processes")
def process_id_namespace(stage):
    return stage.act("outer", before=["unshare", "--fork", "--pid"])


@scenario("processes")
def user_namespace(stage):
    return stage.act("outer", before=["unshare", "--user", "--map-root-user"])


# The accepting side.
simple("servers", "server-with-threads", "tcp", both=True)
simple("servers", "server-that-forks", "tcp", server="fork", both=True)
simple("servers", "server-that-forks-for-long", "long", server="fork", both=True)
simple("servers", "prefork", "forks", number=20, server="prefork", both=True)
simple("servers", "reuse-port", "forks", number=20, server="reuseport", both=True)
simple("servers", "descriptor-passed", "long", server="pass", both=True)
simple("servers", "inetd", "long", server="inetd", both=True)
simple("servers", "inetd-short", "tcp", server="inetd", both=True)
simple("servers", "socket-activation", "tcp", server="activated", both=True)

# Namespaces and containers.
simple("containers", "namespace", "tcp", netns=True)
simple("containers", "namespace-udp", "udp-sendto", netns=True)


@scenario("containers")
def link_local_address(stage):
    address = stage.link_local("fidelity0")
    return stage.act("tcp", address=f"{address}%fidelity0", netns=True)


@scenario("containers")
def namespace_of_a_moment(stage):
    code = "ip link set lo up; " + stage.server_and("tcp", "127.0.0.1")
    return [truth for _ in range(5) for truth in stage.lines(["unshare", "-n", "sh", "-c", code])]


@scenario("containers")
def container(stage):
    return stage.in_cgroup("docker-" + "ab" * 32 + ".scope", "tcp")


@scenario("containers")
def pod(stage):
    return stage.in_cgroup("cri-containerd-" + "cd" * 32 + ".scope", "tcp")


# UDP.
simple("udp", "udp-connected", "udp-connected", number=400)
simple("udp", "udp-without-connect", "udp-sendto", number=400)
simple("udp", "udp-one-way", "udp-oneway", number=400)
simple("udp", "udp-v6", "udp-sendto", number=400, address="::1")
simple("udp", "udp-v4-mapped", "udp-sendto", number=400, address="::ffff:127.0.0.1")
simple("udp", "udp-over-several-ticks", "udp-long")
simple("udp", "udp-child", "udp-fork", number=300)
simple("udp", "udp-500-remotes", "udp-many", number=500)
simple("udp", "udp-sendmmsg", "udp-mmsg")
simple("udp", "udp-segmentation", "udp-gso")
simple("udp", "udp-refused", "udp-refused", server="closed")
simple("udp", "udp-io-uring", "udp-uring")
simple("udp", "udp-broadcast", "udp-broadcast", address="127.255.255.255")
simple("udp", "udp-v6-only", "udp-v6-only", address="::1")
simple("udp", "udp-two-remotes", "udp-two-remotes")
simple("udp", "udp-passed-on", "udp-passed-on", wait_s=0.1)
simple("udp", "udp-empty", "udp-empty")
simple("udp", "udp-in-fragments", "udp-large")
simple("udp", "udp-two-sockets-of-one-port", "udp-twice-connected", number=29_882)


@scenario("udp")
def udp_100_programs(stage):
    return [truth for number in range(100) for truth in stage.act("udp-connected", number=100 + number)]


def udp_programs_on_one_port(stage, way, port):
    truths = []
    for number in range(10):
        name = f"/tmp/fidelity-udp-{number % 3}"
        stage.copy_act(name)
        truths += stage.act(way, number=port, program=name)
        os.unlink(name)
    return truths


@scenario("udp")
def udp_same_port_again(stage):
    return udp_programs_on_one_port(stage, "udp-bound", 29_877)


@scenario("udp")
def udp_same_port_connected(stage):
    return udp_programs_on_one_port(stage, "udp-bound-connected", 29_878)


simple("udp", "udp-port-of-children-in-turn", "udp-turns", number=29_879)
simple("udp", "udp-port-of-connected-children", "udp-turns-connected", number=29_880)
simple("udp", "udp-port-goes-to-another-process", "udp-heir", number=29_881)


# Below the transport layer, and beside it.
simple("others", "icmp-raw", "icmp", number=20)
simple("others", "icmp-raw-v6", "icmp", number=20, address="::1")
simple("others", "icmp-ping-socket", "ping-socket", number=20, netns=True)
simple("others", "raw-ip", "raw", number=10)
simple("others", "packet-socket", "packet")
simple("others", "sniffer-over-several-ticks", "sniffer")
simple("others", "sniffer-with-shared-memory", "packet-ring")
simple("others", "icmp-ping-socket-v6", "ping-socket", number=20, netns=True, address="::1")
simple("others", "udp-lite", "udplite", number=10)


@scenario("others")
def ping_command(stage):
    made = subprocess.Popen(["ping", "-c", "2", "-i", "0.2", "-s", "500", "127.0.0.1"], stdout=subprocess.DEVNULL)
    made.wait()
    return [{"protocol": "icmp", "local_port": -1, "remote": "127.0.0.1", "remote_port": 0, "pid": made.pid, "name": "ping",
             "sent": 2 * 508, "received": -1}]
