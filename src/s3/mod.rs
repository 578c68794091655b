//! Object storage that speaks the S3 protocol: `s3://bucket/key` read, written and listed.
//!
//! | file | what it knows |
//! |---|---|
//! | `url` | names of objects, and which keys of a listing are taken |
//! | `settings` | endpoint, region and trust from the environment and the shared configuration file |
//! | `credentials` | who signs: environment, shared file, container role, instance role |
//! | `sign` | Signature Version 4 |
//! | `transport` | one request: time limits, TLS, and which failure may pass |
//! | `failure` | what an answer means, and what to do about it |
//! | `listing` | the pages of a listing |
//! | `client` | what is asked, and again where that helps |
//! | `read`, `write` | the operations |
//! | `temporary` | files without a name, and how much room they may take |
//!
//! Everything that a server says is hostile input: a body is read up to a limit, no size that it claims is
//! allocated, no redirection is followed, and a key never becomes the path of a file. No secret is part of
//! a message, nor of what `Debug` prints.

mod client;
mod credentials;
mod failure;
mod listing;
mod read;
mod settings;
mod sign;
mod temporary;
mod transport;
mod url;
mod write;

pub use self::client::{Access, Client};
pub use self::listing::{Listed, Listing};
pub use self::read::Head;
pub use self::settings::Settings;
pub use self::temporary::{Held, Space, nameless};
pub use self::transport::Body;
pub use self::url::Url;
pub(crate) use self::write::sha256_of;
pub use self::write::{MOST_UPLOAD_BYTES, Put, Stored};
