//! The page in a real browser: opened from disk, used, printed. It must write nothing to the
//! console and load nothing from the network.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Network, Page};
use headless_chrome::types::PrintToPdfOptions;
use headless_chrome::{Browser, LaunchOptions, Tab};
use netrec::report::Section;

use crate::runner::netrec_in;

/// Where distributions install it.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// An open page, and everything that it must not do but did.
pub(crate) struct Opened {
    pub(crate) tab: Arc<Tab>,
    complaints: Arc<Mutex<Vec<String>>>,
    // Closed when dropped.
    _browser: Browser,
}

/// Opens a page from disk; `None`, with a message, if there is no browser.
pub(crate) fn open(page: &Path) -> Option<Opened> {
    let Some(path) = CHROMIUM.iter().map(PathBuf::from).find(|path| path.exists()) else {
        println!("skipped: no Chromium at {CHROMIUM:?}");
        return None;
    };
    let quiet =
        ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
    let options = LaunchOptions {
        path: Some(path),
        // Root, as in containers, has no sandbox.
        sandbox: false,
        window_size: Some((1280, 900)),
        idle_browser_timeout: Duration::from_mins(2),
        args: quiet.iter().map(OsStr::new).collect(),
        ..LaunchOptions::default()
    };
    let browser = Browser::new(options).unwrap();
    let tab = browser.new_tab().unwrap();
    tab.set_default_timeout(Duration::from_mins(1));
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&complaints);
    let listener = move |event: &Event| {
        if let Some(complaint) = complaint(event) {
            heard.lock().unwrap().push(complaint);
        }
    };
    tab.add_event_listener(Arc::new(listener)).unwrap();
    tab.enable_runtime().unwrap();
    tab.enable_log().unwrap();
    tab.call_method(Network::Enable {
        max_total_buffer_size: None,
        max_resource_buffer_size: None,
        max_post_data_size: None,
        report_direct_socket_traffic: None,
        enable_durable_messages: None,
    })
    .unwrap();
    tab.call_method(Page::Enable { enable_file_chooser_opened_event: None }).unwrap();
    tab.navigate_to(&format!("file://{}", page.display())).unwrap().wait_until_navigated().unwrap();
    Some(Opened { tab, complaints, _browser: browser })
}

/// What the page must not do: write to the console, throw, open a dialog, load anything.
fn complaint(event: &Event) -> Option<String> {
    match event {
        Event::RuntimeConsoleAPICalled(called) => Some(format!("console: {:?}", called.params.args)),
        Event::RuntimeExceptionThrown(thrown) => {
            Some(format!("thrown: {:?}", thrown.params.exception_details))
        }
        Event::LogEntryAdded(entry) => Some(format!("log: {}", entry.params.entry.text)),
        Event::PageJavascriptDialogOpening(dialog) => Some(format!("dialog: {}", dialog.params.message)),
        Event::NetworkRequestWillBeSent(sent) => {
            let url = &sent.params.request.url;
            let is_own =
                url.starts_with("data:") || (url.starts_with("file:") && url.ends_with("/report.html"));
            (!is_own).then(|| format!("request: {url}"))
        }
        _ => None,
    }
}

impl Opened {
    /// Runs script in the page, and returns its value as text.
    #[track_caller]
    pub(crate) fn text(&self, script: &str) -> String {
        let value = self.tab.evaluate(script, false).unwrap().value.unwrap_or_default();
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    #[track_caller]
    pub(crate) fn number(&self, script: &str) -> f64 {
        self.text(script).parse().unwrap()
    }

    /// Clicks on the first element that matches a selector.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        assert_eq!(
            self.text(&format!("document.querySelector('{selector}') !== null")),
            "true",
            "{selector}"
        );
        self.tab.evaluate(&format!("document.querySelector('{selector}').click()"), false).unwrap();
        // The URL changes now, the page follows in its next task.
        self.tab.evaluate("new Promise((done) => setTimeout(done, 50))", true).unwrap();
    }

    /// Gives the window a size in CSS pixels; a phone's screen has two dots for each of them.
    pub(crate) fn resize(&self, width: u32, height: u32, is_phone: bool) {
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width,
                height,
                device_scale_factor: if is_phone { 2.0 } else { 1.0 },
                mobile: is_phone,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .unwrap();
    }

    pub(crate) fn type_filter(&self, query: &str) {
        let query = serde_json::to_string(query).unwrap();
        let script = format!(
            "(() => {{ const q = document.getElementById('query'); q.value = {query}; q.dispatchEvent(new Event('input')); }})()"
        );
        self.tab.evaluate(&script, false).unwrap();
    }

    /// The filter's error message; empty without one.
    #[track_caller]
    pub(crate) fn filter_error(&self) -> String {
        self.text("document.getElementById('query-error').hidden ? '' : document.getElementById('query-error').textContent")
    }

    /// Number of rows that match the filter.
    #[track_caller]
    pub(crate) fn rows(&self) -> u64 {
        let shown = self.text("document.getElementById('shown').textContent");
        if shown.starts_with("No row") {
            return 0;
        }
        let after = shown.split(" of ").nth(1).unwrap().split(" (").next().unwrap();
        after.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
    }

    /// The cells in a column of the table's page.
    pub(crate) fn column(&self, number: usize) -> Vec<String> {
        let script = format!(
            "JSON.stringify([...document.querySelectorAll('#connections tbody tr')].map((r) => r.children[{number}].textContent))"
        );
        serde_json::from_str(&self.text(&script)).unwrap()
    }

    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        assert_eq!(*self.complaints.lock().unwrap(), Vec::<String>::new());
    }
}

