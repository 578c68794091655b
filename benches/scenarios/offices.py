"""Ordinary networks of offices, factories and data centers, as the documentation of the products describes their traffic.

Domain members and their controllers, software deployment, phones, meetings, launchers of games, printers, CI runners, Kubernetes,
backup windows, mirrors, MQTT, VPN clients, monitoring, cloud agents, vulnerability scanners of the house, cameras, point of sale.
"""

from .attacks import HEX, drawn, log_uniform, public, word
from .ordinary import HOST, SERVER, begin, browsing, https, steps
from .payload import AUTHORITIES, UNKNOWN, Payload
from .scene import Flow, exchange

CONTROLLERS = ["192.168.7.2", "192.168.7.3"]


def named(chance, hours):
    """A sensor that sees names, of a network without an attack."""
    scene = begin(chance, hours, packets=0)
    scene.has_names = True
    return scene


def benign_domain_day(chance):
    """Members that log on, fetch group policy, renew tickets, register their name, and reach files and printers."""
    scene = named(chance, 8)
    rpc = chance.randrange(49_664, 49_680)
    for n in range(chance.randrange(10, 30)):
        src, dc = f"192.168.7.{30 + n}", chance.choice(CONTROLLERS)
        for at in steps(chance, scene.span, 5_700, 0.3):
            for port, sent, received in [(389, 1_400, 3_000), (88, 1_700, 1_800), (135, 300, 300), (rpc, 2_000, 1_500), (445, 9_000, 40_000), (88, 1_500, 1_500)]:
                scene.add(Flow(at + chance.random() * 3, src, dc, port, talk=exchange(sent + chance.randrange(200), received), lasts=chance.choice([0.02, 1, 12])))
            scene.ask(at, src, "_ldap._tcp.site._sites.dc._msdcs.corp.lan", "SRV", answers=["dc1.corp.lan"], server=dc)
        for at in steps(chance, scene.span, 2_400, 0.9):
            scene.add(Flow(at, src, "192.168.7.8", 445, talk=exchange(int(log_uniform(chance, 4_000, 3e6)), int(log_uniform(chance, 9_000, 2e7))), lasts=chance.uniform(5, 900)))
        browsing(scene, chance, src, 1 / 900)
    return scene


def benign_controllers(chance):
    """Two domain controllers that replicate every 15 s to 5 min over RPC, LDAP and SMB, and ask each other's time."""
    scene = begin(chance, 8, packets=0)
    port = chance.randrange(49_152, 65_000)
    for src, dst in [CONTROLLERS, CONTROLLERS[::-1]]:
        for at in steps(chance, scene.span, chance.choice([15, 60, 300]), 0.1):
            scene.add(Flow(at, src, dst, 135, talk=exchange(230, 270), lasts=0.02))
            scene.add(Flow(at + 0.1, src, dst, port, talk=exchange(3_000, int(log_uniform(chance, 2_000, 400_000))), lasts=3))
        for at in steps(chance, scene.span, 900, 0.05):
            scene.add(Flow(at, src, dst, 445, talk=exchange(4_000, 9_000), lasts=11))
            scene.add(Flow(at + 2, src, dst, 389, talk=exchange(600, 2_000), lasts=0.1))
    return scene


def benign_deployment(chance):
    """Configuration Manager: clients poll the management point every hour; once, a server pushes the client to some hosts over SMB and RPC."""
    scene = named(chance, 8)
    for n in range(chance.randrange(10, 40)):
        src = f"192.168.7.{30 + n}"
        for at in steps(chance, scene.span, 3_600, 0.05):
            scene.add(Flow(at, src, "192.168.7.12", chance.choice([80, 443]), talk=exchange(5_000, 12_000), lasts=1))
        for at in steps(chance, scene.span, 120, 0.5):
            if chance.random() < 0.05:
                scene.add(Flow(at, src, "192.168.7.12", 10_123, talk=exchange(300, 300), lasts=0.3))
        browsing(scene, chance, src, 1 / 1_200)
    return scene


