"""Implants and frameworks with the defaults that their documentation, CISA advisories and published incident reports state.

Cobalt Strike and its profiles, Sliver, Havoc, Mythic, Brute Ratel, NetSupport, DarkGate, Pikabot, Qakbot, IcedID, PlugX, SystemBC,
Cyclops Blink, Gamaredon, FRP, Sunburst, Saitama, and channels over services that everyone uses.
"""

from .attacks import BASE32, HEX, VICTIM, begin, drawn, log_uniform, public, times, word
from .families import EMPTY, asks_own_address, company, tls
from .payload import AUTHORITIES, UNKNOWN, Payload
from .scene import Flow, exchange

CHEAP = ["com", "net", "top", "xyz", "shop", "info"]


def implant(chance, hours, packets=0.3):
    """A capture of an infection, by its publisher: with names, and mostly with the user's own traffic."""
    scene = begin(chance, 3600 * log_uniform(chance, *hours), packets)
    scene.has_names = True
    return scene


def moment(scene, chance):
    """When something happens that happens once: not before the capture begins, which may be later than the scene (see `attacks.cut`)."""
    return scene.span * chance.uniform(0.12, 0.5)


def polls(scene, chance, addr, port, period, jitter, sizes, payload, name=None, kind="beacon", start=0.0, lasts=0.4):
    """Check-ins that mostly bring nothing, and now and then a task and its result."""
    sent, received = sizes
    for at in times(chance, scene.span - start, period, jitter):
        is_task = chance.random() < 0.06
        talk = exchange(sent + chance.randrange(30) + is_task * int(log_uniform(chance, 300, 40_000)),
                        received + chance.randrange(20) + is_task * int(log_uniform(chance, 100, 9_000)))
        flow = Flow(start + at, VICTIM, addr, port, talk=talk, name=name, lasts=lasts * chance.uniform(0.8, 1.6))
        flow.payload = payload
        scene.add(flow)
    scene.mean(kind, VICTIM, addr, port, f"every {period:.0f} s, jitter {jitter:.0%}")
    return scene


def signed(name, stack="windows"):
    """TLS with a certificate of an authority that signs for anyone."""
    return Payload("tls", stack, True, False, f"CN={name}", AUTHORITIES[0])


def cobalt_strike_jquery(chance):
    """The jQuery profile: 45 s with 37 % jitter, answers as large as the script, a name and a certificate that are in order."""
    scene, name = implant(chance, (1, 10)), f"{word(chance)}{word(chance)}.com"
    return polls(scene, chance, public(chance), 443, 45, 0.37, (1_050, 6_900), signed(name), name)


def cobalt_strike_default(chance):
    """Without a profile: the stage of 210 kB, then HTTP every 60 s to the bare address."""
    scene, addr = implant(chance, (0.5, 6)), public(chance)
    stage = Flow(5, VICTIM, addr, 80, talk=exchange(180, 210_000), lasts=2)
    stage.payload = Payload("http")
    scene.add(stage)
    return polls(scene, chance, addr, 80, 60, chance.choice([0, 0.1, 0.2]), (390, 170), Payload("http"), start=8)


def cobalt_strike_over_smb(chance):
    """A beacon inside the network, through a named pipe of the neighbor that leads outside."""
    scene, addr = implant(chance, (0.7, 3), packets=0), public(chance)
    period = chance.choice([10, 30, 60])
    talk = [(0.1, "out", 900), (0.2, "in", 1_300)]
    for at in times(chance, scene.span - 20, period, 0.1):
        talk += [(10 + at, "in", 180), (10 + at + 0.05, "out", 210)]
    scene.add(Flow(9, "192.168.7.22", VICTIM, 445, talk=talk, state="S1"))
    polls(scene, chance, addr, 443, period, 0.1, (800, 400), tls("C=US"))
    scene.positives = []
    scene.mean("beacon", VICTIM, addr, 443, f"with another beacon behind it, every {period} s")
    scene.mean("lateral_movement", "192.168.7.22", VICTIM, 445, f"beacon through a pipe, every {period} s")
    return scene


def sliver(chance):
    """Beacons over mutual TLS on the port that is the default, every 60 s plus up to 30 s."""
    return polls(implant(chance, (0.5, 8)), chance, public(chance), 8888, 75, 0.2, (1_700, 1_500), Payload("tls", "go", False, False, "CN=localhost", "CN=operators"), lasts=1)


def havoc(chance):
    """Every 2 s with 20 % jitter, or as slow as operators set it; HTTPS by address."""
    return polls(implant(chance, (0.2, 2)), chance, public(chance), chance.choice([443, 443, 40_056]), chance.choice([2, 5, 15, 60]), 0.2, (780, 310), tls(company(chance)))


