//! Three real recorders in connected network namespaces: every connection is an edge from process
//! to process, and both ends counted the same bytes.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::runner::netrec_in;

/// Three hosts on a bridge, each with its own name, machine id, recorder and server; each fetches a
/// file three times from the next. Ends with `done`.
const LAB: &str = r#"
set -u
hosts="$1a $1b $1c"; bridge=$1x
clean() { for n in $hosts $bridge; do ip netns del $n 2>/dev/null; done; }
trap clean EXIT
ip netns add $bridge && ip -n $bridge link add br0 type bridge && ip -n $bridge link set br0 up || exit 9
i=1
for n in $hosts; do
  ip netns add $n && ip -n $n link set lo up || exit 9
  ip link add v$n netns $n type veth peer name p$n netns $bridge || exit 9
  ip -n $bridge link set p$n master br0 up
  ip -n $n addr add 10.77.5.$i/24 dev v$n && ip -n $n link set v$n up
  printf '%032x\n' "$i" >id.$n
  i=$((i + 1))
done
recorders=
servers=
for n in $hosts; do
  ip netns exec $n unshare -um sh -c "hostname $n && mount --bind '$PWD/id.$n' /etc/machine-id && exec '$2' --quiet record -o $n.parquet" &
  recorders="$recorders $!"
  ip netns exec $n timeout 80 python3 -m http.server 8000 >/dev/null 2>&1 &
  servers="$servers $!"
done
for n in $hosts; do
  for try in $(seq 200); do [ -s $n.parquet.d/journal-0 ] && break; sleep 0.1; done
  for try in $(seq 200); do ip netns exec $n ss -Hltn 'sport = 8000' | grep -q . && break; sleep 0.1; done
done
sleep 1.5
head -c 300000 /dev/zero >blob
fetch() { ip netns exec $1 python3 -c "import urllib.request as u; assert len(u.urlopen('http://10.77.5.$2:8000/blob', timeout=10).read()) == 300000"; }
set -- $hosts
for k in 1 2 3; do fetch $1 2 && fetch $2 3 && fetch $3 1 || exit 8; done
sleep 2.5
kill -INT $recorders
wait $recorders
kill $servers
echo done
"#;

#[test]
fn connections_between_three_real_hosts_are_edges_with_the_same_bytes_at_both_ends() {
    let place = tempfile::tempdir().unwrap();
    let name = format!("nf{}", std::process::id() % 100_000);
    let lab = Command::new("timeout")
        .args(["100", "sh", "-c", LAB, "lab", &name, env!("CARGO_BIN_EXE_netrec")])
        .current_dir(place.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&lab.stdout), String::from_utf8_lossy(&lab.stderr));
    if lab.status.code() == Some(9) {
        println!("skipped: no namespace can be made: {err}");
        return;
    }
    assert!(out.contains("done"), "{:?}: {out}{err}", lab.status);
    let ran = netrec_in(place.path(), &["fleet", "analyze", ".", "-o", "out"]);
    assert!([0, 3].contains(&ran.code), "{}{}", ran.stdout, ran.stderr);
    let report = std::fs::read_to_string(place.path().join("out/fleet.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let mut links: BTreeMap<(String, String), u64> = BTreeMap::new();
    for link in report["links"].as_array().unwrap().iter().filter(|link| link["port"] == 8000) {
        let text = |key: &str| link[key].as_str().unwrap_or_default().to_owned();
        assert_eq!((text("source_process"), text("target_process")), ("python3".into(), "python3".into()));
        links.insert((text("from"), text("to")), link["connections"].as_u64().unwrap());
    }
    let host = |letter: &str| format!("{name}{letter}");
    let expected = [("a", "b"), ("b", "c"), ("c", "a")].map(|(a, b)| ((host(a), host(b)), 3));
    assert_eq!(links, BTreeMap::from(expected), "{report:#}");
    let coverage = &report["coverage"];
    assert_eq!(coverage["edges"]["exact"], 9, "{coverage:#}");
    assert_eq!((&coverage["bytes_agree"], &coverage["bytes_differ"]), (&9.into(), &0.into()), "{coverage:#}");
}
