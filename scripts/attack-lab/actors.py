"""The actions of scripts/attack-lab.sh. Standard library only.

    actors.py ACTION [ARGUMENT…]

The acting program is determined by the name and folder of the interpreter that runs this script.
"""

import base64
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time

CHUNK = 65_536


def talk(addr, port, sent=300, expected=1, timeout=5, hold=0.0):
    """One connection: sends, reads what comes, and holds it open for a while."""
    with socket.create_connection((addr, int(port)), timeout=timeout) as conn:
        if sent:
            conn.sendall(b"x" * int(sent))
        if expected:
            conn.recv(CHUNK)
        time.sleep(float(hold))


def poll(addr, port, every, jitter="0", sent="300"):
    """Connects at intervals, whatever comes of it."""
    while True:
        try:
            talk(addr, port, sent)
        except OSError:
            pass
        every_s, share = float(every), float(jitter)
        time.sleep(every_s * random.uniform(1 - share, 1 + share))


def once(addr, port, sent="300"):
    talk(addr, port, sent)


def dial(addr, port, attempts, every):
    """So many connections, one after the other."""
    for _ in range(int(attempts)):
        try:
            talk(addr, port, 0, 0, timeout=1)
        except OSError:
            pass
        time.sleep(float(every))


def session(addr, port, every, sent="60"):
    """One connection that stays, with a message now and then."""
    with socket.create_connection((addr, int(port)), timeout=5) as conn:
        conn.settimeout(None)
        threading.Thread(target=drain, args=(conn,), daemon=True).start()
        while True:
            conn.sendall(os.urandom(int(sent)))
            time.sleep(float(every) * random.uniform(0.7, 1.3))


def drain(conn):
    while conn.recv(CHUNK):
        pass


def upload(addr, port, size):
    """Sends a lot in one connection."""
    with socket.create_connection((addr, int(port)), timeout=10) as conn:
        left = int(size)
        while left > 0:
            conn.sendall(os.urandom(min(left, CHUNK)))
            left -= CHUNK
            time.sleep(0.02)
        conn.shutdown(socket.SHUT_WR)
        conn.recv(CHUNK)


def guess(addr, port, attempts, every):
    """Imitates the sizes and timing of SSH logins with wrong passwords."""
    for _ in range(int(attempts)):
        try:
            with socket.create_connection((addr, int(port)), timeout=5) as conn:
                conn.recv(CHUNK)
                for size in (24, 1_100, 400, 300):
                    conn.sendall(b"x" * size)
                    conn.recv(CHUNK)
        except OSError:
            pass
        time.sleep(float(every))


def scan_ports(addr, first, last, every):
    for port in range(int(first), int(last) + 1):
        try:
            talk(addr, port, 0, 0, timeout=0.5)
        except OSError:
            pass
        time.sleep(float(every))


def sweep(prefix, port, first, last, every):
    for host in range(int(first), int(last) + 1):
        try:
            talk(f"{prefix}{host}", port, 200, 1, timeout=0.5)
        except OSError:
            pass
        time.sleep(float(every))


def question(number, name, record_type):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", record_type, 1)


def tunnel(server, domain, every):
    """Data in names, as tunnels through name servers send it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conn:
        conn.settimeout(1)
        conn.connect((server, 53))
        for number in range(1, 65_536):
            data = base64.b32encode(os.urandom(75)).decode().lower().rstrip("=")
            labels = [data[at : at + 60] for at in range(0, len(data), 60)]
            conn.send(question(number, ".".join([*labels, domain]), 16))
            try:
                conn.recv(CHUNK)
            except OSError:
                pass
            time.sleep(float(every))


def browse(every):
    """Asks for pages of several sites by name, as people do: in bursts, with pauses."""
    sites = ["news.example.org", "shop.example.com", "wiki.example.net", "maps.example.org", "video.example.com"]
    while True:
        site = random.choice(sites)
        for _ in range(random.randint(1, 4)):
            try:
                talk(socket.gethostbyname(site), 443, 700)
            except OSError:
                pass
        time.sleep(float(every) * random.expovariate(1))


def update(name, times, every):
    """Downloads from a mirror by name."""
    for _ in range(int(times)):
        try:
            talk(socket.gethostbyname(name), 80, 200)
        except OSError:
            pass
        time.sleep(float(every))


def call_back(addr, port):
    """A server whose child, a shell, connects out: what a web shell does."""
    command = f"sleep 2; exec 3<>/dev/tcp/{addr}/{port}; echo id >&3; cat <&3 >/dev/null"
    subprocess.run(["bash", "-c", command], check=False)
    time.sleep(600)


def answer(conn, kind):
    try:
        with conn:
            if kind == "ssh":
                conn.sendall(b"SSH-2.0-lab\r\n")
                for size in (1_000, 500, 300, 60):
                    if not conn.recv(CHUNK):
                        return
                    conn.sendall(b"y" * size)
            elif kind == "shell":
                while True:
                    conn.sendall(random.choice([b"id\n", b"uname -a\n", b"ls /\n", b"ps aux | head\n"]))
                    time.sleep(random.uniform(2, 6))
            elif kind == "sink":
                drain(conn)
                conn.sendall(b"ok")
            elif kind == "chat":
                while True:
                    if not conn.recv(CHUNK):
                        return
                    conn.sendall(b"y" * random.randint(40, 400))
            else:
                if conn.recv(CHUNK):
                    conn.sendall(b"y" * 4_000)
    except OSError:
        pass


def serve(kind, addr, *ports):
    """Servers of one kind on several ports."""
    for port in ports:
        listener = socket.create_server((addr, int(port)), backlog=128, reuse_port=True)
        threading.Thread(target=accept, args=(listener, kind), daemon=True).start()
    time.sleep(3_600)


def accept(listener, kind):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=answer, args=(conn, kind), daemon=True).start()


def resolve(addr, known):
    """A name server: every name of a site has the same address, `known` another; TXT is answered with text."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as conn:
        conn.bind((addr, 53))
        while True:
            data, client = conn.recvfrom(CHUNK)
            name, at = [], 12
            while data[at]:
                name.append(data[at + 1 : at + 1 + data[at]].decode())
                at += data[at] + 1
            (record_type,) = struct.unpack(">H", data[at + 1 : at + 3])
            if record_type == 16:
                answer_data = b"\xc8" + b"z" * 200
            elif record_type == 1:
                site = known if ".".join(name).endswith("debian.org") else "5.5.5.10"
                answer_data = socket.inet_aton(site)
            else:
                answer_data = b""
            count = 1 if answer_data else 0
            head = data[:2] + struct.pack(">5H", 0x8180, 1, count, 0, 0)
            record = b"\xc0\x0c" + struct.pack(">HHIH", record_type, 1, 60, len(answer_data)) + answer_data
            conn.sendto(head + data[12 : at + 5] + (record if count else b""), client)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
