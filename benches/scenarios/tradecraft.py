"""Behavior that public reports describe, at other services and ports than the other scenarios, and the ordinary use of the same.

Remcos, Gh0st, Metasploit and Empire with their defaults, Merlin over QUIC, Chisel, WailingCrab's broker, Latrodectus, dead drops;
guessing and sweeps of SIP, SNMP, IMAP and VNC; movement by WinRM and SSH; probes with odd flags; floods; an open resolver;
transfers of zones; bridges of Tor; miners that hide; rsync, WebDAV and drips that take data out.
"""

from .attacks import HEX, VICTIM, begin, drawn, log_uniform, public, times, word
from .families import company, tls
from .implants import implant, moment, polls, signed
from .ordinary import HOST, begin as begin_ordinary, browsing, https
from .payload import UNKNOWN, Payload
from .scene import Flow, exchange


def session(scene, chance, kind, addr, port, payload, label, every, sizes, name=None, start=None):
    """One connection that lives, with a keep-alive and now and then a task."""
    at, talk = moment(scene, chance) if start is None else start, [(0.1, "out", 900), (0.2, "in", 300)]
    for tick in times(chance, scene.span - at - 20, every, 0.02):
        talk += [(5 + tick, "in", sizes[0]), (5.08 + tick, "out", sizes[1])]
        if chance.random() < 0.03:
            talk += [(5.5 + tick, "in", 220), (6.0 + tick, "out", int(log_uniform(chance, 500, 60_000)))]
    flow = scene.add(Flow(at, VICTIM, addr, port, talk=talk, state="S1", name=name))
    flow.payload = payload
    scene.mean(kind, VICTIM, addr, port, label)
    return scene


def remcos(chance):
    """A protocol of its own over TLS 1.3 or in clear, a name of dynamic DNS, a keep-alive every 30 s or so."""
    scene, name = implant(chance, (0.4, 5)), f"{word(chance)}.{chance.choice(['duckdns.org', 'ddns.net', 'ydns.eu'])}"
    scene.ask(10, VICTIM, "geoplugin.net", answers=["178.237.33.50"])
    payload = chance.choice([Payload(UNKNOWN), Payload("tls", "windows")])
    return session(scene, chance, "c2_single_connection", public(chance), chance.choice([2404, 14_645, 8_690, 45_677]), payload, "Remcos", 30, (44, 44), name, 12)


def gh0st(chance):
    """Five letters, lengths, compressed data, to a bare address, a heartbeat each minute or two."""
    scene = implant(chance, (0.5, 6))
    return session(scene, chance, "c2_single_connection", public(chance), chance.choice([8000, 8086, 53, 7788, 2012, 443]), Payload(UNKNOWN), "Gh0st", chance.choice([60, 120, 180]), (22, 22), None, 20)


def meterpreter_https(chance):
    """Reverse HTTPS on 8443: a stage, then a request every few seconds, slower while there is nothing to do."""
    scene, addr, port = implant(chance, (0.15, 1.5)), public(chance), chance.choice([8443, 443, 443])
    at, pause, of = moment(scene, chance), 0.1, tls(company(chance))
    first = scene.add(Flow(at, VICTIM, addr, port, talk=exchange(400, 178_000), lasts=2))
    first.payload = of
    while at < scene.span - 20:
        at += pause + chance.uniform(0.05, 0.2)
        pause = 0.1 if chance.random() < 0.02 else min(10, pause * 1.1 + 0.1)
        flow = scene.add(Flow(at, VICTIM, addr, port, talk=exchange(320, 190), lasts=0.3))
        flow.payload = of
    scene.mean("beacon", VICTIM, addr, port, "Meterpreter over HTTPS, pauses that grow to 10 s")
    return scene


def empire(chance):
    """HTTP every 5 s, with up to 20 % jitter, at a bare address."""
    return polls(implant(chance, (0.1, 1)), chance, public(chance), chance.choice([80, 8080, 443]), 5, chance.choice([0, 0.2]), (230, 600), Payload("http"))


def merlin(chance):
    """HTTP/3: datagrams to UDP 443 of a bare address every 30 s."""
    scene, addr = implant(chance, (0.5, 4)), public(chance)
    for at in times(chance, scene.span, 30, 0.1):
        talk = [(0, "out", 1_250), (0.05, "in", 1_250), (0.06, "in", 900), (0.1, "out", 420), (0.16, "in", 140)]
        flow = scene.add(Flow(at, VICTIM, addr, 443, proto="udp", talk=talk))
        flow.payload = Payload("quic")
    scene.mean("beacon", VICTIM, addr, 443, "over QUIC, every 30 s")
    return scene


