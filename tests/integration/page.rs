//! The page as a responder uses it: one state for all of it, entities, the graph, triage, and
//! accessibility by screen reader and keyboard.

use std::path::{Path, PathBuf};
use std::time::Instant;

use netrec::capture::{Counters, Owner, OwnerSource, Protocol, Row, TcpState};
use netrec::report::Section;

use crate::browser::{Opened, open, sample_report};
use crate::fixture;
use crate::runner::netrec_in;

/// Clicks on the first button with this text.
fn click_text(page: &Opened, within: &str, text: &str) {
    let script = format!(
        "[...document.querySelectorAll('{within} button, {within} a')].find((b) => b.textContent.trim() === '{text}').click()"
    );
    page.tab.evaluate(&script, false).unwrap();
    page.tab.evaluate("new Promise((done) => setTimeout(done, 50))", true).unwrap();
}

#[test]
fn the_first_screen_says_how_bad_it_is_what_happened_and_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    let verdict = page.text("document.getElementById('verdict').innerText");
    for part in ["HIGH", "2 incidents of high severity", "nmap (pid", "What to do now", "Completeness"] {
        assert!(verdict.contains(part), "{part} in {verdict}");
    }
    let bottom = page.number("document.getElementById('verdict').getBoundingClientRect().bottom");
    assert!(bottom < 900.0, "the verdict ends at {bottom}");
    page.is_quiet();
}

#[test]
fn the_address_holds_the_state_and_the_back_button_takes_it_back() {
    let place = tempfile::tempdir().unwrap();
    let report = sample_report(place.path());
    let Some(page) = open(&report) else { return };
    page.click("#tab-raw-data");
    page.type_filter("process:sysupdated");
    let rows = page.rows();
    page.tab.evaluate("new Promise((done) => setTimeout(done, 400))", true).unwrap();
    let hash = page.text("location.hash");
    assert!(hash.contains("q=process%3Asysupdated"), "{hash}");
    page.click("#tab-bandwidth");
    assert_eq!(page.text("document.getElementById('query').value"), "process:sysupdated");
    page.tab.evaluate("new Promise((done) => { addEventListener('popstate', () => setTimeout(done, 50), { once: true }); history.back(); })", true).unwrap();
    assert_eq!(page.text("document.getElementById('raw-data').hidden"), "false");
    assert_eq!(page.rows(), rows);

    // The same link in a new page shows the same view.
    let url = format!("file://{}{hash}", report.display());
    page.tab.navigate_to("about:blank").unwrap().wait_until_navigated().unwrap();
    page.tab.navigate_to(&url).unwrap().wait_until_navigated().unwrap();
    assert_eq!(page.rows(), rows);
    assert_eq!(page.text("document.getElementById('query').value"), "process:sysupdated");
    page.is_quiet();
}

#[test]
fn a_filter_changes_tiles_charts_findings_and_tables() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    let tile = "document.querySelector('[data-tile=connections]').textContent";
    let all = page.text(tile);
    page.type_filter("process:sysupdated");
    assert_ne!(page.text(tile), all);
    assert_eq!(page.text("document.querySelector('[data-tile=processes]').textContent"), "1");
    let live = "document.querySelectorAll('#dashboard .live .bars li').length";
    assert!(page.number(live) >= 3.0);
    page.click("#tab-security");
    let findings =
        "[...document.querySelectorAll('#finding-list article')].map((card) => card.textContent).join('|')";
    assert!(page.text(findings).contains("sysupdated"));
    assert!(!page.text(findings).contains("nmap scanned"), "{}", page.text(findings));
    page.type_filter("");
    assert!(page.text(findings).contains("nmap scanned"));
    page.click("#tab-dashboard");
    assert_eq!(page.text(tile), all);
    page.is_quiet();
}

