//! What a domain name says: whose it is, and whether a program made it up.

/// Registered domains of update, time, telemetry and push services, and of the large providers
/// whose services poll by design. A name under one of them is no proof that a contact is benign (anyone
/// can rent a server in a cloud), so the domains of rented servers and of content delivery networks are left out.
const KNOWN_SERVICES: &[&str] = &[
    "1e100.net",
    "a2z.com",
    "adobe.com",
    "adobe.io",
    "akadns.net",
    "alpinelinux.org",
    "amazon.com",
    "amazonalexa.com",
    "amd.com",
    "anaconda.org",
    "android.com",
    "apple.com",
    "archlinux.org",
    "avast.com",
    "avira.com",
    "azureedge.net",
    "baidu.com",
    "bing.com",
    "bitbucket.org",
    "bitdefender.net",
    "brave.com",
    "canonical.com",
    "cdninstagram.com",
    "centos.org",
    "chocolatey.org",
    "cisco.com",
    "clamav.net",
    "crates.io",
    "crowdstrike.com",
    "datadoghq.com",
    "debian.org",
    "dell.com",
    "digicert.com",
    "discord.com",
    "discord.gg",
    "docker.com",
    "docker.io",
    "doubleclick.net",
    "dropbox.com",
    "dropboxapi.com",
    "duckduckgo.com",
    "ecobee.com",
    "epicgames.com",
    "eset.com",
    "ezvizlife.com",
    "facebook.com",
    "fbcdn.net",
    "fedoraproject.org",
    "firefox.com",
    "fwupd.org",
    "ggpht.com",
    "github.com",
    "gitlab.com",
    "globalsign.com",
    "gnome.org",
    "golang.org",
    "google-analytics.com",
    "google.com",
    "googleapis.com",
    "googletagmanager.com",
    "googlevideo.com",
    "gradle.org",
    "gstatic.com",
    "gvt1.com",
    "gvt2.com",
    "hik-connect.com",
    "hotmail.com",
    "hp.com",
    "icloud.com",
    "identrust.com",
    "instagram.com",
    "intel.com",
    "jetbrains.com",
    "kaspersky.com",
    "kernel.org",
    "launchpad.net",
    "lencr.org",
    "lenovo.com",
    "letsencrypt.org",
    "linkedin.com",
    "live.com",
    "malwarebytes.com",
    "maven.org",
    "mcafee.com",
    "meethue.com",
    "meraki.com",
    "mi.com",
    "microsoft.com",
    "microsoftonline.com",
    "microsoftstore.com",
    "mozilla.com",
    "mozilla.net",
    "mozilla.org",
    "msedge.net",
    "msftconnecttest.com",
    "msftncsi.com",
    "msn.com",
    "myqnapcloud.com",
    "nest.com",
    "netatmo.net",
    "netflix.com",
    "newrelic.com",
    "nist.gov",
    "nodejs.org",
    "npmjs.org",
    "ntp.org",
    "nvidia.com",
    "office.com",
    "office365.com",
    "onedrive.com",
    "opensuse.org",
    "opera.com",
    "oracle.com",
    "outlook.com",
    "plex.tv",
    "pypi.org",
    "python.org",
    "qq.com",
    "quickconnect.to",
    "reddit.com",
    "redhat.com",
    "ring.com",
    "rockylinux.org",
    "roku.com",
    "rubygems.org",
    "rust-lang.org",
    "s-microsoft.com",
    "samsung.com",
    "scdn.co",
    "sectigo.com",
    "sentry.io",
    "sharepoint.com",
    "shelly.cloud",
    "skype.com",
    "slack.com",
    "smartthings.com",
    "snapcraft.io",
    "sonos.com",
    "sophos.com",
    "spotify.com",
    "spotifycdn.com",
    "steamcontent.com",
    "steampowered.com",
    "steamserver.net",
    "symantec.com",
    "synology.com",
    "tado.com",
    "teamviewer.com",
    "telegram.org",
    "tplinkcloud.com",
    "trendmicro.com",
    "tuyacn.com",
    "tuyaeu.com",
    "tuyaus.com",
    "twimg.com",
    "twitter.com",
    "ubuntu.com",
    "ui.com",
    "verisign.com",
    "vivaldi.com",
    "vmware.com",
    "whatsapp.net",
    "wikimedia.org",
    "wikipedia.org",
    "windows.com",
    "windows.net",
    "windowsupdate.com",
    "windowsupdate.net",
    "x.com",
    "xiaomi.com",
    "xiaomi.net",
    "yahoo.com",
    "yandex.net",
    "yandex.ru",
    "youtube.com",
    "ytimg.com",
    "zoom.us",
];

