//! What Twilio is told to do with a call: TwiML.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Name of our stream on a call, by which it could be stopped.
const STREAM_NAME: &str = "partyline";

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

/// Streams both voices, and rings `dial`.
pub(crate) fn monitor(stream: Stream<'_>, dial: Option<&str>) -> String {
    document(|xml| {
        xml.create_element("Start")
            .write_inner_content(|xml| write_stream(xml, stream, Some("both_tracks")))?;
        match dial {
            Some(number) => write_dial(xml, number),
            None => {
                xml.create_element("Say").write_text_content(BytesText::new(NO_DESTINATION))?;
                xml.create_element("Pause").with_attribute(("length", OPEN_LINE)).write_empty()?;
                Ok(())
            }
        }
    })
}

/// Connects the caller with the stream's other end, and when that leaves, rings `dial` or hangs up.
pub(crate) fn agent(stream: Stream<'_>, dial: Option<&str>) -> String {
    document(|xml| {
        xml.create_element("Connect").write_inner_content(|xml| write_stream(xml, stream, None))?;
        match dial {
            Some(number) => write_dial(xml, number),
            None => xml.create_element("Hangup").write_empty().map(drop),
        }
    })
}

/// Does not take the call.
pub(crate) fn reject() -> String {
    document(|xml| {
        xml.create_element("Reject").with_attribute(("reason", "rejected")).write_empty().map(drop)
    })
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
            let parameter = xml.create_element("Parameter").with_attribute(("name", "grant"));
            parameter.with_attribute(("value", stream.grant)).write_empty().map(drop)
        })?;
    Ok(())
}

fn write_dial(xml: &mut Writer<Vec<u8>>, number: &str) -> io::Result<()> {
    // Until somebody answers, the caller hears the ringing of the network, and pays nothing.
    let dial = xml.create_element("Dial").with_attribute(("answerOnBridge", "true"));
    dial.write_text_content(BytesText::new(number)).map(drop)
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

    #[test]
    fn a_monitored_call_is_streamed_and_rings() {
        assert_eq!(
            monitor(STREAM, Some("+15550100")),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Start><Stream name=\"partyline\" \
             url=\"wss://gw/t/a\" track=\"both_tracks\" statusCallback=\"https://c/s?a=1&amp;b=2\" \
             statusCallbackMethod=\"POST\"><Parameter name=\"grant\" value=\"g\"/></Stream></Start>\
             <Dial answerOnBridge=\"true\">+15550100</Dial></Response>"
        );
    }

    #[test]
    fn a_call_without_destination_stays_open_and_says_so() {
        let xml = monitor(STREAM, None);
        assert!(xml.contains("</Start><Say>This number is connected"), "{xml}");
        assert!(xml.ends_with("<Pause length=\"120\"/></Response>"), "{xml}");
    }

    #[test]
    fn an_agents_call_goes_on_after_the_stream() {
        let xml = agent(STREAM, None);
        assert!(xml.contains("<Connect><Stream ") && !xml.contains("track="), "{xml}");
        assert!(xml.ends_with("</Connect><Hangup/></Response>"), "{xml}");
        assert!(agent(STREAM, Some("+15550100")).ends_with("+15550100</Dial></Response>"));
    }

    #[test]
    fn what_could_be_markup_is_escaped() {
        let stream = Stream { grant: "\"><Hangup/>", ..STREAM };
        let xml = monitor(stream, Some("<Hangup/>"));
        assert!(!xml.contains("<Hangup/>"), "{xml}");
    }
}
