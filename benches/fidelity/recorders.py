"""The recorders under test: each starts when constructed, and `stop()` returns what it saw.

The result: protocol → connections, and (protocol, local port) → connections. A connection has protocol, local_port,
remote, remote_port, pid, name, sent, received and first_seen (seconds since the Unix epoch); None if unknown.
"""
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import defaultdict
from datetime import datetime


def indexed(connections):
    index = defaultdict(list)
    for connection in connections:
        index[connection["protocol"]].append(connection)
        index[connection["protocol"], connection["local_port"]].append(connection)
    return index


class Netrec:
    def __init__(self, place, netrec):
        self.netrec, self.capture = netrec, os.path.join(place, "c.parquet")
        self.process = subprocess.Popen([netrec, "record", "-o", self.capture, "-i", "1s", "--udp-bytes", "--names"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(200):
            if os.path.isdir(self.capture + ".d") and any(name.startswith("journal") for name in os.listdir(self.capture + ".d")):
                return
            if self.process.poll() is not None:
                raise SystemExit(f"netrec record: {self.process.stderr.read()}")
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        out = self.capture + ".ndjson"
        subprocess.run([self.netrec, "export", self.capture, "--to", "ndjson", "-o", out], stdout=subprocess.DEVNULL)
        with open(out) as lines:
            return indexed(self.connection(json.loads(line)) for line in lines)

    @staticmethod
    def connection(row):
        return {"protocol": row["protocol"], "local_port": row.get("local_port"), "remote": row.get("remote_addr"),
                "remote_port": row.get("remote_port"), "pid": row.get("pid"), "name": row.get("process_name"),
                "sent": row.get("bytes_sent"), "received": row.get("bytes_received"), "first_seen": row["first_seen_us"] / 1e6}


class Ss:
    """`ss` once a second, as scripts do it."""
    def __init__(self, place, netrec):
        self.seen, self.ending = {}, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending.wait(1.0):
            now = time.time()
            for line in subprocess.run(["ss", "-HOantupwi"], capture_output=True, text=True).stdout.splitlines():
                self.take(line, now)

    def take(self, line, now):
        fields = line.split(None, 6)
        if len(fields) < 6 or fields[1] == "LISTEN":
            return
        (_, local), (remote, remote_port) = (end.rsplit(":", 1) for end in fields[4:6])
        rest = fields[6] if len(fields) > 6 else ""
        owner = re.search(r'\("([^"]*)",pid=(\d+)', rest)
        count = lambda name: int(found[1]) if (found := re.search(rf"\b{name}:(\d+)", rest)) else None
        number = lambda text: int(text) if text.isdigit() else None
        key = (fields[0], local, remote, remote_port)
        self.seen[key] = {
            "protocol": {"icmp6": "icmp", "???": "raw"}.get(fields[0], fields[0]), "local_port": number(local),
            "remote": remote.strip("[]").split("%")[0].removeprefix("::ffff:"), "remote_port": number(remote_port),
            "pid": int(owner[2]) if owner else None, "name": owner[1] if owner else None,
            "sent": count("bytes_sent"), "received": count("bytes_received"),
            "first_seen": self.seen.get(key, {}).get("first_seen", now)}

    def stop(self):
        self.ending.set()
        self.thread.join()
        return indexed(self.seen.values())


class Nethogs:
    """Names processes, and no connections: whatever one of them moves is taken for what is asked for."""
    def __init__(self, place, netrec):
        self.out = open(os.path.join(place, "nethogs"), "w+")
        self.process = subprocess.Popen(["stdbuf", "-oL", "nethogs", "-t", "-C", "-a", "-d", "1", "-v", "2"], stdout=self.out, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            # It waits for a packet before it ends. What it has said is in the file.
            self.process.kill()
            self.process.wait()
        self.out.seek(0)
        last = {}
        for line in self.out:
            found = re.match(r"(\S.*)/(\d+)/(\d+)\t([\d.]+)\t([\d.]+)", line)
            if found and int(found[2]) > 0:
                last[int(found[2])] = (os.path.basename(found[1].split()[0]), float(found[4]), float(found[5]))
        return AnyConnection(last)


class AnyConnection:
    """Connections of processes of which only the totals are known."""
    def __init__(self, processes):
        self.processes = processes

    def __getitem__(self, protocol):
        return self.get((protocol, None))

    def get(self, key, _=None):
        return [Anything(key[0], pid, *totals) for pid, totals in self.processes.items()]


class Anything(dict):
    """A connection that agrees with every end that is asked for."""
    def __init__(self, protocol, pid, name, sent, received):
        super().__init__(protocol=protocol, pid=pid, name=name, sent=sent, received=received)

    def __missing__(self, key):
        return Wildcard()


class Wildcard:
    __hash__ = None
    __eq__ = __le__ = __ge__ = lambda self, other: True


class Bpftrace:
    """The TCP sessions of tcplife, by the tracepoint that its kernel probes are not needed for."""
    PROGRAM = r"""
        tracepoint:sock:inet_sock_set_state /args->protocol == 6/ {
            if (args->newstate == 2 || (args->oldstate == 2 || args->newstate == 8 || args->newstate == 9)) {
                @pid[args->skaddr] = pid; @comm[args->skaddr] = comm;
            }
            if (args->newstate == 7) {
                $tp = (struct tcp_sock *)args->skaddr;
                if (args->family == 2) {
                    printf("%d %d %d %s %lld %lld %s\n", @pid[args->skaddr], args->sport, args->dport,
                           ntop(args->daddr), $tp->bytes_acked, $tp->bytes_received, @comm[args->skaddr]);
                } else {
                    printf("%d %d %d %s %lld %lld %s\n", @pid[args->skaddr], args->sport, args->dport,
                           ntop(args->daddr_v6), $tp->bytes_acked, $tp->bytes_received, @comm[args->skaddr]);
                }
                delete(@pid[args->skaddr]); delete(@comm[args->skaddr]);
            }
        }"""

    def __init__(self, place, netrec):
        self.out = open(os.path.join(place, "bpftrace"), "w+")
        mounts = "mount -t debugfs none /sys/kernel/debug; mount -t tracefs none /sys/kernel/debug/tracing; exec bpftrace -e \"$0\""
        self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", mounts, self.PROGRAM], stdout=self.out, stderr=subprocess.STDOUT)
        for _ in range(500):
            if "Attaching" in open(self.out.name).read():
                time.sleep(1)
                return
            time.sleep(0.2)
        raise SystemExit(f"bpftrace: {open(self.out.name).read()}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.out.seek(0)
        found = []
        for line in self.out:
            fields = line.split(None, 6)
            if len(fields) == 7 and fields[0].isdigit():
                pid, local, port, remote, sent, received, name = fields
                # Acknowledged bytes count the SYN and the FIN.
                found.append(Session(protocol="tcp", local_port=int(local), remote=remote.removeprefix("::ffff:"), remote_port=int(port),
                                     pid=int(pid), name=name.strip(), sent=max(int(sent) - 2, 0), received=int(received)))
        if not found:
            raise SystemExit(f"bpftrace saw nothing: {open(self.out.name).read()[-1000:]}")
        return indexed(found)


class Session(dict):
    """A connection without a time."""
    def __missing__(self, key):
        return Wildcard()


RECORDERS = {"netrec": Netrec, "ss": Ss, "nethogs": Nethogs, "bpftrace": Bpftrace}