/// Registered domains under which anyone has a name for an address of their own at once and without cost: dynamic DNS
/// and tunnels to a machine behind a firewall. Published C2 configurations of remote-access trojans name them more than any other.
const DYNAMIC: &[&str] = &[
    "3utilities.com",
    "argotunnel.com",
    "bore.pub",
    "bounceme.net",
    "chickenkiller.com",
    "ddns.net",
    "devtunnels.ms",
    "duckdns.org",
    "dyndns.org",
    "dynu.net",
    "freedynamicdns.net",
    "gotdns.ch",
    "hopto.org",
    "lhr.life",
    "localhost.run",
    "localto.net",
    "localtonet.com",
    "loclx.io",
    "mooo.com",
    "myftp.biz",
    "myftp.org",
    "myvnc.com",
    "ngrok-agent.com",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.com",
    "ngrok.io",
    "no-ip.biz",
    "no-ip.info",
    "no-ip.org",
    "onthewifi.com",
    "pagekite.me",
    "pinggy.io",
    "pinggy.link",
    "playit.gg",
    "portmap.host",
    "portmap.io",
    "redirectme.net",
    "serveblog.net",
    "serveftp.com",
    "servehttp.com",
    "serveo.net",
    "sytes.net",
    "trycloudflare.com",
    "tunnelto.dev",
    "viewdns.net",
    "webhop.me",
    "zapto.org",
    "zrok.io",
];

/// Registered domains under which anyone runs a program of their own at once and without cost, behind the addresses and
/// certificates of a large provider.
const HOSTED: &[&str] = &[
    "appspot.com",
    "azurewebsites.net",
    "deno.dev",
    "firebaseapp.com",
    "fly.dev",
    "glitch.me",
    "herokuapp.com",
    "netlify.app",
    "onrender.com",
    "pages.dev",
    "railway.app",
    "repl.co",
    "replit.app",
    "run.app",
    "vercel.app",
    "web.app",
    "workers.dev",
];

/// Registered domains at which anyone leaves files for others, most of them without an account.
const FILE_DROPS: &[&str] = &[
    "0x0.st",
    "anonfiles.com",
    "bashupload.com",
    "catbox.moe",
    "file.io",
    "gofile.io",
    "mega.co.nz",
    "mega.io",
    "mega.nz",
    "pastebin.com",
    "sendspace.com",
    "temp.sh",
    "transfer.sh",
    "ufile.io",
    "wetransfer.com",
];

/// Top-level domains in which a name costs next to nothing, and of which abuse reports count many times more names than
/// their size explains (Spamhaus, "The 10 most abused top-level domains"; Interisle, "Malware Landscape"; the free domains
/// of Freenom).
const CHEAP: &[&str] = &[
    "bar", "bond", "buzz", "cam", "cf", "cfd", "click", "club", "cyou", "fun", "ga", "gq", "icu", "lat",
    "life", "ml", "monster", "online", "pw", "quest", "rest", "sbs", "site", "space", "store", "su", "surf",
    "tk", "top", "work", "xyz",
];

/// Names through which programs, and not people, send and read messages of a service that is ordinary otherwise.
const BOT_INTERFACES: &[&str] = &[
    "api.telegram.org",
    "gist.githubusercontent.com",
    "hooks.slack.com",
    "raw.githubusercontent.com",
    "webhook.site",
];

/// Message brokers that their operators run for tests, open to everyone without an account.
const OPEN_BROKERS: &[&str] = &[
    "broker.emqx.io",
    "broker.hivemq.com",
    "mqtt.eclipseprojects.io",
    "public.mqtthq.com",
    "test.mosquitto.org",
];

