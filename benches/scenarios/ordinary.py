"""Ordinary traffic of networks, some of which resembles an attack."""

from .scene import Flow, Scene, exchange
from .attacks import drawn, HEX, BASE32, begin as _begin, cut, log_uniform, public, word

HOST = "192.168.7.21"
SERVER = "192.168.7.2"
SITES = [(f"www.{name}", f"151.101.{n}.69") for n, name in enumerate([
    "example.org", "news.example.com", "wikipedia.org", "github.com", "shop.example.net", "mail.example.de", "heise.de",
    "bbc.co.uk", "stackoverflow.com", "weather.example.com", "python.org", "cdn.example.net", "fonts.gstatic.com",
    "bank.example.fr", "travel.example.it", "maps.google.com",
])]


def begin(chance, hours=None, packets=0.15):
    scene = _begin(chance, 3600 * (hours or chance.choice([1, 2, 4, 8])), packets)
    scene.has_company = False
    return scene


def https(scene, chance, at, src, name, addr, sent=None, received=None, lasts=None, port=443, rate_of_questions=0.3):
    if chance.random() < rate_of_questions:
        scene.ask(at - 0.05, src, name, answers=[addr])
    talk = exchange(sent or int(log_uniform(chance, 600, 6_000)), received or int(log_uniform(chance, 3_000, 2e5)))
    scene.add(Flow(at, src, addr, port, talk=talk, name=name, lasts=lasts or chance.uniform(0.2, 60)))


def browsing(scene, chance, src=HOST, rate=1 / 40):
    """Pages now and then, each with a few connections."""
    at = chance.uniform(0, 60)
    while at < scene.span - 60:
        for _ in range(chance.randrange(1, 7)):
            name, addr = chance.choice(SITES)
            if chance.random() < 0.02:
                scene.add(Flow(at, src, addr, 443, talk=[(0, "out", 0)], state="S0"))
            https(scene, chance, at + chance.random(), src, name, addr)
        at += chance.expovariate(rate)


def surround(scene, chance):
    """Ordinary traffic beside an attack."""
    if not scene.has_company:
        return
    span, scene.span = scene.span, min(scene.span, 8 * 3600)
    for src in ["192.168.7.20", HOST][: chance.randrange(1, 3)]:
        browsing(scene, chance, src, rate=1 / chance.choice([60, 200, 600]))
    for at in steps(chance, scene.span, 64, 0.01):
        scene.add(Flow(at, HOST, "192.168.7.1", 123, proto="udp", talk=exchange(48, 48)))
    scene.span = span


def steps(chance, span, period, jitter=0.0):
    at = chance.uniform(0, period)
    while at < span - 2:
        yield at
        at += period * (1 + jitter * chance.uniform(-1, 1))


def benign_browsing(chance):
    scene = begin(chance)
    for n in range(chance.randrange(1, 6)):
        browsing(scene, chance, f"192.168.7.{30 + n}")
    return scene


def benign_updates(chance):
    scene = begin(chance, 8)
    for name, addr, period in [("www.msftconnecttest.com", "13.107.4.52", 300), ("settings-win.data.microsoft.com", "51.104.15.252", 900),
                               ("security.ubuntu.com", "91.189.91.81", 1_800), ("push.services.mozilla.com", "34.107.243.93", 600), ("d.dropbox.com", "162.125.66.13", 960)]:
        for at in steps(chance, scene.span, period, 0.02):
            https(scene, chance, at, HOST, name, addr, lasts=1, port=chance.choice([443, 80]) if "msft" in name else 443)
    browsing(scene, chance)
    return scene


