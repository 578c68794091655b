"""Families of malware as their public analyses describe them, and ordinary programs that share a trait with them.

Servers by address on several ports, of which some are gone; clients that ask for the public address first; certificates that nobody
signed; the retries of Windows (after 3 and 6 s), for each of which a log has a record of its own.
"""

from .attacks import BASE32, VICTIM, begin, drawn, log_uniform, public, word
from .ordinary import HOST, begin as begin_ordinary, browsing, https, steps
from .payload import AUTHORITIES, UNKNOWN, Payload
from .scene import Flow, exchange

LOOKUPS = ["api.ipify.org", "checkip.amazonaws.com", "ipecho.net", "ip-api.com", "ipinfo.io", "checkip.dyndns.org", "icanhazip.com", "www.geoplugin.net"]
EMPTY = "O=Internet Widgits Pty Ltd,ST=Some-State,C=AU"


def tls(subject, issuer=None, stack="windows", names=False):
    return Payload("tls", stack, names, False, subject, issuer or subject)


def company(chance):
    """A made-up owner of a certificate, as Dridex and Qakbot draw one."""
    return f"CN={word(chance)}{word(chance)}.{chance.choice(['biz', 'com', 'tech', 'cool'])},O={word(chance).title()} {chance.choice(['Inc.', 'LLC.', 'SRL'])},L={word(chance).title()},C=DE"


def retried(scene, at, addr, port):
    """A connection of Windows that nobody answers, as a log sees it: two records from one port."""
    first = scene.add(Flow(at, VICTIM, addr, port, talk=[(0, "out", 0), (3, "out", 0)], state="S0"))
    scene.add(Flow(at + 9, VICTIM, addr, port, talk=[(0, "out", 0)], state="S0", sport=first.sport))


def asks_own_address(scene, chance, at):
    name, addr = chance.choice(LOOKUPS), public(chance)
    scene.ask(at, VICTIM, name, answers=[addr])
    scene.add(Flow(at + 0.1, VICTIM, addr, chance.choice([80, 443]), talk=exchange(150, 400), name=name))


def known_names(scene):
    """Whoever publishes a capture of a family publishes all of its packets or logs."""
    scene.has_names, scene.has_company, scene.as_packets = True, True, False
    return scene


def server_list(chance, ports, payload, period, share_dead, sizes=(200, 900), lookup=False):
    """One timer for a list of servers; what answers is contacted again, what does not is skipped."""
    span = min(period * log_uniform(chance, 30, 200), 86_400)
    scene = known_names(begin(chance, span, packets=0))
    servers = [(public(chance), chance.choice(ports)) for _ in range(chance.randrange(4, 14))]
    dead = {addr for addr, _ in servers if chance.random() < share_dead}
    if lookup:
        asks_own_address(scene, chance, 20)
    at, turn = chance.uniform(30, 60), 0
    contacted = {}
    while at < span - 20:
        addr, port = servers[turn % len(servers)]
        contacted[addr] = contacted.get(addr, 0) + 1
        if addr in dead:
            retried(scene, at, addr, port)
            turn += 1
        else:
            flow = Flow(at, VICTIM, addr, port, talk=exchange(int(log_uniform(chance, *sizes)), int(log_uniform(chance, 150, 3_000))))
            flow.payload = payload(port)
            scene.add(flow)
            # It stays with a server that answers for a while.
            turn += chance.random() < 0.5
        at += period * chance.uniform(0.97, 1.1)
    alive = [server for server in servers if server[0] not in dead and contacted.get(server[0], 0) >= 4]
    for addr, port in alive[:1] or [servers[0]]:
        scene.mean("c2", VICTIM, addr, port, f"one of {len(servers)} servers, {len(dead)} dead, every {period:.0f} s")
    return scene


def trickbot(chance):
    return server_list(chance, [443, 449, 449, 447], lambda port: tls(EMPTY), log_uniform(chance, 40, 300), 0.4, lookup=True)


def emotet(chance):
    return server_list(chance, [80, 8080, 443, 7080, 8090, 20], lambda port: Payload("http"), log_uniform(chance, 60, 900), 0.4)


def cridex(chance):
    return server_list(chance, [8080], lambda port: Payload("http"), log_uniform(chance, 120, 600), 0.3)