def benign_phones(chance):
    """Desk phones: registration every one or two minutes, configuration over HTTP each hour, calls by RTP between phones and a gateway."""
    scene = begin(chance, 4, packets=0)
    for n in range(chance.randrange(6, 25)):
        src = f"192.168.7.{150 + n}"
        for at in steps(chance, scene.span, chance.choice([60, 120]), 0.05):
            scene.add(Flow(at, src, "192.168.7.6", 5060, proto="udp", talk=exchange(650, 520), sport=5060))
        for at in steps(chance, scene.span, 3_600, 0.02):
            scene.add(Flow(at, src, "192.168.7.6", 80, talk=exchange(300, 40_000), lasts=0.4))
        for _ in range(chance.randrange(0, 6)):
            lasts = log_uniform(chance, 20, 1_500)
            talk = [(lasts * k / 200, way, int(lasts * 50 * 172 / 200)) for k in range(200) for way in ("out", "in")]
            scene.add(Flow(chance.uniform(0, scene.span - 1_600), src, chance.choice(["192.168.7.6", f"192.168.7.{150 + chance.randrange(25)}"]), chance.randrange(16_384, 32_768) & ~1, proto="udp", talk=talk))
    return scene


def benign_meetings(chance):
    """Meetings of an hour: media over UDP 8801 or 3478 to servers by address, TCP 443 beside it, and screens that are shared."""
    scene = named(chance, 8)
    for n in range(chance.randrange(2, 8)):
        src = f"192.168.7.{30 + n}"
        for _ in range(chance.randrange(1, 5)):
            at, lasts, addr = chance.uniform(30, scene.span - 4_000), log_uniform(chance, 600, 3_600), f"170.114.{chance.randrange(250)}.{chance.randrange(1, 250)}"
            https(scene, chance, at, src, "us06web.zoom.us", "170.114.52.2")
            talk = [(lasts * k / 300, way, int(lasts * rate / 300)) for k in range(300) for way, rate in (("out", 90_000), ("in", 160_000))]
            scene.add(Flow(at + 2, src, addr, chance.choice([8801, 3478, 3480]), proto="udp", talk=talk))
            scene.add(Flow(at + 2, src, addr, 443, talk=[(lasts * k / 200, way, 700) for k in range(200) for way in ("out", "in")], name="zoomamm1.zoom.us", lasts=lasts))
        browsing(scene, chance, src, 1 / 300)
    return scene


def benign_launchers(chance):
    """A launcher of games at rest: servers by address on 27017 and up, a friends list that is kept open, and a download in pieces."""
    scene = named(chance, 4)
    servers = [f"162.254.{chance.choice([192, 193, 195, 197])}.{chance.randrange(10, 90)}" for _ in range(6)]
    for n, addr in enumerate(servers):
        talk = [(0.1, "out", 60), (0.2, "in", 80)] + ([(at, way, 90) for at in range(20, int(scene.span) - 60, 28) for way in ("out", "in")] if n == 0 else [])
        scene.add(Flow(40 + n * 0.1, HOST, addr, chance.choice([27_017, 27_018, 27_019]), talk=talk)).payload = Payload(UNKNOWN)
    for at in steps(chance, scene.span, 600, 0.05):
        https(scene, chance, at, HOST, "launcher-public-service-prod06.ol.epicgames.com", "34.194.25.86", 2_200, 5_000, lasts=1)
    for k in range(300):
        https(scene, chance, 2_000 + 4 * k, HOST, "cache5-fra1.steamcontent.com", "155.133.248.11", 3_000, int(log_uniform(chance, 2e5, 2e7)), lasts=4, port=80)
    browsing(scene, chance)
    return scene


def benign_printers(chance):
    """A print server that asks printers by SNMP and sends jobs to 9100; scanners that write to a share and send mail through the house."""
    scene = begin(chance, 8, packets=0)
    for n in range(chance.randrange(3, 10)):
        printer = f"192.168.7.{200 + n}"
        for at in steps(chance, scene.span, chance.choice([60, 600]), 0.02):
            scene.add(Flow(at, "192.168.7.6", printer, 161, proto="udp", talk=exchange(90, 140)))
        for _ in range(chance.randrange(5, 60)):
            scene.add(Flow(chance.uniform(5, scene.span - 100), "192.168.7.6", printer, 9100, talk=exchange(int(log_uniform(chance, 3e4, 3e7)), 200), lasts=chance.uniform(2, 60)))
        for _ in range(chance.randrange(0, 20)):
            at = chance.uniform(5, scene.span - 100)
            scene.add(Flow(at, printer, "192.168.7.8", 445, talk=exchange(int(log_uniform(chance, 2e5, 9e6)), 4_000), lasts=6))
            scene.add(Flow(at + 30, printer, "192.168.7.9", 25, talk=exchange(int(log_uniform(chance, 2e5, 9e6)), 900), lasts=5))
    return scene