#[test]
fn a_value_can_be_filtered_excluded_and_copied() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    page.tab.evaluate("window.copied = []; navigator.clipboard.writeText = (text) => { copied.push(text); return Promise.resolve(); }", false).unwrap();
    page.click("#tab-raw-data");
    page.type_filter("process:sysupdated");
    let all = page.rows();
    page.click("#connections tbody tr [data-field=remote]");
    click_text(&page, "#menu", "Filter by this");
    assert_eq!(
        page.text("document.getElementById('query').value"),
        "process:sysupdated remote:10.77.0.3:8443"
    );
    assert_eq!(page.rows(), all);
    page.click("#connections tbody tr [data-field=remote]");
    click_text(&page, "#menu", "Exclude");
    assert_eq!(
        page.text("document.getElementById('query').value"),
        "process:sysupdated -remote:10.77.0.3:8443"
    );
    assert_eq!(page.rows(), 0);
    page.type_filter("process:sysupdated");
    for (item, expected) in [
        ("Copy value", "10.77.0.3:8443"),
        ("Copy defanged", "10[.]77[.]0[.]3:8443"),
        ("Copy as filter", "remote:10.77.0.3:8443"),
    ] {
        page.click("#connections tbody tr [data-field=remote]");
        click_text(&page, "#menu", item);
        assert_eq!(page.text("copied.at(-1)"), expected);
    }
    page.click("#connections tbody tr [data-field=remote]");
    click_text(&page, "#menu", "Copy row");
    assert!(page.text("copied.at(-1)").contains("sysupdated\t"));
    page.click("#copy-filter");
    assert_eq!(page.text("copied.at(-1)"), "netrec dump workday.parquet --filter 'process:sysupdated'");
    page.is_quiet();
}

#[test]
fn a_process_has_a_page_with_its_facts_its_relatives_and_its_peers() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    page.click("#tab-entities");
    let text = "document.getElementById('entity').innerText";
    assert!(page.number("document.querySelectorAll('.graph path').length") > 3.0);
    assert!(page.number("document.querySelectorAll('.tree li').length") > 5.0);
    click_text(&page, "#entity .tree", "sysupdated");
    for part in
        ["Process: sysupdated (pid", "/.cache/sysupdated", "Parent", "sysupdated runs from", "10.77.0.3"]
    {
        assert!(page.text(text).contains(part), "{part} in {}", page.text(text));
    }
    assert!(page.text("location.hash").starts_with("#entities?e=process"), "{}", page.text("location.hash"));
    click_text(&page, "#entity", "10.77.0.3");
    assert!(page.text(text).contains("Destination: 10.77.0.3"));
    page.is_quiet();
}

#[test]
fn an_incident_has_a_timeline_for_a_ticket() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    let story = "[...document.querySelectorAll('.story li')].map((li) => li.textContent).join('\\n')";
    let story = page.text(story);
    assert!(
        story.contains("sysupdated (pid")
            && story.contains("connected to 10.77.0.3:8443, 29 connections until"),
        "{story}"
    );
    assert!(story.contains("tried to connect to 10.77.0.2, 1,000 ports, 1,000 connections"), "{story}");
    page.is_quiet();
}

#[test]
fn triage_is_exported_as_json_and_as_entries_that_the_analysis_accepts() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    page.tab.evaluate("window.copied = []; navigator.clipboard.writeText = (text) => { copied.push(text); return Promise.resolve(); }", false).unwrap();
    page.click("#tab-security");
    let beacon = page.text("document.querySelector('#finding-list article[id^=\"beacon-\"]').id");
    page.tab.evaluate(&format!("(() => {{ const note = document.querySelector('#{beacon} .note'); note.value = 'our \"agent\", ticket 7'; note.dispatchEvent(new Event('change')); }})()"), false).unwrap();
    page.click(&format!("#{beacon} [data-triage=dismissed]"));
    page.click("#triage-json");
    let json: serde_json::Value = serde_json::from_str(&page.text("copied.at(-1)")).unwrap();
    assert_eq!(
        (&json["findings"][0]["finding"], &json["findings"][0]["dismissed"]),
        (&beacon.clone().into(), &true.into())
    );
    page.click("#triage-toml");
    std::fs::write(place.path().join("allow.toml"), page.text("copied.at(-1)")).unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures/workday.parquet");
    let ran = netrec_in(
        place.path(),
        &["analyze", sample.to_str().unwrap(), "-o", "again", "--allow", "allow.toml"],
    )
    .succeeds();
    assert!(ran.stdout.contains("1 suppressed by the allow-list"), "{}", ran.stdout);
    page.is_quiet();
}

