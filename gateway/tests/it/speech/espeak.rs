//! espeak-ng itself: real words.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use gateway::speech::SpeechError;

use super::{collected, loudness, pcm, said, speech};
use crate::server::PATIENCE;

const WORDS: &str = "Hello, this is the front desk. How may I help you today?";

#[tokio::test]
async fn words_become_sound_for_the_telephone() {
    let (ulaw, end) = said(&speech(|_| {}), WORDS).await;
    assert_eq!(end, Ok(()));
    let seconds = ulaw.len() as f64 / 8000.0;
    assert!((2.0..8.0).contains(&seconds), "{seconds} s");
    let samples = pcm(&ulaw);
    let (level, peak) = (loudness(&samples), samples.iter().fold(0.0, |max: f64, s| max.max(s.abs())));
    assert!((-21.0..-13.0).contains(&level), "{level} dB");
    assert!(peak < 0.99, "{peak}");
}

#[tokio::test]
async fn languages_and_voices_differ() {
    let speech = speech(|_| {});
    let mut heard = Vec::new();
    for (language, voice) in [
        (None, None),
        (Some("de-DE"), None),
        (Some("fr"), None),
        (None, Some("en-us+f3")),
        (Some("de"), Some("fr")),
    ] {
        let (ulaw, end) = collected(speech.say(WORDS, language, voice)).await;
        assert_eq!(end, Ok(()), "{language:?} {voice:?}");
        heard.push(ulaw);
    }
    let voice_over_language = heard.pop();
    assert_eq!(voice_over_language.as_ref(), Some(&heard[2]));
    for (n, one) in heard.iter().enumerate() {
        assert!(heard[..n].iter().all(|other| other != one), "{n}");
    }
}

#[tokio::test]
async fn what_cannot_be_said_is_named() {
    let speech = speech(|_| {});
    let long = "word ".repeat(401);
    for (text, language, voice, error) in [
        (" ", None, None, SpeechError::Text("has no words")),
        (&long, None, None, SpeechError::Text("is too long")),
        ("hi", Some("-h"), None, SpeechError::Language),
        ("hi", None, Some("--version"), SpeechError::Voice),
        ("hi", None, Some("../../etc/passwd"), SpeechError::Voice),
        ("hi", None, Some("nobody"), SpeechError::Voice),
        ("hi", Some("qq"), None, SpeechError::Voice),
    ] {
        let (ulaw, end) = collected(speech.say(text, language, voice)).await;
        assert_eq!((ulaw.len(), end), (0, Err(error)), "{text:.10} {language:?} {voice:?}");
    }
}

#[tokio::test]
async fn text_is_text_and_nothing_else() {
    let speech = speech(|_| {});
    let plain = said(&speech, "hello there").await;
    assert_eq!(said(&speech, "hello\u{0} there").await, plain, "no end of the text");
    let options = said(&speech, "--version").await;
    assert!(options.0.len() > 1000 && options.1.is_ok(), "read out");
    let markup = said(&speech, "<audio src=\"/etc/passwd\"/> hi").await;
    assert!(markup.1.is_ok());
    let phonemes = said(&speech, "[[h@l'oU]] hello").await;
    assert!(phonemes.0.len() > plain.0.len(), "spelled out, not obeyed");
}

#[tokio::test]
async fn sound_comes_while_the_program_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("slow");
    // The real program, whose pipe stays open behind it.
    let script = "#!/bin/sh\nespeak-ng \"$@\"\nexec sleep 600\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let speech = speech(|config| {
        config.espeak.program = program;
        config.stall = 3 * PATIENCE;
        config.total = 3 * PATIENCE;
    });
    let mut sound = speech.say("hello", None, None);
    let first = tokio::time::timeout(PATIENCE, sound.recv()).await.expect("it does not wait for the end");
    assert!(!first.unwrap().unwrap().is_empty());
}

/// A program that tells its number and then does nothing.
fn idle(folder: &std::path::Path) -> std::path::PathBuf {
    let program = folder.join("idle");
    let script =
        format!("#!/bin/sh\necho $$ > {0}/new; mv {0}/new {0}/pid; exec sleep 600\n", folder.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect(what);
}

#[tokio::test]
async fn a_line_that_nobody_wants_any_more_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let program = idle(folder.path());
    let speech = speech(|config| {
        config.espeak.program = program;
        config.first_byte = 3 * PATIENCE;
    });
    let sound = speech.say("hello", None, None);
    let pid = folder.path().join("pid");
    until("it runs", || pid.exists()).await;
    let number = std::fs::read_to_string(&pid).unwrap();
    let process = std::path::Path::new("/proc").join(number.trim());
    assert!(process.exists());
    drop(sound);
    until("it is killed and buried", || !process.exists()).await;
}

#[tokio::test]
async fn a_program_that_hangs_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let program = idle(folder.path());
    let speech = speech(|config| {
        config.espeak.program = program;
        config.first_byte = Duration::from_millis(50);
    });
    assert_eq!(said(&speech, "hello").await, (Vec::new(), Err(SpeechError::Late("to go on"))));
}

#[tokio::test]
async fn only_so_many_lines_are_made_at_one_time() {
    let folder = tempfile::tempdir().unwrap();
    let program = idle(folder.path());
    let speech = speech(|config| {
        config.espeak.program = program;
        config.at_once = std::num::NonZeroUsize::MIN;
        config.first_byte = Duration::from_secs(2);
    });
    let first = speech.say("hello", None, None);
    let pid = folder.path().join("pid");
    until("it runs", || pid.exists()).await;
    std::fs::remove_file(&pid).unwrap();
    let second = speech.say("hello", None, None);
    drop(first);
    until("the next has its place", || pid.exists()).await;
    drop(second);
}

#[tokio::test]
async fn what_the_program_does_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("wrong");
    for (script, error) in [
        ("echo RIFFraff and more of it", SpeechError::Malformed("not a WAV file")),
        ("exit 0", SpeechError::Malformed("nothing at all")),
        ("echo no memory >&2", SpeechError::Refused { status: None, why: "no memory".to_owned() }),
    ] {
        // A new file each time: one that was just written cannot always be started.
        std::fs::write(&program, format!("#!/bin/sh\ncat >/dev/null\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let speech = speech(|config| config.espeak.program = program.clone());
        assert_eq!(said(&speech, "hello").await, (Vec::new(), Err(error)), "{script}");
        std::fs::remove_file(&program).unwrap();
    }
    let speech = speech(|config| config.espeak.program = folder.path().join("none"));
    let (_, end) = said(&speech, "hello").await;
    assert!(matches!(&end, Err(SpeechError::Away(why)) if why.contains("cannot be started")), "{end:?}");
}

#[tokio::test]
async fn a_line_has_an_end() {
    let speech = speech(|config| config.longest = Duration::from_secs(1));
    let (ulaw, end) = said(&speech, WORDS).await;
    assert_eq!(end, Err(SpeechError::TooLong));
    assert!(ulaw.len() <= 8000);
}
