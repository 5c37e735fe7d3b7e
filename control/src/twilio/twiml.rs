//! What Twilio is told to do with a call: TwiML.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::pass::GRANT;
use crate::model::Disclosure;

/// Name of our stream on a call, by which it could be stopped.
pub(crate) const STREAM_NAME: &str = "partyline";

/// How long a monitored call without a destination stays open, in seconds.
const OPEN_LINE: &str = "120";

/// What a caller hears when nobody is to be rung. The line stays open so that it can be listened to.
const NO_DESTINATION: &str = "This number is connected, but nobody is set up to take the call. \
    The line stays open for two minutes, so that it can be monitored.";

/// A media stream to the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream<'a> {
    /// `wss://…`, with the ticket.
    pub(crate) url: &'a str,
    /// Where Twilio reports on the stream.
    pub(crate) status_callback: &'a str,
    /// The second token.
    pub(crate) grant: &'a str,
}

/// Whom to ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial<'a> {
    /// E.164.
    pub(crate) number: &'a str,
    /// Where Twilio comes when they are gone, for what is next.
    pub(crate) action: &'a str,
}

/// Who somebody is in a call's conference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Party {
    /// The call's far end.
    Caller,
    /// Whom the caller was put through to.
    Agent,
    /// Whom they were put through to later.
    Guest,
    /// Ours, that all hear.
    Supervisors,
    /// Ours, that the agent alone hears.
    Coach,
}

impl Party {
    /// By which they are found there.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
            Self::Guest => "guest",
            Self::Supervisors => "supervisors",
            Self::Coach => "coach",
        }
    }
}

/// A call's conference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Where Twilio tells who comes and goes.
    pub(crate) callback: &'a str,
}

/// What a call gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    /// Said before all else.
    pub(crate) disclosure: Option<&'a Disclosure>,
    pub(crate) stream: Stream<'a>,
    pub(crate) dial: Option<Dial<'a>>,
}

/// Streams both voices, and rings.
pub(crate) fn monitor(script: Script<'_>) -> String {
    document(|xml| {
        write_disclosure(xml, script.disclosure)?;
        write_monitor(xml, script.stream)?;
        match script.dial {
            Some(dial) => write_dial(xml, dial),
            None => {
                xml.create_element("Say").write_text_content(BytesText::new(NO_DESTINATION))?;
                xml.create_element("Pause").with_attribute(("length", OPEN_LINE)).write_empty()?;
                Ok(())
            }
        }
    })
}

/// Connects the caller with the stream's other end. When that ends, however it does, Twilio comes back to `resume` for
/// what to do next. `pause`: for a second the caller waits first.
pub(crate) fn agent(script: Script<'_>, resume: &str, pause: bool) -> String {
    document(|xml| {
        write_disclosure(xml, script.disclosure)?;
        if pause {
            xml.create_element("Pause").with_attribute(("length", "1")).write_empty()?;
        }
        xml.create_element("Connect").write_inner_content(|xml| write_stream(xml, script.stream, None))?;
        let redirect = xml.create_element("Redirect").with_attribute(("method", "POST"));
        redirect.write_text_content(BytesText::new(resume)).map(drop)
    })
}

/// Rings `dial`, or hangs up: for a caller who has nobody to talk to any more.
pub(crate) fn leave(dial: Option<Dial<'_>>) -> String {
    document(|xml| match dial {
        Some(dial) => write_dial(xml, dial),
        None => xml.create_element("Hangup").write_empty().map(drop),
    })
}

/// Hangs up.
pub(crate) fn hang_up() -> String {
    leave(None)
}

/// Puts a leg of a bridged call into the call's conference.
pub(crate) fn conference(room: Room<'_>, party: Party) -> String {
    // Whoever is there first hears nothing for that moment, and no music.
    document(|xml| write_conference(xml, room, party, Some("")))
}

/// Streams both voices, and puts the caller into the call's conference, with Twilio's music until somebody comes.
pub(crate) fn meet(disclosure: Option<&Disclosure>, stream: Stream<'_>, room: Room<'_>) -> String {
    document(|xml| {
        write_disclosure(xml, disclosure)?;
        write_monitor(xml, stream)?;
        write_conference(xml, room, Party::Caller, None)
    })
}

