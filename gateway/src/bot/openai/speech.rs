//! What the bot says, from its coming to its being heard.

use std::collections::VecDeque;

use bytes::Bytes;

/// Sound between two marks: a fifth of a second of mu-law.
const PIECE: usize = 1600;

/// Items that may wait to be played.
const MAX_ITEMS: usize = 32;

/// Sound of an item, in bytes: ten minutes.
const MAX_SOUND: usize = 8000 * 600;

/// Words of an item, in bytes.
const MAX_WORDS: usize = 16_000;

/// The items that were not played to their end, oldest first.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    items: VecDeque<Item>,
    /// Names of marks are never the same again.
    marks: u64,
}

#[derive(Debug)]
struct Item {
    id: String,
    content_index: u32,
    /// Bytes that came, and that were played.
    sent: usize,
    played: usize,
    /// Each mark with the bytes before it.
    marks: VecDeque<(u64, usize)>,
    words: String,
    /// All words are there; all sound is there.
    has_words: bool,
    has_sound: bool,
}

/// An item that was not heard to its end.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Cut {
    pub(super) item: String,
    pub(super) content_index: u32,
    /// All that came of it was heard.
    pub(super) is_whole: bool,
    /// What was heard of it.
    pub(super) heard_ms: usize,
    /// The same in words: as large a part of them as of the sound.
    pub(super) text: String,
}

impl Spoken {
    /// Takes sound of an item; gives it back in pieces, each with the mark behind it. `None`: too much waits.
    pub(super) fn sound(
        &mut self,
        item: &str,
        content_index: u32,
        mut ulaw: Bytes,
    ) -> Option<Vec<(Bytes, String)>> {
        let place = self.place(item)?;
        let Self { items, marks } = self;
        let item = &mut items[place];
        if item.sent + ulaw.len() > MAX_SOUND {
            return None;
        }
        item.content_index = content_index;
        let mut pieces = Vec::with_capacity(ulaw.len().div_ceil(PIECE));
        while !ulaw.is_empty() {
            let piece = ulaw.split_to(PIECE.min(ulaw.len()));
            item.sent += piece.len();
            *marks += 1;
            item.marks.push_back((*marks, item.sent));
            pieces.push((piece, marks.to_string()));
        }
        Some(pieces)
    }

    /// No more sound of an item comes. Gives the words of what is heard to its end by now.
    pub(super) fn done(&mut self, item: &str) -> Vec<String> {
        if let Some(item) = self.items.iter_mut().find(|known| known.id == item) {
            item.has_sound = true;
        }
        self.heard()
    }

    /// Takes words of an item: more of them, or all. Gives the words of what is heard to its end by now.
    pub(super) fn words(&mut self, item: &str, text: &str, whole: bool) -> Vec<String> {
        let Some(place) = self.place(item) else { return Vec::new() };
        let item = &mut self.items[place];
        if whole {
            item.words.clear();
            item.has_words = true;
        }
        let room = MAX_WORDS.saturating_sub(item.words.len());
        item.words.push_str(&text[..text.floor_char_boundary(room)]);
        self.heard()
    }

    /// A mark has been played, and all before it. Gives the words of what is heard to its end by now.
    pub(super) fn played(&mut self, mark: &str) -> Vec<String> {
        let Ok(mark) = mark.parse::<u64>() else { return Vec::new() };
        for item in &mut self.items {
            while let Some((_, bytes)) = item.marks.pop_front_if(|(known, _)| *known <= mark) {
                item.played = bytes;
            }
        }
        self.heard()
    }

    /// Nothing more comes of any item. Gives the words of what is heard to its end by now.
    pub(super) fn all_there(&mut self) -> Vec<String> {
        for item in &mut self.items {
            (item.has_sound, item.has_words) = (true, true);
        }
        self.heard()
    }

    /// Gives up what was not played, and tells what of it was heard. Marks that come back later say nothing.
    pub(super) fn cut(&mut self) -> Vec<Cut> {
        let cut = |item: Item| {
            let Item { id, content_index, sent, played, words, .. } = item;
            let is_whole = played >= sent;
            let text = if is_whole { words } else { part(&words, played, sent) };
            Cut { item: id, content_index, is_whole, heard_ms: played / 8, text }
        };
        self.items.drain(..).map(cut).collect()
    }

    fn place(&mut self, item: &str) -> Option<usize> {
        if let Some(place) = self.items.iter().position(|known| known.id == item) {
            return Some(place);
        }
        if self.items.len() >= MAX_ITEMS {
            return None;
        }
        self.items.push_back(Item {
            id: item.to_owned(),
            content_index: 0,
            sent: 0,
            played: 0,
            marks: VecDeque::new(),
            words: String::new(),
            has_words: false,
            has_sound: false,
        });
        Some(self.items.len() - 1)
    }

    /// Lets go of what is complete and played to its end.
    fn heard(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        let complete = |item: &mut Item| item.has_sound && item.has_words && item.played >= item.sent;
        while let Some(item) = self.items.pop_front_if(complete) {
            heard.push(item.words);
        }
        heard
    }
}

/// So large a part of the words, up to the end of one, with a dash behind it.
fn part(words: &str, played: usize, sent: usize) -> String {
    let bytes = words.floor_char_boundary(words.len() * played / sent.max(1));
    match words[..bytes].rfind(char::is_whitespace) {
        Some(end) => format!("{} –", words[..end].trim_end()),
        None => String::new(),
    }
}
