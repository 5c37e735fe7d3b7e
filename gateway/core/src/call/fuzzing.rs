//! Doors for fuzzers: functions that take bytes and must not panic.

use std::time::{Duration, Instant};

use common::token::Mode;

use super::{Floor, FloorConfig, Output, PartyId, Role, Rtp, SLOT};

/// A supervisor, an agent, and a bot.
const PEOPLE: [(PartyId, Role); 2] = [(PartyId(1), Role::Supervisor), (PartyId(2), Role::Agent)];
const BOT: PartyId = PartyId(3);

/// Lets things happen on a floor: each is six bytes, which say what and when, and up to 255 that go with it. Most
/// are packets of two microphones.
pub fn floor(now: Instant, data: &[u8]) {
    let mut floor = Floor::new(FloorConfig::default(), now);
    for (party, role) in PEOPLE {
        floor.set_party(now, party, role, Mode::Join).expect("libopus is there");
    }
    floor.set_party(now, BOT, Role::Bot, Mode::Join).expect("there is room");
    let (mut now, mut sequence, mut timestamp, mut last) = (now, 0u16, 0u32, None);
    let mut rest = data;
    while let [what, wait, step, low, high, length, tail @ ..] = rest {
        let (payload, next) = tail.split_at(tail.len().min(usize::from(*length)));
        let (party, role) = PEOPLE[usize::from(what >> 7)];
        let flag = what & 0x40 != 0;
        match what & 0x0f {
            0 => floor.handle_caller(now, payload),
            1 => _ = floor.queue(now, BOT, payload),
            2 if flag => floor.clear(now, BOT),
            2 => _ = floor.queue_mark(now, BOT, u64::from(*step)),
            3 => floor.hush(now, party),
            4 => floor.set_held(now, flag),
            5 => floor.set_bot_paused(now, flag),
            6 => {
                let mode = [Mode::Listen, Mode::Whisper, Mode::Join, Mode::Takeover][usize::from(step % 4)];
                floor.set_party(now, party, role, mode).expect("libopus is there");
            }
            7 => {
                let _ = std::str::from_utf8(payload).map(|keys| floor.dial(now, keys));
            }
            _ => {
                // Mostly the next packet, sometimes any other.
                let elsewhere = u16::from_le_bytes([*low, *high]);
                if flag {
                    sequence = sequence.wrapping_add_signed(i16::from(*step as i8));
                    timestamp = timestamp.wrapping_add(u32::from(elsewhere) << (what >> 1 & 0x18));
                } else {
                    sequence = sequence.wrapping_add(1);
                    timestamp = timestamp.wrapping_add(960);
                }
                floor.handle_rtp(now, party, Rtp { sequence, timestamp, marker: flag, payload });
            }
        }
        now += Duration::from_millis(u64::from(*wait % 64));
        floor.handle_timeout(now);
        while let Some(output) = floor.poll_output() {
            if let Output::AgentSide { tick, ulaw } = output {
                assert!(last.is_none_or(|last| tick > last) && ulaw.len() == SLOT);
                last = Some(tick);
            }
        }
        rest = next;
    }
    floor.take_counts();
}
