//! The charts: one file each, and one line each in [`CHARTS`].
//!
//! Each chart names the [`Section`] of the report that it belongs to; the page and `report.json` follow.
//!
//! A chart is drawn once, as SVG, and the PNG is rendered from that SVG with the built-in font, so
//! both look the same on every machine. A chart without data states the reason in its place.

mod anomaly_scores;
mod axis;
mod bars;
mod beacon_intervals;
mod beacon_raster;
mod buckets;
mod bursts;
mod bytes_heatmap;
mod bytes_over_time;
mod bytes_per_endpoint;
mod bytes_per_process;
mod canvas;
mod cities;
mod clusters;
mod correlation;
mod countries;
mod cpu;
mod crop;
mod direction_by_country;
mod durations;
mod findings_per_detector;
mod findings_timeline;
mod heat;
mod lanes;
mod lines;
mod load;
mod long_connections;
mod memory;
mod mirror;
mod open_connections;
mod opened_connections;
pub mod palette;
mod per_process;
mod png;
mod protocols;
mod received_heatmap;
mod retransmissions;
mod rolling;
mod rtt;
mod scatter;
mod sent_heatmap;
mod shares;
mod states;
mod tcp_trouble;
mod top_endpoints;
mod top_ports;
mod top_processes;
mod traffic_rate;
mod transitions;
mod unusual_ports;
mod uploads;

pub(super) use self::canvas::why_nothing;
pub(super) use self::crop::cropped;
use self::palette::ProcessColours;
pub use self::png::Renderer;
use super::Section;
use crate::analyze::Analysis;
use crate::model::detector::{DetectorTable, Status};
use crate::{Result, parallel};

/// Every chart, in the order of the report.
pub const CHARTS: &[Chart] = &[
    shares::CHART,
    open_connections::CHART,
    opened_connections::CHART,
    top_processes::CHART,
    top_endpoints::CHART,
    top_ports::CHART,
    findings_timeline::CHART,
    findings_per_detector::CHART,
    bytes_per_process::CHART,
    bytes_per_endpoint::CHART,
    bytes_over_time::CHART,
    sent_heatmap::CHART,
    received_heatmap::CHART,
    uploads::CHART,
    unusual_ports::CHART,
    anomaly_scores::CHART,
    cpu::CHART,
    memory::CHART,
    states::CHART,
    transitions::CHART,
    durations::CHART,
    rtt::CHART,
    retransmissions::CHART,
    tcp_trouble::CHART,
    countries::CHART,
    cities::CHART,
    direction_by_country::CHART,
    bursts::CHART,
    beacon_raster::CHART,
    beacon_intervals::CHART,
    long_connections::CHART,
    clusters::CHART,
    correlation::CHART,
    traffic_rate::CHART,
    protocols::CHART,
];

/// A chart in the list.
#[derive(Debug)]
pub struct Chart {
    /// Its id, which is also the name of its files.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The section of the report that it belongs to.
    pub section: Section,
    /// Draws it as SVG.
    draw: fn(&Subject<'_>) -> Result<String>,
}

/// The data to draw.
struct Subject<'a> {
    analysis: &'a Analysis,
    colours: ProcessColours,
}

impl Subject<'_> {
    /// Why processes are unknown; `None` if some are known.
    fn why_no_process(&self) -> Option<&'static str> {
        (self.analysis.metrics.overview.processes == 0).then_some("No process is known in this capture.")
    }

    /// Why a detector's table is missing, to be shown in place of its chart.
    fn why_missing(&self, table: &DetectorTable) -> String {
        let detector = table.detector;
        let run = self.analysis.runs.iter().find(|run| run.about.id == detector);
        match run.map(|run| &run.status) {
            Some(Status::Skipped(why)) => format!("{detector} was skipped: {why}"),
            Some(Status::Failed(why)) => format!("{detector} failed: {why}"),
            Some(Status::Ran) => format!("{detector} has no data to draw."),
            None => format!("{detector} did not run."),
        }
    }
}

/// A chart that has been drawn.
#[derive(Debug)]
pub struct Picture {
    /// The chart's id.
    pub id: &'static str,
    /// The chart's title.
    pub title: &'static str,
    /// The section of the report that it belongs to.
    pub section: Section,
    /// The picture as SVG, in which text is kept as text.
    pub svg: String,
}

