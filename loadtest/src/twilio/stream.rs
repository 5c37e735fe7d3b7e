//! One media stream: the socket, the clock and the commands around a [`Pacer`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::call::Shared;
use super::courier::Courier;
use super::pacer::{Next, Pacer};
use super::playout::Playout;
use super::report::{Problem, Received, Sent, StreamEnd, StreamReport};
use super::socket::{self, Socket};
use super::spec::CallSpec;
use super::twiml;
use super::wire::{self, Ids, Said, Writer};

/// A frame that leaves later than this counts as late.
const LATE: Duration = Duration::from_millis(20);

/// What a stream is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    /// The call is over.
    HangUp,
    /// `<Stop>` named it.
    Stop,
    /// Break the connection.
    Drop,
    /// Send no media, or send again.
    Stall(bool),
    /// The caller pressed a key.
    Digit(char),
}

/// Everything a stream needs to know of its call.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) spec: Arc<CallSpec>,
    pub(super) ids: Ids,
    pub(super) plan: twiml::Stream,
    /// `<Connect>`: the server may speak, and is told of keys.
    pub(super) bidirectional: bool,
    /// After how much media the call is over.
    pub(super) length: Option<Duration>,
    pub(super) shared: Arc<Shared>,
    pub(super) courier: Courier,
}

impl Stream {
    /// The name it goes by.
    pub(super) fn name(&self) -> String {
        self.plan.name.clone().unwrap_or_else(|| self.ids.stream.to_string())
    }

    /// Runs it to its end.
    pub(super) async fn run(self, mut commands: mpsc::Receiver<Command>) -> StreamReport {
        let begun = Instant::now();
        let mut life = Life::default();
        let mut early = Vec::new();
        let opened = tokio::select! {
            opened = Socket::open(&self.plan.url, &self.spec.account.auth_token) => opened,
            // The call ended during the handshake: nobody will know that there was to be a stream.
            () = hung_up(&mut commands, &mut early) => return self.report(life, StreamEnd::NotOpened),
        };
        let socket = match opened {
            Ok(socket) => socket,
            Err(refused) => {
                life.handshake = refused.status;
                self.call_back("stream-error", Some(&refused.problem));
                life.problems.push(refused.problem);
                return self.report(life, StreamEnd::NotOpened);
            }
        };
        let opened = Instant::now();
        life.handshake = Some(101);
        life.opened_after = Some(opened - begun);

        let writer = Writer::new(self.ids, self.spec.chunks);
        let pacer = Pacer::new(&self.spec, writer, self.plan.tracks, self.length);
        let playout = Playout::new(opened);
        let mut live = Live { stream: &self, socket, pacer, playout, opened, text: String::new(), life };
        let end = live.run(early, &mut commands).await;
        let ends_well = live.pacer.ends_well();
        let Live { socket, pacer, mut life, .. } = live;
        life.sent = *pacer.sent();
        let end = match end {
            Ok(StreamEnd::Dropped) => {
                socket.cut(self.spec.faults.reset);
                let broken = Problem::new(31903, "connection broken");
                self.call_back("stream-error", Some(&broken));
                StreamEnd::Dropped
            }
            Ok(end) => {
                match ends_well {
                    true => socket.close().await,
                    false => socket.cut(self.spec.faults.reset),
                }
                self.call_back_of(&end, &mut life);
                end
            }
            Err(error) => {
                let problem = socket::problem_of(&error);
                self.call_back("stream-error", Some(&problem));
                life.problems.push(problem);
                StreamEnd::Broken { error: error.to_string() }
            }
        };
        self.report(life, end)
    }

    /// Tells the status callback of a stream that ended by a decision of either side.
    fn call_back_of(&self, end: &StreamEnd, life: &mut Life) {
        match end {
            StreamEnd::ClosedByServer { code: Some(code), reason } if *code != 1000 => {
                let problem = Problem::new(31921, format!("closed by the server: {code} {reason}"));
                self.call_back("stream-error", Some(&problem));
                life.problems.push(problem);
            }
            _ => self.call_back("stream-stopped", None),
        }
    }

    /// Tells the status callback of an event.
    fn call_back(&self, event: &str, problem: Option<&Problem>) {
        let Some(target) = &self.plan.callback else { return };
        let now = OffsetDateTime::now_utc();
        let mut params = vec![
            ("AccountSid", self.ids.account.to_string()),
            ("CallSid", self.ids.call.to_string()),
            ("StreamSid", self.ids.stream.to_string()),
            ("StreamName", self.name()),
            ("StreamEvent", event.to_owned()),
            // RFC 3339 is a form of ISO 8601. The year has four digits, so this cannot fail.
            ("Timestamp", now.format(&Rfc3339).unwrap_or_default()),
        ];
        if let Some(problem) = problem {
            params.push(("StreamError", problem.to_string()));
        }
        self.courier.post(event, target.clone(), params);
    }

