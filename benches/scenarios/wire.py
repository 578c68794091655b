"""Writes scenes as files: Zeek logs, or packets."""

import ipaddress
import os
import random
import struct

from . import payload
from .scene import START_S

CONN = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
    "local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
).split()
SSL = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p version server_name subject issuer".split()
DNS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto trans_id rtt query qtype_name rcode_name answers"
).split()
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
CODES = {"NOERROR": 0, "SERVFAIL": 2, "NXDOMAIN": 3}
MSS = 1_400


def write(scene, folder, chance):
    os.makedirs(folder, exist_ok=True)
    scene.flows.sort(key=lambda flow: flow.t)
    scene.questions.sort(key=lambda question: question.t)
    if scene.as_packets:
        write_packets(scene, os.path.join(folder, "capture.pcap"), chance)
    else:
        write_zeek(scene, folder, chance)


def write_zeek(scene, folder, chance):
    conn, ssl, dns = [], [], []
    # Of the payload's facts alone, so that ports are drawn as without them.
    own_chance = random.Random(len(scene.flows))
    for number, flow in enumerate(scene.flows):
        uid = f"C{number:012x}"
        ts, ends = f"{START_S + flow.t:.6f}", [flow.src, str(flow.sport), flow.dst, str(flow.dport)]
        if flow.proto == "icmp":
            ends = [flow.src, "8", flow.dst, "0"]
        conn.append([ts, uid, *ends, flow.proto, payload.service(flow) if scene.tells_services else "-", *figures(flow)])
        of_flow = flow.payload
        if flow.proto == "tcp" and of_flow.protocol == "tls" and flow.state not in ("S0", "REJ", "OTH"):
            name = flow.name if of_flow.names else "-"
            version = "TLSv12" if of_flow.subject else "TLSv13"
            ssl.append([ts, uid, *ends, version, name or "-", of_flow.subject or "-", of_flow.issuer or "-"])
            if scene.tells_clients:
                ssl[-1].append(payload.ja4(of_flow, flow, own_chance))
    for number, question in enumerate(scene.questions):
        uid, port = f"D{number:012x}", str(chance.randrange(1024, 65_000))
        ts, ends = f"{START_S + question.t:.6f}", [question.src, port, question.server, "53"]
        sent = 18 + len(question.name)
        got = sent + sum(16 + (4 if question.qtype == "A" else len(answer)) for answer in question.answers)
        conn.append([ts, uid, *ends, "udp", "dns", "0.02", str(sent), str(got), "SF", "-", "-", "0", "Dd", "1",
                     str(sent + 28), "1", str(got + 28), "-"])
        dns.append([ts, uid, *ends, "udp", str(number % 65_536), "0.02", question.name, question.qtype,
                    question.rcode, ",".join(question.answers) or "-"])
    conn.sort(key=lambda row: float(row[0]))
    log(folder, "conn", CONN, conn)
    if scene.has_names:
        log(folder, "ssl", SSL + ["ja4"] * scene.tells_clients, ssl)
        log(folder, "dns", DNS, dns)


def figures(flow):
    """Duration to tunnel_parents."""
    sent, received = flow.total("out"), flow.total("in")
    out, back = packets(flow, "out"), packets(flow, "in")
    if flow.probe is not None:
        flags = (flow.probe.replace("U", "") or "-") if flow.probe else "-"
        answered = flow.state == "REJ"
        history = (flags if flags != "-" else "") + ("r" if answered else "")
        return ["0.000100" if answered else "-", "0", "0", "OTH", "-", "-", "0", history or "-", "1", "40",
                "1" if answered else "0", "40" if answered else "0", "-"]
    if flow.proto == "tcp" and flow.state == "S0":
        tries = str(max(1, len(flow.talk)))
        return [f"{flow.duration:.6f}" if len(flow.talk) > 1 else "-", "-", "-", "S0", "-", "-", "0", "S", tries,
                "60", "0", "0", "-"]
    if flow.proto == "tcp" and flow.state == "REJ":
        return ["0.000400", "0", "0", "REJ", "-", "-", "0", "Sr", "1", "60", "1", "40", "-"]
    history = {"SF": "ShADadFf", "S1": "ShADad", "OTH": "DdAa", "RSTO": "ShADadR"}.get(flow.state, "Dd")
    state = flow.state if flow.proto == "tcp" else ("SF" if received else "S0")
    if flow.proto == "icmp":
        state = "OTH"
    return [f"{flow.duration:.6f}", str(sent), str(received), state, "-", "-", "0",
            history if flow.proto == "tcp" else "Dd", str(out), str(sent + 40 * out), str(back),
            str(received + 40 * back), "-"]