def mythic(chance):
    """Apollo: HTTP every 10 s with 23 % jitter, to an address."""
    return polls(implant(chance, (0.2, 3)), chance, public(chance), chance.choice([80, 443]), 10, 0.23, (900, 420), Payload("http"))


def brute_ratel(chance):
    """Every minute or more with jitter, by a name that was registered last month."""
    scene, name = implant(chance, (3, 20), packets=0), f"{word(chance)}-{word(chance)}.{chance.choice(CHEAP)}"
    return polls(scene, chance, public(chance), 443, chance.choice([60, 180, 300]), chance.choice([0.1, 0.3]), (900, 300), signed(name), name)


def netsupport(chance):
    """The remote control program, misused: POST requests in one connection every 60 s, over HTTP on port 443, after a look where it is."""
    scene, addr = implant(chance, (0.3, 6)), public(chance)
    scene.ask(10, VICTIM, "geo.netsupportsoftware.com", answers=["104.26.0.231"])
    scene.add(Flow(10.1, VICTIM, "104.26.0.231", 80, talk=exchange(120, 300), name="geo.netsupportsoftware.com"))
    talk = [(0.1, "out", 220), (0.2, "in", 190)] + [(at, way, 240 if way == "out" else 190) for at in range(2, int(scene.span) - 20, 60) for way in ("out", "in")]
    flow = scene.add(Flow(11, VICTIM, addr, 443, talk=talk, state="S1"))
    flow.payload = Payload("http")
    scene.mean("in_connection_beacon", VICTIM, addr, 443, "every 60 s in one connection")
    return scene


def darkgate(chance):
    """Asks for commands by HTTP POST every few seconds, on a port of its own."""
    scene, name = implant(chance, (0.3, 2)), f"{word(chance)}{word(chance)}.com"
    return polls(scene, chance, public(chance), chance.choice([2351, 7891, 8094, 9999]), log_uniform(chance, 4, 40), 0.15, (350, 160), Payload("http"), name)


def pikabot(chance):
    """HTTPS to servers by address, each with its own port, and every few minutes another one."""
    scene = implant(chance, (2, 12), packets=0)
    servers = [(public(chance), chance.choice([2967, 5242, 13_720, 13_785, 2223, 1194, 9785, 5631])) for _ in range(chance.randrange(4, 9))]
    of = tls(company(chance))
    for at in times(chance, scene.span, log_uniform(chance, 120, 400), 0.3):
        addr, port = servers[int(at / scene.span * len(servers) * 3) % len(servers)]
        flow = scene.add(Flow(at, VICTIM, addr, port, talk=exchange(900 + chance.randrange(600), 1_100), lasts=1))
        flow.payload = of
    scene.mean("c2", VICTIM, servers[0][0], servers[0][1], f"one of {len(servers)} servers")
    return scene


def qakbot(chance):
    """One server that works after several that do not answer; check-ins every five to ten minutes on 443, 995 or 2222."""
    scene = implant(chance, (2, 14), packets=0)
    addr, port = public(chance), chance.choice([443, 995, 2222, 993, 61_202])
    for n in range(chance.randrange(0, 7)):
        scene.add(Flow(20 + 22 * n, VICTIM, public(chance), chance.choice([443, 995, 2222]), talk=[(0, "out", 0), (3, "out", 0), (9, "out", 0)], state="S0"))
    return polls(scene, chance, addr, port, log_uniform(chance, 300, 600), 0.15, (1_100, 700), tls(company(chance)), start=200, kind="c2", lasts=1.5)


def icedid(chance):
    """Three names of one campaign, signed by nobody, of which one is asked every five minutes."""
    scene, addr = implant(chance, (3, 12), packets=0), public(chance)
    names = [f"{word(chance)}{word(chance)}.{chance.choice(['com', 'top', 'space', 'pro'])}" for _ in range(3)]
    for name in names[1:]:
        flow = scene.add(Flow(chance.uniform(10, 300), VICTIM, addr, 443, talk=exchange(800, 4_000), name=name))
        flow.payload = tls(EMPTY, names=True)
    return polls(scene, chance, addr, 443, 300, 0.1, (750, 900), tls(EMPTY, names=True), names[0])


def plugx(chance):
    """Its own protocol on ports that every firewall lets pass, with a keep-alive."""
    scene, addr, port = implant(chance, (0.5, 12)), public(chance), chance.choice([53, 110, 443, 80, 8080])
    if chance.random() < 0.5:
        return polls(scene, chance, addr, port, log_uniform(chance, 10, 120), 0.05, (36, 36), Payload(UNKNOWN), kind="c2")
    talk = [(at, way, 36) for at in range(1, int(scene.span) - 30, 30) for way in ("out", "in")]
    scene.add(Flow(11, VICTIM, addr, port, talk=talk, state="S1")).payload = Payload(UNKNOWN)
    scene.mean("c2", VICTIM, addr, port, "keep-alive every 30 s in one connection")
    return scene


