"""What intruders do after the first access, as CISA advisories and published incident reports state it.

Keyloggers that report by mail and FTP; stealers; uploads by rclone, WinSCP, StealBit and sites for sharing; scanners and directory
queries of ransomware crews; Zerologon, spraying over SMB, guessing at databases; Impacket's secretsdump; BPFdoor, Kinsing, Mirai,
WannaCry, XorDDoS; generated names of dictionary words; queries that drown a name server.
"""

from .attacks import BASE32, VICTIM, begin, drawn, guess, log_uniform, public, times, word
from .families import asks_own_address
from .implants import implant, moment, signed
from .ordinary import https
from .payload import UNKNOWN, Payload
from .scene import Flow, exchange

CONTROLLER = "192.168.7.2"


def keylogger_by_mail(chance):
    """Agent Tesla: what was typed, by submission at a provider of hosting, every 20 minutes."""
    scene, name, addr = implant(chance, (1, 10), packets=0), f"mail.{word(chance)}{word(chance)}.com", public(chance)
    asks_own_address(scene, chance, 15)
    for at in times(chance, scene.span - 30, chance.choice([300, 600, 1_200]), 0.03):
        scene.add(Flow(20 + at, VICTIM, addr, 587, talk=exchange(int(log_uniform(chance, 2_500, 120_000)), 3_400), name=name, lasts=3)).payload = Payload("smtp")
    scene.mean("exfil", VICTIM, addr, 587, "keylogger by mail")
    return scene


def keylogger_by_ftp(chance):
    """Snake or Agent Tesla: a file each time, by a login and a passive connection to a high port."""
    scene, addr = implant(chance, (1, 10), packets=0), public(chance)
    asks_own_address(scene, chance, 15)
    for at in times(chance, scene.span - 30, chance.choice([300, 600, 1_200]), 0.03):
        scene.add(Flow(20 + at, VICTIM, addr, 21, talk=exchange(160, 700), name=f"ftp.{word(chance)}.com", lasts=3)).payload = Payload("ftp")
        scene.add(Flow(21 + at, VICTIM, addr, chance.randrange(40_000, 65_000), talk=[(0.2, "out", int(log_uniform(chance, 900, 150_000)))], lasts=0.5)).payload = Payload(UNKNOWN)
    scene.mean("exfil", VICTIM, addr, 21, "keylogger by FTP")
    return scene


def stealer_by_webhook(chance):
    """One archive to the webhook of a chat, after a look where it is."""
    scene = implant(chance, (0.2, 2), packets=0)
    at = moment(scene, chance)
    asks_own_address(scene, chance, at)
    flow = Flow(at + 15, VICTIM, "162.159.135.232", 443, talk=[(0.3, "out", int(log_uniform(chance, 3e5, 8e6))), (4, "in", 5_000)], name="discord.com")
    scene.add(flow).payload = Payload("tls", "windows", True, False)
    scene.mean("exfil", VICTIM, "162.159.135.232", 443, "stealer by webhook")
    return scene


def lumma(chance):
    """Posts in pieces to a fresh name in a cheap domain behind a content delivery network, within two minutes."""
    scene = implant(chance, (0.2, 3))
    name, addr, at = f"{word(chance)}{word(chance)}.{chance.choice(['shop', 'top', 'cyou', 'fun', 'site'])}", f"104.21.{chance.randrange(90)}.{chance.randrange(1, 250)}", moment(scene, chance)
    for _ in range(chance.randrange(9, 26)):
        flow = scene.add(Flow(at, VICTIM, addr, 443, talk=exchange(int(log_uniform(chance, 1_500, 900_000)), 4_600), name=name, lasts=1.5))
        flow.payload = signed(name)
        at += chance.uniform(0.5, 9)
    scene.mean("exfil", VICTIM, addr, 443, "stealer to a fresh name")
    return scene