def dridex(chance):
    return server_list(chance, [443, 443, 4443, 3889, 691], lambda port: tls(company(chance)), log_uniform(chance, 100, 700), 0.25)


def dead_list(chance):
    """Every server of the list is gone, as in most captures of old samples."""
    scene = server_list(chance, chance.choice([[8080], [449, 443], [443]]), lambda port: Payload("http"), log_uniform(chance, 30, 200), 1.0)
    scene.positives[0]["kind"] = "dead_c2"
    return scene


def njrat_gone(chance):
    """A trojan whose controller is offline; few attempts in a short capture, hundreds in a day."""
    span = log_uniform(chance, 400, 20_000)
    scene = known_names(begin(chance, span, packets=0))
    addr, port, period = public(chance), chance.choice([1177, 5552, 1604, 2404, 1337]), chance.uniform(22, 60)
    at = 30.0
    while at < span - 40:
        retried(scene, at, addr, port)
        at += period
    scene.mean("dead_c2", VICTIM, addr, port, f"every {period:.0f} s for {span:.0f} s")
    return scene


def trojan_session(chance):
    """A remote access trojan: one long connection with a keep-alive, to a port of its own, after a look where it is."""
    span = log_uniform(chance, 300, 30_000)
    scene = known_names(begin(chance, span, packets=0.4))
    addr, port = public(chance), chance.choice([2404, 6606, 7707, 8808, 4782, 5552, 1604, 1337, 1024, 9996, 443, 8080])
    if chance.random() < 0.6:
        asks_own_address(scene, chance, 10)
    talk, at = [(0.1, "out", 600), (0.2, "in", 300)], 20.0
    while at < span - 60:
        talk += [(at, "in", 25), (at + 0.1, "out", 60)]
        at += chance.choice([10, 30, 60]) + chance.random()
    flow = Flow(15, VICTIM, addr, port, talk=talk, state=chance.choice(["S1", "SF", "RSTO"]))
    flow.payload = chance.choice([Payload(UNKNOWN), tls("CN=AsyncRAT Server"), tls(f"CN={word(chance)}"), tls(EMPTY)])
    scene.add(flow)
    scene.mean("c2_single_connection", VICTIM, addr, port, f"for {span:.0f} s")
    return scene


def stealer_upload(chance):
    """What a stealer found, in one or a few connections to a bare address, after a look where it is."""
    scene = known_names(begin(chance, log_uniform(chance, 300, 3_000), packets=0.3))
    asks_own_address(scene, chance, 20)
    addr, port = public(chance), chance.choice([15_647, 29_795, 80, 443, 6677, 40_355, 81])
    flow = Flow(chance.uniform(25, 60), VICTIM, addr, port, talk=[(0.2, "out", int(log_uniform(chance, 1.2e6, 9e6))), (9, "in", 4_000)], lasts=12)
    flow.payload = Payload("http" if port in (80, 443, 81) else UNKNOWN)
    scene.add(flow)
    scene.mean("exfil", VICTIM, addr, port, "stealer")
    return scene


def onion_router(chance):
    """Tor before TLS 1.3: made-up names in the greeting and in the certificate, each another."""
    scene = known_names(begin(chance, 900, packets=0.5))
    made_up = lambda: f"www.{drawn(chance, BASE32, chance.randrange(6, 20))}"  # noqa: E731
    addr, port = public(chance), chance.choice([443, 9001, 443, 8443])
    talk, at = [(0.1, "out", 300), (0.2, "in", 900)], 0.6
    while at < log_uniform(chance, 40, 200):
        talk += [(at, "out", 586), (at + 0.2, "in", 586 * chance.randrange(1, 5))]
        at += chance.expovariate(1 / 6) + 0.1
    for n in range(chance.randrange(1, 4)):
        flow = Flow(5.0 + 130 * n, VICTIM, addr, port, talk=talk, name=f"{made_up()}.com")
        flow.payload = tls(f"CN={made_up()}.net", f"CN={made_up()}.com", "tor", names=True)
        scene.add(flow)
    scene.mean("tor", VICTIM, addr, port, "before TLS 1.3")
    return scene


