//! ElevenLabs, OpenAI, and everything that can go wrong with a provider.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use gateway::speech::{OpenAi, Provider, Speech, SpeechConfig, SpeechError};
use serde_json::json;
use tokio::sync::mpsc;

use super::server::{Reply, Server};
use super::{collected, said, speech};
use crate::server::PATIENCE;

/// Mu-law with every value in it.
fn ulaw(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|byte| byte as u8).collect()
}

/// Settings for this server, in which nothing takes long.
fn quick(server: &Server, provider: Provider) -> impl FnOnce(&mut SpeechConfig) {
    let url = server.url.clone();
    move |config| {
        config.provider = provider;
        (config.elevenlabs.url, config.openai.url) = (url.clone(), url);
        (config.elevenlabs.key, config.openai.key) = (Some("xi-hush".into()), Some("sk-hush".into()));
        config.retry_delay = Duration::from_millis(1);
    }
}

fn elevenlabs(server: &Server) -> Speech {
    speech(quick(server, Provider::ElevenLabs))
}

#[tokio::test]
async fn elevenlabs_is_asked_for_what_a_telephone_plays() {
    let server = Server::start([Reply::Sound(ulaw(20_000)), Reply::Sound(ulaw(160))]).await;
    let speech = elevenlabs(&server);
    assert_eq!(said(&speech, "Grüß \"Gott\"").await, (ulaw(20_000), Ok(())));
    collected(speech.say("Hi", Some("de-DE"), Some("aB9"))).await.1.unwrap();
    let asked = server.asked();
    let path = "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream?output_format=ulaw_8000";
    assert_eq!(asked[0].target, path);
    assert_eq!(asked[0].headers["xi-api-key"], "xi-hush");
    assert_eq!(asked[0].body, json!({ "text": "Grüß \"Gott\"", "model_id": "eleven_flash_v2_5" }));
    assert_eq!(asked[1].target, "/v1/text-to-speech/aB9/stream?output_format=ulaw_8000");
    let body = json!({ "text": "Hi", "model_id": "eleven_flash_v2_5", "language_code": "de" });
    assert_eq!(asked[1].body, body);
}

#[tokio::test]
async fn openai_is_asked_for_pcm_and_one_like_it_needs_no_key() {
    let server = Server::start([Reply::Sound(vec![0; 48_000]), Reply::Sound(vec![0; 480])]).await;
    let (sound, end) = said(&speech(quick(&server, Provider::OpenAi)), "Hello.").await;
    assert_eq!((sound.len(), end), (8000, Ok(())));
    let own = speech(|config| {
        quick(&server, Provider::OpenAi)(config);
        config.openai.key = None;
        config.openai.url += "/under/";
    });
    collected(own.say("Hi.", Some("en"), Some("af_bella"))).await.1.unwrap();
    let asked = server.asked();
    assert_eq!(
        (asked[0].target.as_str(), asked[1].target.as_str()),
        ("/v1/audio/speech", "/under/v1/audio/speech")
    );
    assert_eq!(asked[0].headers["authorization"], "Bearer sk-hush");
    assert!(!asked[1].headers.contains_key("authorization"));
    let body = |input, voice| json!({ "model": "gpt-4o-mini-tts", "input": input, "voice": voice, "response_format": "pcm" });
    assert_eq!((&asked[0].body, &asked[1].body), (&body("Hello.", "marin"), &body("Hi.", "af_bella")));
}

#[tokio::test]
async fn sound_is_passed_on_while_the_provider_still_makes_it() {
    let (make, live) = mpsc::channel(1);
    let server = Server::start([Reply::Live(live)]).await;
    let mut sound = elevenlabs(&server).say("Hello", None, None);
    for piece in [&[1; 160][..], &[2; 7], &[3; 160]] {
        make.send(Ok(Bytes::copy_from_slice(piece))).await.unwrap();
        let came = tokio::time::timeout(PATIENCE, sound.recv()).await.expect("it does not wait for more");
        assert_eq!(came, Some(Ok(Bytes::copy_from_slice(piece))));
    }
    drop(make);
    assert_eq!(sound.recv().await, None);
}

