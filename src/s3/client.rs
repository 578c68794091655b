//! The client: what it asks, and again where that helps.

use std::time::Duration;

use super::credentials::Provider;
use super::failure::Failure;
use super::settings::{Profiles, Settings};
use super::transport::{self, Transport};
use super::url::Url;
use crate::error::StorageFault;
use crate::{Error, Result};

/// How often something is tried, and how often where nobody is there.
const ATTEMPTS: u32 = 5;
const ATTEMPTS_AT_NOBODY: u32 = 3;

/// Before the second attempt; before each further one three times as long.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
const GROWTH: u32 = 3;

/// Reads and writes objects. Several threads may share one.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
    attempts: u32,
}

impl Client {
    /// By the environment and the shared files of this process.
    ///
    /// # Errors
    /// [`Error::Usage`] if there are no credentials, or a setting cannot be used.
    pub fn from_environment() -> Result<Self> {
        let variables = |name: &str| std::env::var(name).ok();
        let profiles = Profiles::load(&variables);
        let settings = Settings::new(&variables, &profiles)?;
        let usage = |reason: String| Error::Usage(format!("cannot sign in to the object storage: {reason}"));
        let tls = transport::tls(&settings)?;
        let credentials = Provider::find(&variables, &profiles, tls.clone()).map_err(usage)?;
        Ok(Self { transport: Transport::new(settings, credentials, tls), attempts: ATTEMPTS })
    }

    /// One that tries everything once, for whoever decides himself when to try again.
    #[must_use]
    pub fn trying_once(self) -> Self {
        Self { attempts: 1, ..self }
    }

    /// Where it asks and as whom, for a sentence.
    pub fn describe(&self) -> String {
        let Transport { settings, credentials, .. } = &self.transport;
        format!("{}, credentials from {}", settings.describe(), credentials.origin())
    }

    /// Does something again while it fails in a way that may pass.
    pub(super) fn retried<T>(&self, mut work: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut retries = self.retries();
        loop {
            match work() {
                Ok(done) => return Ok(done),
                Err(failure) => retries.wait(failure)?,
            }
        }
    }

    pub(super) fn retries(&self) -> Retries {
        Retries { most: self.attempts, failed: 0, pause: FIRST_PAUSE }
    }

    /// Whether the objects below a name can be reached, as far as that shows without writing one.
    ///
    /// # Errors
    /// [`Error::Storage`] if not: the bucket is not there, the credentials are wrong, nobody answers.
    pub fn probe(&self, folder: &Url) -> Result<Access> {
        // An object that nobody has: the answer tells apart what that of a bucket does not.
        let nothing = folder.join(".netrec-check");
        match self.get(&nothing, "bytes=0-0", None) {
            Ok(_) => Ok(Access::Granted),
            Err(failure) if failure.fault == StorageFault::Missing && !failure.is_of_bucket() => {
                Ok(Access::Granted)
            }
            // Who may only write is told of nothing that is missing.
            Err(failure) if failure.code == "AccessDenied" => Ok(Access::Unknown),
            Err(failure) => Err(failure.into_error("reach", folder)),
        }
    }
}

/// What a probe has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The bucket is there and lets itself be read.
    Granted,
    /// The credentials are known, and may not read. Whether they may write shows with the first object.
    Unknown,
}

/// How often something has been tried.
pub(super) struct Retries {
    most: u32,
    failed: u32,
    pause: Duration,
}

impl Retries {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure, if there is to be none.
    pub(super) fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        self.failed += 1;
        let most = if failure.is_nobody { self.most.min(ATTEMPTS_AT_NOBODY) } else { self.most };
        if !failure.may_pass() || self.failed >= most {
            return Err(failure);
        }
        tracing::info!("trying again: {}", failure.reason);
        std::thread::sleep(failure.after.unwrap_or_else(|| jittered(self.pause)));
        self.pause *= GROWTH;
        Ok(())
    }
}

/// Up to a quarter more, so that many who were turned away together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 4.0)
}
