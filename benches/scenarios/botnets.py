"""More attacks, modeled on the kinds in public data sets that `attacks` lacks: CTU-13 and the Malware Capture Facility Project
(bots), IoT-23 and Bot-IoT (floods, worms, peer-to-peer), CIC-IDS 2017 and 2018 (web attacks, floods), OpTC and LANL
(movement inside), BOTS (ransomware), and short captures of single infections."""

from .attacks import VICTIM, begin, elsewhere, guess, log_uniform, public, times, upload, word
from .scene import Flow, exchange

SERVER = "192.168.7.2"
DOMAINS = ["com", "net", "org", "info", "site", "online"]


def few_check_ins(chance):
    """An infection of which the capture shows only the first minutes."""
    period, number = log_uniform(chance, 20, 900), chance.randrange(5, 10)
    scene = begin(chance, period * (number + 0.5))
    addr, port = public(chance), chance.choice([443, 443, 80, 8080, 449, 4782, 2404, 7000, 6606])
    size, jitter = int(log_uniform(chance, 150, 1_500)), chance.choice([0, 0.02, 0.1])
    for at in times(chance, scene.span, period, jitter):
        scene.add(Flow(at, VICTIM, addr, port, talk=exchange(size + chance.randrange(20), int(log_uniform(chance, 150, 900)))))
    scene.mean("beacon", VICTIM, addr, port, f"{number} times, every {period:.0f} s")
    return scene


def heavy_jitter(chance):
    """Sleep times of which the jitter is half of the period or more, as operators set them."""
    period, jitter, number = log_uniform(chance, 10, 600), chance.uniform(0.5, 0.9), log_uniform(chance, 40, 300)
    scene = begin(chance, min(period * number, 2 * 86_400))
    addr, port = public(chance), chance.choice([443, 443, 80, 8443])
    name = f"{word(chance)}{word(chance)}.{chance.choice(DOMAINS)}" if chance.random() < 0.5 else None
    size = int(log_uniform(chance, 200, 2_000))
    for at in times(chance, scene.span, period, jitter):
        if name and chance.random() < 0.3:
            scene.ask(at - 0.1, VICTIM, name, answers=[addr])
        scene.add(Flow(at, VICTIM, addr, port, name=name, talk=exchange(size + chance.randrange(8), 300 + chance.randrange(30))))
    scene.mean("beacon", VICTIM, addr, port, f"every {period:.0f} s, jitter {jitter:.0%}")
    return scene


