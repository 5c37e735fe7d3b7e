//! A bot that speaks Twilio's protocol, and is strict about it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use common::bus::Bot;
use gateway::bot::{BotConfig, FromBot, ToBot};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::peer::{Door, Peer};
use super::{Call, on_this_machine};

fn bot(url: String, stall_seconds: Option<u32>) -> Bot {
    let parameters = [("tenant".to_owned(), "ä \"1\"".to_owned())].into();
    Bot::Stream { url, parameters, stall_seconds, fallback: None }
}

/// A bot that takes nothing but what Twilio would send.
struct Strict {
    peer: Peer,
    stream: String,
    sequence: u64,
    chunk: u64,
}

impl Strict {
    /// A call whose bot has heard its start.
    async fn answer() -> (Call, Self) {
        Self::answer_with(on_this_machine()).await
    }

    async fn answer_with(config: BotConfig) -> (Call, Self) {
        let door = Door::open().await;
        let mut call = Call::with(bot(door.url("/media/x"), None), config);
        let (mut peer, request) = door.enter().await;
        assert_eq!(request.uri().path(), "/media/x");
        for never in ["origin", "sec-websocket-protocol", "sec-websocket-extensions", "authorization"] {
            assert!(!request.headers().contains_key(never), "{never}");
        }
        let connected = json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" });
        assert_eq!(peer.hear().await, connected);
        let stream = call.facts.stream.to_string();
        let start = json!({
            "event": "start", "sequenceNumber": "1", "streamSid": stream,
            "start": {
                "accountSid": call.facts.account_sid, "callSid": call.facts.call_sid, "streamSid": stream,
                "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": { "tenant": "ä \"1\"" },
            },
        });
        assert_eq!(peer.hear().await, start);
        assert_eq!(call.hear().await, FromBot::Ready);
        (call, Self { peer, stream, sequence: 1, chunk: 0 })
    }

    /// The next message, in its place and with nothing in it that should not be.
    async fn next(&mut self, event: &str) -> Value {
        let mut message = self.peer.hear().await;
        self.sequence += 1;
        let fields = message.as_object_mut().unwrap();
        assert_eq!(fields.remove("event"), Some(json!(event)));
        assert_eq!(fields.remove("streamSid"), Some(json!(self.stream)));
        assert_eq!(fields.remove("sequenceNumber"), Some(json!(self.sequence.to_string())));
        let body = fields.remove(event).unwrap();
        assert!(fields.is_empty(), "{fields:?}");
        body
    }

    /// The next frame of the caller's voice.
    async fn voice(&mut self) -> Vec<u8> {
        let media = self.next("media").await;
        self.chunk += 1;
        let payload = media["payload"].as_str().unwrap();
        let timestamp = (20 * (self.chunk - 1)).to_string();
        let expected = json!({
            "track": "inbound", "chunk": self.chunk.to_string(), "timestamp": timestamp, "payload": payload,
        });
        assert_eq!(media, expected);
        STANDARD.decode(payload).unwrap()
    }

    async fn say(&mut self, mut message: Value) {
        message["streamSid"] = json!(self.stream);
        self.peer.say(&message).await;
    }

    async fn speak(&mut self, ulaw: &[u8]) {
        let payload = STANDARD.encode(ulaw);
        self.say(json!({ "event": "media", "media": { "payload": payload } })).await;
    }

    async fn mark(&mut self, name: &str) {
        self.say(json!({ "event": "mark", "mark": { "name": name } })).await;
    }
}

#[tokio::test]
async fn both_sides_hear_each_other_until_the_call_ends() {
    let (mut call, mut bot) = Strict::answer().await;
    for frame in 0..100 {
        call.tell(ToBot::Audio([frame; 160])).await;
        assert_eq!(bot.voice().await, [frame; 160]);
    }
    call.tell(ToBot::Dtmf('5')).await;
    assert_eq!(bot.next("dtmf").await, json!({ "track": "inbound_track", "digit": "5" }));

    // Any length, and faster than real time.
    bot.speak(&[1; 80_000]).await;
    bot.speak(&[2]).await;
    bot.mark("said").await;
    bot.speak(&[3; 160]).await;
    bot.say(json!({ "event": "clear" })).await;
    for said in [
        FromBot::Audio(Bytes::from_static(&[1; 80_000])),
        FromBot::Audio(Bytes::from_static(&[2])),
        FromBot::Mark("said".to_owned()),
        FromBot::Audio(Bytes::from_static(&[3; 160])),
        FromBot::Clear,
    ] {
        assert_eq!(call.hear().await, said);
    }
    call.tell(ToBot::Played("said".to_owned())).await;
    assert_eq!(bot.next("mark").await, json!({ "name": "said" }));

    call.tell(ToBot::Stop).await;
    let stop = json!({ "accountSid": call.facts.account_sid, "callSid": call.facts.call_sid });
    assert_eq!(bot.next("stop").await, stop);
    let Some(Message::Close(Some(frame))) = bot.peer.frame().await else { panic!("no close frame") };
    assert_eq!(u16::from(frame.code), 1000);
    assert!(bot.peer.frame().await.is_none());
    assert_eq!(call.line.from.recv().await, None, "nothing to tell of what the call did itself");
}

