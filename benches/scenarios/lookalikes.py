"""More ordinary traffic, each kind chosen because it looks like one of the attacks."""

from .attacks import LOGIN_SIZES, log_uniform, public, word
from .botnets import relayed
from .ordinary import HOST, SERVER, begin, browsing, https, steps
from .scene import Flow, exchange


def benign_pollers_in_bare_log(chance):
    """Update checks of some hosts in a log that tells no names."""
    scene = begin(chance, 8, packets=0)
    scene.has_names = False
    services = [(public(chance), chance.choice([300, 600, 900, 1_800, 3_600])) for _ in range(6)]
    for n in range(chance.randrange(1, 5)):
        src = f"192.168.7.{30 + n}"
        for addr, period in services:
            for at in steps(chance, scene.span, period, chance.choice([0.005, 0.02])):
                scene.add(Flow(at, src, addr, 443, talk=exchange(900 + chance.randrange(60), 4_000 + chance.randrange(300)), lasts=0.6))
        browsing(scene, chance, src)
    return scene


def benign_telemetry_with_jitter(chance):
    """Programs that spread their reports by chance, to vendors that no list knows."""
    scene = begin(chance, 8)
    scene.has_names = True
    for n in range(3):
        name, addr = f"telemetry.{word(chance)}{word(chance)}.{chance.choice(['com', 'io', 'net'])}", public(chance)
        for at in steps(chance, scene.span, chance.choice([60, 300, 900]), chance.uniform(0.05, 0.25)):
            https(scene, chance, at, HOST, name, addr, int(log_uniform(chance, 900, 9_000)), 600 + chance.randrange(60), lasts=1)
    browsing(scene, chance)
    return scene


def benign_web_application(chance):
    """A tab that asks its server again, on a connection that times out between."""
    scene = begin(chance, 4)
    name, addr = f"app.{word(chance)}.com", public(chance)
    start = chance.uniform(0, 2_000)
    for at in steps(chance, chance.uniform(1_800, scene.span - start), chance.choice([15, 30, 60, 120]), 0.02):
        https(scene, chance, start + at, HOST, name, addr, 1_200 + chance.randrange(100), int(log_uniform(chance, 700, 9_000)), lasts=6)
    for _ in range(30):
        https(scene, chance, start + chance.uniform(0, 1_500), HOST, name, addr)
    browsing(scene, chance)
    return scene


def benign_build_server(chance):
    """Fetches sources and packages in bursts, and pushes what it made."""
    scene = begin(chance, 4, packets=0)
    for at in steps(chance, scene.span, 900, 0.6):
        for _ in range(chance.randrange(20, 150)):
            name, addr = chance.choice([("registry.npmjs.org", "104.16.2.35"), ("pypi.org", "151.101.0.223"), ("files.pythonhosted.org", "151.101.1.63"),
                                        ("static.crates.io", "18.64.1.2"), ("github.com", "140.82.121.4"), ("deb.debian.org", "151.101.2.132")])
            https(scene, chance, at + chance.random() * 60, HOST, name, addr, lasts=chance.uniform(0.1, 8))
        https(scene, chance, at + 90, HOST, "registry.gitlab.com", "35.227.35.254", int(log_uniform(chance, 2e6, 4e7)), 9_000, lasts=20)
        scene.add(Flow(at + 120, HOST, "192.168.7.4", 22, talk=exchange(int(log_uniform(chance, 1e4, 1e7)), 4_000), lasts=9))
    return scene


def benign_probes(chance):
    """A monitor that opens the ports of many hosts once a minute and closes them."""
    scene = begin(chance, 2, packets=0)
    hosts = [(f"192.168.7.{100 + n}", chance.choice([22, 80, 443, 445, 3389, 5432])) for n in range(chance.randrange(10, 60))]
    for addr, port in hosts:
        is_down = chance.random() < 0.05
        for at in steps(chance, scene.span, 60, 0.002):
            scene.add(Flow(at, SERVER, addr, port, talk=[(0, "out", 0)] if is_down else [], state="S0" if is_down else "SF", lasts=None if is_down else 0.01))
    return scene


