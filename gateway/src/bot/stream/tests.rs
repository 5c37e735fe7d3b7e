use super::*;
use crate::bot::adapter::Wire;
use bytes::Bytes;

const LOUD: [u8; 160] = [0x00; 160];
const QUIET: [u8; 160] = [g711::SILENCE; 160];

struct Lab {
    bot: Stream,
    out: Out,
    now: Instant,
}

impl Lab {
    fn new(stall: Option<u64>) -> Self {
        let digits = "0123456789abcdef".repeat(2);
        let facts = CallFacts {
            call: common::CallId::new(),
            call_sid: format!("CA{digits}").parse().unwrap(),
            account_sid: format!("AC{digits}").parse().unwrap(),
            stream: format!("MZ{digits}").parse().unwrap(),
        };
        let parameters = [("tenant".to_owned(), "t\"1".to_owned())].into();
        let bot = Stream::new(facts, parameters, stall.map(Duration::from_secs));
        let mut lab = Self { bot, out: Out::default(), now: Instant::now() };
        lab.bot.opened(lab.now, &mut lab.out);
        lab
    }

    fn tell(&mut self, what: ToBot) {
        self.bot.tell(self.now, what, &mut self.out);
    }

    fn hears(&mut self, message: &Value) -> Result<(), Bad> {
        let mut message = message.clone();
        message["streamSid"] = json!(self.bot.facts.stream);
        self.bot.receive(self.now, &message.to_string(), &mut self.out)
    }

    fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.bot.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.bot.handle_timeout(self.now, &mut self.out);
            if self.out.end.is_some() {
                return;
            }
        }
        self.now = until;
    }

    fn sent(&mut self) -> Vec<Value> {
        let text = |wire| match wire {
            Wire::Sound(text) | Wire::Words(text) => serde_json::from_str(&text).unwrap(),
        };
        self.out.wire.drain(..).map(text).collect()
    }

    fn marks(&mut self) -> Vec<String> {
        let sent = self.sent();
        let marks = sent.iter().filter(|message| message["event"] == "mark");
        marks.map(|mark| mark["mark"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn media(ulaw: &[u8]) -> Value {
    json!({ "event": "media", "media": { "payload": base64_simd::STANDARD.encode_to_string(ulaw) } })
}

fn mark(name: &str) -> Value {
    json!({ "event": "mark", "mark": { "name": name } })
}

#[test]
fn it_is_told_of_the_call_as_twilio_would() {
    let mut lab = Lab::new(None);
    for what in [ToBot::Audio(LOUD), ToBot::Audio(QUIET), ToBot::Dtmf('#')] {
        lab.tell(what);
    }
    lab.bot.stop(lab.now, &mut lab.out);
    let (sids, stream) = ("0123456789abcdef".repeat(2), lab.bot.facts.stream);
    let (account, call) = (format!("AC{sids}"), format!("CA{sids}"));
    let media = |number: u8, payload: &[u8]| {
        json!({
            "event": "media", "sequenceNumber": (number + 1).to_string(), "streamSid": stream,
            "media": {
                "track": "inbound", "chunk": number.to_string(), "timestamp": ((number - 1) * 20).to_string(),
                "payload": base64_simd::STANDARD.encode_to_string(payload),
            },
        })
    };
    assert_eq!(
        lab.sent(),
        [
            json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }),
            json!({
                "event": "start", "sequenceNumber": "1", "streamSid": stream,
                "start": {
                    "accountSid": account, "streamSid": stream, "callSid": call, "tracks": ["inbound"],
                    "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                    "customParameters": { "tenant": "t\"1" },
                },
            }),
            media(1, &LOUD),
            media(2, &QUIET),
            json!({
                "event": "dtmf", "sequenceNumber": "4", "streamSid": stream,
                "dtmf": { "track": "inbound_track", "digit": "#" },
            }),
            json!({
                "event": "stop", "sequenceNumber": "5", "streamSid": stream,
                "stop": { "accountSid": account, "callSid": call },
            }),
        ]
    );
}

#[test]
fn marks_come_back_in_order_and_once_even_if_all_have_one_name() {
    let mut lab = Lab::new(None);
    for name in ["part", "part", "other", "part"] {
        lab.hears(&mark(name)).unwrap();
    }
    lab.sent();
    lab.tell(ToBot::Played("part".to_owned()));
    assert_eq!(lab.marks(), ["part"]);
    // One that the call forgot to tell of was played all the same.
    lab.tell(ToBot::Played("other".to_owned()));
    assert_eq!(lab.marks(), ["part", "other"]);
    lab.tell(ToBot::Played("never said".to_owned()));
    assert_eq!(lab.marks(), [""; 0]);
    lab.tell(ToBot::Played("part".to_owned()));
    lab.tell(ToBot::Played("part".to_owned()));
    assert_eq!(lab.marks(), ["part"]);
}

