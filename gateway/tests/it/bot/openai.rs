//! OpenAI's Realtime API as a bot.

use std::time::Duration;

use common::bus::{Bot, Speaker};
use gateway::bot::{BotConfig, FromBot, ToBot};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::Call;
use super::peer::Door;
use super::realtime::{Answer, Server, Told};

const LOUD: ToBot = ToBot::Audio([0x00; 160]);
const QUIET: ToBot = ToBot::Audio([0xff; 160]);

fn config(door: &Door) -> BotConfig {
    let openai_key = Some("sk-hush".into());
    BotConfig { openai_url: door.url("/v1/realtime"), openai_key, ..BotConfig::default() }
}

fn bot(instructions: &str, greeting: Option<&str>) -> Bot {
    Bot::OpenAi {
        model: "gpt-realtime x&y".to_owned(),
        instructions: instructions.to_owned(),
        voice: Some("marin".to_owned()),
        greeting: greeting.map(str::to_owned),
        fallback: None,
    }
}

/// A call with a bot that is ready.
async fn ready(
    greeting: Option<&str>,
    answers: impl IntoIterator<Item = Answer>,
    change: impl FnOnce(&mut BotConfig),
) -> (Call, Server) {
    let door = Door::open().await;
    let mut config = config(&door);
    change(&mut config);
    let mut call = Call::with(bot("Be brief.", greeting), config);
    let mut server = Server::enter(&door, answers).await;
    assert!(matches!(server.next().await, Told::Setup(_)));
    assert_eq!(call.hear().await, FromBot::Ready);
    (call, server)
}

/// The caller says something, for 0.6 s, and waits for an answer.
async fn turn(call: &Call) {
    for what in std::iter::repeat_n(LOUD, 30).chain(std::iter::repeat_n(QUIET, 25)) {
        call.tell(what).await;
    }
}

/// Sound of the bot's until there are so many milliseconds of it. Gives its marks, with the sound before each; and what
/// was said besides.
async fn sound(call: &mut Call, ms: usize) -> (Vec<(String, usize)>, Vec<FromBot>) {
    let (mut marks, mut besides, mut bytes) = (Vec::new(), Vec::new(), 0);
    while marks.last().is_none_or(|(_, before)| *before < ms * 8) {
        match call.hear().await {
            FromBot::Audio(ulaw) => bytes += ulaw.len(),
            FromBot::Mark(name) => marks.push((name, bytes)),
            other => besides.push(other),
        }
    }
    assert_eq!(bytes, ms * 8, "not a byte more");
    (marks, besides)
}

fn said(speaker: Speaker, text: &str) -> FromBot {
    FromBot::Heard { speaker, text: text.to_owned() }
}

#[tokio::test]
async fn the_session_is_one_for_a_telephone() {
    let door = Door::open().await;
    let mut call = Call::with(bot("Be brief.", None), config(&door));
    let mut server = Server::enter(&door, []).await;
    let setup = json!({
        "type": "realtime",
        "model": "gpt-realtime x&y",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": { "type": "audio/pcmu" },
                "transcription": { "model": "gpt-4o-mini-transcribe" },
                "turn_detection": {
                    "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
                    "create_response": true, "interrupt_response": true,
                },
            },
            "output": { "format": { "type": "audio/pcmu" }, "voice": "marin" },
        },
    });
    assert_eq!(server.next().await, Told::Setup(setup));
    assert_eq!(call.hear().await, FromBot::Ready);
    call.tell(ToBot::Stop).await;
    assert_eq!(server.next().await, Told::Closed);
    server.running.await.unwrap();
}

#[tokio::test]
async fn it_greets_answers_and_is_interrupted() {
    let answers =
        [Answer::Speech(400, "Good day."), Answer::Speech(1000, "One two three four five six seven eight.")];
    let (mut call, mut server) = ready(Some("Good day."), answers, |_| {}).await;
    let Told::Create(Some(instructions)) = server.next().await else { panic!("no greeting") };
    assert!(instructions.ends_with("Good day."), "{instructions}");
    let (marks, _) = sound(&mut call, 400).await;
    for (mark, _) in marks {
        call.tell(ToBot::Played(mark)).await;
    }
    assert_eq!(call.hear().await, said(Speaker::Bot, "Good day."));

    turn(&call).await;
    assert_eq!(server.next().await, Told::Turn(55));
    let (marks, besides) = sound(&mut call, 1000).await;
    assert_eq!(besides, []);
    assert_eq!(call.hear().await, said(Speaker::Caller, "I have a question."));
    // Of the second, about a third is heard when the caller speaks again.
    let heard = marks.iter().rev().find(|(_, before)| *before < 3000).unwrap();
    call.tell(ToBot::Played(heard.0.clone())).await;
    for _ in 0..2 {
        call.tell(LOUD).await;
    }
    assert_eq!(call.hear().await, FromBot::Clear);
    let Told::Truncated(item, kept, had) = server.next().await else { panic!("not truncated") };
    assert_eq!((item.as_str(), kept, had), ("item_2", heard.1 as u64 / 8, 1000));
    assert_eq!(call.hear().await, said(Speaker::Bot, "One two –"));
    // The marks of what was cleared come back, and say nothing.
    for (mark, _) in marks {
        call.tell(ToBot::Played(mark)).await;
    }
    call.tell(ToBot::Stop).await;
    assert_eq!(server.next().await, Told::Closed);
    server.running.await.unwrap();
}

