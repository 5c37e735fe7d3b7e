//! What goes to Twilio: audio in real time with a small lead, marks, and `clear`.
//!
//! Twilio plays what it gets in order and keeps what comes early. Frames leave at each tick of the floor, so a tick that
//! is late would be a hole; the lead, silence sent before the first frame, is what a tick may be late without being
//! heard. It is also all that can be queued there: a voice that is cut off is silent after that much.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::StreamSid;
use gateway_core::twilio::Reply;

/// The lead: what Twilio has of silence before the first frame.
const LEAD: Duration = Duration::from_millis(40);
const SILENCE: [u8; 320] = [0xFF; 320];

/// 20 ms.
const FRAME: Duration = Duration::from_millis(20);

/// The furthest that Twilio may be behind: what is beyond is dropped, for it would be heard too late.
const MAX_LEAD: Duration = Duration::from_millis(140);

/// Messages that may wait for a socket that takes none. More audio is dropped; marks are few.
const QUEUE: usize = 64;

/// What waits to be sent on one stream.
#[derive(Debug)]
pub(super) struct Outgoing {
    reply: Reply,
    queue: VecDeque<Bytes>,
    /// When Twilio will have played all it has, if it plays at once.
    ends: Option<Instant>,
    /// What Twilio has is the bot's alone.
    by_bot_only: bool,
}

impl Outgoing {
    pub(super) fn new(stream: StreamSid) -> Self {
        Self { reply: Reply::new(stream), queue: VecDeque::new(), ends: None, by_bot_only: true }
    }

    /// 20 ms for the caller. False: dropped.
    pub(super) fn audio(&mut self, now: Instant, ulaw: &[u8; 160], by_bot_only: bool) -> bool {
        let playing = self.ends.filter(|ends| *ends > now);
        if self.queue.len() >= QUEUE || playing.is_some_and(|ends| ends - now > MAX_LEAD) {
            return false;
        }
        let begins = playing.unwrap_or_else(|| {
            let silence = self.reply.media(&SILENCE);
            self.queue.push_back(silence);
            self.by_bot_only = true;
            now + LEAD
        });
        self.by_bot_only &= by_bot_only;
        self.ends = Some(begins + FRAME);
        let media = self.reply.media(ulaw);
        self.queue.push_back(media);
        true
    }

    /// A mark behind all that was sent.
    pub(super) fn mark(&mut self, number: u64) {
        let mark = self.reply.mark(number);
        self.queue.push_back(mark);
    }

    /// Lets Twilio forget what it has of the bot's voice, if it has nothing else.
    pub(super) fn clear_bot(&mut self, now: Instant) {
        if self.by_bot_only && self.ends.is_some_and(|ends| ends > now) {
            self.ends = None;
            let clear = self.reply.clear();
            self.queue.push_back(clear);
        }
    }

    /// The next message.
    pub(super) fn poll(&mut self) -> Option<Bytes> {
        self.queue.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_OF_SOUND: [u8; 160] = [0x12; 160];

    #[test]
    fn a_lead_goes_ahead_of_each_stretch_and_frames_follow_in_real_time() {
        let (mut out, t0) = fixture();
        assert!(out.audio(t0, &FRAME_OF_SOUND, false));
        assert_eq!(lengths(&mut out), [320, 160]);
        // Late by as much as the lead: no hole, and no second lead.
        assert!(out.audio(t0 + FRAME + LEAD - Duration::from_millis(1), &FRAME_OF_SOUND, false));
        assert_eq!(lengths(&mut out), [160]);
        assert!(out.audio(t0 + Duration::from_secs(1), &FRAME_OF_SOUND, false));
        assert_eq!(lengths(&mut out), [320, 160], "a stretch of its own");
    }

    #[test]
    fn what_would_be_heard_too_late_is_dropped() {
        let (mut out, t0) = fixture();
        let taken = (0..20).filter(|_| out.audio(t0, &FRAME_OF_SOUND, false)).count();
        assert_eq!(taken, 6, "the lead and 20 ms each, up to 160");
        assert!(out.audio(t0 + Duration::from_millis(40), &FRAME_OF_SOUND, false));
    }

    #[test]
    fn only_what_is_the_bots_alone_is_cleared() {
        let (mut out, t0) = fixture();
        out.clear_bot(t0);
        assert_eq!(out.poll(), None, "nothing is there");
        out.audio(t0, &FRAME_OF_SOUND, true);
        lengths(&mut out);
        out.clear_bot(t0);
        assert!(out.poll().unwrap().starts_with(b"{\"event\":\"clear\""));
        out.audio(t0, &FRAME_OF_SOUND, true);
        out.audio(t0, &FRAME_OF_SOUND, false);
        lengths(&mut out);
        out.clear_bot(t0);
        assert_eq!(out.poll(), None, "somebody else is in it");
    }

    fn fixture() -> (Outgoing, Instant) {
        let sid = format!("MZ{}", "0".repeat(32));
        (Outgoing::new(sid.parse().unwrap()), Instant::now())
    }

    /// How much audio each waiting message has.
    fn lengths(out: &mut Outgoing) -> Vec<usize> {
        let length = |bytes: Bytes| {
            let message: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let payload = message["media"]["payload"].as_str().unwrap().to_owned();
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, payload).unwrap().len()
        };
        std::iter::from_fn(|| out.poll()).map(length).collect()
    }
}
