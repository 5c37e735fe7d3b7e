//! The tones a floor makes itself: keys, and what a caller on hold hears.

use std::collections::VecDeque;
use std::f64::consts::TAU;

use super::SLOT;
use super::mixer::Frame;
use crate::frame::PHONE_RATE;

/// The peak of a sine at 0 dBm0: 3.17 dB below the loudest one mu-law has (G.711, section 3 and table 5).
const DBM0: f64 = 22_656.0;

/// The frequencies of the rows and columns of keys (Q.23).
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [&[u8; 4]; 4] = [b"123A", b"456B", b"789C", b"*0#D"];

/// Levels in dBm0. A receiver takes down to -25, and the higher tone up to 4 dB above the lower (Q.24, annex A).
const ROW_LEVEL: f64 = -9.0;
const COLUMN_LEVEL: f64 = -7.0;

/// A key sounds for 100 ms and is followed by 100 ms of silence, in slots. Q.24 asks for 40 ms or less.
const KEY: u32 = 5;
const BETWEEN: u32 = 5;

/// What `w` stands for, in slots: 500 ms.
const WAIT: u32 = 25;

/// Keys that wait at most.
pub(super) const MAX_KEYS: usize = 128;

/// Over so many samples a key begins and ends: 2.5 ms.
const KEY_EDGE: usize = 20;

/// The tone on hold: two beeps of 200 ms, 200 ms apart, each five seconds, quiet enough to talk through.
const HOLD_HERTZ: f64 = 425.0;
const HOLD_LEVEL: f64 = -24.0;
const HOLD_BEEP: u32 = 10;
const HOLD_PERIOD: u32 = 250;

/// Over so many samples a beep begins and ends: 10 ms.
const HOLD_EDGE: usize = 80;

/// Keys that are dialled, one after the other.
#[derive(Debug, Default)]
pub(super) struct Keys {
    waiting: VecDeque<u8>,
    /// Slots of the first key that have passed.
    passed: u32,
}

impl Keys {
    /// Whether a floor can dial it.
    pub(super) fn is_key(key: char) -> bool {
        key == 'w' || place(key).is_some()
    }

    /// Room for more.
    pub(super) fn room(&self) -> usize {
        MAX_KEYS.saturating_sub(self.waiting.len())
    }

    /// Dials a key when those before it are done. What is no key is passed over.
    pub(super) fn push(&mut self, key: char) {
        if Self::is_key(key) && self.room() > 0 {
            self.waiting.push_back(key as u8);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next 20 ms. `None` if there is nothing to hear.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let key = char::from(*self.waiting.front()?);
        let at = self.passed;
        self.passed += 1;
        let length = if key == 'w' { WAIT } else { KEY + BETWEEN };
        if self.passed == length {
            self.waiting.pop_front();
            self.passed = 0;
        }
        let (row, column) = place(key).filter(|_| at < KEY)?;
        let mut pcm = sine(ROWS[row], ROW_LEVEL, at);
        for (sample, high) in pcm.iter_mut().zip(sine(COLUMNS[column], COLUMN_LEVEL, at)) {
            *sample += high;
        }
        soften(&mut pcm, KEY_EDGE, at == 0, at == KEY - 1);
        Some(Frame::linear(pcm))
    }
}

/// The tone that a caller on hold hears.
#[derive(Debug, Default)]
pub(super) struct Hold {
    passed: u32,
}

impl Hold {
    /// The next 20 ms. `None` if there is nothing to hear.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let at = self.passed % HOLD_PERIOD;
        self.passed = (at + 1) % HOLD_PERIOD;
        let (beep, at) = (at / HOLD_BEEP, at % HOLD_BEEP);
        if beep != 0 && beep != 2 {
            return None;
        }
        let mut pcm = sine(HOLD_HERTZ, HOLD_LEVEL, at);
        soften(&mut pcm, HOLD_EDGE, at == 0, at == HOLD_BEEP - 1);
        Some(Frame::linear(pcm))
    }
}

/// Row and column of a key.
fn place(key: char) -> Option<(usize, usize)> {
    let key = key.to_ascii_uppercase();
    let find = |(row, keys): (usize, &&[u8; 4])| {
        keys.iter().position(|&other| char::from(other) == key).map(|column| (row, column))
    };
    KEYS.iter().enumerate().find_map(find)
}

/// 20 ms of a sine, so many slots after it began.
fn sine(hertz: f64, dbm0: f64, slot: u32) -> [i16; SLOT] {
    let peak = DBM0 * 10f64.powf(dbm0 / 20.0);
    let first = slot as usize * SLOT;
    std::array::from_fn(|i| {
        let turns = hertz * (first + i) as f64 / f64::from(PHONE_RATE);
        ((TAU * turns).sin() * peak).round() as i16
    })
}

/// Lets a tone begin or end without a click.
fn soften(pcm: &mut [i16; SLOT], edge: usize, begins: bool, ends: bool) {
    for i in 0..edge {
        let scale = |sample: i16| (i32::from(sample) * (i as i32 + 1) / (edge as i32 + 1)) as i16;
        if begins {
            pcm[i] = scale(pcm[i]);
        }
        if ends {
            pcm[SLOT - 1 - i] = scale(pcm[SLOT - 1 - i]);
        }
    }
}
