"""Kinds that published captures of malware and of ordinary programs have, and the other scenarios lack.

Cerber reports to ranges of addresses; Sality and GameOver keep old lists of peers; answers of time servers that nobody asked for;
messengers, VPNs and games with a port of their own; print servers that notify their clients; jobs that visit every host.
"""

from .attacks import VICTIM, begin, log_uniform, public
from .ordinary import HOST, begin as begin_ordinary, browsing
from .scene import Flow, exchange


def reports_to_ranges(chance):
    """One datagram to each address of some networks, as fast as they can be sent."""
    scene = begin(chance, log_uniform(chance, 120, 1_200), packets=0.3)
    port, sport, at = chance.choice([6_892, 6_893, 5_093, 1_434]), chance.randrange(49_152, 65_000), scene.span * chance.uniform(0.2, 0.6)
    for _ in range(chance.randrange(2, 4)):
        net = f"{chance.randrange(20, 120)}.{chance.randrange(250)}.{chance.randrange(250)}"
        for host in range(chance.choice([32, 64, 254])):
            scene.add(Flow(at, VICTIM, f"{net}.{host}", port, proto="udp", talk=[(0, "out", 25)], state="S0", sport=sport))
            at += 0.0001
    scene.mean("udp_scan", VICTIM, None, port, "reports to ranges of addresses")
    return scene


def old_list_of_peers(chance):
    """Peers on ports of their own, of which a few in a hundred are left."""
    scene = begin(chance, log_uniform(chance, 1_200, 20_000), packets=0)
    sport, left = chance.randrange(2_000, 9_000), chance.uniform(0.02, 0.08)
    for _ in range(int(log_uniform(chance, 150, 900))):
        talk = [(0, "out", 34)] + ([(0.1, "in", 600)] if chance.random() < left else [])
        at = chance.uniform(5, scene.span - 5)
        scene.add(Flow(at, VICTIM, public(chance), chance.randrange(1_500, 9_500), proto="udp", talk=talk, sport=sport))
    scene.mean("p2p_bot", VICTIM, None, None, f"{100 * left:.0f} % of the peers are left")
    return scene


def reflected_answers(chance):
    """Answers of servers that were asked with this host's address."""
    scene = begin(chance, log_uniform(chance, 300, 1_800), packets=0)
    server, size = chance.choice([(123, 468), (389, 3_000), (1_900, 320), (11_211, 1_400)])
    length, at = log_uniform(chance, 60, 200), chance.uniform(20, 60)
    for _ in range(int(length * chance.uniform(8, 60))):
        flow = Flow(at + chance.uniform(0, length), public(chance), VICTIM, chance.randrange(1_024, 65_000), proto="udp", state="S0", sport=server)
        flow.talk = [(0.01 * n, "out", size) for n in range(chance.randrange(2, 6))]
        scene.add(flow)
    scene.mean("ddos", None, VICTIM, None, f"answers from port {server}")
    return scene


def benign_own_protocols(chance):
    """Messengers, VPNs and games, each with sessions on a port that no service has."""
    scene = begin_ordinary(chance, 2)
    for _ in range(chance.randrange(1, 4)):
        lasts, port = log_uniform(chance, 15, 58), chance.choice([4_244, 5_242, 9_001, 655, 55_655, 9_991])
        talk = [(lasts * n / 40, way, int(log_uniform(chance, 30, 400))) for n in range(40) for way in ("out", "in")]
        scene.add(Flow(chance.uniform(60, scene.span - 100), HOST, public(chance), port, talk=talk))
    lasts, tick = log_uniform(chance, 600, 3_000), chance.uniform(0.05, 0.6)
    talk = [(at * tick, way, chance.randrange(40, 140)) for at in range(int(lasts / tick)) for way in ("out", "in")]
    scene.add(Flow(chance.uniform(60, scene.span - lasts - 60), HOST, public(chance), chance.choice([7_777, 2_106, 43_594, 27_900]), talk=talk))
    browsing(scene, chance)
    return scene


def benign_print_server(chance):
    """Documents to a print server, which connects back to tell how far it is."""
    scene = begin_ordinary(chance, 3)
    for client in range(30, 30 + chance.randrange(8, 40)):
        for _ in range(chance.randrange(1, 5)):
            at, host = chance.uniform(10, scene.span - 90), f"192.168.7.{client}"
            scene.add(Flow(at, host, "192.168.7.6", 445, talk=exchange(int(log_uniform(chance, 2e4, 3e6)), 4_000), lasts=5))
            scene.add(Flow(at + chance.uniform(1, 20), "192.168.7.6", host, 445, talk=exchange(chance.randrange(600, 5_000), 1_400), lasts=11))
    return scene


def benign_configuration_jobs(chance):
    """Every host is visited over SSH, and again some time later, and the same is done."""
    scene = begin_ordinary(chance, 3)
    hosts, at, pause = chance.randrange(6, 60), chance.uniform(30, 200), log_uniform(chance, 900, 3_600)
    while at < scene.span - 300:
        for host in range(hosts):
            sent = int(60_000 * chance.uniform(0.9, 1.1))
            scene.add(Flow(at + host * chance.uniform(0.2, 0.4), "192.168.7.10", f"192.168.7.{100 + host}", 22, talk=exchange(sent, 40_000), lasts=40))
        at += pause * chance.uniform(0.9, 1.1)
    return scene


KINDS = {
    make.__name__: make
    for make in (
        reports_to_ranges, old_list_of_peers, reflected_answers, benign_own_protocols, benign_print_server, benign_configuration_jobs,
    )
}
