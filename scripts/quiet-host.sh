#!/usr/bin/env bash
# Three ordinary minutes of a host, recorded and analyzed: a package download, name
# look-ups, SSH in and out, a web server under load, a job every minute, a health check every ten seconds.
# Nothing of it may be more than low.
#
#   sudo scripts/quiet-host.sh [target/release/netrec] [FOLDER]
#
# Needs nginx, wrk, curl, dig, OpenSSH (ssh, sshd) and apt-get. The world outside is a network namespace (5.5.5.5), so that the
# scene is the same without a network; the downloads and look-ups are then missing, and said so.
# Ends with 0 if no finding is above low, else with 1 and the findings. What else happens on the host is
# in the recording too.
set -euo pipefail

netrec=$(realpath "${1:-target/release/netrec}")
folder=${2:-$(mktemp -d)}
seconds=180
mkdir -p "$folder"/{www,nginx,debs}
cd "$folder"

ip netns add netrec-quiet
started=()
clean_up() {
    kill "${started[@]}" 2>/dev/null || true
    ip link del nrq0 2>/dev/null || true
    ip netns del netrec-quiet
}
trap clean_up EXIT
ip link add nrq0 type veth peer name nrq1 netns netrec-quiet
ip addr add 10.213.7.1/30 dev nrq0
ip link set nrq0 up
ip -n netrec-quiet addr add 10.213.7.2/30 dev nrq1
ip -n netrec-quiet addr add 5.5.5.5/32 dev lo
ip -n netrec-quiet link set nrq1 up
ip -n netrec-quiet link set lo up
ip route add 5.5.5.5/32 via 10.213.7.2 dev nrq0

head -c 20000 /dev/zero > www/index.html
# Two web servers: one on this host, one outside.
for server in "web 127.0.0.1:18080" "out 5.5.5.5:80"; do
    read -r name address <<< "$server"
    cat > "nginx/$name.conf" <<CONF
daemon off; pid $PWD/nginx/$name.pid; error_log $PWD/nginx/$name.err; worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path $PWD/nginx/$name.body; proxy_temp_path $PWD/nginx/$name.proxy;
    fastcgi_temp_path $PWD/nginx/$name.fastcgi; uwsgi_temp_path $PWD/nginx/$name.uwsgi;
    scgi_temp_path $PWD/nginx/$name.scgi;
    server { listen $address; location / { root $PWD/www; } }
}
CONF
done
nginx -c "$PWD/nginx/web.conf" & started+=($!)
ip netns exec netrec-quiet nginx -c "$PWD/nginx/out.conf" & started+=($!)

# Who may log in: root, by a key that lives as long as the folder.
ssh-keygen -q -t ed25519 -N '' -f key <<< y >/dev/null
mkdir -p /run/sshd
for address in 5.5.5.5 10.213.7.1; do
    cat > "sshd-$address.conf" <<CONF
ListenAddress $address:22
HostKey $PWD/key
AuthorizedKeysFile $PWD/key.pub
PidFile none
StrictModes no
UsePAM no
CONF
done
ip netns exec netrec-quiet /usr/sbin/sshd -D -f "$PWD/sshd-5.5.5.5.conf" & started+=($!)
/usr/sbin/sshd -D -f "$PWD/sshd-10.213.7.1.conf" & started+=($!)
log_in=(ssh -q -i "$PWD/key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null)

"$netrec" record --duration "${seconds}s" -o quiet.parquet --force & recorder=$!
(for _ in 1 2 3; do curl -s -o /dev/null http://5.5.5.5/ || true; sleep 60; done) & started+=($!)
(for _ in $(seq 17); do curl -s -o /dev/null http://127.0.0.1:18080/ || true; sleep 10; done) & started+=($!)
sleep 3
("${log_in[@]}" root@5.5.5.5 sleep 120 || echo "no session went out") & started+=($!)
(ip netns exec netrec-quiet "${log_in[@]}" root@10.213.7.1 sleep 90 || echo "no session came in") & started+=($!)
(for _ in 1 2 3; do sleep 40; "${log_in[@]}" root@5.5.5.5 uptime >/dev/null || echo "no command was run"; done) & started+=($!)
sleep 12
(cd debs && timeout 40 apt-get download git >/dev/null 2>&1) || echo "no packages were downloaded"
for name in debian.org example.com rust-lang.org; do dig +short +time=2 +tries=1 "$name" >/dev/null || echo "no name service"; done
wrk -t1 -c20 -d20s http://127.0.0.1:18080/ >/dev/null
sleep 5
wrk -t1 -c5 -d5s -H 'Connection: close' http://127.0.0.1:18080/ >/dev/null
wait "$recorder" || [ $? -eq 3 ]

code=0
"$netrec" analyze quiet.parquet -o report --force --fail-on medium || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 3 ] || { echo "a finding is above low, see $PWD/report"; exit 1; }
echo "no finding is above low; the report is in $PWD/report"