/// Services of AWS that agents of a host call by the name of a region: `logs.eu-central-1.amazonaws.com`. Others under that
/// domain, such as `s3` and `execute-api`, belong to whoever rents them.
const AWS_AGENTS: &[&str] =
    &["ec2messages", "kms", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages", "sts"];

/// Second-level labels under which countries register domains: `example.co.uk`.
const REGISTRY_LABELS: &[&str] = &["ac", "co", "com", "edu", "gob", "gov", "ne", "net", "or", "org"];

/// The registered domain of a name: its last two labels, or three where a country registers at the
/// third level. None for an address or a single label.
pub fn registered_domain(name: &str) -> Option<&str> {
    let name = name.trim_end_matches('.');
    if name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let last = dots.next()?;
    let Some(second) = dots.next() else { return Some(name) };
    let label = &name[second + 1..last];
    let is_third_level = name.len() - last == 3 && REGISTRY_LABELS.contains(&label);
    if !is_third_level {
        return Some(&name[second + 1..]);
    }
    Some(dots.next().map_or(name, |third| &name[third + 1..]))
}

/// Whether a name belongs to a service that polls or is polled by design.
pub fn is_known_service(name: &str) -> bool {
    (is_under(name, KNOWN_SERVICES) && !is_bot_interface(name)) || is_of_aws_agent(name)
}

/// Whether programs send or read messages there, which makes it a channel that needs no server.
pub fn is_bot_interface(name: &str) -> bool {
    is_one_of(name, BOT_INTERFACES)
}

/// Whether it is a message broker that anyone uses.
pub fn is_open_broker(name: &str) -> bool {
    is_one_of(name, OPEN_BROKERS)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name.trim_end_matches('.')))
}

fn is_of_aws_agent(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let before = lower.strip_suffix(".amazonaws.com").and_then(|rest| rest.split_once('.'));
    before.is_some_and(|(service, region)| AWS_AGENTS.contains(&service) && !region.contains('.'))
}

/// Whether a name is one that anyone has at once for an address of their own: dynamic DNS, and tunnels.
pub fn is_dynamic(name: &str) -> bool {
    is_under(name, DYNAMIC)
}

/// Whether a name is one of a program that anyone runs at a large provider.
pub fn is_hosted(name: &str) -> bool {
    is_under(name, HOSTED)
}

/// Whether a name is under a top-level domain where names cost next to nothing.
pub fn is_cheap(name: &str) -> bool {
    let label = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    CHEAP.binary_search(&label.to_ascii_lowercase().as_str()).is_ok()
}

/// Whether anyone can leave files there for others.
pub fn is_file_drop(name: &str) -> bool {
    is_under(name, FILE_DROPS)
}

fn is_under(name: &str, domains: &[&str]) -> bool {
    let lower = name.to_ascii_lowercase();
    registered_domain(&lower).is_some_and(|domain| domains.binary_search(&domain).is_ok())
}

/// Whether the registered part of a name looks generated by a program and not chosen by a person:
/// digits strewn between letters, hardly a vowel, or six characters in a row without one and digits among them.
///
/// Two groups of digits are rare in a registered name, and words of the large European languages have a vowel in
/// three to four letters ("strengthscope", "rechtsschutzversicherung"); algorithms that draw letters or base32 digits
/// uniformly break one of the two within a dozen characters.
pub fn looks_generated(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some(label) = registered_domain(&lower).and_then(|domain| domain.split('.').next()) else {
        return false;
    };
    if label.len() < 8 || label.starts_with("xn--") || label.contains('-') {
        return false;
    }
    let bytes = label.as_bytes();
    let is_vowel = |byte: &u8| b"aeiouy".contains(byte);
    let changes =
        bytes.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let vowels = bytes.iter().filter(|byte| is_vowel(byte)).count();
    let longest_run = bytes.split(is_vowel).map(<[u8]>::len).max().unwrap_or_default();
    changes >= 4
        || (label.len() >= 12 && vowels * 5 < label.len())
        || (label.len() >= 10 && changes >= 2 && longest_run >= 6)
}

/// Letters from which on their frequencies say something.
const ENOUGH_LETTERS: usize = 100;