def benign_peer_updates(chance):
    """Hosts that fetch updates from each other, and folders that are synchronized."""
    scene = begin(chance, 4)
    for n in range(chance.randrange(4, 20)):
        src = f"192.168.7.{30 + n}"
        for _ in range(chance.randrange(1, 12)):
            at, peer = chance.uniform(0, scene.span - 200), f"192.168.7.{30 + chance.randrange(20)}"
            if peer != src:
                scene.add(Flow(at, src, peer, chance.choice([7680, 22_000]), talk=exchange(2_000, int(log_uniform(chance, 1e4, 4e7))), lasts=chance.uniform(1, 90)))
        https(scene, chance, chance.uniform(0, scene.span - 70), src, "geo.prod.do.dsp.mp.microsoft.com", "20.54.24.1")
        browsing(scene, chance, src, 1 / 300)
    return scene


def benign_calls(chance):
    """SIP that registers, calls with media, and browsers that look for a way through (STUN)."""
    scene = begin(chance, 4, packets=0)
    provider = public(chance)
    for at in steps(chance, scene.span, chance.choice([30, 60, 300]), 0.01):
        scene.add(Flow(at, HOST, provider, 5060, proto="udp", talk=exchange(600, 500), sport=5060))
    for _ in range(chance.randrange(2, 8)):
        at, lasts, media = chance.uniform(0, scene.span - 1_900), chance.uniform(60, 1_800), public(chance)
        talk = [(lasts * n / 300, way, int(lasts * 50 * 172 / 300)) for n in range(300) for way in ("out", "in")]
        scene.add(Flow(at, HOST, media, chance.randrange(16_384, 32_768), proto="udp", talk=talk))
        for n in range(chance.randrange(2, 9)):
            scene.add(Flow(at + n * 0.05, HOST, public(chance), chance.choice([3478, 19_302]), proto="udp", talk=exchange(28, 60)))
    browsing(scene, chance)
    return scene


def benign_time(chance):
    """A time server of the network, with servers of the pool, of which some are gone."""
    scene = begin(chance, 4)
    for n in range(chance.randrange(4, 12)):
        addr, is_gone = public(chance), chance.random() < 0.2
        for at in steps(chance, scene.span, chance.choice([64, 256, 1_024]), 0.02):
            scene.add(Flow(at, SERVER, addr, 123, proto="udp", sport=123, talk=[(0, "out", 48)] + ([] if is_gone else [(0.02, "in", 48)])))
    for n in range(20):
        for at in steps(chance, scene.span, 1_024, 0.05):
            scene.add(Flow(at, f"192.168.7.{30 + n}", SERVER, 123, proto="udp", talk=exchange(48, 48)))
    return scene


def benign_resolver(chance):
    """A resolver that asks the servers of each domain itself."""
    scene = begin(chance, 1, packets=0)
    at = 0.0
    while at < scene.span and len(scene.flows) < 7_000:
        client = f"192.168.7.{30 + chance.randrange(20)}"
        scene.add(Flow(at, client, SERVER, 53, proto="udp", talk=exchange(35 + chance.randrange(20), 120)))
        if chance.random() < 0.6:
            answered = chance.random() < 0.93
            scene.add(Flow(at + 0.01, SERVER, public(chance), 53, proto="udp", talk=[(0, "out", 45 + chance.randrange(20))] + ([(0.03, "in", 200)] if answered else [])))
        at += chance.expovariate(2)
    return scene


def benign_meters(chance):
    """Devices that report by MQTT or HTTP, each in a new connection, to a cloud or a server inside."""
    scene = begin(chance, 8, packets=0)
    for n in range(chance.randrange(2, 10)):
        src = f"192.168.7.{140 + n}"
        inside, period = chance.random() < 0.5, chance.choice([30, 60, 300, 900])
        for at in steps(chance, scene.span, period, 0.03):
            if inside:
                scene.add(Flow(at, src, SERVER, chance.choice([1883]), talk=exchange(220, 60), lasts=0.3))
            elif len(scene.flows) < 9_000:
                https(scene, chance, at, src, "iot.eu-central-1.amazonaws.com", f"3.121.{n}.8", 700, 900, lasts=0.5)
    return scene


def benign_load_test(chance):
    """Of a server inside, by its developers."""
    scene = begin(chance, 1, packets=0)
    start, number = chance.uniform(100, 2_000), int(log_uniform(chance, 2_000, 8_000))
    for n in range(number):
        scene.add(Flow(start + 300 * n / number, HOST, "192.168.7.4", 8080, talk=exchange(300, 4_000), lasts=0.2))
    browsing(scene, chance)
    return scene