#[tokio::test]
async fn a_call_that_is_dropped_says_stop_as_well() {
    let (call, mut bot) = Strict::answer().await;
    drop(call);
    bot.next("stop").await;
    assert!(matches!(bot.peer.frame().await, Some(Message::Close(_))));
}

#[tokio::test]
async fn a_paused_bot_hears_silence_and_keeps_its_socket() {
    let (mut call, mut bot) = Strict::answer().await;
    call.tell(ToBot::Audio([7; 160])).await;
    call.tell(ToBot::Paused).await;
    assert_eq!(bot.voice().await, [7; 160]);
    bot.speak(&[9; 160]).await;
    bot.say(json!({ "event": "clear" })).await;
    // Though the call gives nothing, its clock goes on.
    for _ in 0..10 {
        assert_eq!(bot.voice().await, [0xff; 160]);
    }
    call.tell(ToBot::Audio([7; 160])).await;
    call.tell(ToBot::Dtmf('1')).await;
    call.tell(ToBot::Resumed { recap: Some("hello".to_owned()) }).await;
    call.tell(ToBot::Audio([8; 160])).await;
    loop {
        match bot.voice().await {
            silence if silence == [0xff; 160] => {}
            voice => {
                assert_eq!(voice, [8; 160], "nothing of the pause");
                break;
            }
        }
    }
    bot.speak(&[10; 160]).await;
    assert_eq!(call.hear().await, FromBot::Audio(Bytes::from_static(&[10; 160])), "nor of the bot's");
}

#[tokio::test]
async fn marks_of_a_paused_bot_come_back_at_once() {
    let (call, mut bot) = Strict::answer().await;
    bot.mark("before").await;
    let mut call = call;
    assert_eq!(call.hear().await, FromBot::Mark("before".to_owned()));
    call.tell(ToBot::Paused).await;
    assert_eq!(bot.next("mark").await, json!({ "name": "before" }));
    bot.mark("during").await;
    let name = loop {
        let message = bot.peer.hear().await;
        if message["event"] == "mark" {
            break message["mark"]["name"].clone();
        }
    };
    assert_eq!(name, "during");
}

#[tokio::test]
async fn bad_messages_are_ignored() {
    let (mut call, mut bot) = Strict::answer().await;
    let config = on_this_machine();
    for bad in ["", "Ack: 1", "{}", "[]", r#"{"event":"clear","streamSid":"MZ0"}"#, r#"{"event":7}"#] {
        bot.peer.raw(Message::text(bad)).await;
    }
    bot.peer.raw(Message::binary(&[1, 2, 3][..])).await;
    let stream = bot.stream.clone();
    for bad in [
        json!({ "event": "mark", "streamSid": stream }),
        json!({ "event": "media", "streamSid": stream, "media": { "payload": "!" } }),
        json!({ "event": "clear", "stream_sid": stream }),
    ] {
        bot.peer.say(&bad).await;
    }
    bot.mark(&"x".repeat(config.message_bytes)).await;
    bot.mark("good").await;
    assert_eq!(call.hear().await, FromBot::Mark("good".to_owned()));
}

#[tokio::test]
async fn how_a_bot_leaves_is_told() {
    for (code, left) in [
        (1000, FromBot::Gone),
        (1001, FromBot::Gone),
        (1011, FromBot::Failed("it closed the connection with code 1011: oops".to_owned())),
    ] {
        let (mut call, mut bot) = Strict::answer().await;
        bot.speak(&[1; 160]).await;
        bot.peer.close(code, "oops").await;
        assert_eq!(call.hear().await, FromBot::Audio(Bytes::from_static(&[1; 160])), "first what it said");
        assert_eq!(call.over().await, left);
        assert!(matches!(bot.peer.frame().await, Some(Message::Close(_))), "its close is answered");
        assert!(bot.peer.frame().await.is_none());
    }
    // Killed.
    let (mut call, bot) = Strict::answer().await;
    let mut tcp = bot.peer.0.into_inner();
    tcp.shutdown().await.unwrap();
    drop(tcp);
    let FromBot::Failed(why) = call.over().await else { panic!("not failed") };
    assert!(why.contains("broke"), "{why}");
}

