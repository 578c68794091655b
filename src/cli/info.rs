//! `netrec info`: what is in a capture, from its metadata, at once.

use std::path::PathBuf;

use clap::Args;

use super::Done;
use crate::Result;
use crate::capture::CaptureFile;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The capture to describe
    capture: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let capture = CaptureFile::open(&arguments.capture)?;
    println!("{:#?}", capture.metadata());
    Ok(Done::Well)
}