def fallback_channels(chance):
    """One implant that goes through a list of servers, some of which are gone."""
    period = log_uniform(chance, 20, 900)
    scene = begin(chance, period * log_uniform(chance, 40, 250))
    servers = [(elsewhere(chance), chance.choice([443, 8080, 7080, 449, 447, 20, 990, 50_000])) for _ in range(chance.randrange(3, 8))]
    dead = {addr for addr, _ in servers if chance.random() < 0.4}
    order = chance.choice(["round", "random", "sticky"])
    for number, at in enumerate(times(chance, scene.span, period, chance.choice([0, 0.05, 0.2]))):
        index = {"round": number, "random": chance.randrange(99), "sticky": number // 15}[order] % len(servers)
        addr, port = servers[index]
        if addr in dead:
            scene.add(Flow(at, VICTIM, addr, port, talk=[(0, "out", 0), (1, "out", 0)], state="S0"))
        else:
            scene.add(Flow(at, VICTIM, addr, port, talk=exchange(int(log_uniform(chance, 300, 900)), 250)))
    first = next((addr for addr, _ in servers if addr not in dead), servers[0][0])
    scene.mean("c2", VICTIM, first, None, f"{len(servers)} servers, {len(dead)} dead, {order}, every {period:.0f} s")
    return scene


def brisk_polling(chance):
    """Polling once a second in one connection, seen for less than a minute."""
    span, period = chance.uniform(20, 58), chance.uniform(0.7, 2.5)
    scene = begin(chance, 120)
    scene.as_packets = True
    addr, port = elsewhere(chance), chance.choice([443, 80, 8080, 4444, 8888])
    talk, at = [], 0.1
    while at < span:
        talk += [(at, "out", 180 + chance.randrange(12)), (at + 0.03, "in", 150 + chance.randrange(9))]
        at += period * (1 + 0.1 * chance.uniform(-1, 1))
    scene.add(Flow(chance.uniform(0, 30), VICTIM, addr, port, talk=talk))
    scene.mean("in_connection_beacon", VICTIM, addr, port, f"every {period:.1f} s for {span:.0f} s")
    return scene


def click_fraud(chance):
    scene = begin(chance, 1_800, packets=0)
    for _ in range(int(log_uniform(chance, 1_500, 6_000))):
        addr = f"{chance.choice([23, 64, 74, 208, 216])}.{chance.randrange(250)}.{chance.randrange(12)}.{chance.randrange(1, 250)}"
        at = chance.uniform(0, 1_780)
        scene.add(Flow(at, VICTIM, addr, 80, talk=exchange(int(log_uniform(chance, 300, 900)), int(log_uniform(chance, 300, 20_000)))))
    scene.mean("click_fraud", VICTIM, None, 80, "requests to many web servers by address")
    return scene


def udp_flood(chance):
    """Of one or a few sockets, and so of a few flows."""
    scene = begin(chance, 600, packets=0)
    addr, port, lasts = public(chance), chance.choice([80, 53, 443, 22, 27_015, 0x5000]), chance.uniform(10, 400)
    for _ in range(chance.choice([1, 1, 4, 30])):
        count = int(log_uniform(chance, 20_000, 400_000))
        talk = [(lasts * n / 400, "out", 512 * count // 400) for n in range(400)]
        scene.add(Flow(chance.uniform(0, 100), VICTIM, addr, port, proto="udp", talk=talk, state="S0", datagrams=count))
    scene.mean("ddos", VICTIM, addr, port, f"UDP for {lasts:.0f} s")
    return scene


def http_flood(chance):
    scene = begin(chance, 600, packets=0)
    addr, port, number = public(chance), chance.choice([80, 443, 8080]), int(log_uniform(chance, 2_500, 9_000))
    start, lasts = chance.uniform(0, 100), chance.uniform(30, 400)
    for n in range(number):
        scene.add(Flow(start + lasts * n / number, VICTIM, addr, port, talk=exchange(380, chance.choice([0, 500, 9_000])), state=chance.choice(["SF", "RSTO", "S1"])))
    scene.mean("ddos", VICTIM, addr, port, f"{number} requests in {lasts:.0f} s")
    return scene


def peer_to_peer_bot(chance):
    """Small equal datagrams to the port that all bots of the network use."""
    scene = begin(chance, log_uniform(chance, 600, 7_200), packets=0.2)
    port = chance.choice([16_464, 16_471, 9_999, 33_333, 5_655, 22_292])
    for _ in range(int(log_uniform(chance, 80, 900))):
        talk = [(0, "out", 16)] + ([(0.1, "in", chance.choice([600, 632]))] if chance.random() < 0.15 else [])
        scene.add(Flow(chance.uniform(0, scene.span - 5), VICTIM, public(chance), port, proto="udp", talk=talk, sport=16_464))
    scene.mean("p2p_bot", VICTIM, None, port, "peers by address")
    return scene


def scan_that_is_answered(chance):
    """A subnet of servers, most of which have the port open."""
    port, hosts = chance.choice([22, 80, 443, 445, 3389, 5985, 1433, 6379]), chance.randrange(25, 120)
    scene = begin(chance, 900, packets=0.2)
    share, gap, at = chance.uniform(0.35, 0.85), log_uniform(chance, 0.01, 3), 20.0
    for n in range(hosts):
        is_open = chance.random() < share
        talk = exchange(0, chance.choice([0, 40])) if is_open and chance.random() < 0.5 else ([] if is_open else [(0, "out", 0)])
        scene.add(Flow(at, "192.168.7.66", f"192.168.7.{100 + n}", port, talk=talk, state="RSTO" if is_open else chance.choice(["S0", "REJ"])))
        at += chance.expovariate(1 / gap)
    scene.span = at + 30
    scene.mean("horizontal_scan", "192.168.7.66", None, port, f"{hosts} hosts, {share:.0%} open, one in {gap:.2f} s")
    return scene


def worm(chance):
    """Tries addresses at random and exploits those that answer; one server controls it."""
    port = chance.choice([23, 2323, 445, 5555, 7547, 8080, 37_215])
    scene = begin(chance, 1_200, packets=0.2)
    for _ in range(int(log_uniform(chance, 150, 2_500))):
        at, is_open = chance.uniform(5, 1_150), chance.random() < 0.03
        talk = exchange(chance.randrange(200, 4_000), 300) if is_open else [(0, "out", 0)]
        scene.add(Flow(at, VICTIM, public(chance), port, talk=talk, state="SF" if is_open else "S0"))
    scene.mean("horizontal_scan", VICTIM, None, port, "random addresses")
    return scene


def udp_sweep(chance):
    port, hosts = chance.choice([161, 53, 123, 1900, 5060, 137, 389]), chance.randrange(40, 250)
    scene = begin(chance, 600)
    for n in range(hosts):
        talk = [(0, "out", 60)] + ([(0.01, "in", 90)] if chance.random() < 0.08 else [])
        scene.add(Flow(10 + n * chance.uniform(0.2, 1.5), "192.168.7.66", f"192.168.7.{1 + n}", port, proto="udp", talk=talk))
    scene.mean("udp_scan", "192.168.7.66", None, port, f"{hosts} hosts")
    return scene


def relayed(scene, chance, at, client, via, inside, target, port, sent, received, lasts):
    """Two connections that carry the same bytes through a host."""
    forth = [(0.2, "out", sent), (lasts * 0.5, "in", received), (lasts - 0.1, "out", 60)]
    scene.add(Flow(at, client, via, inside, talk=forth, lasts=lasts))
    onward = [(0.1, "out", sent), (lasts * 0.5 - 0.1, "in", received), (lasts - 0.3, "out", 60)]
    scene.add(Flow(at + 0.1 + chance.random() * 0.1, via, target, port, talk=onward, lasts=lasts - 0.1))


def proxy_bot(chance):
    """Strangers browse through an infected host."""
    scene = begin(chance, 3_600, packets=0)
    port = chance.choice([1080, 4145, 3128, chance.randrange(10_000, 60_000)])
    customers = [public(chance) for _ in range(chance.randrange(2, 12))]
    for _ in range(chance.randrange(40, 400)):
        relayed(scene, chance, chance.uniform(5, 3_400), chance.choice(customers), VICTIM, port, public(chance), chance.choice([443, 443, 80, 25]),
                int(log_uniform(chance, 500, 5_000)), int(log_uniform(chance, 2_000, 200_000)), chance.uniform(1, 60))
    scene.mean("proxy", VICTIM, None, None, f"for {len(customers)} customers")
    return scene


def pivot(chance):
    """A forwarded port: from outside through a host to the desktop or the files of another."""
    scene = begin(chance, 3_600, packets=0)
    port, inside = chance.choice([3389, 445, 22, 5985]), chance.choice([443, 8080, 33_890, 4455, 2222])
    client = public(chance)
    for _ in range(chance.randrange(1, 6)):
        relayed(scene, chance, chance.uniform(5, 2_000), client, VICTIM, inside, "192.168.7.9", port,
                int(log_uniform(chance, 20_000, 900_000)), int(log_uniform(chance, 50_000, 9e6)), chance.uniform(60, 1_200))
    scene.mean("port_forward", VICTIM, "192.168.7.9", port, "from outside")
    return scene


def reverse_tunnel(chance):
    """The host calls out, and what comes back that way goes on to another host inside."""
    scene = begin(chance, 3_600, packets=0)
    addr, outside, port = elsewhere(chance), chance.choice([443, 22, 8080, 7000]), chance.choice([3389, 445, 22])
    lasts = log_uniform(chance, 120, 2_400)
    sent, received = int(log_uniform(chance, 50_000, 9e6)), int(log_uniform(chance, 20_000, 9e5))
    scene.add(Flow(100, VICTIM, addr, outside, lasts=lasts + 60, talk=[(1, "out", 900), (20, "in", received + 800), (lasts, "out", sent + 900)]))
    scene.add(Flow(118, VICTIM, "192.168.7.9", port, lasts=lasts, talk=[(1, "out", received), (lasts - 5, "in", sent)]))
    scene.mean("port_forward", VICTIM, addr, outside, "reverse")
    return scene


def kerberos_spray(chance):
    scene = begin(chance, 900, packets=0.2)
    number, gap, at = chance.randrange(40, 300), log_uniform(chance, 0.05, 1), 30.0
    for _ in range(number):
        scene.add(Flow(at, VICTIM, SERVER, 88, talk=exchange(200 + chance.randrange(30), 190 + chance.randrange(20)), lasts=0.02))
        at += gap
    scene.span = at + 60
    scene.mean("brute_force", VICTIM, SERVER, 88, f"{number} users")
    return scene


def session_enumeration(chance):
    """The whole directory, and then who is logged in on each host of it (as SharpHound asks)."""
    scene = begin(chance, 1_200, packets=0.2)
    scene.add(Flow(30, VICTIM, SERVER, 389, talk=exchange(90_000, int(log_uniform(chance, 2e6, 3e7))), lasts=40))
    for n in range(chance.randrange(12, 120)):
        is_on = chance.random() < 0.6
        talk = exchange(chance.randrange(2_000, 3_500), chance.randrange(2_000, 3_000)) if is_on else [(0, "out", 0)]
        scene.add(Flow(80 + n * chance.uniform(0.1, 0.9), VICTIM, f"192.168.7.{100 + n}", 445, talk=talk, state="SF" if is_on else "S0", lasts=1.2 if is_on else None))
    scene.mean("enumeration", VICTIM, None, 445, "sessions of each host")
    return scene


def exfiltration_by_ftp(chance):
    scene = begin(chance, 3_600, packets=0)
    addr, size = public(chance), int(log_uniform(chance, 3e6, 3e8))
    scene.add(Flow(300, VICTIM, addr, 21, talk=exchange(400, 900), lasts=120))
    for n in range(chance.randrange(1, 12)):
        upload(scene, chance, 305 + 9 * n, addr, chance.choice([20, chance.randrange(30_000, 60_000)]), size // 4, lasts=8)
    scene.mean("exfil", VICTIM, addr, None, f"FTP, {size / 1e6:.0f} MB")
    return scene


def exfiltration_by_mail(chance):
    """A workstation hands mail with attachments to a server outside, without its own mail server."""
    scene = begin(chance, 3_600, packets=0)
    addr = public(chance)
    for _ in range(chance.randrange(5, 60)):
        upload(scene, chance, chance.uniform(10, 3_500), addr, chance.choice([587, 25, 465]), int(log_uniform(chance, 3e5, 9e6)), lasts=6)
    scene.mean("exfil", VICTIM, addr, None, "mail with attachments")
    return scene


def ransomware_over_smb(chance):
    """Every file of a share is read, and written again."""
    scene = begin(chance, 2_400, packets=0)
    size, lasts = log_uniform(chance, 3e8, 2e10), chance.uniform(200, 1_800)
    for n in range(chance.choice([1, 1, 3])):
        talk = [(lasts * k / 300, way, int(size / 300 * chance.uniform(0.95, 1.05))) for k in range(300) for way in ("in", "out")]
        scene.add(Flow(60 + n, VICTIM, "192.168.7.8", 445, talk=talk, lasts=lasts))
    scene.mean("ransomware", VICTIM, "192.168.7.8", 445, f"{size / 1e9:.1f} GB in {lasts:.0f} s")
    return scene


def mining_on_443(chance):
    length = log_uniform(chance, 1_800, 28_000)
    scene = begin(chance, length + 60, packets=0.2)
    addr, talk, at = public(chance), [(0.1, "out", 400), (0.2, "in", 600)], 10.0
    while at < length:
        talk += [(at, "out", 180), (at + 0.1, "in", 65)] if chance.random() < 0.5 else [(at, "in", 400)]
        at += chance.expovariate(1 / 25)
    scene.add(Flow(6, VICTIM, addr, 443, talk=talk, state="S1"))
    scene.mean("mining", VICTIM, addr, 443, f"TLS by address, {length:.0f} s")
    return scene


def web_login_guessing(chance):
    scene = begin(chance, 1_800, packets=0.2)
    client, port = (public(chance) if chance.random() < 0.6 else "192.168.7.66"), chance.choice([80, 80, 443, 8080])
    number, gap, at = chance.randrange(120, 1_200), log_uniform(chance, 0.05, 3), 20.0
    sent, received = chance.randrange(400, 900), chance.randrange(300, 6_000)
    for _ in range(number):
        scene.add(Flow(at, client, SERVER, port, talk=exchange(sent + chance.randrange(30), received + chance.randrange(12)), lasts=0.1))
        at += chance.expovariate(1 / gap)
    scene.span = at + 30
    scene.mean("brute_force", client, SERVER, port, f"web login, {number} guesses")
    return scene


def web_scan(chance):
    """Thousands of paths that are not there, at one server."""
    scene = begin(chance, 1_800, packets=0)
    client, port = (public(chance) if chance.random() < 0.6 else "192.168.7.66"), chance.choice([80, 443, 8080])
    number, gap, at = int(log_uniform(chance, 1_500, 8_000)), log_uniform(chance, 0.01, 0.15), 20.0
    for _ in range(number):
        received = 500 + chance.randrange(60) if chance.random() < 0.9 else int(log_uniform(chance, 800, 90_000))
        scene.add(Flow(at, client, SERVER, port, talk=exchange(150 + chance.randrange(90), received), lasts=0.05))
        at += chance.expovariate(1 / gap)
    scene.span = at + 30
    scene.mean("web_scan", client, SERVER, port, f"{number} requests")
    return scene


def slow_requests(chance):
    """Hundreds of connections of one client that never finish their request."""
    scene = begin(chance, 900, packets=0)
    client = public(chance) if chance.random() < 0.6 else "192.168.7.66"
    for n in range(chance.randrange(400, 3_000)):
        talk = [(0.1, "out", 230)] + [(15.0 * k, "out", 12) for k in range(1, chance.randrange(3, 20))]
        scene.add(Flow(20 + n * 0.05, client, SERVER, 80, talk=talk, state=chance.choice(["S1", "RSTO"])))
    scene.mean("dos", client, SERVER, 80, "slow requests")
    return scene


def chain_of_desktops(chance):
    scene = begin(chance, 3_600, packets=0.2)
    hops = [public(chance), VICTIM, "192.168.7.120", "192.168.7.121", "192.168.7.122"][: chance.randrange(4, 6)]
    at = 60.0
    for client, server in zip(hops, hops[1:]):
        lasts = 3_400 - at
        talk = [(t, way, chance.randrange(60, 4_000)) for t in range(1, int(lasts), 7) for way in ("out", "in")]
        scene.add(Flow(at, client, server, 3389, talk=talk, lasts=lasts))
        at += chance.uniform(30, 600)
    scene.mean("lateral_movement", hops[1], hops[2], 3389, f"{len(hops) - 1} hops")
    return scene


def guessing_through_the_network(chance):
    """Default passwords at many devices, a few at each."""
    scene = begin(chance, 1_800, packets=0)
    port = chance.choice([23, 22])
    for n in range(chance.randrange(30, 200)):
        for _ in range(chance.randrange(1, 4)):
            guess(scene, chance, chance.uniform(5, 1_700), VICTIM, public(chance), port)
    scene.mean("brute_force", VICTIM, None, port, "many devices outside")
    return scene


KINDS = {
    make.__name__: make
    for make in (
        few_check_ins, heavy_jitter, fallback_channels, brisk_polling, click_fraud, udp_flood, http_flood, peer_to_peer_bot,
        scan_that_is_answered, worm, udp_sweep, proxy_bot, pivot, reverse_tunnel, kerberos_spray, session_enumeration,
        exfiltration_by_ftp, exfiltration_by_mail, ransomware_over_smb, mining_on_443, web_login_guessing, web_scan,
        slow_requests, chain_of_desktops, guessing_through_the_network,
    )
}