def packets(flow, way):
    data = sum(1 + size // MSS for _, to, size in flow.talk if to == way)
    if flow.proto != "tcp":
        return flow.datagrams if flow.datagrams and way == "out" else flow.messages(way)
    return data + 3 + flow.messages("in" if way == "out" else "out") if flow.state != "S0" else data


def log(folder, name, fields, rows):
    if not rows:
        return
    head = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{name}"]
    with open(os.path.join(folder, f"{name}.log"), "w", encoding="utf-8") as file:
        file.write("\n".join([*head, "#fields\t" + "\t".join(fields), *("\t".join(row) for row in rows), ""]))


# Packets.


def write_packets(scene, path, chance):
    frames = []
    for flow in scene.flows:
        of_flow = flow_frames(flow)
        if scene.is_one_way:
            of_flow = [frame for frame in of_flow if is_from(frame[1], flow.src)]
        frames.extend(of_flow)
    for number, question in enumerate(scene.questions):
        frames.extend(question_frames(question, number % 65_536, chance.randrange(1024, 65_000)))
    frames = [frame for frame in frames if scene.sample >= 1 or chance.random() < scene.sample]
    frames.sort(key=lambda frame: frame[0])
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for at, frame, size in frames:
            if at < 0 or at > scene.span:
                continue
            us = int((START_S + at) * 1e6)
            file.write(struct.pack("<IIII", us // 1_000_000, us % 1_000_000, len(frame), size) + frame)


def is_from(frame, addr):
    source = frame[12:16] if frame[0] >> 4 == 4 else frame[8:24]
    return source == ipaddress.ip_address(addr).packed


def ip(src, dst, protocol, rest, size):
    if ":" in src:
        head = struct.pack(">IHBB", 6 << 28, size, protocol, 64)
        return head + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + rest, size + 40
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 1, 0x4000, 64, protocol, 0)
    return head + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + rest, size + 20


def segment(flow, at, way, flags, seq, ack, payload=b"", size=None):
    """A TCP segment; of payload no more is kept than is given."""
    size = len(payload) if size is None else size
    ends = (flow.src, flow.dst, flow.sport, flow.dport)
    src, dst, sport, dport = ends if way == "out" else (ends[1], ends[0], ends[3], ends[2])
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 64_000, 0, 0)
    frame, whole = ip(src, dst, 6, tcp + payload, 20 + size)
    return (flow.t + at, frame, whole)


def flow_frames(flow):
    if flow.proto == "icmp":
        return echo_frames(flow)
    if flow.proto == "udp":
        return datagram_frames(flow)
    if flow.probe is not None:
        flags = sum({"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}[letter] for letter in flow.probe)
        frames = [segment(flow, 0, "out", flags, 1000, 0)]
        return frames + ([segment(flow, 0.0001, "in", 0x14, 0, 1001)] if flow.state == "REJ" else [])
    if flow.state == "S0":
        times = [at for at, _, _ in flow.talk] or [0.0]
        return [segment(flow, at, "out", 0x02, 1000, 0) for at in times]
    if flow.state == "REJ":
        return [segment(flow, 0, "out", 0x02, 1000, 0), segment(flow, 0.0004, "in", 0x14, 0, 1001)]
    frames, seq = [], {"out": 1001, "in": 5001}
    if flow.state != "OTH":
        frames += [segment(flow, 0, "out", 0x02, 1000, 0), segment(flow, 0.01, "in", 0x12, 5000, 1001),
                   segment(flow, 0.02, "out", 0x10, 1001, 5001)]
    own_chance = random.Random(flow.sport)
    greetings = {way: payload.first_bytes(flow, way, own_chance) if flow.state != "OTH" else b"" for way in ("out", "in")}
    for at, way, size in flow.talk:
        other = "in" if way == "out" else "out"
        left, greeting = size, greetings.pop(way, b"")
        # A TLS greeting is as long as it is; the other first bytes are those of a longer message.
        if greeting and (size > 0 or flow.name):
            whole = len(greeting) if flow.payload.protocol == "tls" else min(size, MSS)
            for start in range(0, whole, MSS):
                piece = greeting[start:start + MSS]
                frames.append(segment(flow, at, way, 0x18, seq[way], seq[other], piece[:whole], min(MSS, whole - start)))
                seq[way] += min(MSS, whole - start)
            left = max(0, size - whole)
        part = 0
        while left > 0:
            piece = min(MSS, left)
            frames.append(segment(flow, at + part * 1e-4, way, 0x18, seq[way], seq[other], b"", piece))
            seq[way] += piece
            left -= piece
            part += 1
        frames.append(segment(flow, at + part * 1e-4 + 0.001, other, 0x10, seq[other], seq[way]))
    end = flow.duration + 0.02
    if flow.state == "SF":
        frames += [segment(flow, end, "out", 0x11, seq["out"], seq["in"]),
                   segment(flow, end + 0.01, "in", 0x11, seq["in"], seq["out"] + 1),
                   segment(flow, end + 0.02, "out", 0x10, seq["out"] + 1, seq["in"] + 1)]
    elif flow.state == "RSTO":
        frames.append(segment(flow, end, "out", 0x14, seq["out"], seq["in"]))
    return frames


def datagram_frames(flow):
    frames, own_chance = [], random.Random(flow.sport)
    for at, way, size in flow.talk:
        src, dst, sport, dport = (flow.src, flow.dst, flow.sport, flow.dport)
        if way == "in":
            src, dst, sport, dport = dst, src, dport, sport
        start = payload.first_bytes(flow, way, own_chance)[:size]
        frame, whole = ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + size, 0) + start, 8 + size)
        frames.append((flow.t + at, frame, whole))
    return frames


def echo_frames(flow):
    frames = []
    for number, (at, way, size) in enumerate(flow.talk):
        src, dst = (flow.src, flow.dst) if way == "out" else (flow.dst, flow.src)
        body = struct.pack(">BBHHH", 8 if way == "out" else 0, 0, 0, 77, number // 2 % 65_536)
        frame, whole = ip(src, dst, 1, body, 8 + size)
        frames.append((flow.t + at, frame, whole))
    return frames


def labels(name):
    parts = [part.encode() for part in name.strip(".").split(".")]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\x00"


def question_frames(question, number, port):
    asked = labels(question.name) + struct.pack(">HH", TYPES[question.qtype], 1)
    body = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + asked
    records = b""
    for answer in question.answers:
        if question.qtype == "A":
            data = ipaddress.ip_address(answer).packed
        elif question.qtype == "AAAA":
            data = ipaddress.ip_address(answer).packed
        elif question.qtype in ("TXT", "NULL"):
            data = bytes([min(255, len(answer))]) + answer.encode()[:255]
        else:
            data = labels(answer)
        records += b"\xc0\x0c" + struct.pack(">HHIH", TYPES[question.qtype], 1, 60, len(data)) + data
    flags = 0x8180 | CODES[question.rcode]
    reply = struct.pack(">HHHHHH", number, flags, 1, len(question.answers), 0, 0) + asked + records
    frames = []
    for at, payload, ends in [
        (question.t, body, (question.src, question.server, port, 53)),
        (question.t + 0.02, reply, (question.server, question.src, 53, port)),
    ]:
        udp = struct.pack(">HHHH", ends[2], ends[3], 8 + len(payload), 0) + payload
        frame, whole = ip(ends[0], ends[1], 17, udp, len(udp))
        frames.append((at, frame, whole))
    return frames