def benign_runners(chance):
    """A runner that polls its server every few seconds for jobs, then fetches images and pushes artifacts."""
    scene = named(chance, 4)
    name, addr = chance.choice([("gitlab.com", "172.65.251.78"), ("pipelines.actions.githubusercontent.com", "13.107.42.16"), (f"git.{word(chance)}.de", public(chance))])
    for at in steps(chance, scene.span, chance.choice([3, 10, 50]), 0.05):
        if len(scene.flows) < 5_000:
            https(scene, chance, at, HOST, name, addr, 900, 700, lasts=0.3, rate_of_questions=0.02)
    for at in steps(chance, scene.span, 1_800, 0.6):
        for _ in range(chance.randrange(10, 60)):
            https(scene, chance, at + chance.random() * 90, HOST, *chance.choice([("registry-1.docker.io", "54.236.113.205"), ("ghcr.io", "140.82.121.33"), ("proxy.golang.org", "142.250.184.209"), ("repo.maven.apache.org", "146.75.116.215")]),
                  received=int(log_uniform(chance, 3e3, 9e7)))
        https(scene, chance, at + 120, HOST, name, addr, int(log_uniform(chance, 1e6, 2e8)), 2_000, lasts=15)
    return scene


def benign_kubernetes(chance):
    """Probes of each pod every 10 s by the kubelet, watches of the API server, and metrics that are collected every 15 s."""
    scene = begin(chance, 1, packets=0)
    for n in range(chance.randrange(5, 20)):
        pod, port, is_broken = f"10.244.1.{10 + n}", chance.choice([8080, 3000, 9090, 8443, 5000, 8081]), chance.random() < 0.05
        for at in steps(chance, scene.span, 10):
            scene.add(Flow(at, "10.244.1.1", pod, port, talk=[(0, "out", 0)] if is_broken else exchange(110, 150), state="REJ" if is_broken else "SF", lasts=0.01))
        for at in steps(chance, scene.span, 15):
            scene.add(Flow(at, "10.244.2.7", pod, chance.choice([9153, 8081]), talk=exchange(300, 14_000), lasts=0.02))
        talk = [(at, "in", int(log_uniform(chance, 200, 9_000))) for at in range(5, int(scene.span) - 20, 17)] + [(2, "out", 900)]
        scene.add(Flow(1, pod, "10.96.0.1", 443, talk=sorted(talk), state="S1"))
        for at in steps(chance, scene.span, 30, 0.5):
            scene.ask(at, pod, f"{word(chance)}.default.svc.cluster.local.default.svc.cluster.local", rcode="NXDOMAIN", server="10.96.0.10")
    return scene


def benign_backup_window(chance):
    """Veeam or Bacula at night: the server connects to each host, its data goes to a repository, and the copy goes to storage for rent by name."""
    scene = named(chance, 8)
    for n in range(chance.randrange(4, 20)):
        host, at = f"192.168.7.{70 + n}", 300 + n * chance.uniform(100, 900)
        scene.add(Flow(at, "192.168.7.5", host, chance.choice([9102, 6160, 445, 135]), talk=exchange(9_000, 6_000), lasts=60))
        scene.add(Flow(at + 10, host, "192.168.7.5", chance.choice([9103, 2500, 2501]), talk=exchange(int(log_uniform(chance, 1e8, 2e11)), 90_000), lasts=log_uniform(chance, 60, 2_000)))
    name = chance.choice(["s3.eu-central-1.wasabisys.com", "backup-bucket.s3.eu-central-1.amazonaws.com", "f002.backblazeb2.com"])
    for k in range(chance.randrange(30, 200)):
        https(scene, chance, 9_000 + 20 * k, "192.168.7.5", name, "130.117.252.11", int(log_uniform(chance, 5e6, 1e8)), 3_000, lasts=15)
    return scene


def benign_mirror(chance):
    """A mirror of packages: rsync from upstream every few hours, and hundreds of clients that fetch from it."""
    scene = named(chance, 8)
    for at in steps(chance, scene.span, 7_200, 0.05):
        scene.add(Flow(at, SERVER, "213.129.232.21", 873, talk=exchange(int(log_uniform(chance, 1e5, 4e6)), int(log_uniform(chance, 1e7, 9e9))), name="rsync.debian.example.org", lasts=600))
    for _ in range(chance.randrange(300, 3_000)):
        scene.add(Flow(chance.uniform(1, scene.span - 60), public(chance), SERVER, chance.choice([80, 443]), talk=exchange(int(log_uniform(chance, 200, 4_000)), int(log_uniform(chance, 500, 9e7))), lasts=chance.uniform(0.1, 40)))
    return scene