def datagram_beacon(chance):
    """A datagram of a few bytes and its answer, on a port of its own."""
    scene, addr, port = implant(chance, (0.5, 8)), public(chance), chance.choice([1080, 5_684, 7_000, 9_527, 16_464, 53_413])
    period = chance.choice([10, 30, 60, 300])
    sport = chance.randrange(20_000, 60_000)
    for at in times(chance, scene.span, period, chance.choice([0, 0.1])):
        scene.add(Flow(at, VICTIM, addr, port, proto="udp", talk=[(0, "out", 28), (0.06, "in", 16)], sport=sport if chance.random() < 0.5 else 0))
    scene.mean("beacon", VICTIM, addr, port, f"datagrams every {period} s")
    return scene


def chisel(chance):
    """A tunnel in a WebSocket to a bare address: a ping every 25 s, and RDP or SMB of the attacker that comes out here."""
    scene, addr, port = implant(chance, (0.5, 4)), public(chance), chance.choice([8080, 443, 80, 8443])
    at, talk = moment(scene, chance), [(0.1, "out", 400), (0.2, "in", 200)]
    talk += [(tick, way, 30) for tick in range(25, int(scene.span - at) - 5, 25) for way in ("out", "in")]
    for number in range(chance.randrange(2, 7)):
        start, port_in = chance.uniform(60, max(90, (scene.span - at) * 0.8)), chance.choice([445, 3389, 22, 5985, 80])
        moved = int(log_uniform(chance, 20_000, 2_000_000))
        scene.add(Flow(at + start, VICTIM, f"192.168.7.{30 + number}", port_in, talk=exchange(moved // 8, moved), lasts=40))
        talk += [(start + 2 * part, way, size) for part in range(20) for way, size in (("in", moved // 160), ("out", moved // 20))]
    flow = scene.add(Flow(at, VICTIM, addr, port, talk=sorted(talk), state="S1"))
    flow.payload = Payload("http") if port != 443 else Payload("tls", "go")
    scene.mean("port_forward", VICTIM, addr, port, "Chisel")
    return scene


def broker(chance):
    """Commands through a public MQTT broker, over TLS: one connection, a ping each minute, small messages."""
    scene = implant(chance, (0.5, 5))
    return session(scene, chance, "c2_single_connection", "18.193.4.60", 8883, Payload("tls", "windows", True), "MQTT broker", 60, (4, 4), "broker.hivemq.com", 15)


def latrodectus(chance):
    """HTTPS by a cheap name every 20 min or so, with a certificate in order."""
    scene, name = implant(chance, (6, 30), packets=0), f"{word(chance)}{word(chance)}.{chance.choice(['site', 'com', 'shop', 'live'])}"
    return polls(scene, chance, public(chance), 443, log_uniform(chance, 600, 1_500), 0.15, (900, 500), signed(name), name)


def dead_drop(chance):
    """A raw file of a code host, asked every few minutes; what it says is done."""
    scene, name = implant(chance, (1, 10)), chance.choice(["raw.githubusercontent.com", "pastebin.com", "gist.githubusercontent.com"])
    return polls(scene, chance, "185.199.108.133", 443, chance.choice([60, 120, 300]), chance.choice([0, 0.2]), (700, 3_900), signed(name), name)


def of_guesses(scene, chance, client, server, port, number, gap, sizes, lasts, proto="tcp"):
    at = moment(scene, chance)
    for _ in range(number):
        talk = [(0.02, "out", sizes[0] + chance.randrange(8)), (0.05, "in", sizes[1] + chance.randrange(4))]
        scene.add(Flow(at, client, server, port, proto=proto, talk=talk, lasts=lasts * chance.uniform(0.8, 1.3)))
        at += gap * chance.uniform(0.6, 1.4)
    return number


def sip_guessing(chance):
    """Extensions and passwords of a telephone exchange, by REGISTER over UDP."""
    scene, client, number = begin(chance, log_uniform(chance, 600, 7_200)), public(chance), int(log_uniform(chance, 150, 3_000))
    of_guesses(scene, chance, client, "192.168.7.6", 5060, number, scene.span * 0.45 / number, (420, 460), 0.05, "udp")
    scene.mean("brute_force", client, "192.168.7.6", 5060, f"{number} registrations")
    return scene


def sip_sweep(chance):
    """OPTIONS to every host, from port 5060 or so."""
    scene, client, sport, at = begin(chance, log_uniform(chance, 300, 3_000)), public(chance), chance.randrange(5_060, 5_100), 40.0
    hosts = chance.sample(range(1, 255), chance.randrange(60, 250))
    for host in hosts:
        scene.add(Flow(at, client, f"192.168.7.{host}", 5060, proto="udp", talk=[(0, "out", 410)], state="S0", sport=sport))
        at += scene.span * 0.7 / len(hosts)
    scene.mean("udp_scan", client, None, 5060, f"SIP of {len(hosts)} hosts")
    return scene


def snmp_guessing(chance):
    """Community strings of one switch, none of which is answered but one."""
    scene, number = begin(chance, log_uniform(chance, 300, 3_000)), int(log_uniform(chance, 100, 3_000))
    at, gap = moment(scene, chance), log_uniform(chance, 0.01, 0.3)
    for guess in range(number):
        talk = [(0, "out", 38 + chance.randrange(10))] + ([(0.01, "in", 90)] if guess == number - 1 else [])
        scene.add(Flow(at, VICTIM, "192.168.7.3", 161, proto="udp", talk=talk))
        at += gap
    scene.mean("brute_force", VICTIM, "192.168.7.3", 161, f"{number} community strings")
    return scene


def imap_guessing(chance):
    """Passwords of mailboxes over IMAP with TLS, from one address or a few."""
    scene, port = begin(chance, log_uniform(chance, 1_200, 20_000)), chance.choice([993, 143, 995])
    clients = [public(chance) for _ in range(chance.choice([1, 1, 3]))]
    for client in clients:
        of_guesses(scene, chance, client, "192.168.7.4", port, chance.randrange(60, 400), log_uniform(chance, 1, 12), (900, 3_900), 2.5)
    scene.mean("brute_force", clients[0], "192.168.7.4", port, "mailboxes")
    return scene


def vnc_guessing(chance):
    """Passwords of VNC, until the server refuses for a while, and on."""
    scene, client, at = begin(chance, log_uniform(chance, 1_200, 10_000)), public(chance), 50.0
    while at < scene.span * 0.9:
        for _ in range(5):
            scene.add(Flow(at, client, VICTIM, 5900, talk=[(0.1, "in", 12), (0.2, "out", 12), (0.3, "in", 20), (0.4, "out", 17), (0.6, "in", 30)], lasts=1))
            at += chance.uniform(1, 3)
        at += chance.uniform(20, 60)
    scene.mean("brute_force", client, VICTIM, 5900, "VNC")
    return scene


def winrm_movement(chance):
    """Evil-WinRM to a few servers, from a desktop that has never done so."""
    scene, at = begin(chance, log_uniform(chance, 1_800, 14_400)), 0.0
    hosts = [f"192.168.7.{host}" for host in chance.sample(range(2, 60), chance.randrange(2, 7))]
    for host in hosts:
        at = chance.uniform(0.2, 0.7) * scene.span
        for _ in range(chance.randrange(6, 40)):
            scene.add(Flow(at, VICTIM, host, 5985, talk=[(0.01, "out", 2_300), (0.05, "in", 1_900), (0.4, "out", 1_700), (1.1, "in", 2_800)], lasts=2))
            at += chance.uniform(1, 25)
    scene.mean("lateral_movement", VICTIM, hosts[0], 5985, f"WinRM to {len(hosts)} hosts")
    return scene


def chain_of_shells(chance):
    """In over SSH from outside, and on from host to host with the keys that lie there."""
    scene, before, at = begin(chance, log_uniform(chance, 2_400, 14_400)), public(chance), 0.0
    at, left = scene.span * 0.15, scene.span * 0.7
    for number, host in enumerate([VICTIM, "192.168.7.31", "192.168.7.32", "192.168.7.33"]):
        talk = [(3 + tick * chance.uniform(4, 9), way, chance.randrange(36, 400)) for tick in range(int(left / 12)) for way in ("out", "in")]
        flow = Flow(at, before, host, 22, talk=[entry for entry in talk if entry[0] < left], lasts=left, state="SF")
        scene.add(flow)
        if number:
            scene.mean("lateral_movement", before, host, 22, f"SSH, hop {number + 1}")
        before, at, left = host, at + left * 0.12, left * 0.8
    return scene


def bind_shell(chance):
    """A shell that waits on a port of the server, and somebody who types."""
    scene, client, port, at = begin(chance, log_uniform(chance, 1_200, 7_200)), public(chance), chance.choice([4444, 31_337, 12_345, 9001, 6200]), 0.0
    talk, tick = [], 1.0
    while tick < scene.span * 0.5:
        talk += [(tick, "out", chance.randrange(3, 40)), (tick + 0.1, "in", int(log_uniform(chance, 20, 4_000)))]
        tick += log_uniform(chance, 1, 40)
    flow = scene.add(Flow(moment(scene, chance) * 0.5, client, VICTIM, port, talk=talk, state="SF"))
    flow.payload = Payload(UNKNOWN)
    scene.mean("c2_single_connection", client, VICTIM, port, "bind shell")
    return scene


def odd_flags(chance):
    """A scan with FIN, NULL, Xmas or ACK probes, of which closed ports are refused."""
    scene, client, probe = begin(chance, log_uniform(chance, 120, 1_500)), chance.choice([public(chance), "192.168.7.66"]), chance.choice(["F", "", "FPU", "A"])
    at, ports = 30.0, chance.sample(range(1, 10_000), chance.randrange(100, 1_000))
    for port in ports:
        scene.add(Flow(at, client, VICTIM, port, probe=probe, state="REJ" if chance.random() < 0.9 or probe == "A" else "S0", sport=chance.randrange(40_000, 60_000)))
        at += scene.span * 0.6 / len(ports)
    scene.mean("vertical_scan", client, VICTIM, None, f"flags '{probe}', {len(ports)} ports")
    return scene


def datagram_ports(chance):
    """The UDP ports of one host; few answer."""
    scene, at = begin(chance, log_uniform(chance, 300, 3_600)), 20.0
    ports = chance.sample(range(1, 50_000), chance.randrange(80, 600))
    for port in ports:
        scene.add(Flow(at, "192.168.7.66", "192.168.7.2", port, proto="udp", talk=[(0, "out", chance.choice([0, 8, 40]))], state="S0"))
        at += scene.span * 0.8 / len(ports)
    scene.mean("udp_scan", "192.168.7.66", "192.168.7.2", None, f"{len(ports)} UDP ports")
    return scene


def sweep_of_v6(chance):
    """Likely addresses of an IPv6 network, on one port."""
    scene, client, port, at = begin(chance, log_uniform(chance, 120, 1_200)), f"2001:db8:bad::{chance.randrange(2, 900):x}", chance.choice([22, 443, 3389]), 15.0
    for host in range(1, chance.randrange(80, 400)):
        scene.add(Flow(at, client, f"2001:db8:7::{host:x}", port, talk=[(0, "out", 0)], state="S0"))
        at += scene.span * 0.5 / 400
    scene.mean("horizontal_scan", client, None, port, "IPv6")
    return scene


def random_sources(chance):
    """SYNs with made-up sources to one service, of which it answers what it can."""
    scene, at, port = begin(chance, log_uniform(chance, 200, 1_200), packets=0.3), 30.0, chance.choice([80, 443, 22])
    for _ in range(int(log_uniform(chance, 2_000, 20_000))):
        source = f"{chance.randrange(1, 223)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        scene.add(Flow(at + chance.uniform(0, 90), source, "192.168.7.2", port, talk=[(0, "out", 0)], state="S0"))
    scene.mean("ddos", None, "192.168.7.2", port, "SYN flood with made-up sources")
    return scene


def ping_flood(chance):
    """Echo requests as fast as they can be sent, with large payloads."""
    scene, client, at = begin(chance, log_uniform(chance, 200, 1_200), packets=0.4), public(chance), 40.0
    rate, length = log_uniform(chance, 100, 800), chance.uniform(20, 60)
    talk = [(n / rate, way, 1_400) for n in range(int(rate * length)) for way in ("out", "in")]
    scene.add(Flow(at, client, VICTIM, 0, proto="icmp", talk=talk))
    scene.mean("ddos", client, VICTIM, None, "ICMP flood")
    return scene


def open_resolver(chance):
    """A resolver that answers everyone: large answers about one name to a few victims."""
    scene, name = begin(chance, log_uniform(chance, 600, 3_600), packets=0.3), f"{word(chance)}.gov"
    scene.has_names = True
    for _ in range(chance.randrange(2, 6)):
        client = public(chance)
        for _ in range(int(log_uniform(chance, 300, 3_000))):
            scene.ask(chance.uniform(30, scene.span - 10), client, name, "TXT", answers=["x" * 250] * 5, server="192.168.7.5")
    scene.mean("ddos", None, "192.168.7.5", 53, "amplification")
    return scene


def over_websocket(chance):
    """A channel in a WebSocket behind a content network: by name, small messages at irregular times, for hours."""
    scene, name, addr = implant(chance, (0.7, 6)), f"{word(chance)}-{word(chance)}.workers.dev", "104.21.30.77"
    talk, tick = [(0.1, "out", 700), (0.2, "in", 3_900)], 5.0
    while tick < scene.span - 60:
        talk += [(tick, "in", chance.randrange(60, 300)), (tick + 0.4, "out", int(log_uniform(chance, 80, 20_000)))]
        tick += log_uniform(chance, 5, 200)
    flow = scene.add(Flow(20, VICTIM, addr, 443, talk=talk, state="S1", name=name))
    flow.payload = signed(name)
    scene.mean("c2_single_connection", VICTIM, addr, 443, "WebSocket behind a content network")
    return scene


def bridge_of_tor(chance):
    """obfs4: no protocol that anyone knows, on any port of a bare address, with megabytes."""
    scene, addr, port = implant(chance, (0.3, 2)), public(chance), chance.choice([443, 9001, 8042, 37_183, 52_111])
    talk, tick = [], 0.1
    while tick < scene.span * 0.5:
        talk += [(tick, "out", chance.randrange(540, 5_000)), (tick + 0.2, "in", int(log_uniform(chance, 540, 200_000)))]
        tick += log_uniform(chance, 0.3, 40)
    flow = scene.add(Flow(moment(scene, chance), VICTIM, addr, port, talk=talk, state="SF"))
    flow.payload = Payload(UNKNOWN)
    scene.mean("tor", VICTIM, addr, port, "obfs4")
    return scene


def mining_by_name(chance):
    """TLS to the pool by its name."""
    scene, name = implant(chance, (0.5, 6)), chance.choice(["gulf.moneroocean.stream", "pool.supportxmr.com", "xmr-eu1.nanopool.org", "pool.hashvault.pro", "zephyr.herominers.com"])
    talk = [(0.1, "out", 500), (0.2, "in", 400)]
    for tick in times(chance, scene.span - 60, 35, 0.6):
        talk += [(5 + tick, "in", 260)] + ([(9 + tick, "out", 210), (9.1 + tick, "in", 90)] if chance.random() < 0.5 else [])
    flow = scene.add(Flow(20, VICTIM, public(chance), chance.choice([443, 3333, 9000, 20_128]), talk=talk, state="S1", name=name))
    flow.payload = Payload("tls", "openssl", True)
    scene.mean("mining", VICTIM, flow.dst, flow.dport, "TLS by name")
    return scene


def rsync_out(chance):
    """A server's data by rsync over SSH to a rented machine, at night, once."""
    scene, addr = implant(chance, (1, 6)), public(chance)
    sent = int(log_uniform(chance, 5e7, 2e10))
    scene.add(Flow(moment(scene, chance), VICTIM, addr, chance.choice([22, 873]), talk=exchange(sent, sent // 300), lasts=min(scene.span * 0.4, sent / 5e6 + 10)))
    scene.mean("exfil", VICTIM, addr, None, f"{sent / 1e6:.0f} MB by rsync")
    return scene


def webdav_out(chance):
    """Documents to a share on the web, each in a connection of its own, over HTTP."""
    scene, addr = implant(chance, (0.5, 3)), public(chance)
    at, number = moment(scene, chance), chance.randrange(20, 120)
    for _ in range(number):
        size = int(log_uniform(chance, 5e4, 4e6))
        flow = scene.add(Flow(at, VICTIM, addr, 80, talk=exchange(size, 400), lasts=size / 2e6 + 0.2))
        flow.payload = Payload("http")
        at += chance.uniform(0.5, 4)
    scene.mean("exfil", VICTIM, addr, 80, f"{number} documents by WebDAV")
    return scene


def drip(chance):
    """A megabyte or a few at a time, every quarter of an hour, to a cheap name."""
    scene, name, addr = implant(chance, (6, 24), packets=0), f"{word(chance)}{word(chance)}.{chance.choice(['xyz', 'top', 'com'])}", public(chance)
    size = log_uniform(chance, 4e5, 4e6)
    for at in times(chance, scene.span, log_uniform(chance, 600, 1_500), 0.3):
        flow = scene.add(Flow(at, VICTIM, addr, 443, talk=exchange(int(size * chance.uniform(0.7, 1.1)), 900), name=name, lasts=4))
        flow.payload = signed(name)
    scene.mean("exfil", VICTIM, addr, 443, f"{size / 1e6:.1f} MB at a time")
    return scene


def slow_domains(chance):
    """Generated domains, one every 10 s or so, none of which exists."""
    scene = implant(chance, (0.5, 4))
    tld = chance.choice(["com", "net", "ru", "info", "org"])
    for at in times(chance, scene.span, log_uniform(chance, 4, 30), 0.3):
        scene.ask(at, VICTIM, f"{drawn(chance, 'abcdefghijklmnopqrstuvwxyz', chance.randrange(8, 17))}.{tld}", rcode="NXDOMAIN")
    scene.mean("dga", VICTIM, scene.resolver, 53, "slowly")
    return scene


def names_in_hex(chance):
    """Stolen card numbers in names of one domain, now and then, as malware of tills does."""
    scene, domain = implant(chance, (2, 12)), f"{word(chance)}{word(chance)}.com"
    for at in times(chance, scene.span, log_uniform(chance, 20, 120), 0.8):
        scene.ask(at, VICTIM, f"{drawn(chance, HEX, 6)}.{drawn(chance, HEX, chance.randrange(40, 60))}.{domain}", rcode="NXDOMAIN")
    scene.mean("dns_tunnel", VICTIM, scene.resolver, 53, "card numbers")
    return scene


def question_answer_pairs(chance):
    """dnscat2 without a domain: straight to its server on UDP 53, or on another port."""
    scene, server = implant(chance, (0.2, 2)), public(chance)
    for at in times(chance, scene.span, 1.0, 0.1):
        scene.ask(at, VICTIM, f"dnscat.{drawn(chance, HEX, 18)}", "TXT", answers=[drawn(chance, HEX, 18)], server=server)
    scene.mean("dns_tunnel", VICTIM, server, 53, "dnscat2 to its own server")
    return scene


def stolen_data_over_ping(chance):
    """A file in echo requests, one after another."""
    scene, addr = implant(chance, (0.2, 1)), public(chance)
    talk = [(0.05 * n, way, 1_000) for n in range(int(log_uniform(chance, 300, 5_000))) for way in ("out", "in")]
    scene.add(Flow(moment(scene, chance), VICTIM, addr, 0, proto="icmp", talk=talk))
    scene.mean("icmp_tunnel", VICTIM, addr, None, "a file in echo requests")
    return scene


def benign_remote_management(chance):
    """A management server that reaches hosts by WinRM, on a schedule, as it always does."""
    scene = begin_ordinary(chance, 6)
    for at in times(chance, scene.span, 1_800, 0.02):
        for host in range(chance.randrange(8, 30)):
            scene.add(Flow(at + host * 1.5, "192.168.7.10", f"192.168.7.{100 + host}", 5985, talk=exchange(4_000, 9_000), lasts=2))
    browsing(scene, chance)
    return scene


def benign_web_sockets(chance):
    """Pages that keep a connection: dashboards, editors, chats, each by its name, with small messages both ways."""
    scene = begin_ordinary(chance, 6)
    for site in range(chance.randrange(3, 8)):
        start, talk, tick = chance.uniform(10, scene.span / 2), [(0.1, "out", 700), (0.2, "in", 3_900)], 3.0
        lasts = log_uniform(chance, 600, scene.span / 2)
        while tick < lasts:
            talk += [(tick, "out", chance.randrange(6, 400)), (tick + 0.1, "in", int(log_uniform(chance, 30, 9_000)))]
            tick += log_uniform(chance, 1, 60)
        scene.add(Flow(start, HOST, f"104.18.{site}.{chance.randrange(2, 250)}", 443, talk=talk, state="S1", name=f"app.{word(chance)}.com"))
    browsing(scene, chance)
    return scene


def benign_quic(chance):
    """A browser over QUIC: pages, videos, and tabs that ask again each minute."""
    scene = begin_ordinary(chance, 4)
    for _ in range(chance.randrange(40, 160)):
        pieces = int(log_uniform(chance, 3, 4_000))
        talk = [(0, "out", 1_250), (0.03, "in", 1_250), (0.1, "out", 900)] + [(0.2 + 0.002 * n, "in", 1_250) for n in range(pieces)]
        addr = f"142.250.{chance.randrange(180, 190)}.{chance.randrange(2, 250)}"
        scene.add(Flow(chance.uniform(5, scene.span - 60), HOST, addr, 443, proto="udp", name=f"{word(chance)}.com", talk=talk))
    for at in times(chance, scene.span, 60, 0.02):
        scene.add(Flow(at, HOST, "142.250.181.238", 443, proto="udp", talk=[(0, "out", 1_250), (0.03, "in", 1_250), (0.1, "out", 700), (0.2, "in", 1_800)], name="mail.google.com"))
    browsing(scene, chance)
    return scene


def benign_rented_backup(chance):
    """A server that copies its data by rsync over SSH to a rented machine, each night at the same time."""
    scene = begin_ordinary(chance, 76)
    sent = log_uniform(chance, 5e7, 5e9)
    for night in range(3):
        scene.add(Flow(7_200 + 86_400 * night, "192.168.7.5", "95.216.40.17", 22, talk=exchange(int(sent * chance.uniform(0.9, 1.1)), 2_000_000), name="u1234.your-storagebox.de", lasts=900))
    for at in times(chance, scene.span, 3_600, 0.02):
        https(scene, chance, at, "192.168.7.5", "updates.example.org", "151.101.2.132")
    return scene


def benign_broker(chance):
    """Home automation: a bridge that keeps MQTT over TLS to its maker's cloud, by name, and devices inside."""
    scene = begin_ordinary(chance, 8)
    talk = [(0.1, "out", 700), (0.2, "in", 3_900)] + [(tick, way, 4) for tick in range(60, int(scene.span) - 60, 60) for way in ("out", "in")]
    scene.add(Flow(20, "192.168.7.30", "3.121.9.9", 8883, talk=talk, state="S1", name="a1b2c3.iot.eu-central-1.amazonaws.com"))
    for device in range(chance.randrange(3, 9)):
        scene.add(Flow(30, f"192.168.7.{31 + device}", "192.168.7.30", 1883, talk=[(tick, way, 2) for tick in range(5, int(scene.span) - 60, 30) for way in ("out", "in")], state="S1"))
    browsing(scene, chance)
    return scene


def benign_admin_shells(chance):
    """An administrator who works on servers over SSH all day, also from one to another."""
    scene = begin_ordinary(chance, 8)
    for _ in range(chance.randrange(6, 20)):
        start, lasts = chance.uniform(10, scene.span * 0.7), log_uniform(chance, 60, 7_000)
        client, server = chance.choice([("192.168.7.15", f"192.168.7.{chance.randrange(40, 46)}"), ("192.168.7.40", f"192.168.7.{chance.randrange(41, 46)}")])
        talk = [(lasts * part / 200, way, chance.randrange(36, 900)) for part in range(200) for way in ("out", "in")]
        scene.add(Flow(start, client, server, 22, talk=talk, lasts=lasts))
    browsing(scene, chance)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        remcos, gh0st, meterpreter_https, empire, merlin, datagram_beacon, chisel, broker, latrodectus, dead_drop, sip_guessing, sip_sweep,
        snmp_guessing, imap_guessing, vnc_guessing, winrm_movement, chain_of_shells, bind_shell, odd_flags, datagram_ports, sweep_of_v6,
        random_sources, ping_flood, open_resolver, over_websocket, bridge_of_tor, mining_by_name, rsync_out, webdav_out, drip, slow_domains,
        names_in_hex, question_answer_pairs, stolen_data_over_ping, benign_remote_management, benign_web_sockets, benign_quic,
        benign_rented_backup, benign_broker, benign_admin_shells,
    )
}