/// The report of the sample capture.
pub(crate) fn sample_report(place: &Path) -> PathBuf {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-captures/workday.parquet");
    netrec_in(place, &["analyze", sample.to_str().unwrap(), "-o", "r"]).succeeds();
    place.join("r/report.html")
}

#[test]
fn every_tab_opens_by_mouse_and_keyboard_and_nothing_is_loaded() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    let visible =
        "[...document.querySelectorAll('.panel')].filter((p) => p.offsetHeight > 0).map((p) => p.id).join()";
    assert_eq!(page.text(visible), "dashboard");
    for section in Section::ALL {
        page.click(&format!("#tab-{}", section.id()));
        assert_eq!(page.text(visible), section.id());
        assert_eq!(
            page.text("document.querySelector('[role=tab][aria-selected=true]').hash"),
            format!("#{}", section.id())
        );
    }
    page.tab.evaluate("document.getElementById('tab-statistics').focus()", false).unwrap();
    page.tab.press_key("ArrowRight").unwrap();
    assert_eq!(page.text("document.activeElement.id"), "tab-dashboard");
    page.is_quiet();
}

#[test]
fn the_table_sorts_filters_and_turns_pages() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    page.click("#tab-raw-data");
    let all = page.rows();
    assert!(all > 1_000, "{all}");
    page.click("button[data-sort=recorded_sent]");
    assert!(page.column(2)[0].contains("iperf3"), "the large upload comes first: {:?}", page.column(2));
    page.click("button[data-sort=recorded_sent]");
    let heads = "[...document.querySelectorAll('#connections th')]";
    let sent = page.number(&format!("{heads}.findIndex((th) => th.textContent.startsWith('sent'))")) as usize;
    assert!(page.column(sent).iter().all(|sent| sent == "0 B"), "{:?}", page.column(sent));
    page.click("#next");
    assert!(page.text("document.getElementById('shown').textContent").starts_with("51 to 100"));

    page.type_filter("process:nmap");
    let scanned = page.rows();
    assert!((1_000..1_010).contains(&scanned), "{scanned}");
    assert!(page.column(2).iter().all(|name| name == "nmap"));
    page.type_filter("-process:nmap");
    assert_eq!(page.rows(), all - scanned);
    page.type_filter("remote:10.77.0.3:8443 process:sysupdated");
    let beacons = page.rows();
    page.type_filter("remote_port:8443 sysupdated");
    assert_eq!(page.rows(), beacons);
    assert!((25..35).contains(&beacons), "{beacons}");
    page.type_filter("sent>100M");
    assert!((1..4).contains(&page.rows()));
    page.type_filter("no such thing anywhere");
    assert_eq!(page.rows(), 0);
    page.is_quiet();
}

