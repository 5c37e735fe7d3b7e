//! espeak-ng: a program on this machine, one process a line.

use std::process::Stdio;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout, Command};

use super::phone::Phone;
use super::text::Line;
use super::{Outlet, SpeechConfig, SpeechError, wav};

/// Bytes read at once: 93 ms at its usual rate.
const READ: usize = 4096;

/// Most of its complaint that is read, in bytes.
const COMPLAINT: u64 = 1024;

/// Says a line. Dropping the future kills the process.
pub(super) async fn say(
    config: &SpeechConfig,
    line: &Line,
    outlet: &mut Outlet<'_>,
) -> Result<(), SpeechError> {
    let mut child = start(config, line)?;
    let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(SpeechError::Away("espeak-ng has no pipes".to_owned()));
    };
    // Two square brackets would begin phonemes.
    let text = line.text.replace("[[", "[ [");
    // A program that ends before it has read all says itself why.
    let _written_or_ended = async {
        stdin.write_all(text.as_bytes()).await?;
        stdin.write_all(b"\n").await?;
        stdin.shutdown().await
    }
    .await;
    drop(stdin);
    let mut phone: Option<Phone> = None;
    let mut head = Vec::new();
    let mut buffer = [0; READ];
    let mut limit = config.first_byte;
    loop {
        let read = tokio::time::timeout(limit, read(&mut stdout, &mut buffer)).await;
        let piece = match read {
            Ok(piece) => piece?,
            Err(_elapsed) => return Err(SpeechError::Late("to go on")),
        };
        limit = config.stall;
        if piece.is_empty() {
            break;
        }
        match &mut phone {
            Some(phone) => outlet.push(phone.push(piece)).await?,
            None => {
                head.extend_from_slice(piece);
                if let Some(found) = wav::head(&head)? {
                    let phone = phone.insert(Phone::new(found.rate)?);
                    outlet.push(phone.push(&head[found.bytes..])).await?;
                }
            }
        }
    }
    match phone {
        Some(phone) => outlet.push(phone.finish()).await?,
        None => return Err(complaint(&mut child).await),
    }
    match tokio::time::timeout(config.stall, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(_) => Err(SpeechError::Away("espeak-ng broke off".to_owned())),
        Err(_elapsed) => Err(SpeechError::Late("to end")),
    }
}

/// The text goes through a pipe, and names were checked: nothing of a line can be an option.
fn start(config: &SpeechConfig, line: &Line) -> Result<Child, SpeechError> {
    let voice = line.voice.as_ref().or(line.language.as_ref()).unwrap_or(&config.espeak.voice);
    Command::new(&config.espeak.program)
        .args(["--stdout", "-b", "1", "-v", voice])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| SpeechError::Away(format!("espeak-ng cannot be started: {error}")))
}

/// The next bytes. None: there are no more.
async fn read<'b>(stdout: &mut ChildStdout, buffer: &'b mut [u8]) -> Result<&'b [u8], SpeechError> {
    let read = stdout.read(buffer).await;
    let length = read.map_err(|error| SpeechError::Away(format!("espeak-ng cannot be read: {error}")))?;
    Ok(&buffer[..length])
}

/// Why it made no sound, in its own words.
async fn complaint(child: &mut Child) -> SpeechError {
    let mut words = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _read_or_not = stderr.take(COMPLAINT).read_to_end(&mut words).await;
    }
    let words = String::from_utf8_lossy(&words);
    match words.trim() {
        words if words.contains("voice does not exist") => SpeechError::Voice,
        "" => SpeechError::Malformed("nothing at all"),
        words => SpeechError::Refused { status: None, why: words.replace(char::is_control, " ") },
    }
}