def benign_mail(chance):
    """Polling by POP3 or IMAP, one IMAP that idles, and now and then a mail out."""
    scene = begin(chance, 8)
    addr, port = public(chance), chance.choice([995, 993, 110, 143])
    for at in steps(chance, scene.span, chance.choice([60, 120, 300, 600]), 0.01):
        talk = exchange(700 + chance.randrange(50), 2_500 + chance.randrange(500)) + ([(0.4, "in", chance.randrange(3_000, 90_000))] if chance.random() < 0.2 else [])
        scene.add(Flow(at, HOST, addr, port, talk=talk, name="mail.example.de", lasts=chance.uniform(0.4, 2)))
    idle = [(n * 1_740.0, way, 60) for n in range(16) for way in ("out", "in")]
    scene.add(Flow(5, HOST, addr, 993, talk=idle, name="mail.example.de", state="S1"))
    for _ in range(12):
        scene.add(Flow(chance.uniform(0, scene.span), HOST, addr, 587, talk=exchange(int(log_uniform(chance, 3e3, 3e6)), 2_000), name="mail.example.de", lasts=3))
    browsing(scene, chance)
    return scene


def benign_monitoring(chance):
    """A monitoring server that asks hosts by HTTP, SSH, SNMP and ping, of which one is down."""
    scene = begin(chance, 4)
    for n in range(chance.randrange(3, 30)):
        addr, is_down = f"192.168.7.{60 + n}", n == 1
        for at in steps(chance, scene.span, 15):
            scene.add(Flow(at, SERVER, addr, 9100, talk=exchange(180, 40_000), state="REJ" if is_down else "SF"))
        for at in steps(chance, scene.span, 300):
            scene.add(Flow(at, SERVER, addr, 22, talk=exchange(2_900, 3_300), lasts=0.7, state="S0" if is_down else "SF"))
        for at in steps(chance, scene.span, 60):
            answer = [] if is_down else [(0.01, "in", 900)]
            scene.add(Flow(at, SERVER, addr, 161, proto="udp", talk=[(0, "out", 90)] + answer))
        pings = [(at, "out", 64) for at in range(0, int(scene.span), 30)]
        scene.add(Flow(1, SERVER, addr, 0, proto="icmp", talk=pings + ([] if is_down else [(at + 0.01, "in", 64) for at, _, _ in pings])))
    return scene


def benign_database(chance):
    """An application that connects for each query, and a health check of the database."""
    scene = begin(chance, 2)
    port = chance.choice([3306, 5432, 1433, 6379, 389])
    at = 0.0
    while at < scene.span and len(scene.flows) < 9_000:
        scene.add(Flow(at, "192.168.7.3", "192.168.7.4", port, talk=exchange(int(log_uniform(chance, 300, 900)), int(log_uniform(chance, 300, 20_000))), lasts=0.05))
        at += chance.expovariate(chance.choice([0.2, 2]))
    for at in steps(chance, scene.span, 10):
        scene.add(Flow(at, "192.168.7.5", "192.168.7.4", port, talk=exchange(190, 160), lasts=0.01))
    return scene


