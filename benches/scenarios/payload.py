"""What the payload of each flow is: the protocol, the TLS client, the server's certificate.

Drawn from a source of chance of its own, so that the flows of a seed are the same with and without it. Ordinary traffic has what
networks have: browsers with shared libraries and shuffled extensions, agents with libraries of their own, certificates that are
self-signed inside and now and then outside, TLS without a server name, programs whose payload no tool knows, and half of the
certificates hidden by TLS 1.3. Attacks have what descriptions of their tools say, as often hidden: the system's own library,
a certificate of a public authority, or no payload that anyone knows.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass

from .scene import Flow, exchange

UNKNOWN = "unknown"
# Cipher suites and extensions (without server name, ALPN and what is drawn) of TLS libraries.
STACKS = {
    "chrome": ([0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x9C, 0x9D, 0x2F, 0x35],
               [0x2D, 0x33, 0x17, 0x0B, 0x0A, 0x2B, 0xFF01, 0x23, 0x12, 0x05, 0x0D, 0x1B]),
    "firefox": ([0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0xC00A, 0xC009, 0xC013, 0xC014, 0x9C, 0x9D, 0x2F, 0x35],
                [0x17, 0xFF01, 0x0A, 0x0B, 0x23, 0x05, 0x22, 0x33, 0x2B, 0x0D, 0x2D, 0x1C]),
    "windows": ([0x1302, 0x1301, 0xC02C, 0xC02B, 0xC030, 0xC02F, 0xC024, 0xC023, 0xC028, 0xC027, 0x9F, 0x9E, 0x9D, 0x9C, 0x3D, 0x3C, 0x35, 0x2F],
                [0x05, 0x0A, 0x0B, 0x0D, 0x23, 0x17, 0x2B, 0x2D, 0x33, 0xFF01]),
    "openssl": ([0x1302, 0x1303, 0x1301, 0xC02C, 0xC030, 0x9F, 0xCCA9, 0xCCA8, 0xCCAA, 0xC02B, 0xC02F, 0x9E, 0xC024, 0xC028, 0x6B, 0xC023, 0xC027, 0x67, 0x35, 0x2F, 0xFF],
                [0x0B, 0x0A, 0x23, 0x16, 0x17, 0x0D, 0x2B, 0x2D, 0x33]),
    "go": ([0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014, 0x1301, 0x1302, 0x1303],
           [0x05, 0x0A, 0x0B, 0x0D, 0xFF01, 0x17, 0x12, 0x2B, 0x33]),
    "rustls": ([0x1302, 0x1301, 0x1303, 0xC02C, 0xC02B, 0xCCA9, 0xC030, 0xC02F, 0xCCA8, 0xFF], [0x17, 0x0A, 0x0B, 0x0D, 0x2B, 0x2D, 0x33, 0x05, 0x23]),
    "mbedtls": ([0xCCA8, 0xCCA9, 0xC02C, 0xC030, 0xC0AD, 0xC024, 0xC028, 0xC00A, 0xC014, 0xC02B, 0xC02F], [0x0D, 0x0A, 0x0B, 0x16, 0x17, 0x23]),
    "tor": ([0x1302, 0x1303, 0x1301, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0xC00A, 0xC009, 0xC013, 0xC014, 0x33, 0x39, 0x2F, 0x35, 0xFF],
            [0x0B, 0x0A, 0x23, 0x16, 0x17, 0x0D, 0x2B, 0x2D, 0x33]),
}
ALPN_OF = {"chrome": b"h2", "firefox": b"h2", "windows": b"h2", "go": b"h2"}
ALGORITHMS = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
AUTHORITIES = ["CN=R11,O=Let's Encrypt,C=US", "CN=WE1,O=Google Trust Services,C=US", "CN=DigiCert TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US",
               "CN=Amazon RSA 2048 M02,O=Amazon,C=US", "CN=Sectigo RSA Domain Validation Secure Server CA,O=Sectigo Limited,L=Salford,ST=Greater Manchester,C=GB"]
CLEAR_OF = {21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 80: "http", 88: "krb", 110: "pop3", 123: "ntp", 135: "dce_rpc", 143: "imap",
            161: "snmp", 389: "ldap", 445: "smb", 587: "smtp", 631: "http", 873: "rsync", 1433: "tds", 1883: "mqtt", 1900: "ssdp", 3306: "mysql",
            3389: "rdp", 3478: "stun", 5060: "sip", 5353: "dns", 5432: "postgresql", 5900: "vnc", 5985: "http", 6379: "redis", 6881: "bittorrent",
            7680: UNKNOWN, 8080: "http", 9100: "http", 9200: "http", 51820: "wireguard", 19302: "stun", 1194: "openvpn"}
TLS_PORTS = {443, 465, 636, 853, 993, 995, 8443, 8883, 8886, 9443, 7443, 1443, 990}
# Trojans whose listeners have a certificate of their own by default, on the ports that they have by default.
TROJANS = {6606: "CN=AsyncRAT Server", 7707: "CN=AsyncRAT Server", 8808: "CN=AsyncRAT Server", 4782: "CN=Quasar Server CA",
           50_050: "CN=Major Cobalt Strike,OU=AdvancedPenTesting,O=cobaltstrike,L=Somewhere,ST=Cyberspace,C=Earth"}


# What a Windows host asks by itself.
WINDOWS = [("settings-win.data.microsoft.com", "51.104.15.252"), ("v10.events.data.microsoft.com", "20.42.65.92"),
           ("fe3cr.delivery.mp.microsoft.com", "20.72.205.209"), ("slscr.update.microsoft.com", "20.12.23.50"),
           ("client.wns.windows.com", "40.113.110.67"), ("login.live.com", "20.190.160.17"), ("licensing.mp.microsoft.com", "20.223.36.55")]


@dataclass
class Payload:
    """Protocol; of TLS the library, whether a server is named, the first protocol offered, subject and issuer if they are in clear."""

    protocol: str
    stack: str | None = None
    names: bool = False
    is_resumed: bool = False
    subject: str | None = None
    issuer: str | None = None


def assign(scene, chance):
    """Gives every flow a payload, and the scene what its log tells of them."""
    scene.tells_services |= chance.random() < 0.85
    scene.tells_clients = chance.random() < 0.35
    add_system_traffic(scene, chance)
    bad = scene.positives
    habits, asked = {}, set()
    for flow in scene.flows:
        if flow.payload is not None:
            continue
        is_bad = any(positive["src"] in (None, flow.src) and positive["dst"] in (None, flow.dst) and positive["dport"] in (None, flow.dport) for positive in bad)
        make = malicious if is_bad else ordinary
        # Another connection of the same program to the same service is like the first.
        key = (is_bad, flow.src, flow.dst, flow.dport, flow.proto, flow.name)
        if key not in habits:
            habits[key] = make(flow, bad[0]["kind"] if is_bad else None, scene, chance)
        payload = habits[key]
        if payload.stack in ("chrome", "firefox") and chance.random() < 0.4:
            payload = Payload(**{**payload.__dict__, "is_resumed": True, "subject": None, "issuer": None})
        flow.payload = payload
        # A name that no greeting shows was asked for.
        if flow.name and not payload.names and (flow.src, flow.name) not in asked:
            asked.add((flow.src, flow.name))
            scene.ask(max(0, flow.t - 0.05), flow.src, flow.name, answers=[flow.dst])


def add_system_traffic(scene, chance):
    """What the system of each desktop asks beside its browser, with its own library."""
    desktops = Counter(flow.src for flow in scene.flows if flow.name and flow.dport == 443 and is_inside(flow.src) and flow.payload is None)
    for src in sorted(src for src, number in desktops.items() if number >= 20):
        at, left = chance.uniform(0, 900), 60
        while at < scene.span - 5 and left > 0:
            name, addr = chance.choice(WINDOWS)
            scene.add(Flow(at, src, addr, 443, talk=exchange(chance.randrange(800, 3_000), chance.randrange(3_000, 9_000)), name=name, lasts=1.0))
            at += chance.expovariate(1 / 700)
            left -= 1


def is_inside(addr):
    return addr.startswith(("192.168.", "10.", "172.16.")) or ":" in addr


def tls(flow, stack, chance, subject=None, issuer=None, hidden=0.6):
    names = bool(flow.name) and chance.random() < 0.985
    if chance.random() < hidden:
        subject = issuer = None
    return Payload("tls", stack, names, False, subject, issuer)


def ordinary(flow, _, scene, chance):
    port, name = flow.dport, flow.name or ""
    if flow.proto == "icmp":
        return Payload("icmp")
    if flow.proto == "udp":
        return Payload(CLEAR_OF.get(port, UNKNOWN) if port != 443 else "quic")
    # Messengers with protocols of their own.
    if "whatsapp" in name or (port == 443 and not name and chance.random() < 0.03):
        return Payload(UNKNOWN)
    if port in TLS_PORTS or (port == 80 and chance.random() < 0.005):
        digest = int(hashlib.sha256(f"{flow.src} {name or flow.dst}".encode()).hexdigest(), 16)
        if is_inside(flow.src) and not is_inside(flow.dst):
            is_agent = any(word in name for word in ("telemetry", "update", "settings-win", "push", "dropbox", "tuya", "mqtt", "metrics", "api.", "registry", "pypi", "crates"))
            if "msft" in name or any(name == known for known, _ in WINDOWS):
                stack = "windows"
            elif is_agent:
                stack = ["openssl", "go", "windows", "chrome", "mbedtls", "rustls"][digest % 6]
            else:
                stack = ["chrome", "firefox"][int(hashlib.sha256(flow.src.encode()).hexdigest(), 16) % 2] if digest % 12 else ["openssl", "windows", "go"][digest % 3]
            # One server in a hundred outside has made its certificate itself.
            if digest // 12 % 100 == 0:
                own = f"CN={name or flow.dst}"
                return tls(flow, stack, chance, own, own)
            return tls(flow, stack, chance, f"CN={name or 'cdn.example.net'}", AUTHORITIES[digest % len(AUTHORITIES)])
        own = f"CN=srv-{digest % 90}.corp.lan"
        return tls(flow, ["chrome", "openssl", "go", "windows"][digest % 4], chance, own, own if digest % 2 else "CN=Corp Issuing CA,O=Corp,C=DE")
    if 6_881 <= port <= 6_889 or port == 51_413 or (port > 10_000 and chance.random() < 0.3):
        return Payload(chance.choice(["bittorrent", UNKNOWN]))
    return Payload(CLEAR_OF.get(port, UNKNOWN))


def malicious(flow, kind, scene, chance):
    port = flow.dport
    if flow.proto == "icmp":
        return Payload("icmp")
    if flow.proto == "udp":
        return Payload(CLEAR_OF.get(port, UNKNOWN))
    if kind in ("beacon", "in_connection_beacon", "c2", "c2_single_connection", "dead_c2"):
        return control(flow, scene, chance)
    if kind == "tor":
        return Payload("tls", "tor", True, False, *((f"CN={flow.name}", f"CN=www.{flow.name[6:]}") if chance.random() < 0.2 and flow.name else (None, None)))
    if kind == "mining":
        label = scene.positives[0]["label"]
        if label.startswith("TLS") or (flow.name and chance.random() < 0.25):
            return tls(flow, chance.choice(["openssl", "go"]), chance, f"CN={flow.name or 'pool'}", chance.choice([f"CN={flow.name or 'pool'}", AUTHORITIES[0]]))
        return Payload("stratum")
    if kind in ("exfil", "click_fraud", "ddos", "web_attack", "brute_force") and (port in TLS_PORTS or port == 443):
        stack = chance.choice(["openssl", "go", "windows", "chrome"])
        own = f"CN={flow.name or flow.dst}"
        return tls(flow, stack, chance, own, own if not flow.name and chance.random() < 0.5 else AUTHORITIES[0])
    return ordinary(flow, kind, scene, chance)


def control(flow, scene, chance):
    """A channel of command and control: over TLS, over HTTP, or of a protocol of its own."""
    port, draw = flow.dport, chance.random()
    if "IRC" in scene.positives[0]["label"]:
        return Payload("irc") if port != 443 or draw < 0.7 else tls(flow, "openssl", chance, "CN=irc", "CN=irc")
    over_tls = 0.85 if flow.name else {443: 0.7, 80: 0.05, 8080: 0.2, 53: 0.1}.get(port, 0.55 if port in TLS_PORTS or port in TROJANS or port in (447, 449) else 0.3)
    if draw < over_tls:
        # Half of the implants use the library of the system, which its own services use too.
        stack = chance.choice(["windows", "windows", "windows", "go", "go", "openssl"])
        if port in TROJANS and chance.random() < 0.7:
            return tls(flow, "windows", chance, TROJANS[port], TROJANS[port], hidden=0.2)
        authority = chance.random() < (0.85 if flow.name else 0.25)
        own = chance.choice(["O=Internet Widgits Pty Ltd,ST=Some-State,C=AU", "CN=localhost", f"CN={flow.dst}", f"CN={flow.name or 'example.com'}", "C=US"])
        return tls(flow, stack, chance, f"CN={flow.name or flow.dst}" if authority else own, AUTHORITIES[chance.randrange(2)] if authority else own)
    if port in (80, 8080, 8443, 8888, 443, 53) and chance.random() < 0.6:
        return Payload("http")
    return Payload(UNKNOWN)


def hello_fields(payload, flow, chance):
    """Cipher suites, extensions in the order that they are sent, and what each holds."""
    ciphers, extensions = STACKS[payload.stack]
    extensions = list(extensions)
    if payload.names:
        extensions.append(0)
    if payload.stack in ALPN_OF and flow.dport in (443, 8443):
        extensions.append(0x10)
    if payload.is_resumed:
        extensions.append(0x29)
    if payload.stack == "chrome":
        chance.shuffle(extensions)
    return ciphers, extensions


def ja4(payload, flow, chance):
    """JA4 (FoxIO-LLC/ja4)."""
    ciphers, extensions = hello_fields(payload, flow, chance)
    alpn = ALPN_OF[payload.stack].decode() if 0x10 in extensions else "00"
    version = "13" if 0x2B in extensions else "12"
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()[:12]  # noqa: E731
    listed = ",".join(f"{kind:04x}" for kind in sorted(extensions) if kind not in (0, 0x10)) + "_" + ",".join(f"{number:04x}" for number in ALGORITHMS)
    return (f"t{version}{'d' if payload.names else 'i'}{len(ciphers):02}{len(extensions):02}{alpn}_"
            f"{digest(','.join(f'{number:04x}' for number in sorted(ciphers)))}_{digest(listed)}")


# Packets.


def sized(bytes_, width):
    return len(bytes_).to_bytes(width, "big") + bytes_


def client_hello(payload, flow, chance):
    ciphers, extensions = hello_fields(payload, flow, chance)
    numbers = lambda values: b"".join(value.to_bytes(2, "big") for value in values)  # noqa: E731
    values = {
        0: sized(b"\x00" + sized((flow.name or "").encode(), 2), 2), 0x10: sized(sized(ALPN_OF.get(payload.stack, b""), 1), 2),
        0x0A: sized(numbers([29, 23, 24]), 2), 0x0B: b"\x01\x00", 0x0D: sized(numbers(ALGORITHMS), 2), 0x2B: sized(numbers([0x0304, 0x0303]), 1),
        0x33: sized(numbers([29]) + sized(b"\x22" * 32, 2), 2), 0x29: b"\x00" * 40,
    }
    listed = b"".join(kind.to_bytes(2, "big") + sized(values.get(kind, b""), 2) for kind in extensions)
    body = b"\x03\x03" + b"\x11" * 32 + b"\x20" + b"\x33" * 32 + sized(numbers(ciphers), 2) + b"\x01\x00" + sized(listed, 2)
    return b"\x16\x03\x01" + sized(b"\x01" + sized(body, 3), 2)


def der(tag, *parts):
    value = b"".join(parts)
    head = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")
    return bytes([tag]) + head + value


ARCS = {"CN": 3, "C": 6, "L": 7, "ST": 8, "O": 10, "OU": 11}


def dn(text):
    """A name of simple attributes, the most specific first."""
    parts = [part.split("=", 1) for part in text.split(",") if "=" in part]
    return der(0x30, *(der(0x31, der(0x30, der(6, bytes([0x55, 4, ARCS[kind]])), der(12, value.encode()))) for kind, value in reversed(parts)))


def server_hello(payload):
    """Up to the certificate if that is in clear, else what TLS 1.3 shows."""
    is_hidden = payload.subject is None
    extensions = b"\x00\x2b\x00\x02\x03\x04" if is_hidden else b""
    hello = b"\x02" + sized(b"\x03\x03" + b"\x44" * 32 + b"\x00" + b"\xc0\x2f\x00" + sized(extensions, 2), 3)
    if is_hidden:
        return b"\x16\x03\x03" + sized(hello, 2) + b"\x14\x03\x03\x00\x01\x01"
    fields = der(0x30, der(0xA0, der(2, b"\x02")), der(2, b"\x4d"), der(0x30), dn(payload.issuer), der(0x30), dn(payload.subject), der(0x30, b"\x01" * 290))
    certificate = der(0x30, fields, der(0x30), der(3, b"\x00" * 257))
    return b"\x16\x03\x03" + sized(hello + b"\x0b" + sized(sized(sized(certificate, 3), 3), 3), 2)


FIRST = {
    "http": (b"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    "ssh": (b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"),
    "smtp": (b"EHLO client\r\n", b"220 mx.example.org ESMTP\r\n"),
    "ftp": (b"USER a\r\n", b"220 FTP ready\r\n"),
    "imap": (b"a1 CAPABILITY\r\n", b"* OK ready\r\n"),
    "pop3": (b"USER a\r\n", b"+OK ready\r\n"),
    "irc": (b"NICK b8231\r\nUSER b8231 0 * :b\r\n", b":irc.example NOTICE * :*** Looking up\r\n"),
    "stratum": (b'{"id":1,"method":"mining.subscribe","params":[]}\n', b'{"id":1,"result":[]}\n'),
    "rdp": (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00", b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x02\x00\x00\x00"),
    "smb": (b"\x00\x00\x00\xd8\xfeSMB@\x00", b"\x00\x00\x00\xf0\xfeSMB@\x00"),
    "mqtt": (b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c", b"\x20\x02\x00\x00"),
    "bittorrent": (b"\x13BitTorrent protocol", b"\x13BitTorrent protocol"),
    "stun": (b"\x00\x01\x00\x08\x21\x12\xa4\x42", b"\x01\x01\x00\x08\x21\x12\xa4\x42"),
    "quic": (b"\xc3\x00\x00\x00\x01\x08\x11\x22\x33", b"\xc3\x00\x00\x00\x01\x08\x11\x22\x33"),
}


def first_bytes(flow, way, chance):
    """What one side of a flow sends first, as far as it is known."""
    payload = flow.payload
    if payload.protocol == "tls":
        return client_hello(payload, flow, chance) if way == "out" else server_hello(payload)
    if payload.protocol == UNKNOWN:
        # No first byte that means anything.
        return b"\x9e" + chance.randbytes(63)
    client, server = FIRST.get(payload.protocol, (b"", b""))
    return (client if way == "out" else server).replace(b"{name}", (flow.name or flow.dst).encode())


# Zeek's names.
SERVICES = {"tls": "ssl", UNKNOWN: "-", "icmp": "-", "stratum": "-", "vnc": "rfb", "stun": "-", "tds": "-", "ssdp": "-", "telnet": "-", "openvpn": "-", "bittorrent": "-"}


def service(flow):
    """Zeek's word, which has none for what it does not know."""
    if flow.proto == "tcp" and (flow.state in ("S0", "REJ", "OTH") or flow.total("out") + flow.total("in") == 0):
        return "-"
    return SERVICES.get(flow.payload.protocol, flow.payload.protocol)