/// Draws every chart, in the order of the list, on all cores.
///
/// # Errors
/// [`crate::Error::Render`] naming the chart that could not be drawn.
pub fn draw_all(analysis: &Analysis) -> Result<Vec<Picture>> {
    let findings = analysis.findings();
    let suspects = findings.iter().filter_map(|finding| finding.judgement.entities.process_name.as_deref());
    let subject = Subject { analysis, colours: ProcessColours::new(suspects, &analysis.metrics) };
    let draw = |chart: &Chart| {
        let Chart { id, title, section, .. } = *chart;
        Ok(Picture { id, title, section, svg: (chart.draw)(&subject)? })
    };
    parallel::map(CHARTS, draw).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape;
    use crate::report::fixture;

    fn pictures() -> Vec<Picture> {
        draw_all(&fixture::analysis()).unwrap()
    }

    #[test]
    fn every_chart_is_a_picture_of_the_same_size_in_both_forms() {
        let renderer = Renderer::new();
        for picture in pictures() {
            assert!(picture.svg.starts_with(r#"<svg width="900" height="420""#), "{}", picture.id);
            let png = renderer.render(&picture).unwrap();
            let size: Vec<u32> =
                png[16..24].chunks(4).map(|b| u32::from_be_bytes(b.try_into().unwrap())).collect();
            assert_eq!(size, [1800, 840], "{}", picture.id);
            assert!(png.len() < 150_000, "{}: {} bytes", picture.id, png.len());
            assert!(picture.svg.len() < 150_000, "{}: {} bytes", picture.id, picture.svg.len());
        }
    }

    #[test]
    fn every_chart_names_itself_and_has_a_unique_id() {
        let mut ids: Vec<_> = CHARTS.iter().map(|chart| chart.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CHARTS.len());
        for picture in pictures() {
            assert!(picture.svg.contains(picture.title), "{}", picture.id);
        }
    }

    #[test]
    fn hostile_names_are_text_in_every_chart() {
        let with_tables = draw_all(&fixture::large(30)).unwrap();
        for picture in pictures().into_iter().chain(with_tables) {
            assert!(!picture.svg.contains("<script"), "{}", picture.id);
            assert!(!picture.svg.chars().any(|c| escape::is_unsafe(c) && c != '\n'), "{}", picture.id);
            resvg::usvg::roxmltree::Document::parse(&picture.svg).unwrap();
        }
    }

    #[test]
    fn without_data_every_chart_says_so() {
        for picture in draw_all(&fixture::empty()).unwrap() {
            assert!(picture.svg.contains("Nothing to show"), "{}", picture.id);
        }
    }

    #[test]
    fn where_a_detector_did_not_run_the_reason_stands_in_the_place_of_its_chart() {
        let svg = |id: &str| {
            let pictures = pictures().into_iter().find(|picture| picture.id == id);
            pictures.unwrap().svg
        };
        assert!(svg("clusters").contains("clusters was skipped: 4 connections are fewer than"));
        assert!(svg("bursts").contains("burst did not run"));
    }

    #[test]
    fn ten_thousand_of_everything_stays_one_small_picture() {
        for picture in draw_all(&fixture::large(10_000)).unwrap() {
            assert!(!picture.svg.contains("Nothing to show"), "{} is empty", picture.id);
            assert!(picture.svg.len() < 120_000, "{}: {} bytes", picture.id, picture.svg.len());
        }
    }

    #[test]
    fn one_of_everything_can_be_drawn() {
        draw_all(&fixture::large(1)).unwrap();
    }

    #[test]
    fn every_section_that_is_for_pictures_has_some() {
        let without = [Section::RawData, Section::Report];
        for section in Section::ALL.into_iter().filter(|section| !without.contains(section)) {
            assert!(CHARTS.iter().any(|chart| chart.section == section), "{section:?}");
        }
    }

    #[test]
    fn an_id_is_the_name_of_a_file() {
        for chart in CHARTS {
            let file = format!("src/report/charts/{}.rs", chart.id.replace('-', "_"));
            assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).is_file(), "{file}");
        }
    }

    #[test]
    fn the_same_analysis_gives_the_same_pictures() {
        let (first, second) = (Renderer::new(), Renderer::new());
        for (a, b) in pictures().into_iter().zip(pictures()) {
            assert_eq!(a.svg, b.svg);
            assert!(first.render(&a).unwrap() == second.render(&b).unwrap(), "{}", a.id);
        }
    }

    /// Not a test: writes the pictures to the given folder, for inspection.
    #[test]
    #[ignore = "for the eye: NETREC_CHARTS=/tmp/charts cargo test -- --ignored look_at_charts"]
    fn look_at_charts() {
        let folder = std::path::PathBuf::from(std::env::var_os("NETREC_CHARTS").unwrap());
        let subjects = [
            ("fixture", fixture::analysis()),
            ("empty", fixture::empty()),
            ("one", fixture::large(1)),
            ("ten", fixture::large(10)),
            ("large", fixture::large(10_000)),
        ];
        let renderer = Renderer::new();
        for (name, analysis) in subjects {
            std::fs::create_dir_all(folder.join(name)).unwrap();
            let start = std::time::Instant::now();
            let pictures = draw_all(&analysis).unwrap();
            println!("{name}: {:?}", start.elapsed());
            for picture in pictures {
                let png = renderer.render(&picture).unwrap();
                std::fs::write(folder.join(name).join(format!("{}.svg", picture.id)), picture.svg).unwrap();
                std::fs::write(folder.join(name).join(format!("{}.png", picture.id)), png).unwrap();
            }
        }
    }
}
