//! The task of one bot: it holds the socket and the clock, and decides nothing.

use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::adapter::{Adapter, End, Out, Wire};
use super::connect::{Socket, Target};
use super::{BotConfig, FromBot, ToBot, shortened};

/// Messages that may wait to be written: five seconds of audio, and room for what must not be lost.
const QUEUE: usize = 320;

/// The part of it that audio leaves free.
const RESERVE: usize = 64;

/// The time over which a bot's messages are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Most characters of a reason that a bot gives.
const REASON: usize = 200;

/// Pings that may stay without any sign of life.
const PINGS: u32 = 3;

/// Carries a bot from its connection to its end.
pub(super) async fn run<A: Adapter>(
    mut adapter: A,
    target: Target,
    config: &BotConfig,
    mut told: mpsc::Receiver<ToBot>,
    tell: mpsc::Sender<FromBot>,
) {
    let mut out = Out::default();
    let (socket, paused) = match connected(target, config, &mut told).await {
        Ok(Some(connected)) => connected,
        Ok(None) => return,
        Err(why) => {
            tracing::warn!(why, "a bot cannot be reached");
            return last_word(FromBot::Failed(why), out, told, tell).await;
        }
    };
    let now = Instant::now();
    adapter.opened(now, &mut out);
    if paused {
        adapter.tell(now, ToBot::Paused, &mut out);
    }
    let (sink, stream) = socket.split();
    let (queue, queued) = mpsc::channel(QUEUE);
    let mut writer = std::pin::pin!(write(sink, queued, config.write_timeout));
    let mut driver = Driver { adapter, stream, queue: Some(queue), tally: Tally::new(now), config };
    let (end, stuck) = tokio::select! {
        end = driver.drive(&mut out, &mut told, &tell) => (end, false),
        (_, why) = &mut writer => (why.map(End::Failed), true),
    };
    driver.tally.log(end.as_ref());
    // The queue has no more senders: the writer says what waits, and is done.
    driver.queue = None;
    let farewell = async {
        if stuck {
            return;
        }
        let (mut sink, _) = writer.await;
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // A bot that closed first gets its answer by the reading below.
        let _sent_or_closed = sink.send(Message::Close(Some(frame))).await;
        while let Some(Ok(_)) = driver.stream.next().await {}
    };
    // The call learns of it before the socket is seen off.
    match end {
        Some(end) => last_word(end.into(), out, told, tell).await,
        None => drop(tell),
    }
    let _gave_up_or_done = tokio::time::timeout(config.close_timeout, farewell).await;
}

/// Connects, while what the call says is heard: the bot need not hear what was before it. With the socket comes
/// whether the bot was paused meanwhile. `None`: nobody wants it any more.
async fn connected(
    target: Target,
    config: &BotConfig,
    told: &mut mpsc::Receiver<ToBot>,
) -> Result<Option<(Socket, bool)>, String> {
    let mut opening = std::pin::pin!(target.open(config));
    let mut paused = false;
    loop {
        tokio::select! {
            opened = &mut opening => return opened.map(|socket| Some((socket, paused))),
            what = told.recv() => match what {
                None | Some(ToBot::Stop) => return Ok(None),
                Some(ToBot::Paused) => paused = true,
                Some(ToBot::Resumed { .. }) => paused = false,
                Some(ToBot::Audio(_) | ToBot::Played(_) | ToBot::Dtmf(_)) => {}
            },
        }
    }
}

/// Gives what is left and the end, unless nobody wants it.
async fn last_word(end: FromBot, out: Out, mut told: mpsc::Receiver<ToBot>, tell: mpsc::Sender<FromBot>) {
    let saying = async {
        for event in out.line.into_iter().chain([end]) {
            if tell.send(event).await.is_err() {
                break;
            }
        }
    };
    let dropped = async { while !matches!(told.recv().await, None | Some(ToBot::Stop)) {} };
    tokio::select! {
        biased;
        () = saying => {}
        () = dropped => {}
    }
}

struct Driver<'a, A> {
    adapter: A,
    stream: SplitStream<Socket>,
    /// Messages to the bot. `None`: no more will come.
    queue: Option<mpsc::Sender<Message>>,
    tally: Tally,
    config: &'a BotConfig,
}