def benign_sensors(chance):
    """MQTT: sensors that keep one connection to a broker inside, with a ping each minute, and a bridge to the cloud on 8883 by name."""
    scene = named(chance, 8)
    for n in range(chance.randrange(5, 25)):
        talk = [(at, way, 2 if chance.random() < 0.7 else 120) for at in range(3, int(scene.span) - 90, chance.choice([30, 60])) for way in ("out", "in")]
        scene.add(Flow(chance.uniform(1, 60), f"192.168.7.{100 + n}", SERVER, 1883, talk=talk, state="S1"))
    talk = [(at, way, int(log_uniform(chance, 100, 900))) for at in range(3, int(scene.span) - 90, 20) for way in ("out", "in")]
    scene.add(Flow(4, SERVER, "3.120.7.9", 8883, talk=talk, state="S1", name="a1b2c3.iot.eu-central-1.amazonaws.com"))
    return scene


def benign_road_warrior(chance):
    """A notebook whose VPN carries all, on UDP 443, 1194, 500 and 4500 or TCP 443, to its employer by name, with a keep-alive."""
    scene, name, addr = named(chance, 8), f"vpn.{word(chance)}.com", public(chance)
    port, proto = chance.choice([(443, "udp"), (1194, "udp"), (4500, "udp"), (443, "tcp"), (10_443, "tcp"), (51_820, "udp")])
    at = 60.0
    while at < scene.span - 600:
        lasts = min(log_uniform(chance, 600, 15_000), scene.span - at - 60)
        talk = [(lasts * k / 500, way, int(log_uniform(chance, 90, 90_000))) for k in range(500) for way in ("out", "in")]
        scene.ask(at - 1, HOST, name, answers=[addr])
        https(scene, chance, at - 0.5, HOST, name, addr, 4_000, 8_000, lasts=2)
        scene.add(Flow(at, HOST, addr, port, proto=proto, talk=talk, name=name if proto == "tcp" else None, lasts=lasts))
        at += lasts + chance.uniform(30, 3_000)
    return scene


def benign_zabbix(chance):
    """A monitoring server with agents: active agents every minute on 10051, passive checks on 10050, web checks outside by name, pings."""
    scene = named(chance, 4)
    for n in range(chance.randrange(5, 15)):
        host = f"192.168.7.{60 + n}"
        for at in steps(chance, scene.span, 60, 0.01):
            scene.add(Flow(at, host, SERVER, 10_051, talk=exchange(400 + chance.randrange(900), 90), lasts=0.02))
        for at in steps(chance, scene.span, 30, 0.01):
            scene.add(Flow(at, SERVER, host, 10_050, talk=exchange(30, 40), lasts=0.01))
        pings = [(at, "out", 68) for at in range(0, int(scene.span), 60)]
        scene.add(Flow(2, SERVER, host, 0, proto="icmp", talk=pings + [(at + 0.01, "in", 68) for at, _, _ in pings]))
    for name, addr in [(f"www.{word(chance)}.de", public(chance)) for _ in range(3)]:
        for at in steps(chance, scene.span, 60, 0.01):
            https(scene, chance, at, SERVER, name, addr, 600, 30_000, lasts=0.4)
    return scene


def benign_cloud_agents(chance):
    """A server with agents for logs, metrics and protection: reports every 10 to 60 s, by names of their makers, and a metadata service."""
    scene = named(chance, 4)
    for name, addr, period in [("7-52-0-app.agent.datadoghq.com", "3.233.144.10", 15), ("ssm.eu-central-1.amazonaws.com", "52.119.188.15", 60), ("ec2messages.eu-central-1.amazonaws.com", "52.119.189.7", 20),
                               ("ts01-lanner-lion.cloudsink.net", "3.121.6.180", 90), ("logs.eu-central-1.amazonaws.com", "52.46.200.9", 10), ("collector.newrelic.com", "162.247.241.2", 60)]:
        for at in steps(chance, scene.span, period, 0.03):
            https(scene, chance, at, HOST, name, addr, int(log_uniform(chance, 900, 20_000)), 500, lasts=0.5, rate_of_questions=0.05)
    for at in steps(chance, scene.span, 300, 0.1):
        scene.add(Flow(at, HOST, "169.254.169.254", 80, talk=exchange(200, 900), lasts=0.01))
    return scene


