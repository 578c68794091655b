"""Stages of campaigns that public reports describe, written after `tradecraft` and before any detector had seen them.

Long polling, data in time requests, tunnels of ngrok, ScreenConnect with a server of its own, tickets by the hundred, fast flux, check-ins
in office hours and in bursts, IPv6, stuffing by proxies, bots and buckets that take data out, hashes that leak, pivots over TCP, mass
deployment, desktops from a VPN address, and data that is collected first.
"""

from .attacks import VICTIM, begin, log_uniform, public, times, word
from .families import company, tls
from .implants import CHEAP, implant, moment, signed
from .payload import UNKNOWN, Payload
from .scene import Flow, exchange


def long_polling(chance):
    """Each request is held open until there is something to do, or for half a minute; the next one follows at once."""
    scene, addr, port = implant(chance, (0.3, 3)), public(chance), chance.choice([80, 9999, 443, 8080])
    at, hold = moment(scene, chance), chance.choice([30, 45, 60])
    while at < scene.span - hold - 5:
        held = hold if chance.random() < 0.9 else chance.uniform(1, hold)
        flow = scene.add(Flow(at, VICTIM, addr, port, talk=[(0.05, "out", 210), (held, "in", 130 if held == hold else 900)], lasts=held + 0.01))
        flow.payload = Payload("http")
        at += held + chance.uniform(0.05, 0.3)
    scene.mean("beacon", VICTIM, addr, port, f"long polling, {hold} s")
    return scene


def data_in_time_requests(chance):
    """Requests to UDP 123 of one address that are no server of any pool, each of another size."""
    scene, addr = implant(chance, (0.3, 4)), public(chance)
    for at in times(chance, scene.span, log_uniform(chance, 2, 20), 0.2):
        scene.add(Flow(at, VICTIM, addr, 123, proto="udp", talk=[(0, "out", chance.randrange(60, 400)), (0.05, "in", chance.randrange(60, 500))]))
    scene.mean("c2", VICTIM, addr, 123, "data in NTP")
    return scene


def desktop_through_ngrok(chance):
    """An agent of ngrok that keeps its tunnel, and the attacker's desktop that comes out of it at another host."""
    scene, name = implant(chance, (0.7, 5)), chance.choice(["connect.ngrok-agent.com", "tunnel.us.ngrok.com"])
    talk = [(0.1, "out", 700), (0.2, "in", 3_900)] + [(tick, way, 40) for tick in range(10, int(scene.span) - 30, 10) for way in ("out", "in")]
    flow = scene.add(Flow(10, VICTIM, "3.125.102.39", 443, talk=talk, state="S1", name=name))
    flow.payload = signed(name)
    start, lasts = moment(scene, chance), log_uniform(chance, 300, 2_000)
    desk = [(lasts * n / 400, way, 90 if way == "out" else 900) for n in range(400) for way in ("out", "in")]
    scene.add(Flow(start, VICTIM, "192.168.7.33", 3389, talk=desk, lasts=lasts))
    flow.talk = sorted(flow.talk + [(start - 10 + at, "in" if way == "out" else "out", size) for at, way, size in desk])
    scene.mean("port_forward", VICTIM, flow.dst, 443, "ngrok")
    return scene


def screen_connect_of_its_own(chance):
    """The remote control program, with a relay of the attacker's on port 8041 under a cheap name."""
    scene, name = implant(chance, (0.5, 6)), f"relay.{word(chance)}{word(chance)}.{chance.choice(CHEAP)}"
    talk, tick = [(0.1, "out", 400), (0.2, "in", 300)], 2.0
    while tick < scene.span - 40:
        talk += [(tick, "out", 60), (tick + 0.1, "in", 40)]
        tick += 30 if chance.random() < 0.9 else chance.uniform(0.5, 5)
    flow = scene.add(Flow(12, VICTIM, public(chance), 8041, talk=talk, state="S1", name=name))
    flow.payload = Payload(UNKNOWN)
    scene.mean("c2_single_connection", VICTIM, flow.dst, 8041, "ScreenConnect")
    return scene


def tickets_by_the_hundred(chance):
    """Kerberoasting: a ticket for every account that has a service, within a minute."""
    scene, at = begin(chance, log_uniform(chance, 900, 7_200)), 0.0
    at, number = moment(scene, chance), chance.randrange(60, 400)
    for _ in range(number):
        scene.add(Flow(at, VICTIM, "192.168.7.2", 88, talk=exchange(1_500 + chance.randrange(90), 1_600 + chance.randrange(200)), lasts=0.03))
        at += log_uniform(chance, 0.02, 0.5)
    scene.mean("enumeration", VICTIM, "192.168.7.2", 88, f"{number} tickets")
    return scene