def systembc(chance):
    """A proxy for its operator: one connection to the controller, and what it orders goes out to hosts everywhere."""
    scene, addr, port = implant(chance, (1, 8), packets=0), public(chance), chance.choice([4001, 4173, 4044, 443, 80])
    talk, at = [(0.2, "out", 100), (0.4, "in", 50)], 60.0
    while at < scene.span - 120:
        sent, received = int(log_uniform(chance, 600, 9_000)), int(log_uniform(chance, 3_000, 200_000))
        scene.add(Flow(at, VICTIM, public(chance), chance.choice([443, 443, 80, 25]), talk=exchange(sent, received), lasts=chance.uniform(1, 20)))
        talk += [(at - 0.1, "in", sent), (at + 0.3, "out", received)]
        at += chance.expovariate(1 / 90) + 1
    scene.add(Flow(11, VICTIM, addr, port, talk=talk, state="S1")).payload = Payload(UNKNOWN)
    scene.mean("c2", VICTIM, addr, port, "proxy for its operator")
    return scene


def cyclops_blink(chance):
    """A firewall that reports to a list of addresses over TLS, on ports of mail and directory services, once an hour or less."""
    scene = implant(chance, (20, 72), packets=0)
    scene.has_names = chance.random() < 0.5
    servers = [(public(chance), chance.choice([636, 989, 990, 994, 995, 3269, 8443])) for _ in range(chance.randrange(4, 12))]
    for at in times(chance, scene.span, log_uniform(chance, 600, 3_600), 0.05):
        addr, port = chance.choice(servers)
        scene.add(Flow(at, VICTIM, addr, port, talk=exchange(1_500, 2_400), lasts=2)).payload = Payload("tls", "openssl", False, False, "CN=localhost", "CN=localhost")
    scene.mean("c2", VICTIM, servers[0][0], servers[0][1], f"one of {len(servers)} servers")
    return scene


def gamaredon(chance):
    """One name whose address changes every day or hour, asked by HTTP from a script."""
    scene, name = implant(chance, (4, 24), packets=0), f"{word(chance)}{chance.randrange(10, 99)}.ru"
    addrs, period = [public(chance) for _ in range(chance.randrange(3, 12))], log_uniform(chance, 60, 300)
    for at in times(chance, scene.span, period, 0.1):
        addr = addrs[int(at / scene.span * len(addrs))]
        scene.ask(at - 0.05, VICTIM, name, answers=[addr])
        scene.add(Flow(at, VICTIM, addr, 80, talk=exchange(420, 300), name=name)).payload = Payload("http")
    scene.mean("beacon", VICTIM, None, 80, f"{name} at {len(addrs)} addresses, every {period:.0f} s")
    return scene


def fast_reverse_proxy(chance):
    """FRP, as Volt Typhoon used it: a connection with a heartbeat every 30 s, one more for each use, and RDP to hosts inside."""
    scene, addr, port = implant(chance, (1, 10), packets=0), public(chance), chance.choice([7000, 8080, 8443, 10_443, 8000])
    talk = [(at, way, 80) for at in range(1, int(scene.span) - 30, 30) for way in ("out", "in")]
    scene.add(Flow(11, VICTIM, addr, port, talk=talk, state="S1")).payload = Payload(UNKNOWN)
    for n in range(chance.randrange(2, 6)):
        at, lasts = chance.uniform(100, scene.span - 1_000), chance.uniform(100, 800)
        moved = [(t, way, chance.randrange(100, 4_000)) for t in range(1, int(lasts), 3) for way in ("in", "out")]
        scene.add(Flow(at, VICTIM, addr, port, talk=moved, lasts=lasts)).payload = Payload(UNKNOWN)
        scene.add(Flow(at + 0.3, VICTIM, f"192.168.7.{40 + n}", 3389, talk=[(t, "out" if way == "in" else "in", size) for t, way, size in moved], lasts=lasts))
    scene.mean("c2", VICTIM, addr, port, "heartbeat every 30 s")
    return scene


def sunburst(chance):
    """Names below one domain with the victim encoded in them, from minutes to hours apart, then HTTPS by another name."""
    scene = implant(chance, (40, 90), packets=0)
    at, domain = 600.0, word(chance) + word(chance)
    while at < scene.span:
        name = f"{drawn(chance, BASE32, chance.randrange(22, 32))}.appsync-api.eu-west-1.{domain}.com"
        scene.ask(at, VICTIM, name, answers=[public(chance)])
        at += chance.choice([chance.uniform(60, 180), chance.uniform(1_800, 7_200), chance.uniform(25_200, 32_400)])
    name, addr = f"{word(chance)}{word(chance)}.com", public(chance)
    polls(scene, chance, addr, 443, 900, 0.4, (2_000, 1_200), signed(name), name, start=scene.span * 0.6)
    return scene


