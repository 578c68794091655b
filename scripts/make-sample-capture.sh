#!/usr/bin/env bash
# Records sample-captures/workday.parquet: a minute of ordinary traffic with a port scan, a beacon
# and a large upload in it. Its ground truth is in sample-captures/README.md.
#
#   sudo scripts/make-sample-capture.sh [OUTPUT.parquet]
#
# Needs root, ip, python3, curl, nmap, iperf3 and a built target/release/netrec. All traffic stays
# between this host and a network namespace that the script makes and removes.
set -euo pipefail
# The programs of the distribution, whatever else may be installed on this machine.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd "$(dirname "$0")/.."

output=${1:-sample-captures/workday.parquet}
seconds=60
lan=netrec-sample
host=10.77.0.1 web=10.77.0.2 control=10.77.0.3 sink=10.77.0.4
work=$(mktemp -d)
started=()

clean_up() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  ip netns delete "$lan" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

ip netns add "$lan"
ip link add nrsample0 type veth peer name nrsample1 netns "$lan"
ip address add $host/24 dev nrsample0
ip link set nrsample0 up
for address in $web $control $sink; do ip -n "$lan" address add $address/24 dev nrsample1; done
ip -n "$lan" link set nrsample1 up
ip -n "$lan" link set lo up

# The other side: a web server, an iperf3 server, and a listener that answers whatever comes.
mkdir "$work/site"
head -c 20000 /dev/zero | tr '\0' 'x' > "$work/site/index.html"
in_lan() { ip netns exec "$lan" "$@" > /dev/null 2>&1 & started+=($!); }
in_lan python3 -m http.server 8080 --bind $web --directory "$work/site"
in_lan iperf3 --server --bind $sink --port 5201
in_lan python3 -c "
import socket
server = socket.create_server(('$control', 8443))
while True:
    client, _ = server.accept()
    client.recv(100)
    client.sendall(b'ok')
    client.close()"

# An ordinary service of this host.
python3 -m http.server 8000 --bind 127.0.0.1 --directory "$work/site" > /dev/null 2>&1 & started+=($!)

# A chat: a connection that stays, on which something is said now and then.
python3 - <<'CHAT' & started+=($!)
import random, socket, threading, time
server = socket.create_server(("127.0.0.1", 6667))
def answer():
    client, _ = server.accept()
    while heard := client.recv(1000):
        client.sendall(heard[: len(heard) // 2])
threading.Thread(target=answer, daemon=True).start()
client = socket.create_connection(("127.0.0.1", 6667))
random.seed(3)
while True:
    client.sendall(b"x" * random.randint(20, 400))
    client.recv(1000)
    time.sleep(random.expovariate(1 / 4))
CHAT

# A program with a harmless name in a hidden folder: bash, which can connect by itself.
mkdir "$work/.cache"
cp "$(readlink -f "$(command -v bash)")" "$work/.cache/sysupdated"
cat > "$work/beacon" <<BEACON
while :; do
  exec 3<> /dev/tcp/$control/8443 && printf 'id=17 ready' >&3 && read -r -t 1 -u 3 _; exec 3>&-
  sleep 2
done
BEACON
sleep 1

target/release/netrec record --duration ${seconds}s --output "$output" --force & recorder=$!
sleep 3

"$work/.cache/sysupdated" "$work/beacon" > /dev/null 2>&1 & started+=($!)
# A person browses: pauses of one to eight seconds, a page of the LAN or of this host.
python3 - <<'PERSON' & started+=($!)
import random, subprocess, time
random.seed(7)
for _ in range(40):
    page = random.choice(["http://10.77.0.2:8080/", "http://127.0.0.1:8000/"])
    subprocess.run(["curl", "--silent", "--output", "/dev/null", page])
    time.sleep(random.expovariate(1 / 3))
PERSON
sleep 15
nmap -sT -p1-1000 -n -Pn $web > /dev/null
sleep 10
iperf3 --client $sink --port 5201 --bytes 200M > /dev/null
wait "$recorder"
