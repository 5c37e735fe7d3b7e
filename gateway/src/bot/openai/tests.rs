use super::*;
use crate::bot::adapter::Wire;

struct Lab {
    bot: OpenAi,
    out: Out,
    now: Instant,
}

impl Lab {
    /// One that is ready.
    fn new() -> Self {
        let mut lab = Self::beginning(None);
        lab.hears(json!({ "type": "session.created" }));
        lab.hears(json!({ "type": "session.updated" }));
        assert_eq!(lab.heard(), [FromBot::Ready]);
        lab.sent();
        lab
    }

    fn beginning(greeting: Option<&str>) -> Self {
        let greeting = greeting.map(str::to_owned);
        let config = BotConfig::default();
        let bot = OpenAi::new("gpt-realtime".to_owned(), "Be brief.".to_owned(), None, greeting, &config);
        let mut lab = Self { bot, out: Out::default(), now: Instant::now() };
        lab.bot.opened(lab.now, &mut lab.out);
        lab
    }

    fn hears(&mut self, event: Value) {
        self.bot.receive(self.now, &event.to_string(), &mut self.out).unwrap();
    }

    fn tell(&mut self, what: ToBot) {
        self.bot.tell(self.now, what, &mut self.out);
    }

    fn responds(&mut self, response: &str) {
        self.hears(json!({ "type": "response.created", "response": { "id": response } }));
    }

    fn speaks(&mut self, response: &str, item: &str, ms: usize, words: &str) {
        let of = json!({ "response_id": response, "item_id": item, "content_index": 0 });
        let event = |kind: &str, delta: &str| {
            let mut event = of.clone();
            (event["type"], event["delta"]) = (json!(kind), json!(delta));
            event
        };
        self.hears(event("response.output_audio_transcript.delta", words));
        let audio = STANDARD.encode_to_string(vec![1; ms * 8]);
        self.hears(event("response.output_audio.delta", &audio));
    }

    fn ends(&mut self, response: &str, status: &str, error: Value) {
        let details = json!({ "type": status, "error": error });
        let response = json!({ "id": response, "status": status, "status_details": details });
        self.hears(json!({ "type": "response.done", "response": response }));
    }

    fn sent(&mut self) -> Vec<Value> {
        let text = |wire| match wire {
            Wire::Sound(text) | Wire::Words(text) => serde_json::from_str(&text).unwrap(),
        };
        self.out.wire.drain(..).map(text).collect()
    }

    fn heard(&mut self) -> Vec<FromBot> {
        self.out.line.drain(..).collect()
    }

    /// The marks that came, and how much sound was before each.
    fn marks(&mut self) -> Vec<(String, usize)> {
        let mut before = 0;
        let mark = |event| match event {
            FromBot::Audio(ulaw) => {
                before += ulaw.len();
                None
            }
            FromBot::Mark(name) => Some((name, before)),
            other => panic!("{other:?}"),
        };
        self.heard().into_iter().filter_map(mark).collect()
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        if self.bot.poll_timeout().is_some_and(|due| due <= self.now) {
            self.bot.handle_timeout(self.now, &mut self.out);
        }
    }
}

fn bot_said(text: &str) -> FromBot {
    FromBot::Heard { speaker: Speaker::Bot, text: text.to_owned() }
}