/// Connects a leg of our own with the stream's other end, and hangs up behind it.
pub(crate) fn side(stream: Stream<'_>) -> String {
    document(|xml| {
        xml.create_element("Connect").write_inner_content(|xml| write_stream(xml, stream, None)).map(drop)
    })
}

/// Does not take the call.
pub(crate) fn reject() -> String {
    document(|xml| {
        xml.create_element("Reject").with_attribute(("reason", "rejected")).write_empty().map(drop)
    })
}

fn write_monitor(xml: &mut Writer<Vec<u8>>, stream: Stream<'_>) -> io::Result<()> {
    let start = xml.create_element("Start");
    start.write_inner_content(|xml| write_stream(xml, stream, Some("both_tracks"))).map(drop)
}

/// The call is over when either of the two it began with is gone.
fn write_conference(
    xml: &mut Writer<Vec<u8>>,
    room: Room<'_>,
    party: Party,
    wait_url: Option<&str>,
) -> io::Result<()> {
    let dial = xml.create_element("Dial").write_inner_content(|xml| {
        let mut conference = xml
            .create_element("Conference")
            .with_attribute(("participantLabel", party.label()))
            .with_attribute(("beep", "false"))
            .with_attribute(("startConferenceOnEnter", "true"))
            .with_attribute(("endConferenceOnExit", "true"))
            .with_attribute(("statusCallback", room.callback))
            .with_attribute(("statusCallbackEvent", "join leave"))
            .with_attribute(("statusCallbackMethod", "POST"));
        if let Some(url) = wait_url {
            conference = conference.with_attribute(("waitUrl", url));
        }
        conference.write_text_content(BytesText::new(room.name)).map(drop)
    });
    dial.map(drop)
}

fn write_stream(xml: &mut Writer<Vec<u8>>, stream: Stream<'_>, track: Option<&str>) -> io::Result<()> {
    let mut element = xml
        .create_element("Stream")
        .with_attribute(("name", STREAM_NAME))
        .with_attribute(("url", stream.url));
    if let Some(track) = track {
        element = element.with_attribute(("track", track));
    }
    element
        .with_attribute(("statusCallback", stream.status_callback))
        .with_attribute(("statusCallbackMethod", "POST"))
        .write_inner_content(|xml| {
            let parameter = xml.create_element("Parameter").with_attribute(("name", GRANT));
            parameter.with_attribute(("value", stream.grant)).write_empty().map(drop)
        })?;
    Ok(())
}

fn write_disclosure(xml: &mut Writer<Vec<u8>>, disclosure: Option<&Disclosure>) -> io::Result<()> {
    let Some(disclosure) = disclosure else { return Ok(()) };
    let mut say = xml.create_element("Say");
    if let Some(voice) = &disclosure.voice {
        say = say.with_attribute(("voice", voice.as_str()));
    }
    if let Some(language) = &disclosure.language {
        say = say.with_attribute(("language", language.as_str()));
    }
    say.write_text_content(BytesText::new(&disclosure.text)).map(drop)
}

fn write_dial(xml: &mut Writer<Vec<u8>>, dial: Dial<'_>) -> io::Result<()> {
    let element = xml
        .create_element("Dial")
        // Until somebody answers, the caller hears the ringing of the network, and pays nothing.
        .with_attribute(("answerOnBridge", "true"))
        .with_attribute(("action", dial.action))
        .with_attribute(("method", "POST"));
    element.write_text_content(BytesText::new(dial.number)).map(drop)
}

