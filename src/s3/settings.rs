//! The server and the trusted certificates: from the environment, and the configuration file shared
//! with AWS's tools.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ureq::http::Uri;

use crate::{Error, Result};

/// The default region.
const DEFAULT_REGION: &str = "us-east-1";

/// Maximum size of a settings file.
const MOST_FILE_BYTES: u64 = 1 << 20;

/// The environment variables.
pub(super) type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Scheme, host and port of a storage other than AWS; `None` for AWS.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) region: String,
    /// A file with the only trusted certificate authorities.
    pub(super) trusted: Option<PathBuf>,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) scheme: &'static str,
    /// With the port, if one was given.
    pub(super) host: String,
}

/// A profile's settings in the shared files, by name.
pub(super) type Profile = BTreeMap<String, String>;

impl Settings {
    /// From the environment of this process.
    ///
    /// # Errors
    /// [`Error::Usage`] if an endpoint is invalid.
    pub fn from_environment() -> Result<Self> {
        let variables = |name: &str| std::env::var(name).ok();
        Self::new(&variables, &Profiles::load(&variables))
    }

    pub(super) fn new(variables: &Variables<'_>, profiles: &Profiles) -> Result<Self> {
        let set = |name: &str| variables(name).filter(|value| !value.is_empty());
        let of_profile = |name: &str| profiles.config.get(name).cloned();
        let from = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .into_iter()
            .find_map(|name| Some((name, set(name)?)))
            .or_else(|| Some(("endpoint_url", of_profile("endpoint_url")?)));
        let endpoint = from.map(|(name, value)| {
            let usage = || Error::Usage(format!("{name} is not a URL such as https://storage.example:9000"));
            Endpoint::parse(&value).ok_or_else(usage)
        });
        let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| of_profile("region")).unwrap_or_else(|| DEFAULT_REGION.to_owned());
        if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(Error::Usage("AWS_REGION is not the name of a region".to_owned()));
        }
        let trusted = set("AWS_CA_BUNDLE").or_else(|| of_profile("ca_bundle")).map(PathBuf::from);
        Ok(Self { endpoint: endpoint.transpose()?, region, trusted })
    }

    /// The host of a bucket, and the path before the key.
    pub(super) fn place(&self, bucket: &str) -> (Endpoint, String) {
        if let Some(endpoint) = &self.endpoint {
            return (endpoint.clone(), format!("/{bucket}/"));
        }
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = format!("s3.{}.{domain}", self.region);
        // The certificate covers one label below the domain, and host names have no capital letters.
        let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if bucket.chars().all(is_label) {
            (Endpoint { scheme: "https", host: format!("{bucket}.{host}") }, "/".to_owned())
        } else {
            (Endpoint { scheme: "https", host }, format!("/{bucket}/"))
        }
    }

    /// Whether TLS is used.
    pub(super) fn is_encrypted(&self) -> bool {
        self.endpoint.as_ref().is_none_or(|endpoint| endpoint.scheme == "https")
    }

    /// The server, for a sentence.
    pub fn describe(&self) -> String {
        match &self.endpoint {
            Some(Endpoint { scheme, host }) if *scheme == "http" => format!("http://{host}, not encrypted"),
            Some(Endpoint { scheme, host }) => format!("{scheme}://{host}"),
            None => format!("Amazon S3 in {}", self.region),
        }
    }
}

impl Endpoint {
    /// Parses a URL without path, query and user.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = ["https", "http"].into_iter().find(|scheme| uri.scheme_str() == Some(scheme))?;
        let authority = uri.authority()?;
        let is_plain = uri.query().is_none() && uri.path().len() <= 1 && !authority.as_str().contains('@');
        // The default port is omitted from the header, and so from what is signed.
        let port = authority.port_u16().filter(|port| *port != if scheme == "https" { 443 } else { 80 });
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let host = format!("{}{port}", authority.host());
        (is_plain && !authority.host().is_empty()).then_some(Self { scheme, host })
    }
}

/// The requested profile in the shared files.
#[derive(Default)]
pub(super) struct Profiles {
    /// From `~/.aws/config`.
    pub(super) config: Profile,
    /// From `~/.aws/credentials`.
    pub(super) credentials: Profile,
}