#[test]
fn a_finding_leads_to_its_rows_and_its_span() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    page.click("#tab-security");
    let beacon = "document.querySelector('article[id^=\"beacon-\"]').id";
    let id = page.text(beacon);
    page.click(&format!("#{id} a[data-rows]"));
    assert_eq!(page.text("document.getElementById('raw-data').hidden"), "false");
    let rows = page.rows();
    assert!((25..35).contains(&rows), "{rows}");
    assert!(page.column(2).iter().all(|name| name == "sysupdated"));
    assert_eq!(page.text("document.querySelector('#plot .range').getAttribute('visibility')"), "visible");
    page.click(".chip");
    assert!(page.rows() > rows, "a filter can be removed");
    page.click("#tab-dashboard");
    page.click(&format!("#dashboard a[href=\"#{id}\"]"));
    assert_eq!(page.text("document.activeElement.id"), id);
    page.click("#tab-dashboard");
    page.click("#verdict .incidents a");
    assert_eq!(page.text("document.activeElement.classList.contains('incident')"), "true");
    page.is_quiet();
}

#[test]
#[allow(clippy::float_cmp, reason = "slices are whole numbers")]
fn the_scrubber_moves_by_pointer_and_keys_and_plays() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    let moment = "document.querySelector('#plot').getAttribute('aria-valuenow')";
    let line = "document.getElementById('moment-line').textContent";
    let at = |share: f64, y: f64, kind: &str| {
        let script = format!(
            "(() => {{ const p = document.getElementById('plot'); p.setPointerCapture = () => {{}}; const b = p.getBoundingClientRect(); \
             p.dispatchEvent(new PointerEvent('{kind}', {{ clientX: b.left + b.width * {share}, clientY: b.top + {y}, pointerId: 1, bubbles: true }})); }})()"
        );
        page.tab.evaluate(&script, false).unwrap();
    };
    at(0.25, 60.0, "pointerdown");
    let first = page.number(moment);
    assert!(page.text(line).contains("open"), "{}", page.text(line));
    at(0.5, 60.0, "pointermove");
    at(0.5, 60.0, "pointerup");
    let second = page.number(moment);
    assert!(second > first + 10.0, "{first} {second}");
    assert_eq!(page.text("document.getElementById('moment').hidden"), "false");
    assert!(page.number("document.querySelectorAll('#moment tbody tr').length") > 0.0);

    page.tab.evaluate("document.getElementById('plot').focus()", false).unwrap();
    page.tab.press_key("ArrowRight").unwrap();
    assert_eq!(page.number(moment), second + 1.0);
    page.tab.press_key("Home").unwrap();
    assert_eq!(page.number(moment), 0.0);

    at(0.2, 105.0, "pointerdown");
    at(0.4, 105.0, "pointermove");
    at(0.4, 105.0, "pointerup");
    assert_eq!(page.text("document.querySelector('#plot .range').getAttribute('visibility')"), "visible");
    page.click("#tab-raw-data");
    let in_range = page.rows();
    page.tab.evaluate("document.getElementById('plot').focus()", false).unwrap();
    page.tab.press_key("Escape").unwrap();
    assert!(page.rows() > in_range, "a range filters the table, and Escape clears it");

    page.tab.evaluate("document.getElementById('speed').value = '15'", false).unwrap();
    page.click("#play");
    page.tab.evaluate("new Promise((done) => setTimeout(done, 1500))", true).unwrap();
    page.click("#play");
    let played = page.number(moment);
    assert!(played >= 1.0, "{played}");
    page.tab.evaluate("new Promise((done) => setTimeout(done, 500))", true).unwrap();
    assert_eq!(page.number(moment), played, "paused is paused");
    page.is_quiet();
}

#[test]
fn light_dark_narrow_and_on_paper() {
    let place = tempfile::tempdir().unwrap();
    let Some(page) = open(&sample_report(place.path())) else { return };
    let paper = "getComputedStyle(document.body).backgroundColor";
    let light = page.text(paper);
    page.click("#theme");
    assert_ne!(page.text(paper), light);
    page.click("#theme");
    assert_eq!(page.text(paper), light);

    let pdf = page
        .tab
        .print_to_pdf(Some(PrintToPdfOptions { print_background: Some(true), ..Default::default() }))
        .unwrap();
    assert!(pdf.starts_with(b"%PDF"));
    let pages = pdf.windows(11).filter(|window| *window == b"/Type /Page" as &[u8]).count();
    assert!((1..=6).contains(&pages), "{pages} pages");

    page.resize(390, 844, true);
    for section in Section::ALL.map(Section::id).into_iter().chain(["entities"]) {
        page.click(&format!("#tab-{section}"));
        let width = page.number("document.documentElement.scrollWidth");
        assert!(width <= 390.0, "{section}: {width} pixels wide");
    }
    page.is_quiet();
}