fn document(write: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>) -> String {
    let mut xml = Writer::new(Vec::new());
    let written = xml
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| xml.create_element("Response").write_inner_content(write).map(drop));
    written.expect("memory can be written");
    String::from_utf8(xml.into_inner()).expect("made of UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream<'_> =
        Stream { url: "wss://gw/t/a", status_callback: "https://c/s?a=1&b=2", grant: "g" };

    const DIAL: Dial<'_> = Dial { number: "+15550100", action: "https://c/d" };

    const SCRIPT: Script<'_> = Script { disclosure: None, stream: STREAM, dial: Some(DIAL) };

    #[test]
    fn a_monitored_call_is_streamed_and_rings() {
        assert_eq!(
            monitor(SCRIPT),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Start><Stream name=\"partyline\" \
             url=\"wss://gw/t/a\" track=\"both_tracks\" statusCallback=\"https://c/s?a=1&amp;b=2\" \
             statusCallbackMethod=\"POST\"><Parameter name=\"grant\" value=\"g\"/></Stream></Start>\
             <Dial answerOnBridge=\"true\" action=\"https://c/d\" method=\"POST\">+15550100</Dial></Response>"
        );
    }

    #[test]
    fn a_call_without_destination_stays_open_and_says_so() {
        let xml = monitor(Script { dial: None, ..SCRIPT });
        assert!(xml.contains("</Start><Say>This number is connected"), "{xml}");
        assert!(xml.ends_with("<Pause length=\"120\"/></Response>"), "{xml}");
    }

    #[test]
    fn an_agents_call_comes_back_after_the_stream() {
        let xml = agent(SCRIPT, "https://c/resume", false);
        assert!(xml.contains("<Response><Connect><Stream ") && !xml.contains("track="), "{xml}");
        let end = "</Connect><Redirect method=\"POST\">https://c/resume</Redirect></Response>";
        assert!(xml.ends_with(end), "{xml}");
        assert!(agent(SCRIPT, "https://c", true).contains("<Response><Pause length=\"1\"/><Connect>"));
        assert!(leave(Some(DIAL)).ends_with("+15550100</Dial></Response>"));
        assert!(leave(None).ends_with("<Response><Hangup/></Response>"));
    }

    #[test]
    fn a_conference_is_over_without_either_of_the_two() {
        let room = Room { name: "call_1", callback: "https://c/r" };
        let rest = "beep=\"false\" startConferenceOnEnter=\"true\" endConferenceOnExit=\"true\" \
             statusCallback=\"https://c/r\" statusCallbackEvent=\"join leave\" statusCallbackMethod=\"POST\"";
        assert!(conference(room, Party::Agent).ends_with(&format!(
            "<Response><Dial><Conference participantLabel=\"agent\" {rest} waitUrl=\"\">call_1</Conference>\
             </Dial></Response>"
        )));
        let xml = meet(None, STREAM, room);
        assert!(xml.contains("<Response><Start><Stream ") && xml.contains("track=\"both_tracks\""), "{xml}");
        assert!(xml.ends_with(&format!(
            "</Start><Dial><Conference participantLabel=\"caller\" {rest}>call_1</Conference></Dial></Response>"
        )));
        let room = Room { name: "<&>", ..room };
        assert!(conference(room, Party::Caller).contains(">&lt;&amp;&gt;</Conference>"));
        let xml = side(STREAM);
        assert!(
            xml.contains("<Response><Connect><Stream ") && xml.ends_with("</Connect></Response>"),
            "{xml}"
        );
    }

    #[test]
    fn what_must_be_said_is_said_first() {
        let disclosure = Disclosure {
            text: "Heard & recorded".to_owned(),
            language: Some("en-GB".to_owned()),
            voice: Some("Polly.Amy".to_owned()),
        };
        let script = Script { disclosure: Some(&disclosure), ..SCRIPT };
        let say = "<Response><Say voice=\"Polly.Amy\" language=\"en-GB\">Heard &amp; recorded</Say>";
        assert!(monitor(script).contains(&format!("{say}<Start>")));
        assert!(agent(script, "https://c", false).contains(&format!("{say}<Connect>")));
    }

    #[test]
    fn what_could_be_markup_is_escaped() {
        let markup = "\"><Hangup/>".to_owned();
        let disclosure =
            Disclosure { text: markup.clone(), language: Some(markup.clone()), voice: Some(markup.clone()) };
        let stream = Stream { grant: &markup, ..STREAM };
        let script = Script {
            disclosure: Some(&disclosure),
            stream,
            dial: Some(Dial { number: "<Hangup/>", action: &markup }),
        };
        for xml in [monitor(script), agent(script, "<Hangup/>", false)] {
            assert!(!xml.contains("<Hangup/>"), "{xml}");
        }
    }
}
