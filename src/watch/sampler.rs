//! The thread that samples the host.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::activity::Activity;
use super::feed::{Feed, KeptTick, News, sample_of};
use crate::capture::{PackedTick, SourceReport};
use crate::record::{self, Observed, Plan, SourceOptions, Stop, SystemClock};
use crate::{Error, Result};

/// Samples this host until `stop` is requested.
///
/// # Errors
/// [`Error::Record`] if the thread cannot be started. The feed reports any other error.
pub(super) fn start(plan: Plan, wanted: SourceOptions, stop: Stop, feed: Feed) -> Result<JoinHandle<()>> {
    let look = move || {
        // Opened here, because it belongs to one thread.
        let outcome = record::open_host(wanted).and_then(|mut host| {
            let mut sampler = Sampler::new(feed.clone());
            let mut take = |seen: Observed<'_>| sampler.take(seen);
            record::observe(&plan, host.as_mut(), (&SystemClock, &stop), &mut take)
        });
        feed.end(outcome.err());
    };
    std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(look)
        .map_err(|e| Error::Record(format!("the sampling thread cannot be started: {e}")))
}

/// The state kept between snapshots.
struct Sampler {
    feed: Feed,
    activity: Activity,
    reports: Arc<Vec<SourceReport>>,
}

impl Sampler {
    fn new(feed: Feed) -> Self {
        Self { feed, activity: Activity::default(), reports: Arc::default() }
    }

    fn take(&mut self, seen: Observed<'_>) {
        let Observed { tick, seen, rows, host } = seen;
        let reports = host.reports();
        if *self.reports != reports {
            self.reports = Arc::new(reports);
        }
        let ts_us = tick.moment.ts_us;
        self.activity.take(ts_us, rows);
        // If it cannot be packed it is still shown, but counts as late in a recording.
        if let Ok(packed) = PackedTick::pack(rows) {
            self.feed.keep(KeptTick {
                number: tick.number,
                moment: tick.moment,
                seen,
                events_lost: host.events_lost(),
                reports: Arc::clone(&self.reports),
                rows: packed,
            });
        }
        self.feed.tell(News {
            sample: Some(sample_of(tick.number, ts_us, std::mem::take(rows))),
            activity: self.activity.levels(),
            span_us: self.activity.span_us(),
        });
    }
}