#[test]
fn a_paused_bot_hears_silence_at_its_own_pace_and_is_not_heard() {
    let mut lab = Lab::new(Some(5));
    lab.hears(&mark("before")).unwrap();
    lab.tell(ToBot::Audio(LOUD));
    lab.sent();
    lab.out.line.clear();
    lab.tell(ToBot::Paused);
    assert_eq!(lab.marks(), ["before"]);
    lab.tell(ToBot::Audio(LOUD));
    lab.tell(ToBot::Dtmf('1'));
    lab.wait(10);
    let sent = lab.sent();
    assert_eq!(sent.len(), 501, "50 a second, and one at once");
    let silence = base64_simd::STANDARD.encode_to_string(QUIET);
    assert!(sent.iter().all(|message| message["media"]["payload"] == silence.as_str()));
    let last = sent.last().unwrap();
    assert_eq!((&last["media"]["timestamp"], &last["media"]["chunk"]), (&json!("10020"), &json!("502")));
    for said in [media(&LOUD), mark("unheard"), json!({ "event": "clear" })] {
        lab.hears(&said).unwrap();
    }
    assert!(lab.out.line.is_empty());
    assert_eq!(lab.marks(), ["unheard"]);
    assert_eq!(lab.out.end, None, "it need not speak");

    lab.tell(ToBot::Resumed { recap: Some("they spoke".to_owned()) });
    // What the call says of marks from before the pause comes to nothing.
    lab.tell(ToBot::Played("before".to_owned()));
    lab.tell(ToBot::Audio(LOUD));
    let sent = lab.sent();
    assert_eq!((sent.len(), &sent[0]["media"]["timestamp"]), (1, &json!("10040")));
    lab.hears(&media(&LOUD)).unwrap();
    assert_eq!(lab.out.line, [FromBot::Audio(Bytes::copy_from_slice(&LOUD))]);
}

#[test]
fn what_no_bot_may_say_is_ignored_with_a_reason() {
    let mut lab = Lab::new(None);
    lab.out.line.clear();
    let stream = lab.bot.facts.stream;
    let long = "x".repeat(1025);
    for (text, why) in [
        ("", "it is not such JSON"),
        ("[]", "it is not such JSON"),
        (r#"{"event":"clear"}"#, "it is of no stream, or another"),
        (r#"{"event":"clear","stream_sid":"MZ"}"#, "it is of no stream, or another"),
        (r#"{"event":"clear","streamSid":"MZ"}"#, "it is of no stream, or another"),
        (&format!(r#"{{"event":"media","streamSid":"{stream}"}}"#), "it is without its media"),
        (
            &format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":"?"}}}}"#),
            "it is not base64",
        ),
        (
            &format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":""}}}}"#),
            "it has no audio",
        ),
        (&format!(r#"{{"event":"mark","streamSid":"{stream}"}}"#), "it is without its mark"),
        (
            &format!(r#"{{"event":"mark","streamSid":"{stream}","mark":{{"name":"{long}"}}}}"#),
            "its mark's name is too long",
        ),
        (&format!(r#"{{"event":"dtmf","streamSid":"{stream}"}}"#), "nobody may say such an event to Twilio"),
    ] {
        let said = lab.bot.receive(lab.now, text, &mut lab.out);
        assert_eq!(said, Err(Bad(why)), "{text}");
    }
    for _ in 0..MAX_MARKS {
        lab.hears(&mark("m")).unwrap();
    }
    assert_eq!(lab.hears(&mark("m")), Err(Bad("too many marks wait")));
    assert_eq!(lab.out.line.len(), MAX_MARKS);
}

#[test]
fn a_bot_is_dead_when_it_says_nothing_though_nobody_else_speaks() {
    let dead = Some(End::Failed("it has fallen silent".to_owned()));
    // It never says a word.
    let mut lab = Lab::new(Some(5));
    lab.wait(4);
    assert_eq!(lab.out.end, None);
    lab.wait(1);
    assert_eq!(lab.out.end, dead);

    // The caller speaks, and then not any more.
    let mut lab = Lab::new(Some(5));
    for _ in 0..10 {
        lab.wait(2);
        lab.tell(ToBot::Audio(LOUD));
    }
    assert_eq!(lab.out.end, None);
    for _ in 0..2 {
        lab.wait(2);
        lab.tell(ToBot::Audio(QUIET));
    }
    lab.wait(1);
    assert_eq!(lab.out.end, dead);

    // Ten seconds of speech at one go, of which the caller clears what is left after two.
    let mut lab = Lab::new(Some(5));
    lab.hears(&media(&[0; 80_000])).unwrap();
    lab.wait(14);
    assert_eq!(lab.out.end, None);
    lab.hears(&media(&[0; 80_000])).unwrap();
    lab.wait(2);
    lab.hears(&json!({ "event": "clear" })).unwrap();
    lab.wait(4);
    assert_eq!(lab.out.end, None);
    lab.wait(1);
    assert_eq!(lab.out.end, dead);

    // Nobody asked.
    let mut lab = Lab::new(None);
    lab.wait(100_000);
    assert_eq!(lab.out.end, None);
}

#[test]
fn only_some_codes_are_a_goodbye() {
    let lab = Lab::new(None);
    for code in [1000, 1001, 1005] {
        assert_eq!(lab.bot.closed(code, "whatever"), End::Gone);
    }
    let failed = |why: &str| End::Failed(why.to_owned());
    assert_eq!(lab.bot.closed(1006, ""), failed("it closed the connection with code 1006"));
    assert_eq!(lab.bot.closed(1011, "oops"), failed("it closed the connection with code 1011: oops"));
}