def borrowed_name(chance):
    """Check-ins that ask for the name of a well-known site at a server of their own, whose certificate is self-made."""
    period = log_uniform(chance, 20, 600)
    scene = known_names(begin(chance, period * chance.randrange(20, 90), packets=0))
    addr, name = public(chance), chance.choice(["www.microsoft.com", "update.microsoft.com", "www.bing.com", "www.google.com", "outlook.live.com"])
    for at in steps(chance, scene.span, period, chance.choice([0, 0.1, 0.3])):
        flow = Flow(at, VICTIM, addr, 443, talk=exchange(chance.randrange(500, 620), chance.randrange(300, 2_000)), name=name)
        flow.payload = tls(chance.choice([f"CN={name}", f"CN={word(chance)}.{chance.choice(['com', 'net'])}", "CN=localhost"]), names=True)
        scene.add(flow)
    scene.mean("beacon", VICTIM, addr, 443, f"as {name}, every {period:.0f} s")
    return scene


def login_on_another_port(chance):
    scene = known_names(begin(chance, 600, packets=0.5))
    scene.tells_services = True
    server, port = chance.choice(["192.168.7.40", public(chance)]), chance.choice([902, 2200, 8022, 10_022, 2121])
    for n in range(chance.randrange(24, 90)):
        flow = Flow(5 + n * chance.uniform(2, 6), VICTIM, server, port, talk=[(0.1, "out", 1_200), (0.2, "in", 1_500), (2.0, "out", 700)], lasts=3)
        flow.payload = Payload("ftp" if port == 2121 else "ssh")
        scene.add(flow)
    scene.mean("brute_force", VICTIM, server, port, "on a port of its own")
    return scene


def http_agent(chance):
    """An agent of a framework over HTTP, at a bare address on a port where web servers have their second instance."""
    period, jitter = log_uniform(chance, 5, 120), chance.choice([0, 0.1, 0.2, 0.4])
    scene = known_names(begin(chance, period * chance.randrange(25, 120), packets=0.3))
    addr, port = public(chance), chance.choice([8080, 8081, 8888, 8443, 8000])
    for at in steps(chance, scene.span, period, jitter):
        flow = Flow(at, VICTIM, addr, port, talk=exchange(chance.randrange(180, 260), chance.randrange(150, 400)))
        flow.payload = tls(EMPTY) if port == 8443 else Payload("http")
        scene.add(flow)
    scene.mean("beacon", VICTIM, addr, port, f"every {period:.0f} s, jitter {jitter:.0%}")
    return scene


# Ordinary programs.


def benign_messenger_by_address(chance):
    """A messenger that has its servers' addresses built in, with connections that come and go with its user."""
    scene = begin_ordinary(chance, chance.choice([2, 4, 8]))
    scene.has_names = True
    servers = [f"149.154.{n}.{chance.randrange(40, 90)}" for n in (167, 171, 175, 161, 165)]
    at = 10.0
    while at < scene.span - 900:
        for addr in chance.sample(servers, chance.randrange(1, 3)):
            lasts = log_uniform(chance, 20, 800)
            talk = [(t, way, chance.randrange(60, 1_200)) for t in range(1, int(lasts), 29) for way in ("out", "in")]
            flow = Flow(at + chance.random(), HOST, addr, chance.choice([443, 443, 80, 5222]), talk=talk, lasts=lasts)
            flow.payload = Payload(UNKNOWN)
            scene.add(flow)
        at += chance.expovariate(1 / 600)
    browsing(scene, chance)
    return scene


def benign_checks_by_address(chance):
    """A monitor of several servers outside, by address, each on its own clock."""
    scene = begin_ordinary(chance, 2)
    scene.has_names = True
    for n in range(chance.randrange(4, 12)):
        addr, period = public(chance), chance.choice([30, 60, 60, 300])
        for at in steps(chance, scene.span, period):
            https(scene, chance, at, "192.168.7.9", None, addr, sent=540, received=4_200, lasts=0.3, rate_of_questions=0)
    browsing(scene, chance)
    return scene