fn truncated(item: &str, ms: usize) -> Value {
    json!({ "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms })
}

const SPEECH: &str = "input_audio_buffer.speech_started";

#[test]
fn each_fifth_of_a_second_has_a_mark() {
    let mut lab = Lab::new();
    lab.responds("r1");
    lab.speaks("r1", "i1", 500, "One two three");
    lab.speaks("r1", "i1", 100, " four.");
    let marks = lab.marks();
    assert_eq!(marks.iter().map(|mark| mark.1).collect::<Vec<_>>(), [1600, 3200, 4000, 4800]);
    lab.ends("r1", "completed", json!(null));
    for (name, _) in &marks[..3] {
        lab.tell(ToBot::Played(name.clone()));
    }
    assert_eq!(lab.heard(), []);
    lab.tell(ToBot::Played(marks[3].0.clone()));
    assert_eq!(lab.heard(), [bot_said("One two three four.")], "told when it was heard");
}

#[test]
fn who_is_spoken_into_forgets_what_was_not_heard() {
    let mut lab = Lab::new();
    lab.responds("r1");
    lab.speaks("r1", "i1", 1000, "One two three four five six seven eight nine ten.");
    let marks = lab.marks();
    lab.tell(ToBot::Played(marks[1].0.clone()));
    lab.hears(json!({ "type": SPEECH, "audio_start_ms": 1, "item_id": "u1" }));
    assert_eq!(lab.heard(), [FromBot::Clear, bot_said("One two three four –")]);
    assert_eq!(lab.sent(), [truncated("i1", 400)]);
    // What comes late of it, and marks of what was cleared, come to nothing.
    lab.speaks("r1", "i1", 1000, "eleven");
    lab.tell(ToBot::Played(marks[4].0.clone()));
    lab.ends("r1", "cancelled", json!(null));
    assert_eq!((lab.heard(), lab.sent()), (vec![], vec![]));

    // The next answer is heard; its marks have other names.
    lab.responds("r2");
    lab.speaks("r2", "i2", 100, "Yes?");
    lab.ends("r2", "completed", json!(null));
    let again = lab.marks();
    assert!(!marks.contains(&again[0]));
    lab.tell(ToBot::Played(again[0].0.clone()));
    assert_eq!(lab.heard(), [bot_said("Yes?")]);
    // Nothing is playing: there is nothing to clear.
    lab.hears(json!({ "type": SPEECH }));
    assert_eq!((lab.heard(), lab.sent()), (vec![], vec![]));
}

#[test]
fn of_several_items_each_is_cut_where_it_was_heard() {
    let mut lab = Lab::new();
    lab.responds("r1");
    lab.speaks("r1", "i1", 100, "One.");
    lab.speaks("r1", "i2", 400, "Two and three.");
    lab.speaks("r1", "i3", 100, "Four.");
    lab.ends("r1", "completed", json!(null));
    let marks = lab.marks();
    lab.tell(ToBot::Played(marks[1].0.clone()));
    lab.hears(json!({ "type": SPEECH }));
    assert_eq!(lab.heard(), [bot_said("One."), FromBot::Clear, bot_said("Two –")]);
    assert_eq!(lab.sent(), [truncated("i2", 200), truncated("i3", 0)]);
}

#[test]
fn a_paused_bot_is_silent_and_knows_afterwards_what_was_said() {
    let mut lab = Lab::new();
    lab.responds("r1");
    lab.speaks("r1", "i1", 500, "One two three");
    let marks = lab.marks();
    lab.tell(ToBot::Played(marks[0].0.clone()));
    lab.tell(ToBot::Paused);
    lab.tell(ToBot::Paused);
    let [cancel, clear] = ["response.cancel", "input_audio_buffer.clear"].map(|kind| json!({ "type": kind }));
    assert_eq!(lab.sent(), [truncated("i1", 200), cancel, clear]);
    assert_eq!(lab.heard(), [bot_said("One –")]);
    lab.speaks("r1", "i1", 500, "four");
    lab.ends("r1", "cancelled", json!(null));
    lab.tell(ToBot::Audio([1; 160]));
    lab.tell(ToBot::Dtmf('1'));
    lab.responds("r2");
    lab.speaks("r2", "i2", 500, "Hello?");
    lab.hears(json!({ "type": SPEECH }));
    lab.wait(60_000);
    assert_eq!(lab.heard(), []);
    assert_eq!(lab.sent(), [json!({ "type": "response.cancel", "response_id": "r2" })]);
    lab.ends("r2", "cancelled", json!(null));

    lab.tell(ToBot::Resumed { recap: Some("Ann: It is paid.".to_owned()) });
    let sent = lab.sent();
    let text = sent[0]["item"]["content"][0]["text"].as_str().unwrap();
    assert!(
        sent.len() == 1
            && sent[0]["type"] == "conversation.item.create"
            && text.ends_with("Ann: It is paid.")
    );
    lab.tell(ToBot::Audio([1; 160]));
    assert_eq!(lab.sent()[0]["type"], "input_audio_buffer.append");
    lab.responds("r3");
    lab.speaks("r3", "i3", 100, "Good.");
    assert_eq!(lab.marks().len(), 1);
    lab.tell(ToBot::Paused);
    lab.tell(ToBot::Resumed { recap: Some(" ".to_owned()) });
    assert!(lab.sent().iter().all(|sent| sent["type"] != "conversation.item.create"), "nothing was said");
}

#[test]
fn one_failed_answer_is_asked_for_again_and_two_are_too_many() {
    let limit = json!({ "type": "requests", "code": "rate_limit_exceeded", "message": "Try again\nin 1s." });
    let mut lab = Lab::new();
    lab.responds("r1");
    lab.ends("r1", "failed", limit.clone());
    assert_eq!((lab.out.end.clone(), lab.sent()), (None, vec![]));
    lab.wait(1000);
    assert_eq!(lab.sent(), [json!({ "type": "response.create" })]);
    lab.responds("r2");
    lab.ends("r2", "failed", limit.clone());
    let why = "OpenAI makes no answer: rate_limit_exceeded: Try again in 1s.";
    assert_eq!(lab.out.end, Some(End::Failed(why.to_owned())));

    // Not in a row.
    let mut lab = Lab::new();
    for response in ["r1", "r2", "r3"] {
        lab.responds(response);
        lab.ends(response, "failed", limit.clone());
        lab.wait(1000);
        lab.speaks("r", "i", 100, "Yes.");
    }
    assert_eq!(lab.out.end, None);

    // Of no use.
    let mut lab = Lab::new();
    lab.responds("r1");
    lab.ends("r1", "failed", json!({ "code": "insufficient_quota", "message": "Pay." }));
    assert!(matches!(&lab.out.end, Some(End::Failed(why)) if why.contains("insufficient_quota: Pay.")));
}

#[test]
fn errors_that_matter_end_it_and_others_do_not() {
    let error = |code: &str, about: Option<&str>| {
        json!({ "type": "error", "event_id": "e", "error": {
            "type": "invalid_request_error", "code": code, "message": "No.", "param": null, "event_id": about,
        }})
    };
    for (code, about, ends) in [
        ("response_cancel_not_active", None, false),
        ("invalid_value", Some("other"), false),
        ("invalid_value", Some(SETUP), true),
        ("session_expired", None, true),
        ("insufficient_quota", None, true),
    ] {
        let mut lab = Lab::new();
        lab.hears(error(code, about));
        let why = format!("OpenAI refuses: {code}: No.");
        assert_eq!(lab.out.end, ends.then_some(End::Failed(why)), "{code}");
    }
}

#[test]
fn it_must_begin_and_answer_in_time() {
    let mut lab = Lab::beginning(None);
    lab.wait(4999);
    assert_eq!(lab.out.end, None);
    lab.wait(1);
    assert_eq!(lab.out.end, Some(End::Failed("OpenAI does not begin the session".to_owned())));

    let mut lab = Lab::new();
    lab.wait(1_000_000);
    lab.hears(json!({ "type": "input_audio_buffer.committed", "item_id": "u1" }));
    lab.wait(14_999);
    lab.responds("r1");
    lab.wait(14_999);
    assert_eq!(lab.out.end, None);
    lab.wait(1);
    assert_eq!(lab.out.end, Some(End::Failed("OpenAI makes no answer in time".to_owned())));
}

#[test]
fn keys_are_told_as_one_number() {
    let mut lab = Lab::new();
    for key in "12#".chars() {
        lab.tell(ToBot::Dtmf(key));
        lab.wait(1000);
    }
    assert_eq!(lab.sent(), [json!(null); 0]);
    lab.wait(500);
    let sent = lab.sent();
    let text = sent[0]["item"]["content"][0]["text"].as_str().unwrap();
    assert!(text.ends_with("keypad: 12#"), "{text}");
    assert_eq!(sent[1], json!({ "type": "response.create" }));
}

#[test]
fn the_beta_s_names_are_understood() {
    let mut lab = Lab::new();
    let audio = STANDARD.encode_to_string([1; 80]);
    lab.hears(json!({ "type": "response.audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "Y" }));
    lab.hears(json!({ "type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": audio }));
    lab.hears(json!({ "type": "response.audio_transcript.done", "item_id": "i", "transcript": "Yes." }));
    lab.hears(json!({ "type": "response.audio.done", "item_id": "i" }));
    let marks = lab.marks();
    lab.tell(ToBot::Played(marks[0].0.clone()));
    assert_eq!(lab.heard(), [bot_said("Yes.")]);
}

#[test]
fn what_is_no_event_is_ignored_with_a_reason() {
    let mut lab = Lab::new();
    let delta = |delta: &str| {
        json!({ "type": "response.output_audio.delta", "item_id": "i", "delta": delta }).to_string()
    };
    for bad in
        ["", "{}", "[1]", r#"{"type":7}"#, r#"{"type":"response.done"}"#, r#"{"type":"error"}"#, &delta("?")]
    {
        assert!(lab.bot.receive(lab.now, bad, &mut lab.out).is_err(), "{bad}");
    }
    // Events that are not used may look like anything.
    lab.hears(json!({ "type": "conversation.item.added", "response": 7, "delta": {} }));
    assert_eq!((lab.heard(), lab.out.end.clone()), (vec![], None));
}
