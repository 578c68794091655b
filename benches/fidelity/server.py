"""The other end of the scenarios: a TCP server on 0.0.0.0 and ::, and a UDP server on the same port.

TCP: the first four bytes are the length of the answer (little endian), which is sent at once; then everything is read
until the client closes. UDP: two bytes come back for each one. Prints the port, and a line of JSON per connection with
what this end moved: `{"role": "server", ...}`.

    server.py [MODE]      plain · fork (a child per connection) · prefork (four workers on one listening socket) ·
                          reuseport (four processes with a socket each) · pass (the parent accepts, a worker gets the
                          descriptor) · inetd (the parent accepts, a program gets it as its standard input) · activated
                          (the parent listens, a program gets the listening socket at the first connection, as from systemd) · close-first
                          (closes after the answer) · reset (resets after the answer) · deaf (never accepts)
"""
import array
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time


def receive(sock, length):
    data = b""
    while len(data) < length:
        piece = sock.recv(length - len(data))
        if not piece:
            break
        data += piece
    return data


def serve(sock, ending="read"):
    peer, got, sent = None, 0, 0
    try:
        peer = sock.getpeername()
        head = receive(sock, 4)
        got += len(head)
        if len(head) == 4:
            answer = struct.unpack("<I", head)[0]
            sock.sendall(b"a" * answer)
            sent = answer
        if ending == "reset":
            got += len(receive(sock, 1004))
            time.sleep(0.05)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif ending == "close-first":
            got += len(receive(sock, 1004))
            sock.shutdown(socket.SHUT_WR)
        while ending != "reset":
            piece = sock.recv(1 << 20)
            if not piece:
                break
            got += len(piece)
    except OSError:
        pass
    own = sock.getsockname()
    sock.close()
    if peer:
        name = open("/proc/self/comm").read().strip()
        # One call: the lines of several processes go into one pipe.
        os.write(1, (json.dumps({"role": "server", "protocol": "tcp", "local_port": own[1], "remote": peer[0].removeprefix("::ffff:"),
                                 "remote_port": peer[1], "pid": os.getpid(), "name": name, "sent": sent, "received": got}) + "\n").encode())


def accept_forever(listener, handle):
    while True:
        sock, _ = listener.accept()
        handle(sock)


def listen(port=0, options=()):
    listener = socket.socket(socket.AF_INET6)
    for option in (socket.SO_REUSEADDR, *options):
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.setsockopt(socket.IPPROTO_TCP, 23, 64)  # TCP_FASTOPEN
    listener.bind(("::", port))
    listener.listen(1024)
    return listener


def echo_udp(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("::", port))
    while True:
        data, peer = sock.recvfrom(65536)
        try:
            sock.sendto(data + data, peer)
        except OSError:
            pass


def threaded(ending):
    return lambda sock: threading.Thread(target=serve, args=(sock, ending), daemon=True).start()


def in_a_child(listener):
    def handle(sock):
        if os.fork() == 0:
            listener.close()
            serve(sock)
            os._exit(0)
        sock.close()
    return handle


def to_a_worker():
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    if os.fork() == 0:
        while True:
            _, ancillary, _, _ = there.recvmsg(1, socket.CMSG_SPACE(4))
            fd = array.array("i", ancillary[0][2])[0]
            serve(socket.socket(fileno=fd))

    def handle(sock):
        here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
        sock.close()
    return handle


def as_standard_input(sock):
    if os.fork() == 0:
        os.dup2(sock.fileno(), 0)
        os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), "one"])
    sock.close()


def activate(listener):
    while True:
        select.select([listener], [], [])
        if (child := os.fork()) == 0:
            os.set_inheritable(listener.fileno(), True)
            os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), "listening", str(listener.fileno())])
        os.waitpid(child, 0)


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "plain"
    if mode == "one":
        serve(socket.socket(fileno=0))
        return
    if mode == "listening":
        serve(socket.socket(fileno=int(sys.argv[2])).accept()[0])
        return
    if mode != "activated":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if mode == "deaf":
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        print(listener.getsockname()[1], flush=True)
        time.sleep(1000)
    listener = listen(options=(socket.SO_REUSEPORT,) if mode == "reuseport" else ())
    port = listener.getsockname()[1]
    if mode == "plain":
        threading.Thread(target=echo_udp, args=(port,), daemon=True).start()
        time.sleep(0.05)
    print(port, flush=True)
    if mode in ("prefork", "reuseport"):
        for _ in range(3):
            if os.fork() == 0:
                if mode == "reuseport":
                    listener.close()
                    listener = listen(port, (socket.SO_REUSEPORT,))
                break
        accept_forever(listener, serve)
    if mode == "activated":
        activate(listener)
    handlers = {"fork": lambda: in_a_child(listener), "pass": to_a_worker, "inetd": lambda: as_standard_input}
    make = handlers.get(mode)
    accept_forever(listener, make() if make else threaded(mode if mode in ("reset", "close-first") else "read"))


main()