#[tokio::test]
async fn what_passes_is_asked_again_until_there_is_sound() {
    let (make, cut) = mpsc::channel(1);
    make.send(Err(io::Error::other("cut"))).await.unwrap();
    let server = Server::start([
        Reply::Refuse(429, Some(0), ""),
        Reply::Live(cut),
        Reply::Sound(ulaw(160)),
        Reply::Refuse(500, None, ""),
        Reply::Refuse(503, None, ""),
        Reply::Refuse(429, None, r#"{"detail":{"status":"too_many","message":"Slow down."}}"#),
    ])
    .await;
    let speech = elevenlabs(&server);
    assert_eq!(said(&speech, "Hello").await, (ulaw(160), Ok(())));
    assert_eq!(server.asked().len(), 3);
    let refused = SpeechError::Refused { status: Some(429), why: "Slow down.".to_owned() };
    assert_eq!(said(&speech, "Hello").await, (vec![], Err(refused)));
    assert_eq!(server.asked().len(), 3, "two more, and no further");
}

#[tokio::test]
async fn what_does_not_pass_is_named_at_once() {
    let refused = |status, why: &str| SpeechError::Refused { status: Some(status), why: why.to_owned() };
    let bad_key = r#"{"error":{"message":"Incorrect API\nkey.","type":"invalid_request_error"}}"#;
    for (reply, error) in [
        (Reply::Refuse(401, None, bad_key), refused(401, "Incorrect API key.")),
        (Reply::Refuse(402, None, "<html>"), refused(402, "Payment Required")),
        (Reply::Refuse(302, None, ""), refused(302, "Found")),
        (Reply::Garbage("text/html", "<html>"), SpeechError::Malformed("another type of content")),
        (Reply::Garbage("application/json", "{}"), SpeechError::Malformed("another type of content")),
        (Reply::Sound(vec![]), SpeechError::Malformed("nothing at all")),
    ] {
        let server = Server::start([reply]).await;
        assert_eq!(said(&elevenlabs(&server), "Hello").await, (vec![], Err(error)));
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn after_the_first_sound_nothing_is_said_twice() {
    let (make, live) = mpsc::channel(1);
    let server = Server::start([Reply::Live(live)]).await;
    let mut sound = elevenlabs(&server).say("Hello", None, None);
    make.send(Ok(Bytes::from_static(b"sound"))).await.unwrap();
    assert_eq!(sound.recv().await, Some(Ok(Bytes::from_static(b"sound"))));
    make.send(Err(io::Error::other("cut"))).await.unwrap();
    let end = sound.recv().await;
    assert!(matches!(end, Some(Err(SpeechError::Away(_)))), "{end:?}");
    assert_eq!((sound.recv().await, server.times()), (None, 1));
}

#[tokio::test]
async fn a_provider_that_stalls_is_given_up() {
    let server = Server::start([Reply::Silence, Reply::Silence, Reply::Sound(ulaw(160))]).await;
    let stalling = speech(|config| {
        quick(&server, Provider::ElevenLabs)(config);
        (config.first_byte, config.retries) = (Duration::from_millis(100), 1);
    });
    assert_eq!(said(&stalling, "Hello").await, (vec![], Err(SpeechError::Late("to begin"))));
    assert_eq!(server.times(), 2);

    let (make, live) = mpsc::channel(1);
    make.send(Ok(Bytes::from_static(b"sound"))).await.unwrap();
    let server = Server::start([Reply::Live(live)]).await;
    let stalling = speech(|config| {
        quick(&server, Provider::ElevenLabs)(config);
        config.stall = Duration::from_millis(100);
    });
    assert_eq!(said(&stalling, "Hello").await, (b"sound".to_vec(), Err(SpeechError::Late("to go on"))));

    let server = Server::start([Reply::Silence]).await;
    let slow = speech(|config| {
        quick(&server, Provider::OpenAi)(config);
        config.total = Duration::from_millis(100);
    });
    assert_eq!(said(&slow, "Hello").await, (vec![], Err(SpeechError::Late("as a whole"))));
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_away() {
    let gone = Server::start([]).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = speech(|config| {
        quick(&gone, Provider::ElevenLabs)(config);
        config.elevenlabs.url = format!("http://{nobody}/secret");
    });
    let (_, end) = said(&away, "Hello").await;
    assert!(matches!(&end, Err(SpeechError::Away(why)) if !why.contains("secret")), "{end:?}");
}

#[tokio::test]
async fn who_is_no_longer_wanted_is_hung_up_on() {
    let (make, live) = mpsc::channel(1);
    let server = Server::start([Reply::Live(live)]).await;
    let mut sound = elevenlabs(&server).say("Hello", None, None);
    make.send(Ok(Bytes::from_static(b"sound"))).await.unwrap();
    sound.recv().await.unwrap().unwrap();
    drop(sound);
    tokio::time::timeout(PATIENCE, make.closed()).await.expect("its connection is closed");
}

#[tokio::test]
async fn a_provider_that_never_stops_is_stopped() {
    let server = Server::start([Reply::Sound(ulaw(8001))]).await;
    let short = speech(|config| {
        quick(&server, Provider::ElevenLabs)(config);
        config.longest = Duration::from_secs(1);
    });
    let (sound, end) = said(&short, "Hello").await;
    assert!(sound.len() <= 8000);
    assert_eq!(end, Err(SpeechError::TooLong));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_and_no_key_is_shown() {
    let server_url = |url: &str, provider, key: Option<&str>| {
        let mut config = SpeechConfig { provider, ..SpeechConfig::default() };
        (config.elevenlabs.url, config.openai.url) = (url.to_owned(), url.to_owned());
        let key = key.map(secrecy::SecretString::from);
        (config.elevenlabs.key, config.openai.key) = (key.clone(), key);
        Speech::new(config)
    };
    for (url, provider, key) in [
        ("https://x.example", Provider::ElevenLabs, None),
        (OpenAi::URL, Provider::OpenAi, None),
        ("ftp://x.example", Provider::ElevenLabs, Some("hush")),
        ("nonsense", Provider::OpenAi, Some("hush")),
        ("https://x.example", Provider::OpenAi, Some("hush\n")),
    ] {
        let refused = server_url(url, provider, key).unwrap_err();
        assert!(matches!(&refused, SpeechError::Config(why) if !why.contains("hush")), "{refused}");
    }
    for provider in [Provider::ElevenLabs, Provider::OpenAi] {
        let speech = server_url("https://x.example", provider, Some("hush")).unwrap();
        assert!(!format!("{speech:?}").contains("hush"));
    }
}