#[tokio::test]
async fn too_much_at_once_ends_it() {
    // The limit is not on sound: a minute of it at one go is well below it.
    let config = BotConfig { messages: 100, ..on_this_machine() };
    let (mut call, mut bot) = Strict::answer_with(config).await;
    for _ in 0..101 {
        bot.mark("m").await;
    }
    for _ in 0..100 {
        assert_eq!(call.hear().await, FromBot::Mark("m".to_owned()));
    }
    assert_eq!(call.over().await, FromBot::Failed("it sends too many messages".to_owned()));

    let config = BotConfig { message_bytes: 1000, ..on_this_machine() };
    let (mut call, mut bot) = Strict::answer_with(config).await;
    bot.mark(&"x".repeat(2000)).await;
    assert_eq!(call.over().await, FromBot::Failed("its message is much too long".to_owned()));
}

#[tokio::test]
async fn a_bot_that_gives_no_sign_of_life_has_failed() {
    let config = BotConfig { ping: Duration::from_millis(50), ..on_this_machine() };
    // It answers pings only while it is read from.
    let (mut call, bot) = Strict::answer_with(config).await;
    assert_eq!(call.over().await, FromBot::Failed("it gives no sign of life".to_owned()));
    drop(bot);
}

#[tokio::test]
async fn a_bot_that_should_speak_and_does_not_has_failed() {
    let door = Door::open().await;
    let mut call = Call::with(bot(door.url("/"), Some(1)), on_this_machine());
    let (mut peer, _) = door.enter().await;
    let reading = tokio::spawn(async move { while peer.frame().await.is_some() {} });
    assert_eq!(call.hear().await, FromBot::Ready);
    assert_eq!(call.over().await, FromBot::Failed("it has fallen silent".to_owned()));
    reading.await.unwrap();
}

#[tokio::test]
async fn a_bot_that_does_not_read_loses_sound_and_then_its_place() {
    let config = BotConfig { write_timeout: Duration::from_millis(500), ..on_this_machine() };
    let (mut call, _bot) = Strict::answer_with(config).await;
    // The kernel takes some megabytes; then the queue fills; then nothing is written any more.
    let to = call.line.to.clone();
    let speaking = tokio::spawn(async move { while to.send(ToBot::Audio([0; 160])).await.is_ok() {} });
    assert_eq!(call.over().await, FromBot::Failed("it does not read what it is sent".to_owned()));
    speaking.await.unwrap();
}

#[tokio::test]
async fn one_that_cannot_be_reached_says_why_and_not_where() {
    let nobody = Door::open().await.url("/secret");
    for (url, why) in [
        (nobody.as_str(), "cannot connect: "),
        ("http://127.0.0.1/secret", "its URL must be ws:// or wss://"),
        ("ws://user:secret@127.0.0.1/", "its URL must be ws:// or wss://"),
        ("secret", "its URL is none"),
        (&format!("ws://127.0.0.1/{}", "x".repeat(2048)), "its URL is too long"),
    ] {
        let mut call = Call::with(bot(url.to_owned(), None), on_this_machine());
        let FromBot::Failed(told) = call.over().await else { panic!("{url}") };
        assert!(told.starts_with(why) && !told.contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn a_handshake_that_is_refused_or_never_answered_is_named() {
    let door = Door::open().await;
    let mut call = Call::with(bot(door.url("/"), None), on_this_machine());
    let mut tcp = door.tcp().await;
    tcp.write_all(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    let why = "it answered the handshake with 429: its rate limit is reached";
    assert_eq!(call.over().await, FromBot::Failed(why.to_owned()));

    let config = BotConfig { connect_timeout: Duration::from_millis(100), ..on_this_machine() };
    let mut call = Call::with(bot(door.url("/"), None), config);
    let _silent = door.tcp().await;
    let why = "it did not answer the connection in time";
    assert_eq!(call.over().await, FromBot::Failed(why.to_owned()));

    let call = Call::with(bot(door.url("/"), None), on_this_machine());
    let mut tcp = door.tcp().await;
    call.tell(ToBot::Stop).await;
    let mut sink = tokio::io::sink();
    let read = tokio::time::timeout(crate::server::PATIENCE, tokio::io::copy(&mut tcp, &mut sink)).await;
    assert!(read.is_ok(), "who is no longer wanted is let go at once");
}

#[tokio::test]
async fn a_kind_of_bot_that_is_not_known_fails() {
    let mut call = Call::with(Bot::Unknown, on_this_machine());
    assert!(matches!(call.over().await, FromBot::Failed(_)));
}