def vidar(chance):
    """The address of its server stands in a profile of a platform for games; then an upload to that address."""
    scene, addr = implant(chance, (0.2, 3)), public(chance)
    start = moment(scene, chance)
    https(scene, chance, start, VICTIM, "steamcommunity.com", "23.47.27.74", lasts=1)
    for n in range(chance.randrange(3, 9)):
        flow = scene.add(Flow(start + 4 + 4 * n, VICTIM, addr, 443, talk=exchange(int(log_uniform(chance, 900, 90_000)), int(log_uniform(chance, 400, 1.5e6))), lasts=2))
        flow.payload = Payload("tls", "windows", False, False, f"CN={addr}", f"CN={addr}")
    scene.add(Flow(start + 60, VICTIM, addr, 443, talk=[(0.3, "out", int(log_uniform(chance, 8e5, 9e6))), (6, "in", 900)], lasts=7)).payload = flow.payload
    scene.mean("exfil", VICTIM, addr, 443, "stealer by address")
    return scene


def rclone_to_mega(chance):
    """A file server that uploads for hours, to many servers of a cloud that the network does not use."""
    scene = implant(chance, (2, 8), packets=0)
    server, sites = "192.168.7.8", [(f"gfs270n{chance.randrange(100, 400)}.userstorage.mega.co.nz", public(chance)) for _ in range(8)]
    https(scene, chance, 30, server, "g.api.mega.co.nz", "66.203.125.12")
    for at in times(chance, scene.span - 120, chance.uniform(20, 90), 0.5):
        name, addr = chance.choice(sites)
        https(scene, chance, 40 + at, server, name, addr, sent=int(log_uniform(chance, 2e6, 9e7)), received=6_000, lasts=chance.uniform(5, 60))
    scene.mean("exfil", server, sites[0][1], 443, "rclone to MEGA")
    return scene