def fast_flux(chance):
    """One cheap name whose addresses change at each look-up."""
    scene, name = implant(chance, (1, 12), packets=0.2), f"{word(chance)}{word(chance)}.{chance.choice(CHEAP)}"
    pool = [public(chance) for _ in range(chance.randrange(12, 60))]
    for at in times(chance, scene.span, log_uniform(chance, 60, 400), 0.25):
        addr = chance.choice(pool)
        scene.ask(at - 0.1, VICTIM, name, answers=[addr])
        flow = scene.add(Flow(at, VICTIM, addr, 443, talk=exchange(700, 500), name=name, lasts=0.8))
        flow.payload = signed(name)
    scene.mean("beacon", VICTIM, flow.dst, 443, f"{len(pool)} addresses of one name")
    return scene


def in_office_hours(chance):
    """Check-ins every 20 to 60 min with much jitter, from eight to six, on working days."""
    scene, name = implant(chance, (72, 110), packets=0), f"{word(chance)}-{word(chance)}.com"
    for at in times(chance, scene.span, log_uniform(chance, 1_200, 3_600), 0.3):
        if 8 <= (at / 3_600) % 24 < 18:
            flow = scene.add(Flow(at, VICTIM, "45.77.12.9", 443, talk=exchange(800 + chance.randrange(400), 600), name=name, lasts=1))
            flow.payload = signed(name)
    scene.mean("beacon", VICTIM, "45.77.12.9", 443, "in office hours")
    return scene


def in_bursts(chance):
    """Once an hour or so, twenty requests within a few seconds."""
    scene, addr = implant(chance, (10, 40), packets=0), public(chance)
    of = tls(company(chance))
    for at in times(chance, scene.span, log_uniform(chance, 1_800, 5_400), 0.15):
        for _ in range(chance.randrange(8, 25)):
            flow = scene.add(Flow(at, VICTIM, addr, 443, talk=exchange(600, 900), lasts=0.3))
            flow.payload = of
            at += chance.uniform(0.2, 1)
    scene.mean("beacon", VICTIM, addr, 443, "in bursts")
    return scene


def over_v6(chance):
    """Check-ins at an IPv6 address that no name stands for."""
    scene, addr = implant(chance, (0.5, 6)), f"2a01:4f8:{chance.randrange(9, 99)}:{chance.randrange(9, 9999):x}::2"
    for at in times(chance, scene.span, log_uniform(chance, 10, 120), 0.2):
        flow = scene.add(Flow(at, "2001:db8:7::20", addr, 443, talk=exchange(650, 420), lasts=0.4))
        flow.payload = tls("CN=localhost")
    scene.mean("beacon", "2001:db8:7::20", addr, 443, "over IPv6")
    return scene


def stuffing_by_proxies(chance):
    """Stolen logins at a portal, from hundreds of rented addresses, a few tries each."""
    scene = begin(chance, log_uniform(chance, 1_800, 10_000), packets=0)
    clients = [public(chance) for _ in range(chance.randrange(80, 300))]
    for _ in range(int(log_uniform(chance, 800, 4_000))):
        scene.add(Flow(chance.uniform(30, scene.span - 10), chance.choice(clients), "192.168.7.2", 443, talk=exchange(1_300 + chance.randrange(40), 5_200 + chance.randrange(30)), lasts=0.7))
    scene.mean("brute_force", None, "192.168.7.2", 443, f"stuffing by {len(clients)} addresses")
    return scene


def archive_to_a_bot(chance):
    """An archive in parts to the interface for bots of a messenger."""
    scene, name = implant(chance, (0.3, 3)), "api.telegram.org"
    at, parts = moment(scene, chance), chance.randrange(2, 8)
    for _ in range(parts):
        size = int(log_uniform(chance, 5e6, 4.9e7))
        flow = scene.add(Flow(at, VICTIM, "149.154.167.220", 443, talk=exchange(size, 1_500), name=name, lasts=size / 3e6))
        flow.payload = signed(name)
        at += size / 3e6 + chance.uniform(1, 8)
    scene.mean("exfil", VICTIM, "149.154.167.220", 443, f"{parts} parts to a bot")
    return scene


def bucket_of_its_own(chance):
    """Parts of 5 MB each to a storage server of the attacker's, on port 9000 of a bare address."""
    scene, addr, port = implant(chance, (0.5, 4)), public(chance), chance.choice([9000, 443, 9001])
    at, parts = moment(scene, chance), int(log_uniform(chance, 20, 600))
    for _ in range(parts):
        scene.add(Flow(at, VICTIM, addr, port, talk=exchange(5_243_000, 700), lasts=1.2))
        at += chance.uniform(1.0, 1.6)
    scene.mean("exfil", VICTIM, addr, port, f"{parts} parts of 5 MB")
    return scene


