//! Paths and names of Windows programs.
//!
//! Importers keep a path as the log has it: `C:\Windows\x.exe`, `c:/windows/x.exe`, `\Device\HarddiskVolume3\Windows\x.exe`.

/// A path in lower case, with backslashes, without its drive or volume: `\windows\system32\svchost.exe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WindowsPath(String);

/// What the folder of an executable says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderKind {
    /// Only administrators write there.
    Installed,
    /// Installers and updaters unpack themselves there, and browsers and mail programs open files from there.
    Unpacked,
    /// Everyone can write there, and no installer puts a program there.
    Staging,
    /// Anything else, such as a folder of its own in the user's profile.
    Other,
}

/// Where administrators and the system install.
const INSTALLED: &[&str] = &[
    r"\windows\",
    r"\program files\",
    r"\program files (x86)\",
    r"\programdata\microsoft\windows defender\",
];

/// Folders for temporary files, at the start of a path. `C:\Temp` is where administrators put them.
const TEMPORARY: &[&str] = &[r"\windows\temp\", r"\temp\", r"\tmp\"];

/// The same below the folder of a user.
const TEMPORARY_OF_USER: &[&str] = &[r"appdata\local\temp\", r"appdata\local\microsoft\windows\inetcache\"];

/// Folders that all users may write to, and that hold no programs.
const STAGING: &[&str] = &[
    r"\users\public\",
    r"\perflogs\",
    r"\$recycle.bin\",
    r"\recycler\",
    r"\windows\tasks\",
    r"\windows\tracing\",
    r"\windows\debug\",
    r"\windows\fonts\",
    r"\windows\help\",
    r"\windows\media\",
    r"\windows\system32\tasks\",
    r"\windows\system32\spool\drivers\color\",
    r"\windows\system32\microsoft\crypto\rsa\machinekeys\",
];

/// Folders below which each program has one of its own, so that an executable directly in them was put there by hand.
const SHARED_BY_PROGRAMS: &[&str] =
    &["", r"appdata\", r"appdata\local\", r"appdata\locallow\", r"appdata\roaming\"];

/// Below the folder of a user, where the system keeps settings and shortcuts, and no programs.
const SETTINGS_OF_USER: &str = r"appdata\roaming\microsoft\";

/// Programs of the system that run on every host, in whose name malware hides.
const SYSTEM_PROGRAMS: &[&str] = &[
    "svchost",
    "lsass",
    "csrss",
    "smss",
    "wininit",
    "winlogon",
    "services",
    "spoolsv",
    "taskhost",
    "taskhostw",
    "dllhost",
    "conhost",
    "rundll32",
    "regsvr32",
    "dwm",
    "sihost",
    "ctfmon",
    "fontdrvhost",
    "runtimebroker",
    "searchindexer",
    "wuauclt",
    "wmiprvse",
    "mshta",
    "explorer",
];

/// Where those are.
const SYSTEM_FOLDERS: &[&str] = &[
    r"\windows\system32\",
    r"\windows\syswow64\",
    r"\windows\winsxs\",
    r"\windows\servicing\",
    r"\windows\explorer.exe",
    r"\$windows.~bt\",
    r"\windows.old\",
];

/// What a document seems to end in, before the ending that counts.
const DOCUMENTS: &[&str] = &[
    ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".txt", ".rtf", ".jpg", ".jpeg", ".png",
    ".html",
];

impl WindowsPath {
    /// `None` for a path that is not one of Windows.
    pub(super) fn of(path: &str) -> Option<Self> {
        let lower = path.replace('/', r"\").to_ascii_lowercase();
        let lower =
            [r"\\?\", r"\\.\", r"\??\"].iter().find_map(|start| lower.strip_prefix(start)).unwrap_or(&lower);
        if let [b'a'..=b'z', b':', b'\\', ..] = lower.as_bytes() {
            return Some(Self(lower[2..].to_owned()));
        }
        let of_volume = lower.strip_prefix(r"\device\")?;
        Some(Self(of_volume[of_volume.find('\\')?..].to_owned()))
    }

    /// What the folder says.
    pub(super) fn folder_kind(&self) -> FolderKind {
        let path = self.0.as_str();
        let starts = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let of_user = self.within_profile();
        let starts_of_user = |folders: &[&str]| {
            of_user.is_some_and(|rest| folders.iter().any(|folder| rest.starts_with(folder)))
        };
        if starts(TEMPORARY) || starts_of_user(TEMPORARY_OF_USER) {
            return FolderKind::Unpacked;
        }
        let is_directly_in_profile =
            of_user.is_some_and(|rest| SHARED_BY_PROGRAMS.iter().any(|folder| is_directly_in(rest, folder)));
        if starts(STAGING)
            || starts_of_user(&[SETTINGS_OF_USER])
            || is_directly_in_profile
            || is_directly_in(path, r"\programdata\")
        {
            return FolderKind::Staging;
        }
        if starts(INSTALLED) { FolderKind::Installed } else { FolderKind::Other }
    }

    /// What follows the folder of a user.
    fn within_profile(&self) -> Option<&str> {
        let rest =
            self.0.strip_prefix(r"\users\").or_else(|| self.0.strip_prefix(r"\documents and settings\"))?;
        rest.split_once('\\').map(|(_, rest)| rest)
    }

    /// The file name without `.exe`.
    pub(super) fn stem(&self) -> &str {
        let file = self.0.rsplit('\\').next().unwrap_or_default();
        file.strip_suffix(".exe").unwrap_or(file)
    }

    /// Whether it has the name of a program of the system, but is not where that is.
    pub(super) fn borrows_system_name(&self) -> bool {
        SYSTEM_PROGRAMS.contains(&self.stem())
            && !SYSTEM_FOLDERS.iter().any(|folder| self.0.starts_with(folder))
    }

    /// Whether a program is named like a document: `invoice.pdf.exe`, `photo.jpg.scr`.
    pub(super) fn poses_as_document(&self) -> bool {
        let stem = [".exe", ".scr", ".com", ".pif"].iter().find_map(|end| self.0.strip_suffix(end));
        stem.is_some_and(|stem| DOCUMENTS.iter().any(|end| stem.trim_end().ends_with(end)))
    }
}

fn is_directly_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|file| !file.contains('\\'))
}

/// Programs of the system that run what they are given, and have little reason to reach the internet themselves.
const PROXIES: &[&str] = &[
    "rundll32",
    "regsvr32",
    "mshta",
    "wscript",
    "cscript",
    "installutil",
    "regasm",
    "regsvcs",
    "cmstp",
    "odbcconf",
    "hh",
    "msxsl",
    "notepad",
    "calc",
    "mspaint",
    "wordpad",
];

/// Programs of the system that administrators and developers use to download, too.
const TOOLS: &[&str] = &[
    "powershell",
    "pwsh",
    "msbuild",
    "certutil",
    "bitsadmin",
    "msiexec",
    "wmic",
    "curl",
    "finger",
    "desktopimgdownldr",
];

/// Programs that open what comes from outside, and have no reason to start any of those.
const DOCUMENT_PROGRAMS: &[&str] = &[
    "winword",
    "excel",
    "powerpnt",
    "outlook",
    "onenote",
    "mspub",
    "msaccess",
    "visio",
    "eqnedt32",
    "acrord32",
    "acrobat",
    "foxitreader",
    "foxitpdfreader",
    "wordpad",
    "hh",
    "mshta",
];

/// Programs by which an intruder on another host, or a document, has something started.
const REMOTE_STARTERS: &[&str] =
    &["wmiprvse", "wsmprovhost", "scrcons", "psexesvc", "paexec", "umworkerprocess"];

/// Which of the system's programs that run anything a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lolbin {
    /// It has little reason to reach the internet.
    Proxy,
    /// People download with it, too.
    Tool,
}

/// The name of a program in lower case without `.exe`.
fn stem(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    lower.strip_suffix(".exe").unwrap_or(&lower).to_owned()
}

/// Whether a program of Windows by this name runs what it is given.
pub(super) fn lolbin(name: &str) -> Option<Lolbin> {
    let stem = stem(name);
    let is = |names: &[&str]| names.contains(&stem.as_str());
    if is(PROXIES) {
        return Some(Lolbin::Proxy);
    }
    is(TOOLS).then_some(Lolbin::Tool)
}

/// Whether a program of this name opens documents from outside.
pub(super) fn opens_documents(name: &str) -> bool {
    DOCUMENT_PROGRAMS.contains(&stem(name).as_str())
}

/// Whether a program of this name starts programs for another host.
pub(super) fn starts_for_others(name: &str) -> bool {
    REMOTE_STARTERS.contains(&stem(name).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_in(place: FolderKind, paths: &[&str]) {
        for path in paths {
            assert_eq!(WindowsPath::of(path).map(|path| path.folder_kind()), Some(place), "{path}");
        }
    }

    #[test]
    fn a_folder_is_told_however_the_log_writes_it() {
        is_in(
            FolderKind::Unpacked,
            &[
                r"C:\Users\x\AppData\Local\Temp\a.exe",
                "c:/users/x/appdata/local/temp/a.exe",
                r"\Device\HarddiskVolume3\Windows\Temp\a.exe",
                r"\\?\D:\Temp\a.exe",
                r"C:\Users\x\AppData\Local\Microsoft\Windows\INetCache\Content.Outlook\AB\a.exe",
            ],
        );
        is_in(
            FolderKind::Staging,
            &[
                r"C:\Users\Public\a.exe",
                r"\Device\HarddiskVolume3\PerfLogs\a.exe",
                r"C:\$Recycle.Bin\S-1-5-21\a.exe",
                r"C:\ProgramData\a.exe",
                r"C:\Users\x\a.exe",
                r"C:\Users\x\AppData\Roaming\a.exe",
                r"C:\Users\x\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup\a.exe",
                r"C:\Windows\Tasks\a.exe",
            ],
        );
    }

    #[test]
    fn programs_that_users_install_for_themselves_are_where_they_belong() {
        is_in(
            FolderKind::Other,
            &[
                r"C:\Users\x\AppData\Local\Programs\Microsoft VS Code\Code.exe",
                r"C:\Users\x\AppData\Local\Microsoft\Teams\current\Teams.exe",
                r"C:\Users\x\AppData\Local\Microsoft\OneDrive\OneDrive.exe",
                r"C:\Users\x\AppData\Local\Discord\app-1.0.9\Discord.exe",
                r"C:\Users\x\AppData\Local\Google\Update\GoogleUpdate.exe",
                r"C:\Users\x\AppData\Roaming\Zoom\bin\Zoom.exe",
                r"C:\Users\x\AppData\Roaming\Spotify\Spotify.exe",
                r"C:\ProgramData\chocolatey\bin\choco.exe",
            ],
        );
        is_in(
            FolderKind::Installed,
            &[
                r"C:\Windows\System32\svchost.exe",
                r"\Device\HarddiskVolume2\Program Files (x86)\Google\Chrome\chrome.exe",
                r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18\MsMpEng.exe",
            ],
        );
        assert_eq!(WindowsPath::of("/usr/bin/curl"), None);
        assert_eq!(WindowsPath::of("svchost.exe"), None);
    }

    #[test]
    fn a_system_program_is_where_the_system_has_it() {
        let borrows = |path| WindowsPath::of(path).unwrap().borrows_system_name();
        assert!(
            borrows(r"C:\Windows\svchost.exe") && borrows(r"C:\Users\x\AppData\Local\Explorer\Explorer.EXE")
        );
        assert!(!borrows(r"C:\WINDOWS\System32\svchost.exe") && !borrows(r"C:\Windows\explorer.exe"));
        assert!(!borrows(r"C:\Windows\System32\wbem\WmiPrvSE.exe") && !borrows(r"C:\Windows\notes.exe"));
    }

    #[test]
    fn a_program_may_pose_as_a_document() {
        let poses = |path| WindowsPath::of(path).unwrap().poses_as_document();
        assert!(poses(r"C:\Users\x\Downloads\Invoice.PDF.exe") && poses(r"C:\a\photo.jpg   .scr"));
        assert!(!poses(r"C:\a\pdf.exe") && !poses(r"C:\a\report.pdf") && !poses(r"C:\a\setup.1.2.exe"));
    }
}
