//! TwiML as Twilio reads it: what to do with a call, and what is wrong with the document.
//!
//! Names are case-sensitive. What the schema does not know is a warning (12200) and is passed over; a
//! stream that cannot work is refused with its own error, and the rest of the document goes on.

mod dial;

use std::time::Duration;

use url::Url;

pub(super) use self::dial::{Dial, Whom};
use super::report::{MAX_PROBLEMS, Problem};
use super::xml::{self, Element};

/// Length of a parameter's name and value together must be below this.
const MAX_PARAMETER: usize = 500;

/// Most parameters of a stream, as through the REST API.
const MAX_PARAMETERS: usize = 99;

/// Longest `<Pause>` or `timeLimit` that is taken: Twilio's longest call.
const MAX_SECONDS: u64 = 86_400;

/// Verbs that exist and that a call passes over here.
const UNPLAYED: &[&str] =
    &["Enqueue", "Gather", "Leave", "Message", "Pay", "Play", "Prompt", "Queue", "Record", "Refer", "Sms"];

/// A document.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) verbs: Vec<Verb>,
    pub(super) problems: Vec<Problem>,
}

/// One thing to do.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Start(Stream),
    Stop { name: String },
    Connect { stream: Stream, action: Option<Target> },
    Dial(Dial),
    Say { text: String },
    Pause(Duration),
    Redirect(Target),
    Hangup,
    Reject { busy: bool },
    Unplayed(String),
}

/// Where a request goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) method: Method,
}

/// How a request goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Method {
    Get,
    #[default]
    Post,
}

impl Method {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Which tracks a stream carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tracks {
    Inbound,
    Outbound,
    Both,
}

/// A stream to open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stream {
    pub(super) name: Option<String>,
    pub(super) url: String,
    pub(super) tracks: Tracks,
    pub(super) callback: Option<Target>,
    pub(super) parameters: Vec<(String, String)>,
}

/// Parses a document that came from `base`, against which its URLs are resolved.
pub(super) fn parse(text: &str, base: &str) -> Result<Document, Problem> {
    let root = xml::parse(text).map_err(|error| Problem::new(12100, error.to_string()))?;
    if root.name != "Response" {
        return Err(Problem::new(12100, format!("the root element is <{}>, not <Response>", root.name)));
    }
    let mut parser = Parser { base, document: Document::default() };
    for child in &root.children {
        if let Some(verb) = parser.verb(child) {
            parser.document.verbs.push(verb);
        }
    }
    Ok(parser.document)
}

/// Whether a stream that did not come in a document can be.
pub(super) fn check_stream(stream: &Stream) -> Result<(), Problem> {
    let parser = Parser { base: "", document: Document::default() };
    parser.socket_url(&stream.url)?;
    let too_long =
        |(name, value): &&(String, String)| name.chars().count() + value.chars().count() >= MAX_PARAMETER;
    match stream.parameters.iter().find(too_long) {
        Some((name, _)) => Err(Problem::new(12200, format!("parameter {name} is too long"))),
        None => Ok(()),
    }
}

struct Parser<'a> {
    base: &'a str,
    document: Document,
}

