"""A scene: flows, DNS queries, and which of them are malicious."""

from dataclasses import dataclass, field

START_S = 1_700_000_000.0


@dataclass
class Flow:
    """A flow. `talk` is (seconds after the start, "out" or "in", bytes) for each message."""

    t: float
    src: str
    dst: str
    dport: int
    proto: str = "tcp"
    talk: list = field(default_factory=list)
    # SF closed, S1 still open, S0 unanswered, REJ refused, OTH was there before, RSTO closed by a reset.
    state: str = "SF"
    sport: int = 0
    name: str | None = None
    # Flags of a probe that is no SYN, such as "F" or "FPU"; "" for a NULL scan.
    probe: str | None = None
    lasts: float | None = None
    # Datagrams sent, where they are too many to be listed in `talk`.
    datagrams: int | None = None
    # What it is, see payload.py.
    payload: object = None

    @property
    def duration(self) -> float:
        return self.lasts if self.lasts is not None else max((at for at, _, _ in self.talk), default=0.0)

    def total(self, way: str) -> int:
        return sum(size for _, to, size in self.talk if to == way)

    def messages(self, way: str) -> int:
        return sum(1 for _, to, _ in self.talk if to == way)


@dataclass
class Question:
    """A question to a name server and its answer."""

    t: float
    src: str
    server: str
    name: str
    qtype: str = "A"
    rcode: str = "NOERROR"
    answers: tuple = ()


class Scene:
    """Everything that a capture shows, of `span` seconds."""

    def __init__(self, span: float):
        self.span = span
        self.flows: list[Flow] = []
        self.questions: list[Question] = []
        self.positives: list[dict] = []
        self.resolver = "192.168.7.1"
        self.has_names = True
        self.as_packets = False
        self.has_company = True
        self.is_one_way = False
        self.sample = 1.0
        # Whether a log says what the payload of a connection is, and which TLS client it is.
        self.tells_services = False
        self.tells_clients = False
        self._port = 40_000

    def add(self, flow: Flow) -> Flow:
        if flow.sport == 0 and flow.proto in ("tcp", "udp"):
            self._port = self._port + 1 if self._port < 60_000 else 40_000
            flow.sport = self._port
        self.flows.append(flow)
        return flow

    def ask(self, t, src, name, qtype="A", rcode="NOERROR", answers=(), server=None):
        self.questions.append(Question(t, src, server or self.resolver, name, qtype, rcode, tuple(answers)))

    def mean(self, kind, src, dst, dport, label):
        self.positives.append({"kind": kind, "src": src, "dst": dst, "dport": dport, "label": label})


def exchange(sent: int, received: int, after: float = 0.05, rtt: float = 0.04) -> list:
    """One request and its answer."""
    return [(after, "out", sent), (after + rtt, "in", received)]