impl<A: Adapter> Driver<'_, A> {
    /// Goes on until there is a reason to stop. `None`: the call has one.
    async fn drive(
        &mut self,
        out: &mut Out,
        told: &mut mpsc::Receiver<ToBot>,
        tell: &mpsc::Sender<FromBot>,
    ) -> Option<End> {
        let mut ping = tokio::time::interval(self.config.ping);
        ping.reset();
        let mut pings = 0;
        loop {
            self.queue_up(out);
            if let Some(end) = &out.end {
                return Some(end.clone());
            }
            let due = self.adapter.poll_timeout();
            let timer = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                what = told.recv() => match what {
                    None | Some(ToBot::Stop) => {
                        self.adapter.stop(Instant::now(), out);
                        self.queue_up(out);
                        return None;
                    }
                    Some(what) => self.adapter.tell(Instant::now(), what, out),
                },
                () = timer => self.adapter.handle_timeout(Instant::now(), out),
                _ = ping.tick() => {
                    // While the call takes nothing, nothing is read, and no answer can be seen.
                    pings = if out.line.is_empty() { pings + 1 } else { 0 };
                    if pings > PINGS {
                        out.fail("it gives no sign of life");
                    } else if let Some(queue) = &self.queue {
                        let _too_much_waits = queue.try_send(Message::Ping(Bytes::new()));
                    }
                }
                permit = tell.reserve(), if !out.line.is_empty() => match (permit, out.line.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event),
                    _ => return None,
                },
                received = self.stream.next(), if out.line.is_empty() => {
                    pings = 0;
                    self.receive(received, out);
                }
            }
        }
    }

    fn receive(&mut self, received: Option<Result<Message, Error>>, out: &mut Out) {
        let now = Instant::now();
        if !self.tally.admit(now, self.config.messages) {
            return out.fail("it sends too many messages");
        }
        let bad = match received {
            Some(Ok(Message::Text(text))) if text.len() <= self.config.message_bytes => {
                self.adapter.receive(now, text.as_str(), out).err().map(|bad| bad.0)
            }
            Some(Ok(Message::Text(_))) => Some("it is too long"),
            Some(Ok(Message::Binary(_))) => Some("it is binary"),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = match &frame {
                    Some(frame) => (frame.code.into(), shortened(&frame.reason, REASON)),
                    None => (1005, ""),
                };
                out.end.get_or_insert_with(|| self.adapter.closed(code, reason));
                None
            }
            Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => {
                out.end.get_or_insert_with(|| self.adapter.closed(1006, ""));
                None
            }
            Some(Err(Error::Capacity(_))) => {
                out.fail("its message is much too long");
                None
            }
            Some(Err(error)) => {
                out.fail(format!("the connection broke: {error}"));
                None
            }
        };
        if let Some(why) = bad {
            self.tally.bad += 1;
            tracing::debug!(why, "bad message of a bot");
        }
    }

    /// Queues what is to be sent.
    fn queue_up(&mut self, out: &mut Out) {
        let Some(queue) = &self.queue else { return };
        while let Some(wire) = out.wire.pop_front() {
            let text = match wire {
                Wire::Sound(_) if queue.capacity() <= RESERVE => {
                    self.tally.dropped += 1;
                    continue;
                }
                Wire::Sound(text) | Wire::Words(text) => text,
            };
            if let Err(TrySendError::Full(_)) = queue.try_send(Message::text(text)) {
                out.wire.clear();
                return out.fail("it does not read what it is sent");
            }
        }
    }
}

/// Writes what is queued, in order. Ends when no more will come, or with why the bot takes no more.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut queue: mpsc::Receiver<Message>,
    timeout: Duration,
) -> (SplitSink<Socket, Message>, Option<String>) {
    while let Some(message) = queue.recv().await {
        match tokio::time::timeout(timeout, sink.send(message)).await {
            Ok(Ok(())) => {}
            // What is wrong shows where it is read: there the bot may have said why.
            Ok(Err(_)) => std::future::pending().await,
            Err(_elapsed) => return (sink, Some("it does not read what it is sent".to_owned())),
        }
    }
    (sink, None)
}

/// What is counted of a bot.
struct Tally {
    window: Instant,
    in_window: u32,
    received: u64,
    bad: u64,
    dropped: u64,
}

impl Tally {
    fn new(now: Instant) -> Self {
        Self { window: now, in_window: 0, received: 0, bad: 0, dropped: 0 }
    }

    /// Counts a message. `false`: it was one too many.
    fn admit(&mut self, now: Instant, most: u32) -> bool {
        if now.duration_since(self.window) >= WINDOW {
            (self.window, self.in_window) = (now, 0);
        }
        self.received += 1;
        self.in_window += 1;
        self.in_window <= most
    }

    fn log(&self, end: Option<&End>) {
        let Self { received, bad, dropped, .. } = self;
        match end {
            Some(End::Failed(why)) => tracing::warn!(why, received, bad, dropped, "a bot failed"),
            Some(End::Gone) => tracing::info!(received, bad, dropped, "a bot left"),
            None => tracing::info!(received, bad, dropped, "a bot was let go"),
        }
    }
}
