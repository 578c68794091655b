//! The lines of each panel, derived from the sample, the filter and the sort order.

use std::net::IpAddr;

use super::{Mode, Panel, State, TableView, TimelineMarker};
use crate::replay::columns::{self, Sort};
use crate::replay::panels::{connections, destinations, findings, heads, processes};
use crate::replay::view::{self, DestinationLine, Group, Item, Line, ProcessLine};

/// The lines of each panel, sorted.
#[derive(Debug, Default)]
pub(super) struct Lists {
    lines: Vec<Line>,
    items: Vec<Item>,
    processes: Vec<ProcessLine>,
    destinations: Vec<DestinationLine>,
    /// The findings, by their indices in time order.
    findings: Vec<usize>,
}

impl Lists {
    /// Number of lines in a panel.
    pub(super) fn length(&self, panel: Panel) -> usize {
        match panel {
            Panel::Connections => self.items.len(),
            Panel::Processes => self.processes.len(),
            Panel::Destinations => self.destinations.len(),
            Panel::Findings => self.findings.len(),
        }
    }
}

/// The identity of a line, wherever it moves.
#[derive(Debug, Clone, PartialEq)]
enum Identity {
    Connection(u64),
    Group(String),
    Process((Option<u32>, Option<i64>)),
    Destination(IpAddr),
    Finding(String),
}

impl State {
    /// The visible connections, sorted.
    pub fn lines(&self) -> &[Line] {
        &self.lists.lines
    }

    /// The visible connections with their groups.
    pub fn items(&self) -> &[Item] {
        &self.lists.items
    }

    /// Their processes.
    pub fn processes(&self) -> &[ProcessLine] {
        &self.lists.processes
    }

    /// Their remote addresses.
    pub fn destinations(&self) -> &[DestinationLine] {
        &self.lists.destinations
    }

    /// The findings in sort order, by their indices in [`State::marks`].
    pub fn finding_order(&self) -> &[usize] {
        &self.lists.findings
    }

    /// The view of the panel's table.
    pub fn table(&self) -> &TableView {
        &self.tables[self.panel as usize]
    }

    /// Whether a column of the panel was visible when last drawn.
    pub(in crate::replay) fn shows(&self, column: usize) -> bool {
        let width = self.hits.body.width;
        columns::fit(&heads(self.panel), &self.table().choice, width).iter().any(|slot| slot.column == column)
    }

    /// Shows or hides a column.
    pub(super) fn toggle_column(&mut self, column: usize) {
        let is_shown = self.shows(column);
        self.tables[self.panel as usize].choice.set(column, !is_shown);
    }

    /// Lets the width decide again which columns are shown.
    pub(super) fn choose_columns_automatically(&mut self) {
        self.tables[self.panel as usize].choice = columns::Choice::default();
    }

    pub(super) fn sort_by(&mut self, column: Option<usize>, is_reversed: bool) {
        self.tables[self.panel as usize].sort = Sort { column, is_reversed };
        let title = column.and_then(|column| heads(self.panel).get(column).map(|head| head.title));
        let by = match title {
            Some(" ") => "change",
            Some(title) => title,
            None => self.panel.own_order(),
        };
        let how = if is_reversed { ", reversed" } else { "" };
        self.message = Some(format!("sorted by {by}{how}"));
        self.refresh();
    }

    /// Sorts by the next visible column; after the last one, in the default order.
    pub(super) fn sort_by_next(&mut self) {
        let shown: Vec<usize> = match self.hits.heads.as_slice() {
            [] => (0..heads(self.panel).len()).collect(),
            heads => heads.iter().map(|(_, column)| *column).collect(),
        };
        let next = match self.table().sort.column {
            None => shown.first(),
            Some(now) => shown.iter().find(|column| **column > now),
        };
        self.sort_by(next.copied(), false);
    }

    pub(super) fn group_by_next(&mut self) {
        if self.panel != Panel::Connections {
            self.select_panel(0);
        }
        self.grouping = self.grouping.next();
        self.folded.clear();
        self.selected = 0;
        self.message = Some(self.grouping.describe().to_owned());
        self.refresh();
    }

    /// Rebuilds the lines. A selected line stays selected wherever it moves; the first line does
    /// not count as selected, and new lines come before it.
    pub(super) fn refresh(&mut self) {
        let chosen = if self.selected > 0 { self.identity(self.selected) } else { None };
        self.lists = self.made_lists();
        let place = chosen.and_then(|chosen| {
            (0..self.lists.length(self.panel)).find(|at| self.identity(*at).as_ref() == Some(&chosen))
        });
        self.selected = place.unwrap_or(self.selected).min(self.lists.length(self.panel).saturating_sub(1));
        if self.mode == Mode::Detail {
            self.cursor = self.cursor.min(self.length().saturating_sub(1));
        }
    }

    fn made_lists(&self) -> Lists {
        let sort_of = |panel: Panel| self.tables[panel as usize].sort;
        let mut lines = view::connections(&self.sample, self.previous.as_ref(), &self.filter);
        let mut processes = view::processes(&lines);
        let mut destinations = view::destinations(&lines, &self.geolocator);
        let by = sort_of(Panel::Connections);
        columns::sort(&mut lines, connections::COLUMNS, by, |line| line);
        let items = view::group(&lines, self.grouping, &self.folded, |groups| sort_groups(groups, by));
        columns::sort(&mut processes, processes::COLUMNS, sort_of(Panel::Processes), |line| line);
        if sort_of(Panel::Processes) != Sort::default() {
            // Without the tree, nothing is indented.
            for process in &mut processes {
                process.depth = 0;
            }
        }
        columns::sort(&mut destinations, destinations::COLUMNS, sort_of(Panel::Destinations), |line| line);
        let findings = order(self.marks(), sort_of(Panel::Findings));
        Lists { lines, items, processes, destinations, findings }
    }

    fn identity(&self, at: usize) -> Option<Identity> {
        let lists = &self.lists;
        Some(match self.panel {
            Panel::Connections => match lists.items.get(at)? {
                Item::Group(group) => Identity::Group(group.key.clone()),
                Item::Connection(line) => Identity::Connection(lists.lines.get(*line)?.row.conn_id),
            },
            Panel::Processes => Identity::Process(lists.processes.get(at)?.identity()),
            Panel::Destinations => Identity::Destination(lists.destinations.get(at)?.addr),
            Panel::Findings => Identity::Finding(self.marks().get(*lists.findings.get(at)?)?.id.clone()),
        })
    }
}

/// Sorts groups by a sum column; for another column only the connections within each group are sorted.
fn sort_groups(groups: &mut Vec<Group>, by: Sort) {
    let adds_up = |column: usize| connections::COLUMNS.get(column).is_some_and(|column| column.head.is_sum);
    if by.column.is_none_or(adds_up) {
        columns::sort(groups, connections::COLUMNS, by, |group| &group.sums);
    }
}

/// The indices of the findings in sort order.
fn order(marks: &[TimelineMarker], by: Sort) -> Vec<usize> {
    let mut placed: Vec<(usize, &TimelineMarker)> = marks.iter().enumerate().collect();
    columns::sort(&mut placed, findings::COLUMNS, by, |(_, mark)| *mark);
    placed.into_iter().map(|(place, _)| place).collect()
}