    fn report(&self, life: Life, end: StreamEnd) -> StreamReport {
        StreamReport {
            stream_sid: self.ids.stream,
            name: self.name(),
            url: self.plan.url.clone(),
            handshake: life.handshake,
            opened_after_ms: life.opened_after.map(milliseconds),
            sent: life.sent,
            received: life.received,
            worst_late_ms: milliseconds(life.worst_late),
            late_frames: life.late_frames,
            end,
            problems: life.problems,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Waits for the end of the call and keeps what else is said meanwhile. The channel bounds how much.
async fn hung_up(commands: &mut mpsc::Receiver<Command>, early: &mut Vec<Command>) {
    loop {
        match commands.recv().await {
            None | Some(Command::HangUp | Command::Stop) => return,
            Some(command) if early.len() < 1000 => early.push(command),
            Some(_) => {}
        }
    }
}

/// What is known of a stream while it lives.
#[derive(Debug, Default)]
struct Life {
    handshake: Option<u16>,
    opened_after: Option<Duration>,
    worst_late: Duration,
    late_frames: u64,
    sent: Sent,
    received: Received,
    problems: Vec<Problem>,
}

impl Life {
    /// Notes a warning, once for each code as Twilio does.
    fn warn(&mut self, problem: Problem) {
        if self.problems.iter().all(|known| known.code != problem.code) {
            self.problems.push(problem);
        }
    }
}

/// A stream whose WebSocket is open.
struct Live<'a> {
    stream: &'a Stream,
    socket: Socket,
    pacer: Pacer,
    playout: Playout,
    opened: Instant,
    /// Memory for messages around the frames.
    text: String,
    life: Life,
}

impl Live<'_> {
    async fn run(
        &mut self,
        early: Vec<Command>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<StreamEnd, WsError> {
        self.text.push_str(wire::CONNECTED);
        self.say()?;
        let plan = &self.stream.plan;
        self.pacer.writer().start(&mut self.text, plan.tracks, &plan.parameters);
        self.say()?;
        self.socket.push()?;
        self.stream.call_back("stream-started", None);
        self.stream.shared.live(self.stream.ids.stream);
        for command in early {
            if let Some(end) = self.obey(command)? {
                return Ok(end);
            }
        }
        let timer = sleep_until(self.opened.into());
        tokio::pin!(timer);
        loop {
            timer.as_mut().reset((self.opened + self.pacer.due()).into());
            let end = tokio::select! {
                () = &mut timer => self.tick()?,
                command = commands.recv() => self.obey(command.unwrap_or(Command::HangUp))?,
                message = self.socket.receive() => self.hear(message)?,
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// Sends every frame that is due: more than one if this machine, or a burst, was late.
    fn tick(&mut self) -> Result<Option<StreamEnd>, WsError> {
        let now = Instant::now();
        let mut end = None;
        while end.is_none() && self.opened + self.pacer.due() <= now {
            let late = now.saturating_duration_since(self.opened + self.pacer.due());
            self.life.worst_late = self.life.worst_late.max(late);
            self.life.late_frames += u64::from(late > LATE);
            self.begin_conversation();
            let shared = &self.stream.shared;
            let heard = self.opened + self.pacer.position();
            let Self { socket, pacer, .. } = self;
            let (mut overflow, mut failed) = (0, None);
            let next =
                pacer.tick(&mut |track, out| shared.carried(track, heard, out), &mut |text| match socket
                    .send(text)
                {
                    Ok(true) => {}
                    Ok(false) => overflow += 1,
                    Err(error) => failed = Some(error),
                });
            if let Some(error) = failed {
                return Err(error);
            }
            self.overflow(overflow);
            end = match next {
                Next::Tick => {
                    self.stream.shared.frames.fetch_add(1, Ordering::Relaxed);
                    None
                }
                Next::Over => Some(StreamEnd::CallOver),
                Next::Drop => return Ok(Some(StreamEnd::Dropped)),
            };
        }
        match end {
            Some(end) => self.leave(end).map(Some),
            None => {
                self.echo_marks(now)?;
                self.socket.push()?;
                Ok(None)
            }
        }
    }

    /// The conversation begins with the first frame after both sides are there, so that a test hears it
    /// from its first word whatever the handshake took.
    fn begin_conversation(&mut self) {
        let shared = &self.stream.shared;
        if !self.pacer.is_talking() && shared.answered.load(Ordering::Acquire) {
            let here = self.opened + self.pacer.position();
            let began = *shared.conversation.get_or_init(|| here);
            let (before, after) =
                (self.opened.saturating_duration_since(began), began.saturating_duration_since(self.opened));
            self.pacer.talk(before, after);
        }
    }

    fn obey(&mut self, command: Command) -> Result<Option<StreamEnd>, WsError> {
        match command {
            Command::HangUp => return self.leave(StreamEnd::CallOver).map(Some),
            Command::Stop => return self.leave(StreamEnd::Stopped).map(Some),
            Command::Drop => return Ok(Some(StreamEnd::Dropped)),
            Command::Stall(stalled) => self.pacer.stall(stalled),
            Command::Digit(digit) if self.stream.bidirectional => {
                self.pacer.writer().dtmf(&mut self.text, digit);
                self.pacer.sent_mut().dtmf += 1;
                self.say()?;
                self.socket.push()?;
            }
            // A `<Start>` stream is never told of keys.
            Command::Digit(_) => {}
        }
        Ok(None)
    }

    /// Says `stop`, unless the stream is to vanish.
    fn leave(&mut self, end: StreamEnd) -> Result<StreamEnd, WsError> {
        if self.pacer.ends_well() {
            let Self { socket, pacer, .. } = self;
            let mut failed = None;
            pacer.release(&mut |text| failed = socket.send(text).err());
            if let Some(error) = failed {
                return Err(error);
            }
            self.pacer.writer().stop(&mut self.text);
            self.say()?;
        }
        Ok(end)
    }

    fn hear(&mut self, message: Option<Result<Message, WsError>>) -> Result<Option<StreamEnd>, WsError> {
        let closed = |code, reason| Ok(Some(StreamEnd::ClosedByServer { code, reason }));
        match message.transpose()? {
            None => return closed(None, String::new()),
            Some(Message::Close(None)) => return closed(None, String::new()),
            Some(Message::Close(Some(frame))) => {
                return closed(Some(frame.code.into()), frame.reason.to_string());
            }
            Some(Message::Text(text)) if self.stream.bidirectional => {
                match wire::read(&text, self.stream.ids.stream) {
                    Ok(said) => self.take(said),
                    Err(problem) => self.illegal(problem),
                }
                self.echo_marks(Instant::now())?;
            }
            Some(Message::Text(_)) => {
                self.illegal(Problem::new(31951, "invalid message: a <Start> stream takes none"));
            }
            Some(Message::Binary(_)) => {
                self.illegal(Problem::new(31950, "malformed message: binary"));
            }
            Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
        }
        self.socket.push()?;
        Ok(None)
    }

    fn take(&mut self, said: Said) {
        let now = Instant::now();
        match said {
            Said::Media(ulaw) => {
                self.life.received.media += 1;
                self.life.received.media_bytes += ulaw.len() as u64;
                let begins = self.playout.media(now, ulaw.len());
                self.stream.shared.played.add(now, begins, &ulaw);
            }
            Said::Mark(name) => {
                self.life.received.marks += 1;
                if !self.playout.mark(now, name) {
                    self.illegal(Problem::new(31951, "invalid message: too many marks wait"));
                }
            }
            Said::Clear => {
                self.life.received.clears += 1;
                self.playout.clear(now);
                self.stream.shared.played.clear(now);
            }
        }
    }

    fn illegal(&mut self, problem: Problem) {
        self.life.received.illegal += 1;
        self.life.warn(problem);
    }

    fn overflow(&mut self, messages: u64) {
        if messages > 0 {
            self.pacer.sent_mut().overflow += messages;
            self.life
                .warn(Problem::new(31930, "buffer overflow: the server reads too slowly, audio is lost"));
        }
    }

    /// Sends back the marks whose time has come. A stalled stream is silent here too.
    fn echo_marks(&mut self, now: Instant) -> Result<(), WsError> {
        while self.pacer.ends_well()
            && let Some(name) = self.playout.poll_mark(now)
        {
            self.pacer.writer().mark(&mut self.text, &name);
            self.pacer.sent_mut().marks += 1;
            self.say()?;
        }
        Ok(())
    }

    /// Sends the message that stands in `text`.
    fn say(&mut self) -> Result<(), WsError> {
        let taken = self.socket.send(&self.text)?;
        self.text.clear();
        self.overflow(u64::from(!taken));
        Ok(())
    }
}