impl Parser<'_> {
    fn verb(&mut self, element: &Element) -> Option<Verb> {
        match element.name.as_str() {
            "Start" => self.start(element),
            "Stop" => self.stop(element),
            "Connect" => self.connect(element),
            "Dial" => self.dial(element),
            "Say" => Some(Verb::Say { text: element.text.trim().to_owned() }),
            "Pause" => Some(Verb::Pause(self.seconds(element, "length").unwrap_or(Duration::from_secs(1)))),
            "Redirect" => Some(Verb::Redirect(self.target(element, element.text.trim(), "method")?)),
            "Hangup" => Some(Verb::Hangup),
            "Reject" => match element.get("reason") {
                None | Some("rejected") => Some(Verb::Reject { busy: false }),
                Some("busy") => Some(Verb::Reject { busy: true }),
                Some(other) => {
                    self.note(format!("<Reject> reason {other:?} is neither rejected nor busy"));
                    Some(Verb::Reject { busy: false })
                }
            },
            name if UNPLAYED.contains(&name) => Some(Verb::Unplayed(name.to_owned())),
            name => self.warn(format!("<{name}> is not a verb")),
        }
    }

    fn start(&mut self, element: &Element) -> Option<Verb> {
        let child = self.only_child(element)?;
        match child.name.as_str() {
            "Stream" => self.stream(child, true).map(Verb::Start),
            "Recording" | "Siprec" | "Transcription" => Some(Verb::Unplayed(child.name.clone())),
            name => self.warn(format!("<{name}> cannot stand in <Start>")),
        }
    }

    fn stop(&mut self, element: &Element) -> Option<Verb> {
        let child = self.only_child(element)?;
        match (child.name.as_str(), child.get("name")) {
            ("Stream", Some(name)) => Some(Verb::Stop { name: name.to_owned() }),
            ("Stream", None) => self.warn("<Stop><Stream> without a name"),
            (name, _) => self.warn(format!("<{name}> cannot stand in <Stop>")),
        }
    }

    fn connect(&mut self, element: &Element) -> Option<Verb> {
        let child = self.only_child(element)?;
        let action = self.action(element);
        match child.name.as_str() {
            "Stream" => self.stream(child, false).map(|stream| Verb::Connect { stream, action }),
            "ConversationRelay" => Some(Verb::Unplayed(child.name.clone())),
            name => self.warn(format!("<{name}> cannot stand in <Connect>")),
        }
    }

    fn stream(&mut self, element: &Element, unidirectional: bool) -> Option<Stream> {
        const KNOWN: &[&str] =
            &["connectorName", "name", "statusCallback", "statusCallbackMethod", "track", "url"];
        for (name, _) in element.attributes.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            self.note(format!("<Stream> has no attribute {name}"));
        }
        let tracks = match (element.get("track"), unidirectional) {
            (None | Some("inbound_track"), _) => Tracks::Inbound,
            (Some("outbound_track"), true) => Tracks::Outbound,
            (Some("both_tracks"), true) => Tracks::Both,
            (Some(track), _) => return self.refuse(31941, format!("track {track:?} is not possible here")),
        };
        let url = match self.socket_url(element.get("url").unwrap_or_default()) {
            Ok(url) => url,
            Err(problem) => return self.refuse(problem.code, problem.text),
        };
        let callback = match element.get("statusCallback") {
            Some(url) => self.target(element, url, "statusCallbackMethod"),
            None => None,
        };
        let parameters = self.parameters(element)?;
        Some(Stream { name: element.get("name").map(str::to_owned), url, tracks, callback, parameters })
    }

    fn parameters(&mut self, element: &Element) -> Option<Vec<(String, String)>> {
        let mut parameters = Vec::new();
        for child in &element.children {
            if child.name != "Parameter" {
                self.note(format!("<{}> cannot stand in <Stream>", child.name));
                continue;
            }
            let (Some(name), Some(value)) = (child.get("name"), child.get("value")) else {
                self.note("<Parameter> without a name or a value");
                continue;
            };
            let length = name.chars().count() + value.chars().count();
            if length >= MAX_PARAMETER {
                let text = format!("parameter {name}: {length} characters, must be below {MAX_PARAMETER}");
                return self.refuse(12200, text);
            }
            parameters.push((name.to_owned(), value.to_owned()));
        }
        if parameters.len() > MAX_PARAMETERS {
            return self.refuse(12200, format!("more than {MAX_PARAMETERS} parameters"));
        }
        Some(parameters)
    }

    /// The URL of a WebSocket, as it will be called and signed. `ws` is taken too, for tests without TLS.
    fn socket_url(&self, text: &str) -> Result<String, Problem> {
        let malformed = |why: &str| Problem::new(31923, format!("stream URL {text:?}: {why}"));
        let parsed = match Url::parse(text) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) if !text.is_empty() => {
                let mut url = Url::parse(self.base)
                    .and_then(|base| base.join(text))
                    .map_err(|error| malformed(&error.to_string()))?;
                let scheme = if url.scheme() == "http" { "ws" } else { "wss" };
                url.set_scheme(scheme).map_err(|()| malformed("no such URL"))?;
                return self.socket_url(url.as_str());
            }
            Err(error) => return Err(malformed(&error.to_string())),
        };
        if !matches!(parsed.scheme(), "ws" | "wss") {
            return Err(Problem::new(31922, format!("stream URL {text:?}: the scheme must be wss")));
        }
        if parsed.query().is_some() {
            return Err(Problem::new(31920, format!("stream URL {text:?}: a query string is not supported")));
        }
        if parsed.fragment().is_some() || !parsed.has_host() || text.contains(char::is_whitespace) {
            return Err(malformed("a host, no fragment and no spaces, please"));
        }
        Ok(text.to_owned())
    }

    fn action(&mut self, element: &Element) -> Option<Target> {
        let url = element.get("action")?;
        self.target(element, url, "method")
    }

    /// A web URL with the method that stands in another attribute.
    fn target(&mut self, element: &Element, url: &str, method: &str) -> Option<Target> {
        let method = match element.get(method) {
            None => Method::Post,
            Some(word) if word.eq_ignore_ascii_case("POST") => Method::Post,
            Some(word) if word.eq_ignore_ascii_case("GET") => Method::Get,
            Some(word) => {
                self.note(format!("method {word:?} is neither GET nor POST"));
                Method::Post
            }
        };
        // An absolute URL is kept to the letter: parsing would change what is signed.
        let url = match Url::parse(url) {
            Ok(_) => url.to_owned(),
            Err(_) => match Url::parse(self.base).and_then(|base| base.join(url)) {
                Ok(url) => url.to_string(),
                Err(_) => return self.warn(format!("{url:?} is not a URL")),
            },
        };
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return self.warn(format!("{url:?} is not an http or https URL"));
        }
        Some(Target { url, method })
    }

    /// A number of seconds in an attribute.
    fn seconds(&mut self, element: &Element, name: &str) -> Option<Duration> {
        let text = element.get(name)?;
        match text.trim().parse::<u64>() {
            Ok(seconds) => Some(Duration::from_secs(seconds.min(MAX_SECONDS))),
            Err(_) => self.warn(format!("{name} {text:?} is not a number of seconds")),
        }
    }

    fn only_child<'e>(&mut self, element: &'e Element) -> Option<&'e Element> {
        match element.children.as_slice() {
            [child] => Some(child),
            [] => self.warn(format!("<{}> is empty", element.name)),
            [child, ..] => {
                self.note(format!("<{}> has more than one child: the first counts", element.name));
                Some(child)
            }
        }
    }

    /// Notes what the schema does not know, and gives back none: it is passed over.
    fn warn<T>(&mut self, text: impl Into<String>) -> Option<T> {
        self.refuse(12200, text)
    }

    /// Notes why something will not be done, and gives back none.
    fn refuse<T>(&mut self, code: u32, text: impl Into<String>) -> Option<T> {
        self.push(Problem::new(code, text));
        None
    }

    /// Notes what the schema does not know but does no harm.
    fn note(&mut self, text: impl Into<String>) {
        self.push(Problem::new(12200, text));
    }

    fn push(&mut self, problem: Problem) {
        if self.document.problems.len() < MAX_PROBLEMS {
            self.document.problems.push(problem);
        }
    }
}

#[cfg(test)]
#[path = "twiml_tests.rs"]
mod tests;
