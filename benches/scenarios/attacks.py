"""Attacks, from public descriptions of the tools: each function generates a random scene."""

import string

from .scene import Flow, Scene, exchange

VICTIM = "192.168.7.20"
HEX = "0123456789abcdef"
BASE32 = string.ascii_lowercase + "234567"


def public(chance):
    return f"{chance.choice([45, 91, 103, 146, 185, 194])}.{chance.randrange(1, 250)}.{chance.randrange(250)}.{chance.randrange(1, 250)}"


def elsewhere(chance):
    """Where an attacker sits: outside, or in another private network of a laboratory."""
    return public(chance) if chance.random() < 0.75 else f"10.{chance.randrange(250)}.{chance.randrange(250)}.{chance.randrange(2, 250)}"


def word(chance, low=5, high=9):
    return "".join(chance.choice("bcdfgklmnprstv") + chance.choice("aeiou") for _ in range(chance.randrange(low, high) // 2 + 1))


def drawn(chance, letters, length):
    return "".join(chance.choice(letters) for _ in range(length))


def log_uniform(chance, low, high):
    return low * (high / low) ** chance.random()


def begin(chance, span, packets=0.4):
    scene = Scene(span)
    scene.as_packets = span <= 4 * 3600 and chance.random() < packets
    scene.has_names = chance.random() < 0.7
    scene.has_company = chance.random() < 0.7
    return scene


def cut(scene, chance):
    """Half of the captures start and end in the middle of it."""
    if chance.random() < 0.5:
        return
    first, last = chance.uniform(0, 0.1) * scene.span, chance.uniform(0.9, 1.0) * scene.span
    kept = []
    for flow in scene.flows:
        end = flow.t + flow.duration
        if end < first or flow.t > last:
            continue
        is_late, is_early = flow.t < first, end > last
        if is_late or is_early:
            flow.talk = [(at + min(0, flow.t - first), way, size) for at, way, size in flow.talk if first <= flow.t + at <= last]
            flow.lasts = min(end, last) - max(flow.t, first)
            flow.t = max(flow.t, first)
            if flow.proto == "tcp" and flow.state in ("SF", "S1", "RSTO"):
                flow.state = "OTH" if is_late else "S1"
                flow.name = None if is_late else flow.name
        flow.t -= first
        kept.append(flow)
    scene.flows = kept
    scene.questions = [q for q in scene.questions if first <= q.t <= last]
    for question in scene.questions:
        question.t -= first
    scene.span = last - first


def times(chance, span, period, jitter, missed=0.0):
    at = chance.uniform(0, period)
    while at < span - 5:
        if chance.random() >= missed:
            yield at
        at += period * (1 + jitter * chance.uniform(-1, 1))


def check_ins(chance, kind, port, name=None, where=None, low=5.0, high=7_200.0, fails=0.0):
    period = log_uniform(chance, low, high)
    jitter = chance.choice([0, 0, 0.1, 0.2, 0.3, 0.5])
    count = log_uniform(chance, 14, 300)
    span = min(max(period * count, 300), 5 * 86_400)
    scene = begin(chance, span)
    addr = where or elsewhere(chance)
    sent, received = int(log_uniform(chance, 150, 3_000)), int(log_uniform(chance, 200, 8_000))
    is_fresh = bool(name)
    for at in times(chance, span, period, jitter, chance.choice([0, 0, 0.05])):
        if is_fresh and chance.random() < 0.3:
            scene.ask(at - 0.1, VICTIM, name, answers=[addr])
        size = sent + chance.randrange(40) if chance.random() < 0.95 else sent * 5
        talk = exchange(size, received + chance.randrange(200), rtt=0.08)
        state = "S0" if chance.random() < fails else "SF"
        scene.add(Flow(at, VICTIM, addr, port, talk=talk, name=name, state=state, lasts=chance.uniform(0.2, 1.5)))
    scene.mean(kind, VICTIM, addr, port, f"every {period:.0f} s, jitter {jitter:.0%}, {count:.0f} times")
    return scene


def beacon_tls_by_address(chance):
    return check_ins(chance, "beacon", 443)


def beacon_tls_by_name(chance):
    return check_ins(chance, "beacon", 443, name=f"{word(chance)}.{chance.choice(['com', 'net', 'xyz', 'top', 'info'])}", where=public(chance))


def beacon_http(chance):
    return check_ins(chance, "beacon", 80)


def beacon_rare_port(chance):
    return check_ins(chance, "beacon", chance.choice([447, 449, 4443, 8808, 7777, 1433, 2222, 8082, 9443, 50_050, 6606, 1604, 5552]))


def beacon_slow(chance):
    return check_ins(chance, "beacon", chance.choice([443, 80, 8443]), low=7_200, high=86_400)


def beacon_fast(chance):
    return check_ins(chance, "beacon", chance.choice([443, 80, 8080, 8443]), low=2, high=10)


def beacon_to_dead_server(chance):
    period = log_uniform(chance, 10, 900)
    span = period * log_uniform(chance, 22, 200)
    scene = begin(chance, span)
    addr, port = elsewhere(chance), chance.choice([443, 80, 447, 4444, 8080, 6667])
    for at in times(chance, span, period, chance.choice([0, 0.1, 0.3])):
        tries = [(0.0, "out", 0), (1.0, "out", 0), (3.0, "out", 0)]
        scene.add(Flow(at, VICTIM, addr, port, talk=tries, state=chance.choice(["S0", "S0", "S0", "REJ"])))
    scene.mean("dead_c2", VICTIM, addr, port, f"every {period:.0f} s for {span:.0f} s")
    return scene


def polling_in_one_connection(chance):
    period = log_uniform(chance, 1, 60)
    span = min(max(period * log_uniform(chance, 10, 60), 50), 3_600)
    scene = begin(chance, span + 60, packets=1.0)
    scene.as_packets = True
    addr, port = elsewhere(chance), chance.choice([80, 443, 443, 8080, 8443, 4444, 1443, 7443])
    talk, jitter = [], chance.choice([0, 0, 0.1, 0.3])
    at = 0.1
    while at < span:
        talk += [(at, "out", 220 + chance.randrange(20)), (at + 0.05, "in", 180 + chance.randrange(20))]
        if chance.random() < 0.08:
            talk += [(at + 0.2, "in", chance.randrange(500, 30_000)), (at + 0.6, "out", chance.randrange(300, 9_000))]
        at += period * (1 + jitter * chance.uniform(-1, 1))
    scene.add(Flow(chance.uniform(0, 20), VICTIM, addr, port, talk=talk))
    scene.mean("in_connection_beacon", VICTIM, addr, port, f"every {period:.0f} s for {span:.0f} s")
    return scene


def interactive_session(chance):
    length = log_uniform(chance, 70, 3_600)
    scene = begin(chance, length + 120, packets=0.6)
    addr = elsewhere(chance)
    port = chance.choice([4444, 4444, 443, 8080, 9001, 1337, 53, 5555, 31_337, 6666, 8443, 80, 1234])
    talk, at = [(0.1, "in", 170_000)] if chance.random() < 0.5 else [], 0.5
    while at < length:
        talk += [(at, "in", chance.randrange(10, 300)), (at + 0.1, "out", int(log_uniform(chance, 20, 20_000)))]
        at += chance.expovariate(1 / 12) + 0.2
    scene.add(Flow(chance.uniform(0, 60), VICTIM, addr, port, talk=talk, state=chance.choice(["SF", "S1", "RSTO"])))
    scene.mean("c2_single_connection", VICTIM, addr, port, f"{length:.0f} s")
    return scene


def shell_inside(chance):
    """Attacker and victim in one subnet, as in many laboratories and after a first move."""
    scene = interactive_session(chance)
    addr, old = "192.168.7.66", scene.positives[0]["dst"]
    port = chance.choice([4444, 4444, 1337, 31_337, 9001, 8080])
    for flow in scene.flows:
        if flow.dst == old:
            flow.dst, flow.dport = addr, port
    scene.positives[0].update(dst=addr, dport=port)
    return scene


def irc_bot(chance):
    length = log_uniform(chance, 600, 20_000)
    scene = begin(chance, length + 100)
    addr, port = public(chance), chance.choice([6667, 6667, 6666, 7000, 8067, 443])
    talk = [(0.2, "out", 90), (0.5, "in", 1_800)]
    at = 60.0
    while at < length:
        talk += [(at, "in", 30), (at + 0.05, "out", 30)]
        at += chance.choice([90, 90, 120]) + chance.random()
    scene.add(Flow(chance.uniform(0, 60), VICTIM, addr, port, talk=talk, state="S1"))
    scene.mean("c2_single_connection", VICTIM, addr, port, f"IRC for {length:.0f} s")
    return scene


def tor(chance):
    scene = begin(chance, 1_200)
    addr, port = public(chance), chance.choice([443, 9001, 9001, 443, 9030])
    length = log_uniform(chance, 45, 1_000)
    name = f"www.{drawn(chance, BASE32, chance.randrange(8, 20))}.com"
    talk, at = [(0.1, "out", 517), (0.2, "in", 1_100)], 0.5
    while at < length:
        talk += [(at, "out", 543), (at + 0.2, "in", 543 * chance.randrange(1, 9))]
        at += chance.expovariate(1 / 8) + 0.1
    scene.add(Flow(chance.uniform(0, 60), VICTIM, addr, port, talk=talk, name=name, state=chance.choice(["SF", "S1"])))
    scene.mean("tor", VICTIM, addr, port, f"{length:.0f} s")
    return scene


def dns_tunnel(chance):
    tool = chance.choice(["iodine", "dnscat2", "dns2tcp", "dnstt", "slow exfiltration"])
    span = log_uniform(chance, 30, 3_600) if tool != "slow exfiltration" else log_uniform(chance, 3_600, 14_400)
    scene = begin(chance, span + 60)
    domain = f"{drawn(chance, string.ascii_lowercase, 2)}.{word(chance)}.{chance.choice(['com', 'net', 'org'])}"
    server = scene.resolver if chance.random() < 0.7 else public(chance)
    gap = {"iodine": 0.15, "dnscat2": 1.0, "dns2tcp": 0.3, "dnstt": 0.5, "slow exfiltration": 10}[tool]
    gap *= log_uniform(chance, 0.5, 3)
    gap = max(gap, span / 3_000)
    at = chance.uniform(0, 30)
    while at < span:
        letters, length, kinds, answer = {
            "iodine": (BASE32, chance.randrange(60, 180), ["NULL", "TXT"], 120),
            "dnscat2": (HEX, chance.randrange(18, 110), ["TXT", "CNAME", "MX"], 60),
            "dns2tcp": (string.ascii_letters + string.digits, chance.randrange(20, 120), ["TXT"], 100),
            "dnstt": (BASE32, chance.randrange(80, 190), ["TXT"], 200),
            "slow exfiltration": (HEX, 60, ["A"], 0),
        }[tool]
        text = drawn(chance, letters, length)
        name = ".".join(text[n:n + 60] for n in range(0, len(text), 60)) + "." + domain
        qtype = chance.choice(kinds)
        answers = [public(chance)] if qtype == "A" else [drawn(chance, BASE32, max(4, answer)) if qtype != "CNAME" and qtype != "MX" else f"{drawn(chance, HEX, 40)}.{domain}"]
        scene.ask(at, VICTIM, name, qtype, answers=answers, server=server)
        at += chance.expovariate(1 / gap)
    scene.mean("dns_tunnel", VICTIM, server, 53, f"{tool}, {span:.0f} s")
    return scene


def generated_domains(chance):
    span = log_uniform(chance, 120, 3_600)
    scene = begin(chance, span)
    scene.has_names = True
    for _ in range(int(log_uniform(chance, 25, 400))):
        style = chance.random()
        label = drawn(chance, string.ascii_lowercase, chance.randrange(8, 20)) if style < 0.6 else word(chance, 9, 15)
        scene.ask(chance.uniform(0, span), VICTIM, f"{label}.{chance.choice(['com', 'net', 'ru', 'biz', 'info'])}", rcode="NXDOMAIN")
    scene.mean("dga", VICTIM, scene.resolver, 53, "names that do not exist")
    return scene


def icmp_tunnel(chance):
    tool = chance.choice(["ptunnel", "icmpsh", "hans"])
    span = log_uniform(chance, 30, 900)
    scene = begin(chance, span + 60)
    talk, at, rate = [], 0.0, {"ptunnel": 8, "icmpsh": 5, "hans": 15}[tool]
    while at < span and len(talk) < 6_000:
        if tool == "icmpsh":
            talk += [(at, "out", 8 + chance.choice([0, 0, 0, chance.randrange(1, 128)]))]
            talk += [(at + 0.01, "in", 8 + chance.choice([0, 0, 0, chance.randrange(1, 60)]))]
        elif chance.random() < 0.6:
            talk += [(at, "out", chance.choice([36, 64, 200, 1_052])), (at + 0.02, "in", chance.choice([36, 1_052, 1_052]))]
        else:
            talk += [(at, "out", 36)]
        at += chance.expovariate(rate)
    addr = elsewhere(chance)
    scene.add(Flow(10, VICTIM, addr, 0, proto="icmp", talk=talk))
    scene.mean("icmp_tunnel", VICTIM, addr, None, f"{tool}, {span:.0f} s")
    return scene


LOGIN_SIZES = {
    22: (1_700, 2_600, 2.5), 21: (45, 140, 3), 23: (60, 180, 4), 3389: (1_600, 2_100, 1.2), 5900: (40, 60, 1),
    445: (900, 1_100, 0.3), 3306: (190, 170, 0.1), 1433: (420, 380, 0.2), 5432: (110, 130, 0.1), 143: (40, 190, 2), 110: (40, 160, 2),
}


def guess(scene, chance, at, client, server, port):
    sent, received, lasts = LOGIN_SIZES[port]
    talk = exchange(int(sent * chance.uniform(0.9, 1.2)), int(received * chance.uniform(0.95, 1.1)))
    scene.add(Flow(at, client, server, port, talk=talk, lasts=lasts * chance.uniform(0.6, 1.5),
                   state=chance.choice(["SF", "SF", "RSTO"])))


def brute_force(chance):
    port = chance.choice([22, 22, 22, 21, 23, 3389, 5900, 445, 3306, 1433, 143])
    number = int(log_uniform(chance, 30, 600))
    gap = log_uniform(chance, 0.2, 20)
    scene = begin(chance, max(number * gap, 60) + 60)
    scene.has_company = chance.random() < 0.3
    client = public(chance) if chance.random() < 0.6 else "192.168.7.66"
    at = 10.0
    for _ in range(number):
        guess(scene, chance, at, client, VICTIM, port)
        at += chance.expovariate(1 / gap) if chance.random() < 0.5 else gap
    scene.span = at + 30
    scene.mean("brute_force", client, VICTIM, port, f"{number} guesses, one in {gap:.1f} s")
    return scene


def brute_force_slow(chance):
    port, number = chance.choice([22, 3389, 21]), chance.randrange(50, 200)
    gap = log_uniform(chance, 60, 600)
    scene = begin(chance, number * gap + 60)
    client, at = public(chance), 10.0
    for _ in range(number):
        guess(scene, chance, at, client, VICTIM, port)
        at += chance.uniform(0.3, 1.7) * gap
    scene.mean("brute_force", client, VICTIM, port, f"{number} guesses, one in {gap:.0f} s")
    return scene


def brute_force_by_many(chance):
    scene = begin(chance, 3_600)
    clients = [public(chance) for _ in range(chance.randrange(15, 80))]
    for _ in range(chance.randrange(90, 400)):
        guess(scene, chance, chance.uniform(0, 3_500), chance.choice(clients), VICTIM, 22)
    scene.mean("brute_force", None, VICTIM, 22, f"{len(clients)} clients")
    return scene


def password_spray(chance):
    port = chance.choice([22, 3389, 445, 23])
    scene = begin(chance, 1_800)
    hosts = chance.randrange(20, 120)
    for n in range(hosts):
        for _ in range(chance.randrange(2, 5)):
            guess(scene, chance, chance.uniform(0, 1_700), "192.168.7.66", f"192.168.7.{n + 100}", port)
    scene.mean("brute_force", "192.168.7.66", None, port, f"{hosts} hosts")
    return scene


def horizontal_scan(chance):
    port = chance.choice([23, 2323, 445, 22, 80, 443, 3389, 8080, 6379, 5555])
    hosts = int(log_uniform(chance, 30, 1_000))
    gap, open_share = log_uniform(chance, 0.005, 2), chance.choice([0, 0.02, 0.1, 0.3])
    scene = begin(chance, hosts * gap + 90)
    is_inside = chance.random() < 0.4
    at = 10.0
    for n in range(hosts):
        addr = f"192.168.{7 + n // 250}.{n % 250 + 1}" if is_inside else public(chance)
        state = "SF" if chance.random() < open_share else chance.choice(["S0", "S0", "REJ"])
        talk = chance.choice([[], exchange(0, 60)]) if state == "SF" else [(0.0, "out", 0)]
        scene.add(Flow(at, VICTIM, addr, port, talk=talk, state="RSTO" if state == "SF" else state))
        at += chance.expovariate(1 / gap)
    scene.span = at + 20
    scene.mean("horizontal_scan", VICTIM, None, port, f"{hosts} hosts, {open_share:.0%} open, one in {gap:.2f} s")
    return scene


def vertical_scan(chance):
    ports = int(log_uniform(chance, 12, 1_000))
    gap = log_uniform(chance, 0.001, 5)
    scene = begin(chance, ports * gap + 90)
    from_outside = chance.random() < 0.4
    scanner, target = ("203.0.112.7" if from_outside else "192.168.7.66"), VICTIM
    how = chance.choice(["S", "S", "connect", "F", "", "FPU", "udp"])
    at = 10.0
    for port in chance.sample(range(1, 10_000), ports):
        is_open = chance.random() < 0.03
        if how == "udp":
            scene.add(Flow(at, scanner, target, port, proto="udp", talk=exchange(40, 60) if is_open else [(0, "out", 40)]))
        elif how in ("S", "connect"):
            state = "RSTO" if is_open else chance.choice(["REJ", "REJ", "REJ", "S0"])
            scene.add(Flow(at, scanner, target, port, talk=[] if is_open else [(0.0, "out", 0)], state=state))
        else:
            scene.add(Flow(at, scanner, target, port, probe=how, state="S0" if is_open else "REJ"))
        at += chance.expovariate(1 / gap)
    scene.span = at + 20
    scene.mean("udp_scan" if how == "udp" else "vertical_scan", scanner, target, None, f"{how or 'NULL'}, {ports} ports, one in {gap:.3f} s")
    return scene


def slow_scan(chance):
    ports, gap = chance.randrange(40, 120), log_uniform(chance, 15, 300)
    scene = begin(chance, ports * gap + 60)
    at = 5.0
    for port in chance.sample([21, 22, 23, 25, 80, 110, 135, 139, 143, 443, 445, 993, 1433, 3306, 3389, 5900, 8080] + list(range(1, 1_024)), ports):
        scene.add(Flow(at, "192.168.7.66", VICTIM, port, talk=[(0.0, "out", 0)], state=chance.choice(["REJ", "S0"])))
        at += chance.uniform(0.5, 1.5) * gap
    scene.mean("slow_scan", "192.168.7.66", VICTIM, None, f"{ports} ports, one in {gap:.0f} s")
    return scene


def ping_sweep(chance):
    hosts = chance.randrange(60, 254)
    scene = begin(chance, 300)
    for n in range(hosts):
        answered = chance.random() < 0.1
        talk = [(0, "out", 36)] + ([(0.001, "in", 36)] if answered else [])
        scene.add(Flow(10 + n * 0.5, "192.168.7.66", f"192.168.7.{n + 1}", 0, proto="icmp", talk=talk))
    scene.mean("slow_scan", "192.168.7.66", None, None, f"ping of {hosts} hosts")
    return scene


def upload(scene, chance, at, addr, port, size, name=None, lasts=None):
    pieces = max(1, min(400, size // 60_000))
    lasts = lasts or max(1.0, size / log_uniform(chance, 2e5, 5e6))
    talk = [(0.1 + lasts * n / pieces, "out", size // pieces) for n in range(pieces)]
    talk += [(0.1 + lasts * n / pieces + 0.05, "in", 90) for n in range(0, pieces, 4)]
    scene.add(Flow(at, VICTIM, addr, port, talk=talk, name=name, lasts=lasts + 0.2))


def exfiltration_at_once(chance):
    size = int(log_uniform(chance, 2e6, 3e8))
    scene = begin(chance, 3_600, packets=0.2)
    scene.as_packets &= size < 2e7
    addr, port = elsewhere(chance), chance.choice([443, 443, 80, 21, 22, 8080, 8443])
    upload(scene, chance, 600, addr, port, size)
    scene.mean("exfil", VICTIM, addr, port, f"{size / 1e6:.0f} MB at once")
    return scene


def exfiltration_by_name(chance):
    size = int(log_uniform(chance, 6e7, 9e8))
    scene = begin(chance, 3_600, packets=0)
    addr = public(chance)
    upload(scene, chance, 600, addr, 443, size, name=chance.choice(["transfer.sh", "file.io", "store4.gofile.io", "api.anonfiles.com", f"{word(chance)}.net"]))
    scene.mean("exfil", VICTIM, addr, 443, f"{size / 1e6:.0f} MB at once, by name")
    return scene


def exfiltration_in_pieces(chance):
    pieces, size = chance.randrange(30, 300), int(log_uniform(chance, 5e4, 5e6))
    span = log_uniform(chance, 3_600, 86_400)
    scene = begin(chance, span, packets=0)
    addr, port = elsewhere(chance), chance.choice([443, 80, 8080, 20])
    for _ in range(pieces):
        upload(scene, chance, chance.uniform(0, span - 60), addr, port, int(size * chance.uniform(0.8, 1.1)))
    scene.mean("exfil", VICTIM, addr, port, f"{pieces} pieces of {size / 1e6:.2f} MB in {span / 3600:.0f} h")
    return scene


def mining(chance):
    length = log_uniform(chance, 200, 20_000)
    scene = begin(chance, length + 60)
    by_name = chance.random() < 0.5
    name = chance.choice(["pool.supportxmr.com", "xmr-eu1.nanopool.org", "gulf.moneroocean.stream", "eu.stratum.slushpool.com", "xmr.2miners.com", "pool.hashvault.pro"]) if by_name else None
    port = chance.choice([443, 80, 3333, 9000, 14_444]) if by_name else chance.choice([3333, 5555, 7777, 14_444, 45_700, 4444])
    addr, talk, at = public(chance), [(0.1, "out", 300), (0.2, "in", 500)], 10.0
    while at < length:
        talk += [(at, "out", 200), (at + 0.1, "in", 65)] if chance.random() < 0.5 else [(at, "in", 420)]
        at += chance.expovariate(1 / 20)
    if name:
        scene.ask(5, VICTIM, name, answers=[addr])
        scene.has_names = True
    scene.add(Flow(6, VICTIM, addr, port, talk=talk, state="S1"))
    scene.mean("mining", VICTIM, addr, port, f"{name or 'by address'}, {length:.0f} s")
    return scene


def exploit_callback(chance):
    """A web server is asked, and then connects back to who asked, or to where it was told to."""
    scene = begin(chance, 900)
    server, attacker = VICTIM, elsewhere(chance)
    for _ in range(chance.randrange(20, 80)):
        scene.add(Flow(chance.uniform(0, 880), public(chance), server, 8080, talk=exchange(400, 5_000)))
    at = chance.uniform(100, 700)
    scene.add(Flow(at, attacker, server, 8080, talk=exchange(600, 300)))
    port = chance.choice([1389, 1099, 389, 4444, 9001, 443, 8888])
    scene.add(Flow(at + chance.uniform(0.05, 5), server, attacker, port, talk=exchange(130, 200), lasts=chance.uniform(0.2, 90)))
    scene.mean("exploit_callback", server, attacker, port, "back to who asked")
    return scene


def lateral_movement(chance):
    port = chance.choice([445, 445, 3389, 5985, 22, 135])
    hosts = chance.randrange(6, 25)
    scene = begin(chance, 3_000)
    for n in range(hosts):
        at, addr = chance.uniform(0, 2_800), f"192.168.7.{n + 100}"
        scene.add(Flow(at, "192.168.7.66", addr, port, talk=exchange(6_000, 9_000), lasts=chance.uniform(1, 200)))
        if port == 135:
            scene.add(Flow(at + 0.5, "192.168.7.66", addr, 49_152 + n, talk=exchange(8_000, 9_000), lasts=20))
    scene.mean("lateral_movement", "192.168.7.66", None, port, f"{hosts} hosts")
    return scene


def remote_execution(chance):
    """One host only: PsExec (a service binary over SMB, started through RPC), WMI or WinRM."""
    scene = begin(chance, 900)
    src, dst, at = "192.168.7.66", VICTIM, chance.uniform(50, 600)
    how = chance.choice(["psexec", "wmi", "winrm"])
    if how == "psexec":
        talk = exchange(1_500, 1_500) + [(0.5, "out", chance.choice([60_000, 370_000])), (0.8, "in", 2_000), (30, "out", 900), (31, "in", 3_000)]
        scene.add(Flow(at, src, dst, 445, talk=talk))
        scene.add(Flow(at + 1, src, dst, 135, talk=exchange(400, 500)))
        scene.add(Flow(at + 1.2, src, dst, 49_670, talk=exchange(3_000, 2_500), lasts=30))
    elif how == "wmi":
        scene.add(Flow(at, src, dst, 135, talk=exchange(900, 1_100), lasts=10))
        scene.add(Flow(at + 0.3, src, dst, 49_671, talk=exchange(12_000, 10_000), lasts=40))
        scene.add(Flow(at + 4, src, dst, 445, talk=exchange(2_000, 4_000), lasts=20))
    else:
        for n in range(chance.randrange(3, 20)):
            scene.add(Flow(at + 4 * n, src, dst, chance.choice([5985]), talk=exchange(4_000, 6_000), lasts=3))
    port = 5985 if how == "winrm" else 135
    scene.mean("lateral_movement", src, dst, port, how)
    return scene


def spam_bot(chance):
    scene = begin(chance, 1_800)
    scene.as_packets = False
    servers = [public(chance) for _ in range(chance.randrange(60, 300))]
    for _ in range(len(servers) * 3):
        ok = chance.random() < 0.5
        talk = exchange(int(log_uniform(chance, 900, 6_000)), 400) if ok else [(0.0, "out", 0)]
        scene.add(Flow(chance.uniform(0, 1_780), VICTIM, chance.choice(servers), 25, talk=talk, state="SF" if ok else chance.choice(["S0", "S0", "REJ"]), lasts=3 if ok else None))
    scene.mean("spam", VICTIM, None, 25, f"{len(servers)} mail servers")
    return scene


def flood(chance):
    scene = begin(chance, 240)
    addr, port = public(chance), chance.choice([80, 443, 53, 25_565])
    number, proto = int(log_uniform(chance, 3_000, 20_000)), chance.choice(["tcp", "tcp", "udp"])
    start, lasts = chance.uniform(0, 60), chance.uniform(20, 170)
    for n in range(number):
        at = start + lasts * n / number
        talk = [(0, "out", 0)] if proto == "tcp" else [(0, "out", 512)]
        scene.add(Flow(at, VICTIM, addr, port, proto=proto, talk=talk, state="S0"))
    scene.mean("ddos", VICTIM, addr, port, f"{number} {proto} in {lasts:.0f} s")
    return scene


KINDS = {
    make.__name__: make
    for make in (
        beacon_tls_by_address, beacon_tls_by_name, beacon_http, beacon_rare_port, beacon_slow, beacon_fast,
        beacon_to_dead_server, polling_in_one_connection, interactive_session, shell_inside, irc_bot, tor, dns_tunnel,
        generated_domains, icmp_tunnel, brute_force, brute_force_slow, brute_force_by_many, password_spray,
        horizontal_scan, vertical_scan, slow_scan, ping_sweep, exfiltration_at_once, exfiltration_by_name,
        exfiltration_in_pieces, mining, exploit_callback, lateral_movement, remote_execution, spam_bot, flood,
    )
}
