//! What the settings are in the end, and where each comes from.

use std::fmt;
use std::path::Path;

use super::{Raw, SettingsError};

/// One setting, as it is in the end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Effective {
    /// Its key, as in a file.
    pub key: &'static str,
    /// Its value, if it has one and it may be shown.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether there is a value that may not be shown.
    pub is_secret: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// An argument.
    Flag,
    /// The environment, or a file that it names.
    Environment,
    /// The configuration file.
    File,
    /// Nobody set it.
    Default,
}

impl Effective {
    /// Every setting of these flags over this environment over this file.
    pub fn all(
        flags: Raw,
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Vec<Self>, SettingsError> {
        let mut sources = Raw::sources(flags, environment, file)?;
        let names = [Source::Flag, Source::Environment, Source::File];
        let of = |&(key, help, is_secret): &(&'static str, &'static str, bool)| {
            let set = sources.iter_mut().zip(names).find_map(|(raw, source)| {
                let (slot, _) = raw.slot(key)?;
                slot.take().map(|value| (value, source))
            });
            match set {
                Some((_, source)) if is_secret => Self { key, value: None, source, is_secret },
                Some((value, source)) => Self { key, value: Some(value), source, is_secret },
                None => Self { key, value: default(help), source: Source::Default, is_secret: false },
            }
        };
        Ok(Raw::KEYS.iter().map(of).collect())
    }
}

/// The default that the help names.
fn default(help: &str) -> Option<String> {
    let (_, rest) = help.split_once("[default: ")?;
    Some(rest.strip_suffix(']')?.to_owned())
}

/// A line of TOML, or of a comment when there is nothing that could stand in a file.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, source, is_secret } = self;
        let source = match source {
            Source::Flag => "flag",
            Source::Environment => "environment",
            Source::File => "file",
            Source::Default => "default",
        };
        match value {
            _ if *is_secret => write!(f, "# {key} is set and not shown ({source})"),
            Some(value) if source == "default" => write!(f, "# {key} = {value} ({source})"),
            Some(value) => write!(f, "{key} = {} # {source}", toml::Value::from(value.as_str())),
            None => write!(f, "# {key} is not set"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_source_and_no_secret_is_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "http_addr = '127.0.0.1:1'\nadmin_addr = '127.0.0.1:2'\ndata_dir = '/x\"y'",
        )
        .unwrap();
        let flags = Raw { http_addr: Some("127.0.0.1:5".to_owned()), ..Raw::default() };
        let environment =
            [("PARTYLINE_ADMIN_ADDR", "127.0.0.1:4"), ("PARTYLINE_DATABASE_URL", "postgres://a:hush@b/c")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let all = Effective::all(flags, environment, Some(file.path())).unwrap();
        let line = |key: &str| all.iter().find(|setting| setting.key == key).unwrap().to_string();
        assert_eq!(line("http_addr"), r#"http_addr = "127.0.0.1:5" # flag"#);
        assert_eq!(line("admin_addr"), r#"admin_addr = "127.0.0.1:4" # environment"#);
        assert_eq!(line("data_dir"), r#"data_dir = '/x"y' # file"#);
        assert_eq!(line("database_url"), "# database_url is set and not shown (environment)");
        assert_eq!(line("gateway_http_addr"), "# gateway_http_addr = 127.0.0.1:8081 (default)");
        assert_eq!(line("tls_cert"), "# tls_cert is not set");
        assert!(!all.iter().any(|setting| setting.to_string().contains("hush")));
    }
}
