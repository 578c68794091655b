//! The credentials for signing requests.
//!
//! They are searched in the same order as in AWS's tools: the environment, the shared files, the
//! role of a container, the role of an instance. Not supported: single sign-on,
//! `credential_process`, assumed roles (`role_arn`, web identity).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::{Agent, SendBody};

use super::settings::{Profile, Profiles, Variables};

/// How long before their expiration credentials are renewed.
const MARGIN: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// The service that provides the role of an instance.
const INSTANCE_SERVICE: &str = "http://169.254.169.254";

/// The service that provides the role of a container, if only a path is given.
const CONTAINER_SERVICE: &str = "http://169.254.170.2";

/// Time limit: these services are on the same machine or do not exist.
const PATIENCE: Duration = Duration::from_secs(2);

/// Maximum size of an answer with credentials.
const MOST_ANSWER_BYTES: u64 = 64 << 10;

/// Advice if there are no credentials.
const ADVICE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into ~/.aws/credentials \
    (AWS_PROFILE names the profile)";

/// A pair of keys.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) session_token: Option<String>,
    expires: Option<DateTime<Utc>>,
}

/// Omits the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_key, expires, .. } = self;
        f.debug_struct("Credentials")
            .field("access_key", access_key)
            .field("expires", expires)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) fn fixed(access_key: &str, secret_key: &str, session_token: Option<&str>) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            session_token: session_token.filter(|token| !token.is_empty()).map(str::to_owned),
            expires: None,
        }
    }

    /// Whether they can be written to headers.
    fn is_usable(&self) -> bool {
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain(&self.access_key)
            && !self.access_key.contains(['/', ','])
            && is_plain(&self.secret_key)
            && self.session_token.as_deref().is_none_or(is_plain)
    }
}

/// The source of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Environment,
    /// The shared files, which are read again when the storage rejects their credentials.
    Files,
    /// The service for a container's role, with the variable that names a file with its token.
    Container(String),
    /// The service for an instance's role.
    Instance(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::Files => "~/.aws",
            Self::Container(_) => "the container's role",
            Self::Instance(_) => "the instance's role",
        })
    }
}

