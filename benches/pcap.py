#!/usr/bin/env python3
"""Speed of `netrec import` on generated packet captures: large packets, small packets, many flows.

    cargo build --release && benches/pcap.py [NETREC] [PACKETS]

CPU time of the whole program: reading, hashing the file, following flows, writing the capture.
"""

import os
import struct
import subprocess
import sys
import tempfile


def packet(flow: int, number: int, payload: int) -> bytes:
    """A TCP segment of a flow: the first is a SYN, the others hold data."""
    flags = 0x02 if number == 0 else 0x10
    size = 0 if number == 0 else payload
    seq = 1000 if number == 0 else 1001 + (number - 1) * payload
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 40 + size, 1, 0, 64, 6, 0, 0x0A000000 + flow, 0xC0000202)
    tcp = struct.pack(">HHIIBBHHH", 40000 + flow % 20000, 443, seq & 0xFFFFFFFF, 0, 0x50, flags, 65535, 0, 0)
    return b"\x02" * 12 + b"\x08\x00" + ip + tcp + b"x" * size


def write(path: str, packets: int, flows: int, payload: int, per_second: int) -> None:
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for index in range(packets):
            frame = packet(index % flows, index // flows, payload)
            seconds, rest = divmod(index, per_second)
            head = struct.pack("<IIII", 1_700_000_000 + seconds, rest * 1_000_000 // per_second, len(frame), len(frame))
            file.write(head + frame)


def main() -> None:
    netrec = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/netrec")
    packets = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    shapes = [
        ("large packets, 100 flows", packets // 4, 100, 1448),
        ("small packets, 100 flows", packets, 100, 6),
        ("many flows, 4 packets each", packets, packets // 4, 100),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, count, flows, payload in shapes:
            path = os.path.join(folder, "in.pcap")
            write(path, count, flows, payload, 50_000)
            command = [netrec, "import", path, "-o", path + ".parquet", "--force"]
            _, status, usage = os.wait4(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, 0)
            assert status == 0, status
            cpu = usage.ru_utime + usage.ru_stime
            size = os.path.getsize(path)
            print(f"{name}: {size / 1e6:.0f} MB, {cpu:.2f} s of CPU, {size / 1e6 / cpu:.0f} MB/s, "
                  f"{count / cpu / 1e6:.2f} M packets/s, peak {usage.ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
