//! People on calls, each with a tone of their own, and who hears whose.

use std::time::Duration;

use loadtest::api::{Console, Session};
use loadtest::audio::{self, Audio};
use loadtest::ears::mouth::Mic;
use loadtest::ears::{self, Listener, Options};
use loadtest::tone::Tone;
use loadtest::twilio::Call as Line;
use reqwest::Method;
use serde_json::json;

use crate::installation::Installation;

pub(crate) const CALLER: Tone = Tone(450);
/// A listener who sends what nobody may hear.
pub(crate) const ROGUE: Tone = Tone(950);
pub(crate) const WHISPERER: Tone = Tone(1200);
pub(crate) const JOINER: Tone = Tone(1600);
pub(crate) const AGENT: Tone = Tone(2100);
pub(crate) const EVERYBODY: [(&str, Tone); 5] =
    [("caller", CALLER), ("rogue", ROGUE), ("whisperer", WHISPERER), ("joiner", JOINER), ("agent", AGENT)];

/// Louder than this a tone was meant to be heard; fainter than a tenth of it, it was not.
pub(crate) const HEARD: f32 = 2000.0;

/// How long it is listened before it is said who was heard.
pub(crate) const LISTEN: Duration = Duration::from_millis(1000);

/// Somebody on a call who speaks a tone all the time, and wants to be heard.
pub(crate) struct Person {
    pub(crate) ear: Listener,
    pub(crate) mic: Mic,
    pub(crate) session: Session,
    pub(crate) call: String,
}

impl Person {
    pub(crate) async fn come(
        here: &Installation,
        console: &Console,
        call: &str,
        mode: &str,
        voice: Tone,
    ) -> Self {
        let session = console.open(call, mode).await.unwrap();
        let options = Options { says: Some(Audio::tone(voice, 8000)), ..Options::default() };
        let ear = ears::whole::join(&here.whep, &session.endpoint, &options).await.unwrap();
        ear.connected().await.unwrap();
        let mic = Mic::open(&ear.resource().url).await.unwrap();
        mic.talk(true);
        Self { ear, mic, session, call: call.to_owned() }
    }

    pub(crate) async fn change(&self, console: &Console, mode: &str) {
        let path = format!("/api/calls/{}/sessions/{}", self.call, self.session.id);
        console.send(Method::PATCH, &path, json!({ "mode": mode })).await.unwrap();
    }

    /// Whom they hear on each side, from now on.
    pub(crate) async fn hears(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let _earlier = self.ear.take();
        tokio::time::sleep(LISTEN).await;
        let (heard, rate) = (self.ear.take(), ears::RATE);
        (voices(&heard.left, rate), voices(&heard.right, rate))
    }
}

/// Whom the caller hears, from now on.
pub(crate) async fn hears(line: &Line) -> Vec<&'static str> {
    // What was on its way when it began.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let before = line.played().len();
    tokio::time::sleep(LISTEN).await;
    voices(&line.played()[before..], audio::RATE)
}

/// Whose tones are in it. One that is neither clearly there nor clearly not is named with a question mark.
pub(crate) fn voices(pcm: &[i16], rate: u32) -> Vec<&'static str> {
    let level = |tone: Tone| tone.amplitude_in(pcm, rate);
    for (who, tone) in EVERYBODY {
        let level = level(tone);
        assert!(!(HEARD / 10.0..HEARD).contains(&level), "{who} at {level}, neither heard nor not");
    }
    EVERYBODY.into_iter().filter(|(_, tone)| level(*tone) >= HEARD).map(|(who, _)| who).collect()
}

pub(crate) fn heard_by(mode: &str) -> &'static [&'static str] {
    match mode {
        "join" | "takeover" => &["caller", "agents"],
        "whisper" => &["agents"],
        _ => &[],
    }
}
