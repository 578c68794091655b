//! The client: sends requests, and repeats them where that may help.

use std::time::Duration;

use super::credentials::Provider;
use super::failure::Failure;
use super::settings::{Profiles, Settings};
use super::transport::{self, Transport};
use super::url::Url;
use crate::error::StorageFault;
use crate::{Error, Result};

/// Number of attempts, and number of attempts if no server answers.
const ATTEMPTS: u32 = 5;
const ATTEMPTS_AT_NOBODY: u32 = 3;

/// Pause before the second attempt; tripled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
const GROWTH: u32 = 3;

/// Reads and writes objects. It can be shared between threads.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
    attempts: u32,
}

impl Client {
    /// Configured by the environment and the shared files of this process.
    ///
    /// # Errors
    /// [`Error::Usage`] if credentials are missing or a setting is invalid.
    pub fn from_environment() -> Result<Self> {
        let variables = |name: &str| std::env::var(name).ok();
        let profiles = Profiles::load(&variables);
        let settings = Settings::new(&variables, &profiles)?;
        let usage = |reason: String| Error::Usage(format!("cannot sign in to the object storage: {reason}"));
        let tls = transport::tls(&settings)?;
        let credentials = Provider::find(&variables, &profiles, tls.clone()).map_err(usage)?;
        Ok(Self { transport: Transport::new(settings, credentials, tls), attempts: ATTEMPTS })
    }

    /// Makes it try everything only once, for callers that repeat requests themselves.
    #[must_use]
    pub fn trying_once(self) -> Self {
        Self { attempts: 1, ..self }
    }

    /// The server and the identity, for a sentence.
    pub fn describe(&self) -> String {
        let Transport { settings, credentials, .. } = &self.transport;
        format!("{}, credentials from {}", settings.describe(), credentials.origin())
    }

    /// Repeats work while it fails temporarily.
    pub(super) fn retried<T>(&self, work: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        repeated(self.retries(), work)
    }

    /// The same, even if the client tries everything only once.
    pub(super) fn persistently<T>(&self, work: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        repeated(Retries { most: ATTEMPTS, ..self.retries() }, work)
    }

    pub(super) fn retries(&self) -> Retries {
        Retries { most: self.attempts, failed: 0, pause: FIRST_PAUSE }
    }

    /// Checks whether the objects below a URL can be accessed, as far as possible without writing one.
    ///
    /// # Errors
    /// [`Error::Storage`] if not: the bucket is missing, the credentials are wrong, or there is no answer.
    pub fn probe(&self, folder: &Url) -> Result<Access> {
        // An object that does not exist: its answer distinguishes cases that a bucket's does not.
        let nothing = folder.join(".netrec-check");
        match self.get(&nothing, "bytes=0-0", None) {
            Ok(_) => Ok(Access::Granted),
            Err(failure) if failure.fault == StorageFault::Missing && !failure.is_of_bucket() => {
                Ok(Access::Granted)
            }
            // With write-only access, missing objects are not reported as missing.
            Err(failure) if failure.code == "AccessDenied" => Ok(Access::Unknown),
            Err(failure) => Err(failure.into_error("reach", folder)),
        }
    }
}

fn repeated<T>(mut retries: Retries, mut work: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    loop {
        match work() {
            Ok(done) => return Ok(done),
            Err(failure) => retries.wait(failure)?,
        }
    }
}

/// The result of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The bucket exists and can be read.
    Granted,
    /// The credentials are valid but cannot read. The first upload shows whether they can write.
    Unknown,
}

/// Counts the attempts.
pub(super) struct Retries {
    most: u32,
    failed: u32,
    pause: Duration,
}

impl Retries {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure, if there is no further attempt.
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

/// Adds up to a quarter, so that many clients rejected at once do not return at once.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 4.0)
}
