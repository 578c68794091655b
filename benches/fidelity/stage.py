"""The environment of the scenarios: the program `act`, its servers, and a network namespace."""
import json
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 30


class Stage:
    def __init__(self, place):
        self.place = place
        self.program = os.path.join(place, "act")
        subprocess.run(["cc", "-O1", "-pthread", "-o", self.program, os.path.join(HERE, "act.c")], check=True)
        os.chmod(place, 0o755)
        self.netns = f"fidelity-{os.getpid()}"
        self.servers = {}
        self.cgroups = []
        self.devices = []

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("sysctl", "-qw", "net.ipv4.tcp_fastopen=3", "net.ipv4.ping_group_range=0 2147483647")
        # Before the recorder starts, so that it knows the namespace.
        self.port("plain", netns=True)
        return self

    def __exit__(self, *_):
        for process, _, _ in self.servers.values():
            # With the children of a server that forks.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        subprocess.run(["ip", "netns", "del", self.netns], check=False)
        for folder in self.cgroups:
            os.rmdir(folder)

    def inside(self, *command):
        subprocess.run(["ip", "netns", "exec", self.netns, *command], check=True)

    def port(self, server, netns=False):
        """The port of a server, which is started if need be."""
        if server == "closed":
            # Reserved for nobody: below the ports that the kernel gives out.
            return 29_875
        if (server, netns) not in self.servers:
            said = open(os.path.join(self.place, f"{server}-{netns}.log"), "w+b")
            before = ["ip", "netns", "exec", self.netns] if netns else []
            process = subprocess.Popen([*before, sys.executable, os.path.join(HERE, "server.py"), server],
                                       stdout=said, stdin=subprocess.DEVNULL, start_new_session=True)
            while not (line := open(said.name).readline()).endswith("\n"):
                if process.poll() is not None:
                    raise RuntimeError(f"the server {server} ended")
            self.servers[server, netns] = (process, said.name, int(line))
        return self.servers[server, netns][2]

    def act(self, way, server="plain", address="127.0.0.1", number=1000, both=False, netns=False, wait_s=0.0, program=None, timeout_s=TIMEOUT_S,
            before=()):
        """What the program says that it did; with `both`, what the server's end says too."""
        port = self.port(server, netns)
        log = self.servers.get((server, netns), (None, os.devnull, 0))[1]
        known = len(open(log).readlines())
        command = [*before, program or self.program, way, address, str(port), str(number)]
        truths = self.lines((["ip", "netns", "exec", self.netns] if netns else []) + command, wait_s, timeout_s)
        if not truths:
            raise RuntimeError("the program said nothing")
        if both:
            ports = {truth["local_port"] for truth in truths}
            for _ in range(100):
                mine = [truth for truth in map(json.loads, open(log).readlines()[known:]) if truth["remote_port"] in ports]
                if len(mine) >= len(truths):
                    break
                subprocess.run(["sleep", "0.05"], check=True)
            else:
                raise RuntimeError("the server did not say what it saw")
            truths += mine
        return truths

    def lines(self, command, wait_s=0.0, timeout_s=TIMEOUT_S):
        """The truths that a command prints; its children may print some for as long as `wait_s`."""
        out = os.path.join(self.place, "said")
        with open(out, "wb") as said:
            made = subprocess.run(command, stdout=said, stdin=subprocess.DEVNULL, timeout=timeout_s)
        if wait_s:
            subprocess.run(["sleep", str(wait_s)], check=True)
        if made.returncode not in (0, -9):
            raise RuntimeError(f"{command[0]} ended with {made.returncode}")
        with open(out) as said:
            return [plain(json.loads(line)) for line in said if line.startswith("{")]

    def python_like(self, command, sent, received):
        """A program of another language that prints its process id, run with the port; its local port is not known."""
        port = self.port("plain")
        arguments = [*command, "0", str(port)] if command[0] == "bash" else [*command, str(port)]
        made = subprocess.run(arguments, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        return [{"protocol": "tcp", "local_port": -1, "remote": "127.0.0.1", "remote_port": port, "pid": int(made.stdout),
                 "name": command[0], "sent": sent, "received": received}]

    def copy_act(self, name):
        shutil.copy(self.program, name)

    def link_local(self, device):
        """The address of a new device of the namespace."""
        if device not in self.devices:
            self.inside("ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}b")
            self.inside("sysctl", "-qw", f"net.ipv6.conf.{device}.accept_dad=0")
            self.inside("ip", "link", "set", f"{device}b", "up")
            self.inside("ip", "link", "set", device, "up")
            self.devices.append(device)
        said = subprocess.run(["ip", "netns", "exec", self.netns, "ip", "-j", "-6", "addr", "show", "dev", device], capture_output=True, check=True)
        return json.loads(said.stdout)[0]["addr_info"][0]["local"]

    def server_and(self, way, address):
        """A shell command: a server, and the program beside it."""
        server = os.path.join(HERE, "server.py")
        return (f"{sys.executable} {server} > {self.place}/inner & while ! [ -s {self.place}/inner ]; do sleep 0.02; done; "
                f"{self.program} {way} {address} $(head -n 1 {self.place}/inner); kill $!; rm {self.place}/inner")

    def in_cgroup(self, name, way):
        """The program in a control group as a container has it."""
        root = next((root for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(f"{root}/cgroup.procs")), None)
        if not root:
            raise RuntimeError("there is no cgroup2")
        folder = f"{root}/{name}"
        os.makedirs(folder, exist_ok=True)
        if folder not in self.cgroups:
            self.cgroups.append(folder)
        port = self.port("plain")
        return self.lines(["sh", "-c", f"echo $$ > {folder}/cgroup.procs; exec {self.program} {way} 127.0.0.1 {port}"])


def plain(truth):
    """As a recorder writes addresses."""
    return {**truth, "remote": truth["remote"].removeprefix("::ffff:")}
