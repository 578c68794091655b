//! Computes the metrics of every section of the report from the tables.
//!
//! Bytes are payload bytes moved during the recording unless a name says otherwise. Uncounted
//! values are null, and every sum states how many there are.

mod anomalies;
mod bandwidth;
mod completeness;
mod correlation;
mod distribution;
mod efficiency;
mod gaps;
mod geography;
mod overview;
mod shares;
mod sockets;
mod tcp;
#[cfg(test)]
mod tests;
mod traffic;

use std::thread;

use self::sockets::Sockets;
use super::config::Analysis as Settings;
use crate::capture::Metadata;
use crate::model::Tables;
use crate::model::detector::Run;
use crate::model::metrics::{
    Anomalies, Bandwidth, Completeness, Correlation, Distribution, Geography, Metrics, Overview, PortUse,
    ProcessLoad, ProtocolEfficiency, Share, Tcp, Traffic,
};
use crate::{Result, parallel};

/// Computes the metrics.
///
/// # Errors
/// If a table lacks a column: a bug.
pub fn measure(tables: &Tables, _metadata: &Metadata, settings: &Settings) -> Result<Metrics> {
    let sockets = Sockets::new(&tables.connections)?;
    thread::scope(|scope| {
        // Half of the work.
        let overview = parallel::spawn(scope, || overview::overview(tables, &sockets));
        let correlations = parallel::spawn(scope, || correlation::correlations(&sockets));
        Ok(Metrics {
            bandwidth: bandwidth::bandwidth(tables, &sockets)?,
            tcp: tcp::tcp(tables, &sockets, settings)?,
            geography: geography::geography(tables, &sockets)?,
            protocols: efficiency::protocols(&sockets),
            processes: bandwidth::loads(tables)?,
            anomalies: anomalies::anomalies(&sockets),
            traffic: traffic::traffic(tables)?,
            overview: overview.join()?,
            correlations: correlations.join(),
        })
    })
}

/// How complete a capture is, and what the detectors could have found in it.
///
/// # Errors
/// If a table lacks a column: a bug.
pub fn completeness(tables: &Tables, metadata: &Metadata, runs: &[Run]) -> Result<Completeness> {
    let periods = runs.iter().find_map(|run| run.output.periods);
    Ok(completeness::completeness(&Sockets::new(&tables.connections)?, tables, metadata, periods))
}