def benign_replication(chance):
    """Databases that copy from each other, inside and to another site."""
    scene = begin(chance, 8, packets=0)
    for port, other in [(3306, "192.168.7.5"), (5432, "192.168.7.6"), (6379, "192.168.7.4"), (27_017, "192.168.7.10")]:
        talk = [(scene.span * n / 900, "in", int(log_uniform(chance, 200, 90_000))) for n in range(900)] + [(scene.span * n / 900, "out", 60) for n in range(900)]
        scene.add(Flow(1, "192.168.7.4", other, port, talk=talk, state="S1"))
    return scene


def benign_reverse_proxy(chance):
    """Visitors from outside, each passed on to a server inside."""
    scene = begin(chance, 1, packets=0)
    at = 1.0
    while at < scene.span - 60 and len(scene.flows) < 8_000:
        relayed(scene, chance, at, public(chance), SERVER, 443, chance.choice(["192.168.7.4", "192.168.7.5"]), 8080,
                int(log_uniform(chance, 500, 9_000)), int(log_uniform(chance, 2_000, 300_000)), chance.uniform(0.3, 20))
        at += chance.expovariate(0.5)
    return scene


def benign_forward_proxy(chance):
    """A proxy of the network, by which its hosts reach the web."""
    scene = begin(chance, 1, packets=0)
    for n in range(chance.randrange(3, 15)):
        at = chance.uniform(1, 60)
        while at < scene.span - 60 and len(scene.flows) < 8_000:
            relayed(scene, chance, at, f"192.168.7.{30 + n}", SERVER, chance.choice([3128]), public(chance), 443,
                    int(log_uniform(chance, 500, 9_000)), int(log_uniform(chance, 2_000, 300_000)), chance.uniform(0.3, 30))
            at += chance.expovariate(1 / 30)
    return scene


def benign_jump_host(chance):
    """Administrators who reach a few servers through one host."""
    scene = begin(chance, 8, packets=0)
    for _ in range(chance.randrange(4, 14)):
        relayed(scene, chance, chance.uniform(5, 20_000), "192.168.7.30", "192.168.7.3", 22, f"192.168.7.{chance.choice([4, 5])}", 22,
                int(log_uniform(chance, 9_000, 90_000)), int(log_uniform(chance, 20_000, 900_000)), chance.uniform(60, 4_000))
    return scene


def benign_file_work(chance):
    """Documents that are read and written again on a share, and a large project."""
    scene = begin(chance, 8, packets=0)
    for n in range(chance.randrange(2, 10)):
        src = f"192.168.7.{30 + n}"
        talk = [(chance.uniform(0, scene.span - 60), way, int(log_uniform(chance, 3_000, 4e6))) for _ in range(150) for way in ("in", "out")]
        scene.add(Flow(4, src, "192.168.7.8", 445, talk=sorted(talk), state="S1"))
        browsing(scene, chance, src, 1 / 300)
    return scene


def benign_photo_backup(chance):
    """New photos to the cloud of the vendor, by name."""
    scene = begin(chance, 4, packets=0)
    scene.has_names = True
    name, addr = chance.choice([("p42-content.icloud.com", "17.248.1.1"), ("photos.googleapis.com", "142.250.1.95"), ("content.dropboxapi.com", "162.125.1.14"), ("api.onedrive.com", "13.107.42.12")])
    for _ in range(chance.randrange(10, 60)):
        https(scene, chance, chance.uniform(60, scene.span - 200), HOST, name, addr, int(log_uniform(chance, 1e6, 1.2e7)), 3_000, lasts=8)
    browsing(scene, chance)
    return scene


def benign_server_list(chance):
    """A game that asks hundreds of servers how full they are."""
    scene = begin(chance, 1, packets=0)
    for _ in range(chance.randrange(100, 500)):
        talk = [(0, "out", 53)] + ([(0.05, "in", 200)] if chance.random() < 0.75 else [])
        scene.add(Flow(600 + chance.random() * 20, HOST, public(chance), chance.choice([27_015, 27_015, 27_016, 27_020]), proto="udp", talk=talk, sport=52_000))
    browsing(scene, chance)
    return scene


