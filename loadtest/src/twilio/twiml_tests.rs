use std::time::Duration;

use super::*;
use crate::twilio::conference::{Beep, Callback, Terms};

const BASE: &str = "https://control.example.com/api/twilio/voice";

#[test]
fn the_documented_monitor_document_is_understood() {
    let document = parse(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <Response>
          <Start>
            <Stream name="monitor-1" url="wss://gw.example.com/media/CA123" track="both_tracks"
                    statusCallback="https://cp.example.com/twilio/stream" statusCallbackMethod="POST">
              <Parameter name="tenant" value="t1"/>
            </Stream>
          </Start>
          <Dial>+15550100</Dial>
        </Response>"#,
        BASE,
    )
    .unwrap();
    assert_eq!(document.problems, []);
    let stream = Stream {
        name: Some("monitor-1".into()),
        url: "wss://gw.example.com/media/CA123".into(),
        tracks: Tracks::Both,
        callback: Some(Target { url: "https://cp.example.com/twilio/stream".into(), method: Method::Post }),
        parameters: vec![("tenant".into(), "t1".into())],
    };
    assert_eq!(document.verbs, [Verb::Start(stream), dial("+15550100", None, None)]);
}

#[test]
fn every_verb_is_understood() {
    let get = |url: &str| Some(Target { url: url.into(), method: Method::Get });
    let secs = Duration::from_secs;
    for (text, verb) in [
        ("<Say voice='x' loop='2'>Hello &amp; <![CDATA[good <day>]]></Say>", say("Hello & good <day>")),
        ("<Say>&#72;&#x69;</Say>", say("Hi")),
        ("<Pause/>", Verb::Pause(secs(1))),
        ("<Pause length='5'/>", Verb::Pause(secs(5))),
        ("<Pause length='99999999999'/>", Verb::Pause(secs(86_400))),
        ("<Hangup/>", Verb::Hangup),
        ("<Reject/>", Verb::Reject { busy: false }),
        ("<Reject reason='busy'/>", Verb::Reject { busy: true }),
        (
            "<Redirect method='get'>next?a=1&amp;b=2</Redirect>",
            Verb::Redirect(get("https://control.example.com/api/twilio/next?a=1&b=2").unwrap()),
        ),
        ("<Stop><Stream name='a'/></Stop>", Verb::Stop { name: "a".into() }),
        (
            "<Dial timeLimit='60' action='/done' method='GET'><Number>+15550100</Number></Dial>",
            dial("+15550100", get("https://control.example.com/done"), Some(secs(60))),
        ),
        ("<Dial><Client>anna</Client></Dial>", dial("anna", None, None)),
        ("<Gather><Say>?</Say></Gather>", Verb::Unplayed("Gather".into())),
        (
            "<Connect action='/next' method='GET'><Stream url='wss://h/p'/></Connect>",
            Verb::Connect { stream: plain("wss://h/p"), action: get("https://control.example.com/next") },
        ),
        ("<Start><Recording/></Start>", Verb::Unplayed("Recording".into())),
    ] {
        let document = parse(&format!("<Response>{text}</Response>"), BASE).unwrap();
        assert_eq!(document.verbs, [verb], "{text}");
        assert_eq!(document.problems, [], "{text}");
    }
}

#[test]
fn a_document_that_is_not_xml_or_not_twiml_is_a_parse_failure() {
    let deep = format!("<Response>{}{}</Response>", "<Say>".repeat(9), "</Say>".repeat(9));
    let many = format!("<Response>{}</Response>", "<Hangup/>".repeat(500));
    for text in [
        "",
        "hello",
        "<Response>",
        "<Response></response>",
        "<Response/><Response/>",
        "<Response/>and more",
        "<response/>",
        "<TwiML/>",
        "\n<?xml version='1.0'?><Response/>",
        "<?xml version='1.0' encoding='latin1'?><Response/>",
        "<!DOCTYPE Response [<!ENTITY a 'b'>]><Response>&a;</Response>",
        "<Response><Say>&nbsp;</Say></Response>",
        "<Response><Say>a & b</Say></Response>",
        "<Response><Stream url='a' url='b'/></Response>",
        "<Response><Stream url=a/></Response>",
        "<Response><Redirect>https://h/?a=1&b=2</Redirect></Response>",
        "{\"Response\":1}",
        &deep,
        &many,
    ] {
        let problem = parse(text, BASE).err().unwrap_or_else(|| panic!("{text:?} was taken"));
        assert_eq!(problem.code, 12100, "{text:?}: {problem}");
    }
}

#[test]
fn ugly_but_legal_documents_are_taken() {
    for text in [
        "\u{feff}<?xml version=\"1.0\"?><Response><Hangup/></Response>",
        "<!-- hi --><Response ><!-- there --><Hangup></Hangup ></Response>\n\n",
        "<?xml version='1.0'?><?pi x?>\r\n<Response\n>\t<Hangup\n/></Response>",
    ] {
        let document = parse(text, BASE).unwrap();
        assert_eq!(document.verbs, [Verb::Hangup], "{text:?}");
        assert_eq!(document.problems, [], "{text:?}");
    }
}