#[tokio::test]
async fn one_that_still_speaks_is_cut_off_and_heard_again() {
    let answers = [Answer::Endless(500, "One two"), Answer::Speech(100, "Yes.")];
    let (mut call, mut server) = ready(None, answers, |_| {}).await;
    turn(&call).await;
    assert_eq!(server.next().await, Told::Turn(55));
    sound(&mut call, 500).await;
    assert_eq!(call.hear().await, said(Speaker::Caller, "I have a question."));
    for _ in 0..2 {
        call.tell(LOUD).await;
    }
    assert_eq!(call.hear().await, FromBot::Clear);
    assert_eq!(server.next().await, Told::Truncated("item_1".to_owned(), 0, 500));
    turn(&call).await;
    assert_eq!(server.next().await, Told::Turn(57));
    sound(&mut call, 100).await;
    drop(call);
    server.running.await.unwrap();
}

#[tokio::test]
async fn paused_it_hears_nothing_and_resumed_it_knows_what_was_said() {
    let answers = [Answer::Endless(500, "One two"), Answer::Speech(100, "Yes.")];
    let (mut call, mut server) = ready(None, answers, |_| {}).await;
    turn(&call).await;
    assert_eq!(server.next().await, Told::Turn(55));
    sound(&mut call, 500).await;
    call.tell(ToBot::Paused).await;
    assert_eq!(server.next().await, Told::Truncated("item_1".to_owned(), 0, 500));
    assert_eq!(server.next().await, Told::Cancelled);
    assert_eq!(server.next().await, Told::Cleared);
    // What a person and the caller say to each other is not for it.
    turn(&call).await;
    call.tell(ToBot::Resumed { recap: Some("Ann: It is paid.".to_owned()) }).await;
    let Told::Item(recap) = server.next().await else { panic!("it heard what it should not") };
    assert!(recap.ends_with("Ann: It is paid."), "{recap}");
    turn(&call).await;
    assert_eq!(server.next().await, Told::Turn(55), "the same session");
    let (_, besides) = sound(&mut call, 100).await;
    assert_eq!(besides, [said(Speaker::Caller, "I have a question.")]);
    drop(call);
    server.running.await.unwrap();
}

#[tokio::test]
async fn keys_are_told() {
    let (call, mut server) = ready(None, [Answer::Speech(100, "Yes.")], |_| {}).await;
    for key in "42".chars() {
        call.tell(ToBot::Dtmf(key)).await;
    }
    let Told::Item(keys) = server.next().await else { panic!("no keys") };
    assert!(keys.ends_with(": 42"), "{keys}");
    assert_eq!(server.next().await, Told::Create(None));
    drop(call);
    server.running.await.unwrap();
}

#[tokio::test]
async fn each_failure_has_its_name() {
    let again = |code| [Answer::Failure(code), Answer::Failure(code)];
    for (answers, why) in [
        (again("rate_limit_exceeded").into(), "OpenAI makes no answer: rate_limit_exceeded: Not now."),
        (vec![Answer::Failure("insufficient_quota")], "OpenAI makes no answer: insufficient_quota: Not now."),
        (vec![Answer::Nothing], "OpenAI makes no answer in time"),
        (vec![Answer::Close(1000, "")], "OpenAI ended the session with code 1000"),
        (
            vec![Answer::Close(1001, "Your session hit the maximum duration.")],
            "OpenAI ended the session with code 1001: Your session hit the maximum duration.",
        ),
    ] {
        let slow = !matches!(answers[0], Answer::Nothing);
        let (mut call, server) = ready(None, answers, |config| {
            config.answer_timeout = Duration::from_millis(if slow { 60_000 } else { 100 });
        })
        .await;
        turn(&call).await;
        let last = loop {
            match call.hear().await {
                FromBot::Heard { speaker: Speaker::Caller, .. } => {}
                last => break last,
            }
        };
        assert_eq!(last, FromBot::Failed(why.to_owned()));
        drop(call);
        server.running.await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_does_not_begin_has_failed() {
    let door = Door::open().await;
    // Refused at the door, as with a bad key.
    let mut call = Call::with(bot("", None), config(&door));
    let mut tcp = door.tcp().await;
    tcp.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    let why = "it answered the handshake with 401: the key or the signature is refused";
    assert_eq!(call.over().await, FromBot::Failed(why.to_owned()));

    // Refused afterwards.
    let mut call = Call::with(bot("break a rule", None), config(&door));
    let server = Server::enter(&door, []).await;
    assert_eq!(call.over().await, FromBot::Failed("OpenAI refuses: invalid_value: No.".to_owned()));
    server.running.await.unwrap();

    // Never begun.
    let mut call =
        Call::with(bot("", None), BotConfig { connect_timeout: Duration::from_millis(300), ..config(&door) });
    let (_peer, _) = door.enter().await;
    assert_eq!(call.over().await, FromBot::Failed("OpenAI does not begin the session".to_owned()));

    // Without a key nobody is asked.
    let mut call = Call::with(bot("", None), BotConfig { openai_key: None, ..config(&door) });
    assert_eq!(call.over().await, FromBot::Failed("the gateway has no key for OpenAI".to_owned()));
}

#[test]
fn the_key_is_not_shown() {
    let config = BotConfig { openai_key: Some("sk-hush".into()), ..BotConfig::default() };
    assert!(!format!("{config:?}").contains("hush"));
}