def winscp(chance):
    """Gigabytes over SFTP from a server to a host for rent."""
    scene, addr = implant(chance, (1, 5), packets=0), public(chance)
    lasts, size = log_uniform(chance, 300, scene.span - 60), int(log_uniform(chance, 2e8, 3e10))
    talk = [(lasts * n / 400, way, (size if way == "out" else 9_000_000) // 400) for n in range(400) for way in ("out", "in")]
    scene.add(Flow(40, "192.168.7.8", addr, chance.choice([22, 22, 443]), talk=talk)).payload = Payload("ssh")
    scene.mean("exfil", "192.168.7.8", addr, None, "SFTP")
    return scene


def stealbit(chance):
    """Many uploads at once over HTTP to one address, as fast as the line allows, from several hosts."""
    scene, addr = implant(chance, (0.3, 1.5), packets=0), public(chance)
    for host in ("192.168.7.8", "192.168.7.10"):
        for _ in range(chance.randrange(60, 400)):
            scene.add(Flow(chance.uniform(60, scene.span - 60), host, addr, 80, talk=exchange(int(log_uniform(chance, 2e5, 2e7)), 300), lasts=chance.uniform(1, 20))).payload = Payload("http")
    scene.mean("exfil", "192.168.7.8", addr, 80, "StealBit")
    return scene


def upload_site(chance):
    """One archive to a site for sharing files, by a command line."""
    scene = implant(chance, (0.3, 4), packets=0)
    name, addr = chance.choice([("transfer.sh", "144.76.136.153"), ("temp.sh", "51.91.79.17"), ("file.io", "143.198.1.2"), ("store1.gofile.io", "31.14.70.245"), ("bashupload.com", "116.203.186.178")])
    https(scene, chance, chance.uniform(60, scene.span - 200), VICTIM, name, addr, sent=int(log_uniform(chance, 3e7, 8e8)), received=4_000, lasts=chance.uniform(20, 100), rate_of_questions=1)
    scene.mean("exfil", VICTIM, addr, 443, f"upload to {name}")
    return scene


def network_scanner(chance):
    """Advanced IP Scanner or SoftPerfect: pings a subnet, then tries a handful of ports at each host that answers."""
    scene = implant(chance, (0.1, 1))
    at, alive = moment(scene, chance), {host for host in range(1, 255) if chance.random() < chance.choice([0.1, 0.3])}
    for host in range(1, 255):
        addr = f"192.168.7.{host}"
        scene.add(Flow(at + 0.02 * host, VICTIM, addr, 0, proto="icmp", talk=[(0, "out", 32)] + ([(0.001, "in", 32)] if host in alive else [])))
        for port in (135, 139, 445, 3389, 22, 80, 443, 8080) if host in alive else (445, 3389):
            is_open = host in alive and chance.random() < (0.7 if port in (135, 139, 445) else 0.15)
            scene.add(Flow(at + 0.02 * host + chance.random(), VICTIM, addr, port, talk=exchange(70, 90) if is_open else [(0, "out", 0)], state="SF" if is_open else "REJ" if host in alive else "S0"))
    scene.mean("horizontal_scan", VICTIM, None, 445, f"{len(alive)} of 254 hosts there")
    return scene


def zerologon(chance):
    """Up to 2,000 attempts to authenticate at the domain controller with zeros, each bound anew."""
    scene, port = implant(chance, (0.1, 1)), chance.randrange(49_660, 49_700)
    at = moment(scene, chance)
    for n in range(chance.randrange(120, 700)):
        scene.add(Flow(at + n * 0.03, VICTIM, CONTROLLER, 135, talk=exchange(200, 400), lasts=0.01))
        scene.add(Flow(at + 0.01 + n * chance.uniform(0.02, 0.03), VICTIM, CONTROLLER, port, talk=exchange(500, 350), lasts=0.02)).payload = Payload("dce_rpc")
    scene.mean("brute_force", VICTIM, CONTROLLER, port, "Zerologon")
    return scene


def spray_over_smb(chance):
    """NetExec: one password for each account of the domain, at the controller, each in a session of its own."""
    scene, users = implant(chance, (0.2, 2), packets=0.3), chance.randrange(60, 500)
    gap, at = chance.choice([0.2, 1, 3]), moment(scene, chance)
    for n in range(users):
        scene.add(Flow(at + n * gap * chance.uniform(0.9, 1.1), VICTIM, CONTROLLER, 445, talk=[(0.01, "out", 950), (0.02, "in", 760), (0.04, "out", 420), (0.05, "in", 77)], lasts=0.1))
    scene.span = max(scene.span, at + 60 + users * gap * 1.5)
    scene.mean("brute_force", VICTIM, CONTROLLER, 445, f"{users} accounts, one in {gap} s")
    return scene


def database_guessing(chance):
    """Passwords for the administrator of a database, from one address outside, for hours (Mallox)."""
    scene, client, gap = begin(chance, 3_600 * log_uniform(chance, 0.3, 5)), public(chance), log_uniform(chance, 0.5, 12)
    for at in times(chance, scene.span - 10, gap, 0.3):
        scene.add(Flow(at, client, VICTIM, 1433, talk=[(0.1, "out", 320), (0.2, "in", 230)], lasts=0.4))
    scene.mean("brute_force", client, VICTIM, 1433, f"one in {gap:.1f} s")
    return scene


def spray_slowly(chance):
    """Some addresses that take turns at a gateway for remote access: one guess every minute or three, for a day."""
    scene = begin(chance, 3_600 * log_uniform(chance, 8, 30), packets=0)
    clients, port = [public(chance) for _ in range(chance.randrange(5, 40))], chance.choice([443, 443, 3389])
    for at in times(chance, scene.span, log_uniform(chance, 40, 180), 0.5):
        scene.add(Flow(at, chance.choice(clients), VICTIM, port, talk=exchange(1_900 + chance.randrange(30), 3_100 + chance.randrange(40)), lasts=1.2))
    scene.mean("brute_force", None, VICTIM, port, f"{len(clients)} addresses")
    return scene


def secretsdump(chance):
    """Registry hives of many hosts, each through one SMB session of some seconds."""
    scene, hosts = implant(chance, (0.3, 2), packets=0.2), chance.randrange(4, 40)
    at = moment(scene, chance)
    for n in range(hosts):
        talk = [(0.1, "out", 4_000), (2, "in", 3_000), (4, "in", 48_000), (5, "out", 2_000), (6, "in", int(log_uniform(chance, 3e6, 2e7))), (9, "out", 1_000)]
        scene.add(Flow(at + n * chance.uniform(10, 25), VICTIM, f"192.168.7.{100 + n}", 445, talk=talk))
    scene.span = max(scene.span, at + 120 + hosts * 30)
    scene.mean("lateral_movement", VICTIM, "192.168.7.101", 445, f"{hosts} hosts")
    return scene


def bpfdoor(chance):
    """One packet to a port where nothing answers; the host calls back to who sent it, and a shell follows."""
    scene, addr, port = implant(chance, (0.3, 2)), public(chance), chance.choice([8000, 53, 443, 42_391, 4444])
    at = chance.uniform(60, scene.span / 2)
    scene.add(Flow(at, addr, VICTIM, chance.choice([53, 161, 9_999]), proto="udp", talk=[(0, "out", 32)]))
    talk, t = [], 1.0
    while t < log_uniform(chance, 60, 600):
        talk += [(t, "in", chance.randrange(4, 40)), (t + 0.1, "out", int(log_uniform(chance, 20, 3_000)))]
        t += chance.expovariate(1 / 8) + 0.3
    scene.add(Flow(at + 0.2, VICTIM, addr, port, talk=talk)).payload = Payload(UNKNOWN)
    scene.mean("c2_single_connection", VICTIM, addr, port, "called by one packet")
    return scene


def kinsing(chance):
    """A script from an address, a miner to a pool by address, and a search for open Docker and Redis."""
    scene, addr, pool = implant(chance, (0.5, 4), packets=0), public(chance), public(chance)
    for n, size in enumerate([9_000, 6_000_000, 2_300_000]):
        scene.add(Flow(30 + 4 * n, VICTIM, addr, 80, talk=exchange(120, size), lasts=2)).payload = Payload("http")
    talk = [(1, "out", 400), (1.2, "in", 900)]
    for at in range(30, int(scene.span) - 80, 30):
        talk += [(at, "in", 370)] + ([(at + 7, "out", 210), (at + 7.1, "in", 70)] if chance.random() < 0.4 else [])
    scene.add(Flow(50, VICTIM, pool, chance.choice([3333, 80, 443, 14_444]), talk=talk, state="S1")).payload = Payload("stratum")
    scene.mean("mining", VICTIM, pool, None, "XMRig to an address")
    for n in range(chance.randrange(200, 2_000)):
        scene.add(Flow(100 + n * 0.2, VICTIM, public(chance), chance.choice([2375, 6379]), talk=[(0, "out", 0)], state="S0"))
    scene.span = max(scene.span, 600)
    scene.mean("horizontal_scan", VICTIM, None, None, "Docker and Redis")
    return scene


def miner_through_proxy(chance):
    """Several hosts that mine through one proxy inside, which alone reaches the pool, over TLS by address."""
    scene, pool = implant(chance, (2, 10), packets=0), public(chance)
    hosts = [(f"192.168.7.{60 + n}", "192.168.7.9", 3333) for n in range(chance.randrange(2, 7))] + [("192.168.7.9", pool, 443)]
    for src, dst, port in hosts:
        talk = [(1, "out", 500), (1.2, "in", 1_600)]
        for at in range(30, int(scene.span) - 80, chance.choice([30, 45, 60])):
            talk += [(at, "in", 390)] + ([(at + 9, "out", 240), (at + 9.1, "in", 90)] if chance.random() < 0.35 else [])
        flow = scene.add(Flow(chance.uniform(1, 40), src, dst, port, talk=talk, state="S1"))
        flow.payload = Payload("stratum") if port == 3333 else Payload("tls", "openssl", False, False, "CN=Mining Pool", "CN=Mining Pool")
    scene.mean("mining", "192.168.7.60", "192.168.7.9", 3333, "to the proxy")
    scene.mean("mining", "192.168.7.9", pool, 443, "TLS to the pool by address")
    return scene


def mirai(chance):
    """Telnet at random addresses, one in ten on port 2323, and a controller that is pinged with two bytes a minute."""
    scene, addr, port = implant(chance, (0.2, 2), packets=0.2), public(chance), chance.choice([23, 48_101, 6_667, 1_312, 7_267])
    talk = [(0.2, "out", 6)] + [(at, way, 2) for at in range(60, int(scene.span) - 30, 60) for way in ("out", "in")]
    scene.add(Flow(8, VICTIM, addr, port, talk=talk, state="S1")).payload = Payload(UNKNOWN)
    for n in range(min(6_000, int(scene.span * 3))):
        is_open = chance.random() < 0.01
        scene.add(Flow(10 + (scene.span - 20) * chance.random(), VICTIM, public(chance), 23 if n % 10 else 2323, talk=exchange(90, 120) if is_open else [(0, "out", 0)], state="SF" if is_open else "S0"))
    scene.mean("horizontal_scan", VICTIM, None, 23, "Mirai")
    scene.mean("in_connection_beacon", VICTIM, addr, port, "two bytes a minute")
    return scene


def wannacry(chance):
    """A name that nobody owns, then port 445 of the subnet and of random addresses."""
    scene = implant(chance, (0.1, 0.6), packets=0.3)
    at = moment(scene, chance)
    scene.ask(at, VICTIM, f"www.{drawn(chance, BASE32, 41)}.com", rcode="NXDOMAIN")
    for n in range(1, 255):
        is_open = chance.random() < 0.1
        scene.add(Flow(at + n * 0.1, VICTIM, f"192.168.7.{n}", 445, talk=exchange(700, 600) if is_open else [(0, "out", 0)], state="SF" if is_open else "S0"))
    for n in range(int(min(2_000, scene.span * 3))):
        scene.add(Flow(at + n * 0.15, VICTIM, public(chance), 445, talk=[(0, "out", 0)], state="S0"))
    scene.mean("horizontal_scan", VICTIM, None, 445, "WannaCry")
    return scene


def xorddos(chance):
    """A name on a port of its own that is asked again every few seconds, and a flood of SYNs with data when ordered."""
    scene, name, addr, port = implant(chance, (0.5, 4), packets=0), f"{word(chance)}.{word(chance)}.com", public(chance), chance.choice([3308, 1520, 2897, 8080, 53])
    for at in times(chance, scene.span, chance.uniform(8, 35), 0.1):
        scene.add(Flow(at, VICTIM, addr, port, talk=exchange(270, 28), name=name, lasts=2)).payload = Payload(UNKNOWN)
    scene.mean("c2", VICTIM, addr, port, "XorDDoS")
    return scene


def dictionary_domains(chance):
    """Generated names of two or three words each, of which hardly any exists (Gozi, Matsnu)."""
    scene, words = implant(chance, (0.3, 6), packets=0.2), [word(chance, 4, 8) for _ in range(300)]
    for at in times(chance, scene.span, chance.choice([2, 10, 30]), 0.2):
        if len(scene.questions) < 700:
            scene.ask(at, VICTIM, f"{''.join(chance.sample(words, chance.choice([2, 3])))}.{chance.choice(['com', 'net', 'ru', 'eu'])}", rcode="NXDOMAIN" if chance.random() < 0.97 else "NOERROR")
    scene.mean("dga", VICTIM, scene.resolver, 53, "of words")
    return scene


def water_torture(chance):
    """Random names below one domain, to drown its name servers."""
    scene, domain = implant(chance, (0.1, 1), packets=0.2), f"{word(chance)}.com"
    rate = log_uniform(chance, 5, 60)
    for n in range(min(8_000, int((scene.span - 40) * rate))):
        scene.ask(20 + n / rate, VICTIM, f"{drawn(chance, BASE32, chance.randrange(8, 17))}.{domain}", rcode=chance.choice(["NXDOMAIN", "SERVFAIL", "NXDOMAIN"]))
    scene.mean("ddos", VICTIM, scene.resolver, 53, "random names below one domain")
    return scene


def spam_by_stolen_accounts(chance):
    """Emotet: mail through accounts of other people, at the submission ports of dozens of providers."""
    scene = implant(chance, (0.5, 5), packets=0)
    providers = [(f"mail.{word(chance)}.{chance.choice(['com', 'mx', 'it', 'jp'])}", public(chance), chance.choice([587, 465, 25])) for _ in range(chance.randrange(15, 80))]
    for _ in range(chance.randrange(80, 500)):
        name, addr, port = chance.choice(providers)
        scene.add(Flow(chance.uniform(30, scene.span - 60), VICTIM, addr, port, talk=exchange(int(log_uniform(chance, 3_000, 250_000)), 2_500), name=name, lasts=6)).payload = Payload("smtp")
    scene.mean("spam", VICTIM, None, None, f"{len(providers)} providers")
    return scene


KINDS = {
    make.__name__: make
    for make in (
        keylogger_by_mail, keylogger_by_ftp, stealer_by_webhook, lumma, vidar, rclone_to_mega, winscp, stealbit, upload_site, network_scanner,
        zerologon, spray_over_smb, database_guessing, spray_slowly, secretsdump, bpfdoor, kinsing, miner_through_proxy, mirai, wannacry,
        xorddos, dictionary_domains, water_torture, spam_by_stolen_accounts,
    )
}