def hash_that_leaks(chance):
    """A mail or a document makes the client log in at a file server outside."""
    scene, addr = implant(chance, (0.3, 3)), public(chance)
    at = moment(scene, chance)
    for _ in range(chance.randrange(1, 5)):
        flow = scene.add(Flow(at, VICTIM, addr, 445, talk=[(0.05, "out", 240), (0.1, "in", 300), (0.15, "out", 520), (0.2, "in", 90)], lasts=1.5))
        flow.payload = Payload("smb")
        at += chance.uniform(0.5, 30)
    scene.mean("exploit_callback", VICTIM, addr, 445, "NTLM to the outside")
    return scene


def pivot_over_tcp(chance):
    """A beacon inside the network that waits on port 4444, and the host that asks it every minute."""
    scene, period = begin(chance, log_uniform(chance, 2_400, 14_400)), chance.choice([10, 30, 60])
    talk = [(0.1, "out", 300), (0.2, "in", 700)]
    for at in times(chance, scene.span - 40, period, 0.05):
        talk += [(5 + at, "out", 52), (5.02 + at, "in", 64)]
    flow = scene.add(Flow(20, VICTIM, "192.168.7.31", 4444, talk=talk, state="S1"))
    flow.payload = Payload(UNKNOWN)
    scene.mean("lateral_movement", VICTIM, "192.168.7.31", 4444, "beacon over TCP")
    return scene


def mass_deployment(chance):
    """A program is copied to every host and started there, within minutes."""
    scene, at = begin(chance, log_uniform(chance, 1_800, 9_000)), 0.0
    at, hosts, size = moment(scene, chance), chance.randrange(20, 120), chance.randrange(300_000, 2_500_000)
    for host in range(hosts):
        addr = f"192.168.7.{100 + host}"
        scene.add(Flow(at, VICTIM, addr, 445, talk=exchange(size, 9_000), lasts=2))
        scene.add(Flow(at + 2.2, VICTIM, addr, 135, talk=exchange(300, 300), lasts=0.2))
        scene.add(Flow(at + 2.5, VICTIM, addr, 49_668, talk=exchange(1_900, 900), lasts=1))
        at += chance.uniform(0.5, 4)
    scene.mean("lateral_movement", VICTIM, None, 445, f"deployment to {hosts} hosts")
    return scene


def desktops_from_a_vpn(chance):
    """An address of the VPN that tries the desktops of servers, one after the other, and stays at a few."""
    scene, client = begin(chance, log_uniform(chance, 2_400, 14_400)), "192.168.7.250"
    at, number = moment(scene, chance), chance.randrange(8, 30)
    for host in range(number):
        if chance.random() < 0.3:
            lasts = log_uniform(chance, 60, 900)
            talk = [(lasts * n / 200, way, 80 if way == "out" else 1_100) for n in range(200) for way in ("out", "in")]
            scene.add(Flow(at, client, f"192.168.7.{40 + host}", 3389, talk=talk, lasts=lasts))
        else:
            scene.add(Flow(at, client, f"192.168.7.{40 + host}", 3389, talk=exchange(1_700, 2_100), lasts=4))
        at += chance.uniform(5, 60)
    scene.mean("lateral_movement", client, None, 3389, f"RDP to {number} hosts")
    return scene


def collected_first(chance):
    """Shares are read for an hour, and what was found goes out to storage that anyone rents."""
    scene, name = implant(chance, (2, 6), packets=0), f"{word(chance)}.s3.eu-west-1.wasabisys.com"
    size = int(log_uniform(chance, 2e8, 6e9))
    for part in range(20):
        scene.add(Flow(60 + part * 100, VICTIM, f"192.168.7.{chance.choice([2, 3, 4])}", 445, talk=exchange(90_000, size // 20), lasts=80))
    flow = scene.add(Flow(2_400, VICTIM, "130.117.252.20", 443, talk=exchange(size, size // 900), name=name, lasts=min(scene.span - 2_500, size / 4e6 + 20)))
    flow.payload = signed(name)
    scene.mean("exfil", VICTIM, flow.dst, 443, f"{size / 1e6:.0f} MB that were collected")
    return scene


KINDS = {
    make.__name__: make
    for make in (
        long_polling, data_in_time_requests, desktop_through_ngrok, screen_connect_of_its_own, tickets_by_the_hundred, fast_flux,
        in_office_hours, in_bursts, over_v6, stuffing_by_proxies, archive_to_a_bot, bucket_of_its_own, hash_that_leaks, pivot_over_tcp,
        mass_deployment, desktops_from_a_vpn, collected_first,
    )
}