def benign_backup(chance):
    """To a server inside over SSH or rsync, and to a cloud by name."""
    scene = begin(chance, 8, packets=0)
    for host in range(3):
        size = int(log_uniform(chance, 1e8, 3e10))
        scene.add(Flow(chance.uniform(0, 3_000), f"192.168.7.{70 + host}", "192.168.7.9", chance.choice([22, 873, 445]), talk=[(n * 2.0, "out", size // 400) for n in range(400)] + [(n * 2.0, "in", 90) for n in range(400)]))
    for at in steps(chance, scene.span, 3_600, 0.05):
        scene.add(Flow(at, "192.168.7.70", "192.168.7.9", 22, talk=exchange(30_000, 9_000), lasts=20))
    browsing(scene, chance)
    return scene


def benign_chat_and_calls(chance):
    scene = begin(chance, 4)
    for name, addr in [("gateway.discord.gg", "162.159.135.234"), ("wss-primary.slack.com", "3.68.170.153"), ("g.whatsapp.net", "157.240.0.60")]:
        talk = [(at, way, chance.randrange(60, 300)) for at in steps(chance, scene.span, 41, 0.02) for way in ("out", "in")]
        scene.add(Flow(3, HOST, addr, 443, talk=sorted(talk), name=name, state="S1"))
    for at in steps(chance, scene.span, 25, 0.02):
        https(scene, chance, at, HOST, "chat.example.com", "151.101.9.9", 900, 500, lasts=24.5)
    call = [(n * 0.5, way, 40_000) for n in range(1_200) for way in ("out", "in")]
    if not scene.as_packets:
        scene.add(Flow(600, HOST, public(chance), chance.choice([3478, 8801, 19_305, 50_003]), proto="udp", talk=call))
    browsing(scene, chance)
    return scene


def benign_games(chance):
    scene = begin(chance, 2)
    for _ in range(3):
        talk = [(at, way, chance.randrange(40, 500)) for at in steps(chance, 3_000, 0.8, 0.3) for way in ("out", "in")]
        scene.add(Flow(chance.uniform(0, 3_000), HOST, public(chance), chance.choice([27_015, 3074, 7777, 25_565, 5795]), proto="udp", talk=sorted(talk)))
    browsing(scene, chance)
    return scene


def benign_video(chance):
    scene = begin(chance, 2, packets=0)
    for n in range(4):
        talk = [(at, "out", 700) for at in steps(chance, 1_500, 5, 0.2)] + [(at, "in", 1_500_000) for at in steps(chance, 1_500, 5, 0.2)]
        scene.add(Flow(n * 1_600, HOST, f"142.250.185.{n}", 443, talk=sorted(talk), name="rr3---sn-4g5ednsl.googlevideo.com"))
    browsing(scene, chance)
    return scene


def benign_local(chance):
    """Printers, discovery, DHCP, time, syslog, SNMP traps."""
    scene = begin(chance, 4)
    for n in range(6):
        src = f"192.168.7.{80 + n}"
        for at in steps(chance, scene.span, 64, 0.02):
            scene.add(Flow(at, src, "192.168.7.1", 123, proto="udp", talk=exchange(48, 48), sport=123))
        for at in steps(chance, scene.span, 120, 0.3):
            scene.add(Flow(at, src, "239.255.255.250", 1900, proto="udp", talk=[(0, "out", 170), (1, "out", 170)]))
            scene.add(Flow(at + 1, src, "224.0.0.251", 5353, proto="udp", sport=5353, talk=[(0, "out", 90)]))
        for at in steps(chance, scene.span, 5, 0.9):
            if len(scene.flows) < 9_000:
                scene.add(Flow(at, src, SERVER, 514, proto="udp", talk=[(0, "out", 200)]))
        for at in steps(chance, scene.span, 600, 0.2):
            scene.add(Flow(at, src, "192.168.7.50", chance.choice([9100, 631]), talk=[(0.1, "out", int(log_uniform(chance, 2e3, 5e6))), (1, "in", 300)]))
    return scene


def benign_windows_domain(chance):
    """Clients of a directory server, a file server and a print server."""
    scene = begin(chance, 2)
    for n in range(chance.randrange(1, 12)):
        src = f"192.168.7.{90 + n}"
        for at in steps(chance, scene.span, 500, 0.9):
            for port, sent, received in [(53, 60, 120), (88, 1_500, 1_600), (389, 400, 3_000), (445, 3_000, 6_000), (135, 300, 300), (49_668, 2_000, 3_000)]:
                scene.add(Flow(at + chance.random(), src, SERVER, port, talk=exchange(sent, received), lasts=1))
        for at in steps(chance, scene.span, 1_500, 0.9):
            scene.add(Flow(at, src, "192.168.7.8", 445, talk=exchange(int(log_uniform(chance, 2e3, 4e6)), int(log_uniform(chance, 2e3, 9e6))), lasts=300))
    return scene


def benign_things(chance):
    """Devices that keep their connection to a cloud, by name or not, and poll."""
    scene = begin(chance, 8)
    for n, (name, port, every) in enumerate([("mqtt.example-cloud.com", 8883, 60), ("a1.tuyaeu.com", 8886, 30), ("device-metrics-us.amazon.com", 443, 300), ("api.sonos.com", 443, 900)]):
        src, addr = f"192.168.7.{110 + n}", f"3.120.{n}.17"
        if n < 2:
            talk = [(at, way, 60) for at in steps(chance, scene.span, every, 0.01) for way in ("out", "in")]
            scene.add(Flow(2, src, addr, port, talk=sorted(talk), name=name, state="S1"))
        else:
            for at in steps(chance, scene.span, every, 0.05):
                https(scene, chance, at, src, name, addr, 900, 3_000, lasts=1)
    browsing(scene, chance)
    return scene


def benign_vpn(chance):
    scene = begin(chance, 4)
    port = chance.choice([1194, 4500, 51_820, 41_641])
    talk = [(at, way, 100) for at in steps(chance, scene.span, 25) for way in ("out", "in")]
    talk += [(at, way, chance.randrange(100, 1_400)) for at in steps(chance, scene.span, 3, 0.9) for way in ("out", "in")]
    scene.add(Flow(1, HOST, public(chance), port, proto="udp", talk=sorted(talk)))
    browsing(scene, chance)
    return scene


def benign_health_checks(chance):
    """A load balancer that connects and closes, and one that asks; some of the servers are down."""
    scene = begin(chance, 2)
    for n in range(chance.randrange(2, 12)):
        for at in steps(chance, scene.span, 5):
            scene.add(Flow(at, SERVER, f"192.168.7.{120 + n}", 8080, talk=[] if n % 2 else exchange(90, 200), state="REJ" if n == 5 else "RSTO"))
    at = 0.0
    while at < scene.span:
        scene.add(Flow(at, public(chance), SERVER, 443, talk=exchange(800, int(log_uniform(chance, 1e3, 1e6))), lasts=5))
        at += chance.expovariate(0.5)
    return scene


def benign_crawler(chance):
    """A search engine's or a link checker's visits: hundreds of sites, some of which are gone."""
    scene = begin(chance, 1)
    for _ in range(chance.randrange(150, 600)):
        addr, name = public(chance), f"www.{word(chance)}.{chance.choice(['com', 'org', 'de'])}"
        at = chance.uniform(1, scene.span - 10)
        if chance.random() < 0.1:
            if chance.random() < 0.5:
                scene.ask(at, HOST, name, answers=[addr])
            scene.add(Flow(at, HOST, addr, 443, talk=[(0, "out", 0)], state="S0"))
        else:
            https(scene, chance, at, HOST, name, addr, rate_of_questions=0.9, lasts=2)
    return scene


def benign_torrent(chance):
    """Peers on ports of their own, most of them gone."""
    scene = begin(chance, 1, packets=0)
    for _ in range(chance.randrange(200, 600)):
        at, addr, port = chance.uniform(0, 3_500), public(chance), chance.choice([6881, 51_413, chance.randrange(10_000, 65_000)])
        if chance.random() < 0.55:
            scene.add(Flow(at, HOST, addr, port, talk=[(0, "out", 0)], state=chance.choice(["S0", "REJ"])))
        else:
            scene.add(Flow(at, HOST, addr, port, talk=exchange(int(log_uniform(chance, 300, 5e6)), int(log_uniform(chance, 300, 5e6))), lasts=chance.uniform(5, 600)))
        scene.add(Flow(at, HOST, public(chance), chance.choice([6881, port]), proto="udp", talk=[(0, "out", 100)] + ([(0.1, "in", 300)] if chance.random() < 0.5 else [])))
    return scene


def benign_mail_server(chance):
    """Delivers to many, asks block lists, and is asked."""
    scene = begin(chance, 2)
    for n in range(chance.randrange(60, 200)):
        at = chance.uniform(0, scene.span - 10)
        addr = public(chance)
        ok = chance.random() < 0.92
        if ok and chance.random() < 0.7:
            scene.ask(at - 1, SERVER, f"mx.{word(chance)}.com", answers=[addr])
        scene.add(Flow(at, SERVER, addr, 25, talk=exchange(int(log_uniform(chance, 2e3, 2e6)), 900) if ok else [(0, "out", 0)], state="SF" if ok else "S0", lasts=4 if ok else None))
        scene.add(Flow(at + 3, public(chance), SERVER, 25, talk=exchange(int(log_uniform(chance, 2e3, 2e5)), 900), lasts=3))
        scene.ask(at + 3, SERVER, f"{chance.randrange(255)}.{chance.randrange(255)}.{chance.randrange(255)}.45.zen.spamhaus.org", rcode="NXDOMAIN")
    return scene


def benign_dns(chance):
    """Long names of content delivery, antivirus look-ups, reverse look-ups of IPv6, a search domain that does not exist."""
    scene = begin(chance, 2)
    scene.has_names = True
    for at in steps(chance, scene.span, 20, 0.9):
        scene.ask(at, HOST, f"e{chance.randrange(9_999)}.dscb.akamaiedge.net", answers=["23.45.1.1"])
        if chance.random() < 0.3:
            scene.ask(at, HOST, f"{drawn(chance, BASE32, 26)}.{drawn(chance, HEX, 32)}.avqs.mcafee.com", answers=["127.0.0.8"])
        if chance.random() < 0.3:
            scene.ask(at, HOST, ".".join(drawn(chance, HEX, 1) for _ in range(32)) + ".ip6.arpa", "PTR", "NXDOMAIN")
        if chance.random() < 0.2:
            scene.ask(at, HOST, f"{word(chance)}.example.org.corp.example.com", rcode="NXDOMAIN")
        if chance.random() < 0.1:
            scene.ask(at, HOST, f"d{drawn(chance, BASE32, 13)}.cloudfront.net", answers=["13.32.1.1"])
    browsing(scene, chance)
    return scene


def benign_broken_ipv6(chance):
    """Each site is tried over IPv6 first, which goes nowhere."""
    scene = begin(chance, 1)
    for at in steps(chance, scene.span, 20, 0.9):
        n = chance.randrange(60)
        scene.add(Flow(at, "2001:db8:7::21", f"2a04:4e42:{n:x}::645", 443, talk=[(0, "out", 0), (1, "out", 0)], state="S0"))
        https(scene, chance, at + 0.3, HOST, f"www.{'abcdefgh'[n % 8]}{n}.example", f"151.101.{n}.7")
    return scene


def benign_outage(chance):
    """For some minutes nothing outside answers."""
    scene = begin(chance, 1)
    browsing(scene, chance)
    first = chance.uniform(600, 2_000)
    for flow in scene.flows:
        if first < flow.t < first + 600:
            flow.talk, flow.state, flow.name, flow.lasts = [(0, "out", 0), (1, "out", 0), (3, "out", 0)], "S0", None, None
    return scene


def benign_one_direction(chance):
    """A tap that sees what leaves, and nothing of what comes back."""
    scene = begin(chance, 1, packets=1.0)
    scene.as_packets = True
    browsing(scene, chance)
    for at in steps(chance, scene.span, 64, 0.02):
        scene.add(Flow(at, HOST, "192.168.7.1", 123, proto="udp", talk=exchange(48, 48)))
    scene.is_one_way = True
    return scene


def benign_sampled(chance):
    """One packet in ten."""
    scene = begin(chance, 1, packets=1.0)
    scene.as_packets = True
    browsing(scene, chance, rate=1 / 15)
    scene.sample = 0.1
    return scene


def benign_administration(chance):
    """People: SSH and RDP to a few servers, file copies, remote help."""
    scene = begin(chance, 8)
    for _ in range(chance.randrange(4, 15)):
        length, at = log_uniform(chance, 20, 4_000), chance.uniform(0, 20_000)
        talk = [(t, way, chance.randrange(40, 900)) for t in steps(chance, length, 4, 0.9) for way in ("out", "in")] or exchange(2_000, 3_000)
        scene.add(Flow(at, HOST, f"192.168.7.{chance.choice([2, 3, 4])}", chance.choice([22, 22, 3389]), talk=sorted(talk)))
    git = public(chance)
    for _ in range(chance.randrange(5, 30)):
        scene.add(Flow(chance.uniform(0, scene.span), HOST, git, 22, talk=exchange(3_500, int(log_uniform(chance, 4e3, 1e6))), lasts=2))
    browsing(scene, chance)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        benign_browsing, benign_updates, benign_mail, benign_monitoring, benign_database, benign_backup,
        benign_chat_and_calls, benign_games, benign_video, benign_local, benign_windows_domain, benign_things,
        benign_vpn, benign_health_checks, benign_crawler, benign_torrent, benign_mail_server, benign_dns,
        benign_broken_ipv6, benign_outage, benign_one_direction, benign_sampled, benign_administration,
    )
}
