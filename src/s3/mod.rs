//! Object storage that speaks the S3 protocol: `s3://bucket/key` read, written and listed.
//!
//! | file | purpose |
//! |---|---|
//! | `url` | names of objects, and which keys of a listing are accepted |
//! | `settings` | endpoint, region and trusted certificates from the environment and the shared configuration file |
//! | `credentials` | credentials: environment, shared file, container role, instance role |
//! | `sign` | Signature Version 4 |
//! | `transport` | one request: time limits, TLS, temporary failures |
//! | `failure` | the meaning of an error response, and what to do about it |
//! | `listing` | the pages of a listing |
//! | `client` | requests and their repetition |
//! | `checksum` | SHA-256 of an object and of its parts |
//! | `read`, `write`, `parts` | the operations |
//! | `temporary` | unnamed files, and how much space they may use |
//!
//! Everything from a server is hostile input: a body is read up to a limit, no claimed size is
//! allocated, no redirect is followed, and a key never becomes a file's path. No secret appears in
//! messages or `Debug` output.

mod checksum;
mod client;
mod credentials;
mod failure;
mod listing;
mod parts;
mod read;
mod settings;
mod sign;
mod temporary;
mod transport;
mod url;
mod write;

pub use self::checksum::{Checksum, Stated};
pub use self::client::{Access, Client};
pub use self::listing::{Listed, Listing};
pub use self::read::Head;
pub use self::settings::Settings;
pub use self::temporary::{Held, Space, nameless};
pub use self::transport::Body;
pub use self::url::Url;
pub use self::write::{Put, Stored};