#[test]
fn what_the_schema_does_not_know_is_a_warning_and_is_passed_over() {
    for text in [
        "<say>hello</say>",
        "<Speak/>",
        "<Start/>",
        "<Start><Dial/></Start>",
        "<Stop><Stream/></Stop>",
        "<Connect><Start/></Connect>",
        "<Redirect>ftp://h/</Redirect>",
    ] {
        let document = parse(&format!("<Response>{text}<Hangup/></Response>"), BASE).unwrap();
        assert_eq!(document.verbs, [Verb::Hangup], "{text}");
        let codes: Vec<u32> = document.problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [12200], "{text}");
    }
    for text in ["<Pause length='soon'/>", "<Reject reason='tired'/>", "<Redirect method='PUT'>/x</Redirect>"]
    {
        let document = parse(&format!("<Response>{text}</Response>"), BASE).unwrap();
        assert_eq!((document.verbs.len(), document.problems.len()), (1, 1), "{text}");
    }
}

#[test]
fn a_stream_that_cannot_work_is_refused_with_its_own_error() {
    let long = "x".repeat(495);
    for (verb, stream, code) in [
        ("Start", "url='wss://h/p' track='both'", 31941),
        ("Start", "url='wss://h/p' track=''", 31941),
        ("Connect", "url='wss://h/p' track='both_tracks'", 31941),
        ("Connect", "url='wss://h/p' track='outbound_track'", 31941),
        ("Start", "url='https://h/p'", 31922),
        ("Start", "url='tcp://h/p'", 31922),
        ("Start", "url='wss://h/p?token=1'", 31920),
        ("Start", "url='wss://h/p#a'", 31923),
        ("Start", "url='wss://'", 31923),
        ("Start", "url='wss://h/a b'", 31923),
        ("Start", "", 31923),
        ("Start", &format!("url='wss://h/p'><Parameter name='grant' value='{long}'/></Stream><!--"), 12200),
    ] {
        let end = if stream.ends_with("<!--") { "-->" } else { "/>" };
        let text = format!("<Response><{verb}><Stream {stream}{end}</{verb}><Hangup/></Response>");
        let document = parse(&text, BASE).unwrap();
        assert_eq!(document.verbs, [Verb::Hangup], "{text}");
        let codes: Vec<u32> = document.problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [code], "{text}");
    }
}

#[test]
fn a_parameter_may_have_499_characters_with_its_name() {
    let value = "x".repeat(494);
    let text = format!(
        "<Response><Start><Stream url='ws://h:1/p'><Parameter name='grant' value='{value}'/></Stream></Start></Response>"
    );
    let document = parse(&text, BASE).unwrap();
    let Some(Verb::Start(stream)) = document.verbs.first() else { panic!("{document:?}") };
    assert_eq!(stream.parameters, [("grant".to_owned(), value)]);
}

#[test]
fn a_relative_stream_url_follows_the_document() {
    for (base, url, expected) in [
        (BASE, "/media/x", "wss://control.example.com/media/x"),
        (BASE, "media", "wss://control.example.com/api/twilio/media"),
        ("http://127.0.0.1:8080/voice", "/media", "ws://127.0.0.1:8080/media"),
    ] {
        let text = format!("<Response><Start><Stream url='{url}'/></Start></Response>");
        let document = parse(&text, base).unwrap();
        assert_eq!(document.verbs, [Verb::Start(plain(expected))]);
    }
}

fn say(text: &str) -> Verb {
    Verb::Say { text: text.into() }
}

fn plain(url: &str) -> Stream {
    Stream { name: None, url: url.into(), tracks: Tracks::Inbound, callback: None, parameters: Vec::new() }
}

#[test]
fn a_conference_is_dialled_on_its_terms() {
    let terms = |attributes: &str| {
        let text =
            format!("<Response><Dial><Conference {attributes}> room 1 </Conference></Dial></Response>");
        let mut document = parse(&text, "https://control.example.com/voice").unwrap();
        let codes: Vec<u32> = document.problems.iter().map(|problem| problem.code).collect();
        match document.verbs.pop() {
            Some(Verb::Dial(Dial { whom: Whom::Conference { name, terms }, .. })) => {
                assert_eq!(name, "room 1");
                (Some(*terms), codes)
            }
            None => (None, codes),
            other => panic!("{other:?}"),
        }
    };
    let usual = Terms::default();
    assert_eq!(terms("waitUrl=''"), (Some(usual.clone()), vec![]));
    let coached = "CA0123456789abcdef0123456789abcdef";
    let all = format!(
        "muted='true' beep='onExit' coach='{coached}' startConferenceOnEnter='false' endConferenceOnExit='true' \
         participantLabel='anna' maxParticipants='3' statusCallback='/told' statusCallbackEvent='join leave'"
    );
    let target = Target { url: "https://control.example.com/told".to_owned(), method: Method::Post };
    let expected = Terms {
        label: Some("anna".to_owned()),
        muted: true,
        beep: Beep::Exit,
        starts: false,
        ends: true,
        coaches: coached.parse().ok(),
        limit: 3,
        callback: Some(Callback { target, events: vec!["join".to_owned(), "leave".to_owned()] }),
    };
    assert_eq!(terms(&all), (Some(expected), vec![]));
    for odd in ["muted='yes'", "beep='once'", "maxParticipants='1'", "maxParticipants='251'", "mute='true'"] {
        assert_eq!(terms(odd), (Some(usual.clone()), vec![12200]), "{odd}");
    }
    assert_eq!(terms("coach='anna'"), (None, vec![12200]), "everybody would hear what is for one");
    assert_eq!(terms("").1, Vec::<u32>::new());
}

/// A `<Dial>` of a number.
fn dial(number: &str, action: Option<Target>, time_limit: Option<Duration>) -> Verb {
    Verb::Dial(Dial { whom: Whom::Number(number.to_owned()), action, timeout: None, time_limit })
}