/// Provides credentials, and renews them before they expire.
pub(super) struct Provider {
    origin: Origin,
    agent: Agent,
    current: Mutex<Option<Credentials>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Provider {
    /// Determines the source of the credentials; sends no request yet.
    ///
    /// # Errors
    /// A sentence, if the configuration is unusable.
    pub(super) fn find(
        variables: &Variables<'_>,
        profiles: &Profiles,
        tls: TlsConfig,
    ) -> Result<Self, String> {
        let set = |name: &str| variables(name).filter(|value| !value.is_empty());
        let mut current = None;
        let origin = if let Some(key) = set("AWS_ACCESS_KEY_ID") {
            let secret = set("AWS_SECRET_ACCESS_KEY").ok_or("AWS_SECRET_ACCESS_KEY is not set")?;
            current = Some(Credentials::fixed(&key, &secret, set("AWS_SESSION_TOKEN").as_deref()));
            Origin::Environment
        } else if let Some(found) = of_files(profiles) {
            current = Some(found);
            Origin::Files
        } else if let Some(setting) = unsupported(profiles, &set) {
            return Err(format!("{setting} is not supported; {ADVICE}"));
        } else if let Some(address) = container(&set) {
            Origin::Container(address)
        } else if set("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(format!("there are no credentials: {ADVICE}"));
        } else {
            let address = set("AWS_EC2_METADATA_SERVICE_ENDPOINT");
            Origin::Instance(address.unwrap_or_else(|| INSTANCE_SERVICE.to_owned()))
        };
        if current.as_ref().is_some_and(|found| !found.is_usable()) {
            return Err(format!("the credentials from {origin} contain invalid characters"));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // These services are contacted directly, or a proxy would see the credentials.
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .tls_config(tls)
            .build();
        Ok(Self { origin, agent: config.new_agent(), current: Mutex::new(current) })
    }

    /// The current credentials.
    ///
    /// # Errors
    /// A sentence, if there are none.
    pub(super) fn get(&self) -> Result<Credentials, String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |found: &Credentials| found.expires.is_some_and(|end| end - Utc::now() < MARGIN);
        if let Some(found) = current.as_ref().filter(|found| !is_over(found)) {
            return Ok(found.clone());
        }
        let variables = |name: &str| std::env::var(name).ok();
        let found = match &self.origin {
            Origin::Environment => current.clone().ok_or_else(|| ADVICE.to_owned()),
            Origin::Files => of_files(&Profiles::load(&variables)).ok_or_else(|| ADVICE.to_owned()),
            Origin::Container(address) => self.of_container(address, &variables),
            Origin::Instance(address) => self
                .of_instance(address)
                .ok_or_else(|| format!("there are no credentials, and no role of an instance: {ADVICE}")),
        }?;
        if !found.is_usable() {
            return Err(format!("the credentials from {} contain invalid characters", self.origin));
        }
        *current = Some(found.clone());
        Ok(found)
    }

    /// Discards credentials that the storage rejected, if their source may have new ones.
    pub(super) fn forget(&self) {
        if self.origin != Origin::Environment {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Their source, for a sentence.
    pub(super) fn origin(&self) -> String {
        self.origin.to_string()
    }

    fn of_container(&self, address: &str, variables: &Variables<'_>) -> Result<Credentials, String> {
        let file = variables("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").filter(|name| !name.is_empty());
        let token = match file {
            Some(name) => std::fs::read_to_string(&name).map_err(|e| format!("{name}: {e}"))?,
            None => variables("AWS_CONTAINER_AUTHORIZATION_TOKEN").unwrap_or_default(),
        };
        let text = self.ask("GET", address, &[("authorization", token.trim())]);
        text.as_deref()
            .and_then(parse_answer)
            .ok_or_else(|| format!("the service for the container's role at {address} gives no credentials"))
    }

    fn of_instance(&self, address: &str) -> Option<Credentials> {
        let address = address.trim_end_matches('/');
        let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
        let token = self.ask("PUT", &format!("{address}/latest/api/token"), &lifetime)?;
        let header = [("x-aws-ec2-metadata-token", token.trim())];
        let roles = format!("{address}/latest/meta-data/iam/security-credentials/");
        let role = self.ask("GET", &roles, &header)?;
        let role = super::sign::encode(role.lines().next()?.trim(), "+=,@");
        parse_answer(&self.ask("GET", &format!("{roles}{role}"), &header)?)
    }

    fn ask(&self, method: &str, address: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = ureq::http::Request::builder().method(method).uri(address);
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let mut response = if method == "PUT" {
            // With a length, because not every such service accepts chunked requests.
            self.agent.run(request.body([].as_slice()).ok()?).ok()?
        } else {
            self.agent.run(request.body(SendBody::none()).ok()?).ok()?
        };
        if !response.status().is_success() {
            return None;
        }
        response.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_string().ok()
    }
}

/// The keys in the profile.
fn of_files(profiles: &Profiles) -> Option<Credentials> {
    let keys = |profile: &Profile| {
        let get = |name: &str| profile.get(name).filter(|value| !value.is_empty());
        let (key, secret) = (get("aws_access_key_id")?, get("aws_secret_access_key")?);
        Some(Credentials::fixed(key, secret, get("aws_session_token").map(String::as_str)))
    };
    keys(&profiles.credentials).or_else(|| keys(&profiles.config))
}

/// A configured source of credentials that is not supported.
fn unsupported(profiles: &Profiles, set: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let settings = ["credential_process", "role_arn", "sso_session", "sso_start_url"];
    let of_file = settings
        .into_iter()
        .find(|name| profiles.config.contains_key(*name) || profiles.credentials.contains_key(*name));
    of_file.or_else(|| set("AWS_WEB_IDENTITY_TOKEN_FILE").map(|_| "AWS_WEB_IDENTITY_TOKEN_FILE"))
}

/// The URL of the service for a container's role.
fn container(set: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(path) = set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Some(format!("{CONTAINER_SERVICE}{path}"));
    }
    let full = set("AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
    let uri: Uri = full.parse().ok()?;
    // Outside this host only over TLS, as in AWS's tools.
    let host = uri.host()?;
    let is_near = ["localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
    (uri.scheme_str() == Some("https") || is_near.contains(&host)).then_some(full)
}

/// The answer of the services.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<DateTime<Utc>>,
}

fn parse_answer(text: &str) -> Option<Credentials> {
    let Answer { access_key_id, secret_access_key, token, expiration } = serde_json::from_str(text).ok()?;
    let found = Credentials::fixed(&access_key_id, &secret_access_key, token.as_deref());
    Some(Credentials { expires: expiration, ..found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pairs: &[(&str, &str)], profiles: &Profiles) -> Result<Provider, String> {
        let variables =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Provider::find(&variables, profiles, TlsConfig::default())
    }

    fn profile(pairs: &[(&str, &str)]) -> Profile {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_comes_first_and_no_secret_is_shown() {
        let file = profile(&[("aws_access_key_id", "FILE"), ("aws_secret_access_key", "of-file")]);
        let profiles = Profiles { credentials: file, ..Profiles::default() };
        let keys = [
            ("AWS_ACCESS_KEY_ID", "ENV"),
            ("AWS_SECRET_ACCESS_KEY", "s3cr3t"),
            ("AWS_SESSION_TOKEN", "t0ken"),
        ];
        let provider = find(&keys, &profiles).unwrap();
        let found = provider.get().unwrap();
        assert_eq!((found.access_key.as_str(), provider.origin().as_str()), ("ENV", "the environment"));
        let shown = format!("{provider:?} {found:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("t0ken"), "{shown}");
        let provider = find(&[], &profiles).unwrap();
        assert_eq!(provider.get().unwrap().access_key, "FILE");
    }

    #[test]
    fn what_is_missing_or_not_supported_is_said() {
        let none = Profiles::default();
        let half = find(&[("AWS_ACCESS_KEY_ID", "A")], &none).unwrap_err();
        assert!(half.contains("AWS_SECRET_ACCESS_KEY is not set"), "{half}");
        let off = find(&[("AWS_EC2_METADATA_DISABLED", "true")], &none).unwrap_err();
        assert!(off.contains("set AWS_ACCESS_KEY_ID"), "{off}");
        let config = profile(&[("role_arn", "arn:aws:iam::1:role/x")]);
        let role = find(&[], &Profiles { config, ..Profiles::default() }).unwrap_err();
        assert!(role.contains("role_arn is not supported"), "{role}");
        let split = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "a\r\nx-evil: 1")];
        assert!(find(&split, &none).is_err());
    }

    #[test]
    fn a_containers_service_is_near_or_encrypted() {
        let address = |full: &str| {
            let full = full.to_owned();
            container(&move |name| (name == "AWS_CONTAINER_CREDENTIALS_FULL_URI").then(|| full.clone()))
        };
        assert!(address("http://169.254.170.23/v1/credentials").is_some());
        assert!(address("https://vault.example/x").is_some());
        assert!(address("http://vault.example/x").is_none());
    }

    #[test]
    fn an_answer_has_keys_and_their_end() {
        let text = r#"{"Code":"Success","AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2030-01-01T00:00:00Z"}"#;
        let found = parse_answer(text).unwrap();
        assert_eq!((found.access_key.as_str(), found.session_token.as_deref()), ("A", Some("C")));
        assert!(found.expires.is_some());
        assert!(parse_answer(r#"{"Code":"Failed"}"#).is_none());
    }
}