/// Own checks instead of a library's: names of controls, one first-level heading, landmarks,
/// heading order, unique ids, text contrast.
const ACCESSIBILITY: &str = r#"(() => {
  const found = [];
  const isSeen = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
  const nameOf = (e) => (e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") && document.getElementById(e.getAttribute("aria-labelledby"))?.textContent) || (e.id && document.querySelector(`label[for="${e.id}"]`)?.textContent) || e.closest("label")?.textContent || e.textContent || "").trim();
  for (const e of document.querySelectorAll("button, a[href], input, select, [role=slider], [role=region], summary")) if (isSeen(e) && nameOf(e) === "") found.push(`no name: ${e.outerHTML.slice(0, 90)}`);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id twice: ${id}`);
  for (const name of ["header", "nav", "main", "footer"]) if (!document.querySelector(name) && !document.querySelector(`[role=tablist]`)) found.push(`no ${name}`);
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  for (const e of document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby]")) for (const n of ["aria-controls", "aria-labelledby", "aria-describedby"]) for (const id of (e.getAttribute(n) ?? "").split(" ").filter(Boolean)) if (!document.getElementById(id)) found.push(`${n} names nothing: ${id}`);
  for (const e of document.querySelectorAll("table")) if (!e.querySelector("th")) found.push("a table without headings");
  const parts = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length === 3 ? [...m, 1] : m; };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const paperOf = (e) => { for (let p = e; p; p = p.parentElement) { const c = parts(getComputedStyle(p).backgroundColor); if (c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (n.textContent.trim() === "" || !isSeen(e) || e.closest("svg, script, style, [disabled], option")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(parts(style.color)), light(paperOf(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const most = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const key = `${e.className} ${style.color}`;
    if (ratio < most && !seen.has(key)) { seen.add(key); found.push(`contrast ${ratio.toFixed(2)}: ${e.tagName} .${e.className} "${n.textContent.trim().slice(0, 30)}"`); }
    if (size < 11) found.push(`text of ${size} px: ${e.tagName} .${e.className}`);
  }
  return JSON.stringify(found);
})()"#;

#[test]
fn every_section_is_accessible_in_light_and_dark() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    for theme in ["light", "dark"] {
        page.tab.evaluate(&format!("document.documentElement.dataset.theme = '{theme}'"), false).unwrap();
        for section in Section::ALL.map(Section::id).into_iter().chain(["entities"]) {
            page.click(&format!("#tab-{section}"));
            let found: Vec<String> = serde_json::from_str(&page.text(ACCESSIBILITY)).unwrap();
            assert_eq!(found, Vec::<String>::new(), "{section}, {theme}");
        }
    }
    page.is_quiet();
}

/// Text in charts is displayed at least 11 pixels high, and no chart is scaled.
#[test]
fn charts_are_shown_in_the_size_in_which_they_are_drawn() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    for section in Section::ALL {
        page.click(&format!("#tab-{}", section.id()));
        let small = "JSON.stringify([...document.querySelectorAll('figure > svg')].filter((s) => s.getClientRects().length > 0).map((s) => [s.parentElement.id, s.getBoundingClientRect().width / s.viewBox.baseVal.width]).filter(([, scale]) => scale < 0.99 || scale > 1.01))";
        assert_eq!(page.text(small), "[]", "{}", section.id());
    }
}

/// Many processes with many destinations.
fn large_capture(place: &Path, connections: u64, remotes: u64, processes: u64) -> PathBuf {
    let owners: Vec<_> = (0..processes)
        .map(|number| {
            std::sync::Arc::new(Owner {
                pid: Some(1000 + number as u32),
                ppid: Some(1),
                process_name: Some(format!("worker-{number}")),
                exe: Some(format!("/usr/bin/worker-{number}")),
                ..Owner::default()
            })
        })
        .collect();
    let row = |number: u64| {
        let mut row = Row::snapshot(
            number + 1,
            Protocol::Tcp,
            ("10.0.0.1".parse().unwrap(), (number % 60_000) as u16 + 1024),
        );
        row.tick = (number % 50) as u32;
        row.ts_us = fixture::START_US + i64::from(row.tick) * 1_000_000;
        row.mono_ns = i64::from(row.tick) * 1_000_000_000;
        let remote = number % remotes;
        row.remote = Some((
            format!("93.{}.{}.{}", remote >> 16 & 255, remote >> 8 & 255, remote & 255).parse().unwrap(),
            443,
        ));
        row.state = Some(TcpState::Established);
        row.counters =
            Counters { bytes_sent: Some(number), bytes_received: Some(2 * number), ..Counters::default() };
        row.owner = Some(std::sync::Arc::clone(&owners[(number % processes) as usize]));
        row.owner_source = Some(OwnerSource::Inode);
        row
    };
    let mut rows: Vec<Row> = (0..connections).map(row).collect();
    rows.sort_by_key(|row| row.tick);
    fixture::write(&place.join("c.parquet"), &rows, &fixture::metadata(50));
    netrec_in(place, &["analyze", "c.parquet", "-o", "r", "--format", "html"]);
    place.join("r/report.html")
}

#[test]
fn a_graph_of_ten_thousand_nodes_is_small_and_drawn_at_once() {
    let place = tempfile::tempdir().unwrap();
    let report = large_capture(place.path(), 20_000, 9_000, 1_000);
    let Some(page) = open(&report) else { return };
    let took_ms = page.number("(() => { const start = performance.now(); document.getElementById('tab-entities').click(); document.body.offsetHeight; return performance.now() - start; })()");
    let shapes = page.number("document.querySelectorAll('.graph *').length");
    println!("graph of 10,000 nodes: {took_ms:.0} ms, {shapes} shapes");
    assert!((50.0..3_000.0).contains(&shapes), "{shapes}");
    assert!(took_ms < 5_000.0, "{took_ms}");
    page.is_quiet();
}

#[test]
fn fifty_thousand_connections_stay_usable() {
    let place = tempfile::tempdir().unwrap();
    let report = large_capture(place.path(), 50_000, 2_000, 300);
    let bytes = std::fs::metadata(&report).unwrap().len();
    let start = Instant::now();
    let Some(page) = open(&report) else { return };
    let opened = start.elapsed();
    page.click("#tab-raw-data");
    assert_eq!(page.rows(), 50_000);
    let mut took = Vec::new();
    for query in
        ["process:worker-7", "remote:93.0.0.0/24 sent>1k", "worker-1 or port:443", "-process:worker-1*"]
    {
        let query = serde_json::to_string(query).unwrap();
        took.push(page.number(&format!("(() => {{ const q = document.getElementById('query'); q.value = {query}; const start = performance.now(); q.dispatchEvent(new Event('input')); document.body.offsetHeight; return performance.now() - start; }})()")));
    }
    let ready = page.number("performance.timing.domContentLoadedEventEnd - performance.timing.responseEnd");
    println!(
        "50,000 connections: {bytes} bytes, opened in {opened:?} with the browser, ready after {ready} ms, filters {took:?} ms"
    );
    assert!(bytes < 12_000_000, "{bytes}");
    // Limits for a busy machine; the figures are printed.
    assert!(took.iter().all(|ms| *ms < 2_000.0) && ready < 10_000.0, "{took:?} {ready}");
    page.is_quiet();
}