def benign_ledger_with_dead_peers(chance):
    scene = begin_ordinary(chance, 4)
    scene.has_names = True
    port = chance.choice([8333, 30_303, 9735, 18_080])
    peers = [public(chance) for _ in range(60)]
    for at in steps(chance, scene.span, 40, 0.9):
        addr = chance.choice(peers)
        if int(addr.rsplit(".", 1)[1]) % 5 < 3:
            scene.add(Flow(at, HOST, addr, port, talk=[(0, "out", 0), (1, "out", 0), (3, "out", 0)], state="S0"))
        else:
            scene.add(Flow(at, HOST, addr, port, talk=exchange(400, 900), lasts=chance.uniform(5, 900)))
    browsing(scene, chance)
    return scene


def benign_swarm_with_dead_peers(chance):
    scene = begin_ordinary(chance, 2)
    scene.has_names = True
    peers = [(public(chance), chance.randrange(10_000, 65_000)) for _ in range(40)]
    for at in steps(chance, scene.span, 15, 0.9):
        addr, port = chance.choice(peers)
        if port % 4:
            scene.add(Flow(at, HOST, addr, port, talk=[(0, "out", 0), (1, "out", 0)], state="S0"))
        else:
            scene.add(Flow(at, HOST, addr, port, talk=exchange(900, 90_000), lasts=chance.uniform(20, 600)))
    browsing(scene, chance)
    return scene


def benign_dynamic_name(chance):
    """A client of dynamic DNS: it asks for its address every few minutes, and tells its provider when it changed."""
    scene = begin_ordinary(chance, 8)
    scene.has_names = True
    for at in steps(chance, scene.span, 300, 0.01):
        https(scene, chance, at, HOST, "checkip.dyndns.org", "132.226.8.169", sent=150, received=300, lasts=0.2, port=80)
        if chance.random() < 0.1:
            https(scene, chance, at + 1, HOST, "members.dyndns.org", "162.88.175.12", sent=700, received=4_000, lasts=0.4)
    browsing(scene, chance)
    return scene


def benign_appliances(chance):
    """Appliances that report to their makers, whose clouds have authorities of their own."""
    scene = begin_ordinary(chance, 8)
    scene.has_names = True
    for n, (name, owner) in enumerate([("fds1.fortigate.example.com", "Fortinet"), ("cloud.nas-maker.example", "NAS Maker"), ("mqtt.vacuum.example", None)]):
        addr, period = public(chance), chance.choice([300, 900, 3_600])
        issuer = f"CN=support,O={owner},C=US" if owner else "CN=Device CA"
        for at in steps(chance, scene.span, period, 0.3):
            flow = Flow(at, f"192.168.7.{50 + n}", addr, 443, talk=exchange(900, 3_000), name=name)
            flow.payload = tls(f"CN={name}", issuer, "mbedtls", names=True)
            scene.add(flow)
    browsing(scene, chance)
    return scene


def benign_relays_of_calls(chance):
    """Calls whose media goes over TCP 443 to relays by address, as behind strict firewalls."""
    scene = begin_ordinary(chance, 4)
    scene.has_names = True
    at = 60.0
    while at < scene.span - 3_000:
        lasts = log_uniform(chance, 200, 2_700)
        https(scene, chance, at, HOST, "teams.microsoft.com", "52.113.194.132")
        for _ in range(chance.randrange(1, 4)):
            talk = [(0.1, "out", int(lasts * 40_000)), (0.2, "in", int(lasts * 70_000))]
            flow = Flow(at + chance.random(), HOST, f"52.114.{chance.randrange(250)}.{chance.randrange(1, 250)}", 443, talk=talk, lasts=lasts)
            flow.payload = Payload(*chance.choice([("stun",), ("tls", "windows", False, False, "CN=tr.teams.microsoft.com", AUTHORITIES[2])]))
            scene.add(flow)
        at += lasts + log_uniform(chance, 300, 3_000)
    browsing(scene, chance)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        trickbot, emotet, cridex, dridex, dead_list, njrat_gone, trojan_session, stealer_upload, onion_router, borrowed_name,
        login_on_another_port, http_agent, benign_messenger_by_address, benign_checks_by_address, benign_ledger_with_dead_peers,
        benign_swarm_with_dead_peers, benign_dynamic_name, benign_appliances, benign_relays_of_calls,
    )
}
