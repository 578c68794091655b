//! The files of a report, written on all cores.

use std::path::PathBuf;

use super::charts::{self, Picture};
use super::json::v1::Report;
use super::sockets::Sockets;
use super::tables::{self as csv_tables, TableFile};
use super::{Folder, ReportFormat, html, json, markdown, ocsf, stix};
use crate::analyze::Analysis;
use crate::model::csv;
use crate::tables::schema::{self, Table};
use crate::tables::{Identity, Recording, Writer};
use crate::{Result, parallel};

/// Writes every file of the parts except the manifest, and returns their paths.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Render`], or [`crate::Error::Analysis`] if a table lacks
/// a column.
pub(super) fn write(
    analysis: &Analysis,
    report: &Report,
    parts: &[ReportFormat],
    folder: &Folder,
) -> Result<Vec<PathBuf>> {
    let has_pictures = parts.contains(&ReportFormat::Html) || parts.contains(&ReportFormat::Charts);
    let pictures = if has_pictures {
        tracing::info_span!("drawing the charts").in_scope(|| charts::draw_all(analysis))?
    } else {
        Vec::new()
    };
    let files = Files { analysis, report, parts, pictures: &pictures, folder };
    let renderer = charts::Renderer::new();
    let _stage = tracing::info_span!("writing the files").entered();
    let written: Result<Vec<_>> = parallel::map(&files.all(), |file| match file {
        File::Table(table) => files.write_table(table).map(|path| vec![path]),
        File::Rows(table) => files.write_rows(table).map(|path| vec![path]),
        File::Document(format) => files.write_document(*format),
        File::Picture(picture) => files.write_picture(picture, &renderer),
    })
    .into_iter()
    .collect();
    Ok(written?.concat())
}

/// The data that the files are made from.
struct Files<'a> {
    analysis: &'a Analysis,
    report: &'a Report,
    parts: &'a [ReportFormat],
    pictures: &'a [Picture],
    folder: &'a Folder,
}

/// A file that is written independently of the others.
enum File<'a> {
    Table(&'a TableFile),
    Document(ReportFormat),
    /// A table as Parquet.
    Rows(&'static Table),
    /// A picture as SVG and PNG.
    Picture(&'a Picture),
}

impl<'a> Files<'a> {
    /// Every requested file, the slowest first.
    fn all(&self) -> Vec<File<'a>> {
        let mut all = Vec::new();
        if self.parts.contains(&ReportFormat::Csv) {
            all.extend(csv_tables::TABLES.iter().map(File::Table));
        }
        if self.parts.contains(&ReportFormat::Tables) {
            all.extend(schema::TABLES.iter().map(File::Rows));
        }
        all.extend(self.parts.iter().copied().map(File::Document));
        if self.parts.contains(&ReportFormat::Charts) {
            all.extend(self.pictures.iter().map(File::Picture));
        }
        all
    }

    fn write_table(&self, table: &TableFile) -> Result<PathBuf> {
        let frame = (table.rows)(self.analysis, self.report)?;
        let rows = csv::Table::of(&frame);
        self.folder.put_with(&format!("tables/{}.csv", table.name), |out| rows.write(out))
    }

    fn write_rows(&self, table: &Table) -> Result<PathBuf> {
        let capture = &self.report.capture;
        let files = capture.series.iter().flat_map(|series| &series.files);
        let identity = Identity::of(
            &self.analysis.metadata,
            capture.file.clone(),
            capture.sha256.clone(),
            files.filter_map(|file| file.sha256.clone()).collect(),
        );
        let recording = Recording::new(self.analysis, &identity);
        // An error in the rows is a bug and is reported as one.
        let mut wrong = Ok(());
        let path = self.folder.put_with(&format!("tables/{}.parquet", table.name), |out| {
            let mut writer = Writer::new(table, out)?;
            let mut failed = Ok(());
            wrong = recording.each(table, &mut |batch| {
                failed = std::mem::replace(&mut failed, Ok(())).and_then(|()| writer.push(batch));
                Ok(())
            });
            failed.and_then(|()| writer.finish())
        })?;
        wrong.map(|()| path)
    }

    /// Writes a format that is a single file; nothing for one of many files.
    fn write_document(&self, format: ReportFormat) -> Result<Vec<PathBuf>> {
        let Self { analysis, report, folder, .. } = self;
        let sockets = || Sockets::new(&analysis.tables, &report.findings);
        let path = match format {
            ReportFormat::Html => {
                let page = html::page(report, self.pictures, &analysis.tables)?;
                folder.put_with("report.html", |out| page.write(out))?
            }
            ReportFormat::Markdown => {
                folder.put("report.md", markdown::render(report, self.parts).as_bytes())?
            }
            ReportFormat::Json => folder.put_with("report.json", |out| json::write(report, out))?,
            ReportFormat::Ocsf => {
                let sockets = sockets()?;
                folder.put_with("findings.ndjson", |out| ocsf::write(report, &sockets, out))?
            }
            ReportFormat::Stix => {
                let bundle = stix::bundle(report, &sockets()?);
                folder.put_with("indicators.stix.json", |out| json::write(&bundle, out))?
            }
            ReportFormat::Charts | ReportFormat::Csv | ReportFormat::Tables => return Ok(Vec::new()),
        };
        Ok(vec![path])
    }

    fn write_picture(&self, picture: &Picture, renderer: &charts::Renderer) -> Result<Vec<PathBuf>> {
        let put = |ending: &str, content: &[u8]| {
            self.folder.put(&format!("charts/{}.{ending}", picture.id), content)
        };
        Ok(vec![put("svg", picture.svg.as_bytes())?, put("png", &renderer.render(picture)?)?])
    }
}
