//! `clusters`: groups of like connections, and those in no group.

mod density;
mod neighbours;
mod points;
#[cfg(test)]
mod tests;
mod wording;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::density::Grouping;
use self::points::Points;
use crate::Result;
use crate::analyze::words;
use crate::model::detector::{
    About, Context, Detector, DetectorTable, Method, Outcome, Output, Signal, not_negative, shares,
};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::{DataFrame, df};
use crate::model::section::Section;
use crate::model::sockets::Sockets;

/// Groups like connections.
#[derive(Debug)]
pub struct Clusters;

/// The groups.
pub const CLUSTERS: DetectorTable = DetectorTable { detector: Clusters::ABOUT.id, name: "clusters" };

/// The group of each connection.
pub const ASSIGNMENTS: DetectorTable = DetectorTable { detector: Clusters::ABOUT.id, name: "assignments" };

/// Thresholds of `clusters`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest similar connections, itself included, that make a connection the core of a group.
    pub min_points: u32,
    /// Radius within which connections are similar, in standard deviations; 0 uses the knee of the
    /// k-distances.
    pub radius: f64,
    /// Most points to cluster; above that, a sample is clustered and the rest are assigned to its groups.
    pub max_points: u32,
    /// Largest share of connections in no group for which they are listed, 0 to 1.
    pub max_noise_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { min_points: 5, radius: 0.0, max_points: 6_000, max_noise_share: 0.05 }
    }
}

impl Detector for Clusters {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "clusters",
        title: "Groups of similar connections",
        what_it_finds: "Connections that resemble each other in volume, duration, round-trip time and \
            rarity, as described groups, and the outliers that belong to no group.",
        why_it_matters: "Most connections follow a few patterns. Once those are grouped, the outliers fit \
            on one page.",
        how_it_decides: "DBSCAN over the features of the connections (amounts by their logarithm), each \
            standardized to mean 0 and standard deviation 1 and rounded to 0.05. Equal points are merged \
            and counted as often as they occur, which gives the same groups. A connection with at least \
            `min_points` within the radius, itself included, is the core of a group. The radius is \
            `radius`, or the knee of the sorted distances to the `min_points`-th neighbor. With more than \
            `max_points` points left, every n-th in feature order is clustered, and the others join the \
            nearest grouped point within the radius. If at most `max_noise_share` of the connections are \
            in no group, they form one finding, info.",
        false_positives: "A connection outside every group is rare, not malicious. One-off connections \
            are never in a group.",
        evidence: "The connections outside every group, the radius, and the number of groups. A table \
            lists the groups.",
        source: "M. Ester, H.-P. Kriegel, J. Sander, X. Xu: A Density-Based Algorithm for Discovering Clusters. KDD 1996. \
            DBSCAN itself: linfa-clustering.",
        section: Section::Behavior,
        method: Method::Learning,
        signal: Signal::Group,
        attack: &[],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_points < 2 {
            return Err("min_points must be at least 2".to_owned());
        }
        if config.max_points < config.min_points {
            return Err("max_points must be at least min_points".to_owned());
        }
        not_negative(&[("radius", config.radius)])?;
        shares(&[("max_noise_share", config.max_noise_share)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        let features = context.features(&sockets);
        let rows = features.rows.clone();
        if rows.len() < config.min_points as usize {
            return Ok(Outcome::Skipped(format!(
                "Needs at least {} connections, and this capture has {}.",
                config.min_points,
                rows.len()
            )));
        }
        let points = Points::new(&features.vectors(&sockets));
        drop(features);
        let grouping = density::group(&points, config).map_err(crate::Error::Analysis)?;
        let of_rows: Vec<Option<u32>> =
            points.of_row.iter().map(|point| grouping.of_point[*point as usize]).collect();
        let tables = vec![
            (CLUSTERS.name, wording::table(&sockets, &rows, &of_rows, grouping.clusters)?),
            (ASSIGNMENTS.name, assignments(&sockets, &rows, &of_rows)?),
        ];
        let findings = ungrouped(&sockets, &rows, &of_rows, &grouping, config).into_iter().collect();
        Ok(Outcome::Ran(Output { findings, tables, limits: limits(&points, &grouping), ..Output::default() }))
    }
}

/// The group of every connection; null for those in none.
fn assignments(sockets: &Sockets<'_>, rows: &[u32], of_rows: &[Option<u32>]) -> Result<DataFrame> {
    df!(
        "conn_id" => rows.iter().map(|row| sockets.conn_id(*row as usize)),
        "cluster" => of_rows.iter().copied(),
    )
}

/// What must be known to make the groups again, and where they are only near.
fn limits(points: &Points, grouping: &Grouping) -> Vec<String> {
    let radius = grouping.radius;
    let mut limits = vec![format!(
        "{} with a radius of {radius:.2} standard deviations ({}), out of {}.",
        words::count(grouping.clusters as usize, "group", "groups"),
        grouping.radius_is,
        words::count(points.len(), "distinct point", "distinct points"),
    )];
    if grouping.sampled < points.len() {
        limits.push(format!(
            "Too many to cluster all: {} of the {} distinct points were clustered, and the others joined \
             the nearest.",
            grouping.sampled,
            points.len()
        ));
    }
    limits
}

/// The connections in no group as one finding, if they are few.
fn ungrouped(
    sockets: &Sockets<'_>,
    rows: &[u32],
    of_rows: &[Option<u32>],
    grouping: &Grouping,
    config: &Thresholds,
) -> Option<Finding> {
    let alone: Vec<usize> = rows
        .iter()
        .zip(of_rows)
        .filter(|(_, cluster)| cluster.is_none())
        .map(|(row, _)| *row as usize)
        .collect();
    let members = sockets.subset(&alone);
    let share = members.len() as f64 / rows.len() as f64;
    if members.is_empty() || share > config.max_noise_share {
        return None;
    }
    let judgement = Judgement {
        severity: Severity::Info,
        confidence: Confidence::new(1.0 - share),
        title: format!(
            "{} of {} connections {}",
            words::number(members.len()),
            words::number(rows.len()),
            if members.len() == 1 { "is an outlier" } else { "are outliers" }
        ),
        explanation: format!(
            "The other connections form {} groups of at least {} similar connections.",
            grouping.clusters, config.min_points
        ),
        false_positives: String::new(),
        attack: Vec::new(),
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("share in no group", share, "").against(config.max_noise_share),
        Measurement::new("groups", f64::from(grouping.clusters), "groups"),
        Measurement::new("radius", grouping.radius, "standard deviations"),
    ];
    Some(Finding::new(&Clusters::ABOUT, judgement, members.evidence(measurements)))
}
