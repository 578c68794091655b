#!/usr/bin/env python3
"""The cost of `netrec watch` compared with `netrec record`, in the same run on the same sockets.

    watch.py [--netrec target/release/netrec] [--sockets 100,10000] [--ticks 60] [--size 160x50]

The sockets are those of recorder.py. Both programs sample them at the same time, once a second:
record writes a capture, watch draws its screen in tmux; then watch records too. CPU is user plus
system time of the whole process, threads included, after the first ticks; its memory is the
peak. Needs tmux.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import recorder


class Screen:
    """netrec watch in a tmux of its own."""

    def __init__(self, netrec, folder, size):
        self.socket = os.path.join(folder, "tmux")
        width, height = size.split("x")
        command = f"cd {folder}; exec {netrec} watch -o watched.parquet"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, command)
        self.pid = int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-S", self.socket, *arguments], capture_output=True, text=True)
        return done.stdout.strip()

    def wait_for(self, text):
        for _ in range(600):
            if text in self.tmux("capture-pane", "-p"):
                return
            time.sleep(0.1)
        sys.exit(f"the screen never showed {text!r}:\n{self.tmux('capture-pane', '-p')}")


def measure(netrec, sockets, ticks, size):
    holder = subprocess.Popen(
        [sys.executable, recorder.__file__, "--hold", str(sockets), "1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    if holder.stdout.readline().strip() != "ready":
        sys.exit(f"{sockets} sockets could not be opened")
    with tempfile.TemporaryDirectory() as folder:
        record = subprocess.Popen(
            [netrec, "record", "-o", os.path.join(folder, "recorded.parquet")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        screen = Screen(netrec, folder, size)
        screen.wait_for("live")
        # The first ticks look for every owner.
        time.sleep(5)

        def costs():
            before = [recorder.cpu_s(pid) for pid in (record.pid, screen.pid)]
            time.sleep(ticks)
            after = [recorder.cpu_s(pid) for pid in (record.pid, screen.pid)]
            return [(b - a) * 1000 / ticks for a, b in zip(before, after)]

        recorded, watched = costs()
        memory = recorder.peak_mb(record.pid), recorder.peak_mb(screen.pid)
        screen.tmux("send-keys", "r")
        screen.wait_for("REC")
        beside, recording = costs()
        record.terminate()
        record.wait()
        screen.tmux("send-keys", "q")
        holder.stdin.close()
        holder.wait()
        print(
            f"{sockets:>7} {recorded:>9.1f} {watched:>9.1f} {watched / recorded:>7.2f} "
            f"{recording:>11.1f} {recording / beside:>7.2f} {memory[0]:>9.0f} {memory[1]:>9.0f}",
            flush=True,
        )
        time.sleep(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--netrec", default="target/release/netrec")
    parser.add_argument("--sockets", default="100,10000")
    parser.add_argument("--ticks", type=int, default=60)
    parser.add_argument("--size", default="160x50")
    arguments = parser.parse_args()
    print("CPU, ms a tick; × record in the same run; memory, MB")
    print("sockets    record     watch       ×   watch+rec       ×    record     watch")
    for sockets in arguments.sockets.split(","):
        measure(os.path.abspath(arguments.netrec), int(sockets), arguments.ticks, arguments.size)


if __name__ == "__main__":
    main()