impl Profiles {
    /// Reads the files; one that is missing or unreadable counts as empty.
    pub(super) fn load(variables: &Variables<'_>) -> Self {
        let set = |name: &str| variables(name).filter(|value| !value.is_empty());
        let profile = set("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
        let home = set("HOME").or_else(|| set("USERPROFILE")).map(PathBuf::from);
        let read = |variable: &str, name: &str| {
            let usual = || Some(home.as_ref()?.join(".aws").join(name));
            let path = set(variable).map(PathBuf::from).or_else(usual)?;
            let file = crate::safe_fs::open_regular(&path).ok()?;
            let mut text = String::new();
            std::io::Read::read_to_string(&mut std::io::Read::take(file, MOST_FILE_BYTES), &mut text).ok()?;
            Some(section(&text, &profile))
        };
        Self {
            config: read("AWS_CONFIG_FILE", "config").unwrap_or_default(),
            credentials: read("AWS_SHARED_CREDENTIALS_FILE", "credentials").unwrap_or_default(),
        }
    }
}

/// The settings in `[NAME]` or `[profile NAME]`.
fn section(text: &str, wanted: &str) -> Profile {
    let mut found = Profile::new();
    let mut is_wanted = false;
    for line in text.lines() {
        // An indented line belongs to the previous setting; no nested setting is needed here.
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let name = name.trim();
            is_wanted = name == wanted
                || name.strip_prefix("profile").is_some_and(|name| name.trim() == wanted && name != wanted);
            continue;
        }
        let is_comment = line.starts_with(['#', ';']);
        if let (true, false, false, Some((name, value))) =
            (is_wanted, is_nested, is_comment, line.split_once('='))
        {
            found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings> {
        let variables =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::new(&variables, &Profiles::default())
    }

    #[test]
    fn without_an_endpoint_a_bucket_is_a_host_of_amazon() {
        let settings = settings(&[("AWS_REGION", "eu-central-1")]).unwrap();
        let (endpoint, path) = settings.place("captures");
        assert_eq!(endpoint.host, "captures.s3.eu-central-1.amazonaws.com");
        assert_eq!((endpoint.scheme, path.as_str()), ("https", "/"));
        // A certificate for *.s3.… does not cover it.
        let (endpoint, path) = settings.place("my.captures");
        assert_eq!(
            (endpoint.host.as_str(), path.as_str()),
            ("s3.eu-central-1.amazonaws.com", "/my.captures/")
        );
    }

    #[test]
    fn an_endpoint_has_its_buckets_in_the_path() {
        let named = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9000/"), ("AWS_DEFAULT_REGION", "x-1")];
        let storage = settings(&named).unwrap();
        let (endpoint, path) = storage.place("captures");
        assert_eq!((endpoint.host.as_str(), path.as_str()), ("127.0.0.1:9000", "/captures/"));
        assert_eq!(storage.describe(), "http://127.0.0.1:9000, not encrypted");
        let both = [("AWS_ENDPOINT_URL_S3", "https://s3.example:443"), ("AWS_ENDPOINT_URL", "http://x")];
        assert_eq!(settings(&both).unwrap().describe(), "https://s3.example");
    }

    #[test]
    fn an_address_that_is_none_is_said() {
        for text in ["minio:9000", "ftp://host", "https://", "https://user@host", "https://host/path?x", ""] {
            let settings = settings(&[("AWS_ENDPOINT_URL", text)]);
            assert_eq!(settings.is_ok(), text.is_empty(), "{text:?}");
        }
        assert!(settings(&[("AWS_REGION", "evil.example/")]).is_err());
    }

    #[test]
    fn a_profile_is_found_by_either_name() {
        let text =
            "[default]\nregion = a\n[profile x]\nRegion=b\n# c = d\ns3 =\n  region = nested\n[y]\nregion=e";
        assert_eq!(section(text, "default")["region"], "a");
        assert_eq!(section(text, "x")["region"], "b");
        assert_eq!(section(text, "y")["region"], "e");
        assert!(section(text, "z").is_empty());
    }
}