def benign_web_clients(chance):
    """Programs outside that use a service here, some all day and always alike."""
    scene = begin(chance, 2, packets=0)
    for _ in range(chance.randrange(3, 12)):
        client, sent, received = public(chance), chance.randrange(500, 2_000), chance.randrange(300, 3_000)
        rate, at = 1 / log_uniform(chance, 10, 120), 1.0
        while at < scene.span and len(scene.flows) < 8_000:
            scene.add(Flow(at, client, SERVER, 443, talk=exchange(sent + chance.randrange(60), received + chance.randrange(200)), lasts=0.4))
            at += chance.expovariate(rate)
    for at in steps(chance, scene.span, 60, 0.001):
        scene.add(Flow(at, "203.0.112.50", SERVER, 443, talk=exchange(300, 900), lasts=0.2))
    return scene


def benign_ledger_node(chance):
    """A node of a public ledger: known peers that stay, and the search for others."""
    scene = begin(chance, 2, packets=0)
    port, finder = chance.choice([(8333, None), (30_303, 30_303)])
    for _ in range(chance.randrange(8, 14)):
        talk = [(t, way, chance.randrange(60, 20_000)) for t in range(1, 7_000, 31) for way in ("out", "in")]
        scene.add(Flow(chance.uniform(1, 60), HOST, public(chance), port, talk=talk, state="S1"))
    for _ in range(chance.randrange(40, 200)):
        ok = chance.random() < 0.4
        scene.add(Flow(chance.uniform(1, 7_100), HOST, public(chance), port, talk=exchange(400, 900) if ok else [(0, "out", 0)], state="SF" if ok else "S0", lasts=2 if ok else None))
        if finder:
            scene.add(Flow(chance.uniform(1, 7_100), HOST, public(chance), finder, proto="udp", talk=[(0, "out", 130)] + ([(0.1, "in", 130)] if ok else []), sport=30_303))
    return scene


def benign_newsletter(chance):
    """An application that sends its mail through one relay, and reports by a login that expired."""
    scene = begin(chance, 2, packets=0)
    relay = public(chance)
    for _ in range(chance.randrange(10, 300)):
        scene.add(Flow(chance.uniform(0, 7_000), HOST, relay, 587, talk=exchange(int(log_uniform(chance, 4_000, 90_000)), 1_500), name="smtp.example.net", lasts=2))
    browsing(scene, chance)
    return scene


def benign_directory_logins(chance):
    """Mornings in a domain: many tickets, and an application that binds for each of its users."""
    scene = begin(chance, 2, packets=0)
    for n in range(chance.randrange(5, 40)):
        src, at = f"192.168.7.{30 + n}", chance.uniform(0, 1_500)
        for _ in range(chance.randrange(4, 16)):
            scene.add(Flow(at + chance.uniform(0, 60), src, SERVER, 88, talk=exchange(int(log_uniform(chance, 250, 1_800)), int(log_uniform(chance, 250, 1_900))), lasts=0.02))
    for _ in range(chance.randrange(60, 500)):
        scene.add(Flow(chance.uniform(0, 7_000), "192.168.7.4", SERVER, 389, talk=exchange(300 + chance.randrange(90), 400 + chance.randrange(900)), lasts=0.1))
    return scene


def benign_key_exchange_service(chance):
    """Deployments: one host logs in to its servers by key, at each the same short session."""
    scene = begin(chance, 4, packets=0)
    sent, received, lasts = LOGIN_SIZES[22]
    for at in steps(chance, scene.span, 3_600, 0.2):
        for n in range(chance.randrange(2, 4)):
            scene.add(Flow(at + n * 5, "192.168.7.3", f"192.168.7.{4 + n}", 22, talk=exchange(sent * 9, received * 3), lasts=lasts * 8))
    browsing(scene, chance)
    return scene


def benign_dead_service(chance):
    """A printer and a server that are gone, and that programs keep asking for."""
    scene = begin(chance, 4)
    for port, period in [(9100, 60), (445, 30), (8080, 15)]:
        for at in steps(chance, scene.span, period, 0.05):
            scene.add(Flow(at, HOST, "192.168.7.250", port, talk=[(0, "out", 0), (1, "out", 0), (3, "out", 0)], state="S0"))
    browsing(scene, chance)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        benign_pollers_in_bare_log, benign_telemetry_with_jitter, benign_web_application, benign_build_server, benign_probes,
        benign_peer_updates, benign_calls, benign_time, benign_resolver, benign_meters, benign_load_test, benign_replication,
        benign_reverse_proxy, benign_forward_proxy, benign_jump_host, benign_file_work, benign_photo_backup,
        benign_server_list, benign_web_clients, benign_ledger_node, benign_newsletter, benign_directory_logins,
        benign_key_exchange_service, benign_dead_service,
    )
}