/// Whether the registered parts of some names together look drawn by a program, letter by letter.
///
/// Of letters drawn uniformly, 19 % are one of a, e, i, o and u; of the words of European languages, 36 % or more
/// are, and of names made of them and of abbreviations a third. Digits drawn with them make a fifth of base32
/// and more of hexadecimal; names that people choose hold three in a hundred.
pub fn look_drawn<'n>(names: impl IntoIterator<Item = &'n str>) -> bool {
    let (mut letters, mut vowels, mut digits) = (0, 0, 0);
    for name in names {
        let Some(label) = registered_domain(name).and_then(|domain| domain.split('.').next()) else {
            continue;
        };
        for byte in label.bytes().map(|byte| byte.to_ascii_lowercase()).filter(|_| !label.starts_with("xn--"))
        {
            letters += usize::from(byte.is_ascii_lowercase());
            vowels += usize::from(b"aeiou".contains(&byte));
            digits += usize::from(byte.is_ascii_digit());
        }
    }
    let all = letters + digits;
    all >= ENOUGH_LETTERS && (vowels * 100 < 27 * letters || digits * 100 >= 18 * all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_domain_may_have_an_interface_for_programs_and_a_rented_one_services_of_its_own() {
        assert!(is_known_service("web.telegram.org") && !is_known_service("API.telegram.org"));
        assert!(is_known_service("logs.eu-central-1.amazonaws.com"));
        assert!(!is_known_service("abc.execute-api.eu-central-1.amazonaws.com"));
        assert!(
            !is_known_service("logs.a.eu-central-1.amazonaws.com")
                && !is_known_service("s3.us-east-1.amazonaws.com")
        );
    }

    #[test]
    fn the_lists_are_sorted_so_that_they_can_be_searched() {
        assert!(
            KNOWN_SERVICES.is_sorted() && DYNAMIC.is_sorted() && FILE_DROPS.is_sorted() && CHEAP.is_sorted()
        );
        assert!(HOSTED.is_sorted());
        assert!(is_cheap("a.b.XYZ.") && !is_cheap("xyz.example.org"));
    }

    #[test]
    fn names_that_anyone_has_at_once_are_known_by_their_domain() {
        assert!(is_dynamic("home.DuckDNS.org") && is_file_drop("store4.gofile.io"));
        assert!(!is_dynamic("duckdns.org.example.com") && !is_file_drop("profile.io"));
    }

    #[test]
    fn a_registered_domain_is_what_somebody_pays_for() {
        assert_eq!(registered_domain("www.example.org"), Some("example.org"));
        assert_eq!(registered_domain("a.b.example.co.uk"), Some("example.co.uk"));
        assert_eq!(registered_domain("example.org."), Some("example.org"));
        assert_eq!((registered_domain("localhost"), registered_domain("192.0.2.1")), (None, None));
    }

    #[test]
    fn known_services_are_known_by_their_registered_domain_only() {
        assert!(is_known_service("Security.Ubuntu.com") && is_known_service("2.debian.pool.ntp.org"));
        assert!(!is_known_service("ubuntu.com.evil.example") && !is_known_service("notubuntu.com"));
    }

    #[test]
    fn generated_names_are_told_from_chosen_ones() {
        for name in [
            "www.q4cyamnc6mtokjurvdclt.com",
            "www.ct7ctrgb6cr7.com",
            "www.e6r5p57kbafwrxj3plz.com",
            "xjqkzvwbtrplmn.net",
        ] {
            assert!(looks_generated(name), "{name}");
        }
        for name in [
            "www.honestimnotevil.com",
            "d111111abcdef8.cloudfront.net",
            "strengthscope.com",
            "office365.com",
            "stackoverflow.com",
            "rechtsschutzversicherung.de",
            "web24.example",
        ] {
            assert!(!looks_generated(name), "{name}");
        }
    }

    #[test]
    fn names_drawn_letter_by_letter_are_told_from_words_together() {
        let drawn = [
            "bxqkvtrhsw.com",
            "ofpzlmwcua.net",
            "qyhdnskgbe.ru",
            "wtjvxcrmpl.biz",
            "kzogufhbnd.info",
            "pmarlqxysv.com",
            "tjcewhnkfz.org",
            "vbgdsxqoly.com",
            "mhrukwpcta.net",
            "ynzjfdbgsl.ru",
            "dlqvmxketh.com",
            "gcsrwpnbjo.net",
        ];
        let hexadecimal = [
            "a3f09b2c71d8.com",
            "91be4c07fa2d.net",
            "0c5d8e1b7f3a.org",
            "4fb20d96ce18.com",
            "e7a15c3b80df.net",
            "6d2f9a04b1ce.com",
            "38ce70fa5b9d.net",
            "b10f6e84d2c7.com",
            "5a9d3c7e0f1b.org",
        ];
        let words = [
            "wetterbericht.de",
            "sklepinternetowy.pl",
            "correosyenvios.es",
            "strandhotelkust.nl",
            "fishandchips.co.uk",
            "vlakovespojeni.cz",
            "marchedunord.fr",
            "skogsbruket.se",
            "pizzanapoli.it",
            "techcrunchblog.com",
            "bbcnewsroom.net",
            "shopify24store.com",
        ];
        assert!(look_drawn(drawn) && look_drawn(hexadecimal));
        assert!(!look_drawn(words) && !look_drawn(["qxz.com"]));
    }
}