def saitama(chance):
    """DNS alone: short names under three domains, one every 40 to 80 s while it works."""
    scene = implant(chance, (2, 6), packets=0)
    domains = [f"{word(chance)}{word(chance)}.com" for _ in range(3)]
    for at in times(chance, scene.span, 60, 0.3):
        name = f"{drawn(chance, BASE32, chance.randrange(9, 22))}.{chance.choice(domains)}"
        scene.ask(at, VICTIM, name, answers=[f"{chance.randrange(20, 200)}.{chance.randrange(250)}.{chance.randrange(250)}.{chance.randrange(250)}"])
    scene.mean("dns_tunnel", VICTIM, scene.resolver, 53, "one short name a minute")
    return scene


def cobalt_strike_dns(chance):
    """A for orders, TXT for tasks, A names in hexadecimal for what goes out; every 60 s when idle."""
    scene, domain = implant(chance, (0.5, 4), packets=0.3), f"ns{chance.randrange(1, 9)}.{word(chance)}{word(chance)}.com"
    beacon = drawn(chance, HEX, 8)
    for at in times(chance, scene.span - 90, 60, 0.2):
        scene.ask(at, VICTIM, f"{beacon}.{domain}", answers=["0.0.0.0"])
        if chance.random() < 0.15:
            for n in range(chance.randrange(5, 60)):
                scene.ask(at + 0.2 * n, VICTIM, f"api.{drawn(chance, HEX, 9)}.{beacon}.{domain}", "TXT", answers=[drawn(chance, BASE32, 180)])
            for n in range(chance.randrange(5, 60)):
                scene.ask(at + 12 + 0.2 * n, VICTIM, f"post.{drawn(chance, HEX, 56)}.{drawn(chance, HEX, 56)}.{beacon}.{domain}", answers=["0.0.0.0"])
    scene.mean("dns_tunnel", VICTIM, scene.resolver, 53, "Cobalt Strike over DNS")
    return scene


def over_dns_over_https(chance):
    """Orders by DNS over HTTPS at a public resolver, from a host whose other programs ask the resolver of the network."""
    scene = implant(chance, (1, 8), packets=0)
    name, addr = chance.choice([("dns.google", "8.8.8.8"), ("cloudflare-dns.com", "104.16.249.249"), (None, "1.1.1.1"), (None, "8.8.4.4")])
    scene.has_company = True
    polls(scene, chance, addr, 443, log_uniform(chance, 10, 120), 0.2, (900, 700), Payload("tls", "go", bool(name), False), name, kind="c2")
    return scene


def icmp_shell(chance):
    """icmpsh: the victim pings for orders five times a second, and now and then a command comes back."""
    scene, addr = implant(chance, (0.05, 0.3), packets=0.6), public(chance)
    talk, at = [], 0.2
    while at < scene.span - 10 and len(talk) < 8_000:
        talk += [(at, "out", 64 if chance.random() < 0.05 else 8), (at + 0.05, "in", 64 if chance.random() < 0.03 else 8)]
        at += 0.2
    scene.add(Flow(4, VICTIM, addr, 0, proto="icmp", talk=talk))
    scene.mean("icmp_tunnel", VICTIM, addr, None, "icmpsh")
    return scene


def telegram_bot(chance):
    """Orders by the interface for bots of a messenger, and what was stolen goes there too; after a look where it is."""
    scene = implant(chance, (0.5, 6), packets=0)
    asks_own_address(scene, chance, 10)
    polls(scene, chance, "149.154.167.220", 443, chance.choice([5, 10, 30, 60]), 0.05, (700, 600), Payload("tls", "windows", True, False), "api.telegram.org", kind="c2")
    return scene


def raspberry_robin(chance):
    """A name of four letters on port 8080, by HTTP, and then Tor."""
    scene, name, addr = implant(chance, (0.3, 3), packets=0), f"{drawn(chance, BASE32, 2)}.{chance.choice(['wf', 'pm', 're', 'tw'])}", public(chance)
    for at in times(chance, scene.span, chance.uniform(100, 300), 0.3):
        scene.add(Flow(at, VICTIM, addr, 8080, talk=exchange(210, 340), name=name)).payload = Payload("http")
    scene.mean("c2", VICTIM, addr, 8080, name)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        cobalt_strike_jquery, cobalt_strike_default, cobalt_strike_over_smb, sliver, havoc, mythic, brute_ratel, netsupport, darkgate,
        pikabot, qakbot, icedid, plugx, systembc, cyclops_blink, gamaredon, fast_reverse_proxy, sunburst, saitama, cobalt_strike_dns,
        over_dns_over_https, icmp_shell, telegram_bot, raspberry_robin,
    )
}
