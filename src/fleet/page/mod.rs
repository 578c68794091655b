//! `fleet.html`: the report for people, one self-contained page without scripts.

mod map;
mod scale;
mod timeline;
mod tree;
mod view;

use askama::Template;

use self::map::Map;
use self::timeline::Timeline;
use self::tree::Tree;
use self::view::{HostRow, Listing};
use super::report::Report;
use crate::report::html::{STYLE, csp_hash};
use crate::{Error, Result, humanize};

/// Maximum number of hosts in the table; `fleet.json` has more.
const MOST_HOSTS: usize = 200;

/// Maximum number of spreading programs shown as trees.
const MOST_TREES: usize = 5;

const OWN_STYLE: &str = include_str!("fleet.css");

/// The page's data. Like the report's, the template escapes every value.
#[derive(Template)]
#[template(path = "fleet.html", config = "src/report/html/askama.toml")]
struct Page {
    style_hashes: String,
    style: &'static str,
    own_style: &'static str,
    title: String,
    lead: String,
    headlines: Vec<String>,
    unread: Option<String>,
    tiles: Vec<(String, &'static str)>,
    map: Option<Map>,
    trees: Vec<Tree>,
    timeline: Option<Timeline>,
    tables: Vec<Listing>,
    hosts: Vec<HostRow>,
    hosts_note: String,
    evidence: Vec<Listing>,
    tool_version: &'static str,
}

/// Renders the page.
///
/// # Errors
/// [`Error::Render`] if the template fails: a bug.
pub(super) fn render(report: &Report) -> Result<String> {
    let hosts_total = humanize::plural(report.hosts_total, "host");
    let page = Page {
        style_hashes: format!("{} {}", csp_hash(STYLE), csp_hash(OWN_STYLE)),
        style: STYLE,
        own_style: OWN_STYLE,
        title: format!("Fleet of {hosts_total}"),
        lead: view::lead(&report.captures),
        headlines: view::headlines(report),
        unread: view::unread(&report.captures),
        tiles: view::tiles(report),
        map: Map::new(report),
        trees: report.spreads.iter().take(MOST_TREES).map(Tree::new).collect(),
        timeline: Timeline::new(report),
        tables: view::tables(report),
        hosts: report.hosts.iter().take(MOST_HOSTS).map(HostRow::new).collect(),
        hosts_note: view::shown(report.hosts.len().min(MOST_HOSTS), report.hosts_total, "host"),
        evidence: view::evidence(report),
        tool_version: report.tool_version,
    };
    page.render().map_err(|error| Error::Render { what: "fleet.html".to_owned(), reason: error.to_string() })
}