def benign_cameras(chance):
    """Cameras that stream to a recorder inside, and look for their maker's relays by address over UDP every 20 s."""
    scene = begin(chance, 4, packets=0)
    for n in range(chance.randrange(2, 8)):
        src = f"192.168.7.{120 + n}"
        scene.add(Flow(2, "192.168.7.9", src, 554, talk=[(at, "in", 400_000) for at in range(1, int(scene.span) - 20, 5)] + [(1, "out", 400)], state="S1"))
        for addr in [public(chance) for _ in range(3)]:
            talk = [(at, way, 44) for at in range(3, int(scene.span) - 20, 20) for way in ("out", "in")]
            scene.add(Flow(3, src, addr, chance.choice([32_100, 8_800, 10_240]), proto="udp", talk=talk))
    return scene


def benign_shops(chance):
    """Tills: card payments to a processor by address on a port of its own, and a database inside."""
    scene = begin(chance, 8, packets=0)
    addr, port = public(chance), chance.choice([5_015, 9_443, 443, 20_002, 8_443])
    for n in range(chance.randrange(2, 6)):
        src, at = f"192.168.7.{30 + n}", 60.0
        while at < scene.span - 60:
            scene.add(Flow(at, src, addr, port, talk=exchange(900 + chance.randrange(60), 700 + chance.randrange(60)), lasts=2)).payload = Payload("tls", "openssl", False, False, "CN=pay.example.com", AUTHORITIES[2])
            scene.add(Flow(at + 1, src, "192.168.7.4", 1433, talk=exchange(2_000, 3_000), lasts=0.2))
            at += chance.expovariate(1 / 240) + 5
    return scene


def benign_help_desk(chance):
    """Technicians: remote help by name, RDP to some hosts, remote registry and shares of the same hosts, one after another."""
    scene = named(chance, 8)
    for _ in range(chance.randrange(3, 9)):
        at, host, lasts = chance.uniform(100, scene.span - 2_000), f"192.168.7.{60 + chance.randrange(40)}", log_uniform(chance, 100, 1_800)
        scene.add(Flow(at, HOST, host, 445, talk=exchange(20_000, 90_000), lasts=40))
        talk = [(t, way, chance.randrange(60, 8_000)) for t in range(1, int(lasts), 2) for way in ("out", "in")]
        scene.add(Flow(at + 60, HOST, host, 3389, talk=talk, lasts=lasts))
        https(scene, chance, at + 5, HOST, "router14.teamviewer.com", "188.172.235.144", 90_000, 400_000, lasts=lasts)
    browsing(scene, chance)
    return scene


def benign_reputation(chance):
    """Antivirus, mail filter and browser that ask by DNS: hashes under the makers' domains, block lists, and names of content delivery."""
    scene = named(chance, 4)
    for at in steps(chance, scene.span, 12, 0.9):
        kind = chance.random()
        if kind < 0.4:
            scene.ask(at, HOST, f"{drawn(chance, HEX, 32)}.{drawn(chance, HEX, 20)}.avqs.mcafee.com", answers=["127.0.0.1"])
        elif kind < 0.7:
            scene.ask(at, SERVER, f"{chance.randrange(250)}.{chance.randrange(250)}.{chance.randrange(250)}.{chance.randrange(250)}.zen.spamhaus.org", rcode=chance.choice(["NXDOMAIN", "NXDOMAIN", "NOERROR"]))
        else:
            scene.ask(at, HOST, f"d{drawn(chance, HEX, 13)}.cloudfront.net", answers=["18.66.2.9"])
    browsing(scene, chance)
    return scene


def benign_signage(chance):
    """Screens and kiosks that ask their server by HTTP every half minute, by name and in clear."""
    scene = named(chance, 8)
    name, addr = f"player.{word(chance)}signage.com", public(chance)
    for n in range(chance.randrange(1, 6)):
        for at in steps(chance, scene.span, chance.choice([30, 60]), 0.02):
            https(scene, chance, at, f"192.168.7.{180 + n}", name, addr, 400, 300, lasts=0.2, port=80, rate_of_questions=0.05)
    browsing(scene, chance)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        benign_domain_day, benign_controllers, benign_deployment, benign_phones, benign_meetings, benign_launchers, benign_printers,
        benign_runners, benign_kubernetes, benign_backup_window, benign_mirror, benign_sensors, benign_road_warrior, benign_zabbix,
        benign_cloud_agents, benign_cameras, benign_shops, benign_help_desk, benign_reputation, benign_signage,
    )
}
