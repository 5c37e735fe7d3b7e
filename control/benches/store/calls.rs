//! Calls as an office of some size has them: a few of its numbers, customers who call again, names, words that are
//! as often as words are.

use std::collections::HashMap;

use fastrand::Rng;
use uuid::{Builder, Uuid};

/// Our numbers.
pub(crate) const OURS: usize = 20;
/// The first of the calls began at this time: 2023.
pub(crate) const FIRST: i64 = 1_680_000_000_000;
/// The newest one began at this time: 2026.
pub(crate) const LAST: i64 = 1_795_000_000_000;

/// One call.
pub(crate) struct Call {
    pub(crate) id: Uuid,
    pub(crate) sid: String,
    pub(crate) started_at: i64,
    pub(crate) status: &'static str,
    pub(crate) customer: String,
    pub(crate) ours: String,
    pub(crate) name: Option<String>,
    pub(crate) seconds: i64,
    pub(crate) is_handled: bool,
    pub(crate) is_urgent: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) notes: Option<String>,
    pub(crate) summary: Option<String>,
}

/// All of them, made anew whenever they are asked for: each from its number.
pub(crate) struct Calls {
    pub(crate) count: usize,
    vocabulary: Vec<String>,
    first_names: Vec<String>,
    last_names: Vec<String>,
}

impl Calls {
    pub(crate) fn make(count: usize) -> Self {
        let mut rng = Rng::with_seed(7);
        let mut words =
            |count: usize, least: usize| (0..count).map(|_| word(&mut rng, least)).collect::<Vec<String>>();
        let (mut first_names, last_names) = (words(400, 3), words(5000, 4));
        first_names[0] = "anna".to_owned();
        first_names[1] = "anne".to_owned();
        Self { count, vocabulary: words(20_000, 3), first_names, last_names }
    }

    /// The nth, of which the last is the newest.
    pub(crate) fn call(&self, n: usize) -> Call {
        let mut rng = Rng::with_seed(n as u64);
        let started_at = FIRST + (LAST - FIRST) / self.count as i64 * n as i64;
        let id = Builder::from_unix_timestamp_millis(
            started_at as u64,
            &rng.u128(..).to_le_bytes()[..10].try_into().unwrap(),
        );
        // A fifth as many customers as calls; of each the name is always the same.
        let customer = rng.u64(..(self.count as u64 / 5).max(1));
        let mut of_customer = Rng::with_seed(customer ^ 0x5eed);
        let number = format!("+1{}{:07}", 200 + of_customer.u32(..700), of_customer.u32(..10_000_000));
        let first = common(&mut of_customer, &self.first_names);
        let name = of_customer.f32() < 0.7;
        let name = name.then(|| format!("{first} {}", common(&mut of_customer, &self.last_names)));
        let newest = n + 20 >= self.count;
        let status = match rng.u32(..1000) {
            _ if newest => "in_progress",
            0..920 => "completed",
            920..970 => "no_answer",
            970..985 => "busy",
            985..995 => "failed",
            _ => "canceled",
        };
        let mut text = |part: f32, words: usize| {
            (rng.f32() < part).then(|| {
                (0..words).map(|_| common(&mut rng, &self.vocabulary).as_str()).collect::<Vec<_>>().join(" ")
            })
        };
        let (notes, summary, tags) = (text(0.3, 8), text(0.6, 12), text(0.4, 1));
        Call {
            id: id.into_uuid(),
            sid: format!("CA{n:032x}"),
            started_at,
            status,
            customer: number,
            ours: format!("+1555010{:04}", rng.usize(..OURS)),
            name,
            seconds: rng.i64(10..900),
            is_handled: status != "in_progress" && rng.f32() < 0.8,
            is_urgent: rng.f32() < 0.03,
            tags: tags.into_iter().collect(),
            notes,
            summary,
        }
    }

    /// A word that so many others are more common than, of those in notes and summaries.
    pub(crate) fn word(&self, rank: usize) -> &str {
        &self.vocabulary[rank]
    }

    /// The rows of `call_words` in the order of its primary key: the words, and of each row its word and its call.
    pub(crate) fn words(&self) -> (Vec<String>, Vec<(u32, u32)>) {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut rows: Vec<(u32, u32)> = Vec::new();
        for n in 0..self.count {
            let call = self.call(n);
            let texts: Vec<String> = call
                .tags
                .into_iter()
                .chain([call.name, call.notes, call.summary].into_iter().flatten())
                .collect();
            for word in control::backstage::words(&call.customer, &texts) {
                let next = numbers.len() as u32;
                rows.push((*numbers.entry(word).or_insert(next), n as u32));
            }
        }
        let mut words: Vec<(String, u32)> = numbers.into_iter().collect();
        words.sort_unstable();
        let mut places = vec![0; words.len()];
        for (place, &(_, number)) in words.iter().enumerate() {
            places[number as usize] = place as u32;
        }
        for (word, _) in &mut rows {
            *word = places[*word as usize];
        }
        rows.sort_unstable();
        (words.into_iter().map(|(word, _)| word).collect(), rows)
    }
}

/// One of them, the first far more often than the last, as words are (Zipf).
fn common<'a>(rng: &mut Rng, words: &'a [String]) -> &'a String {
    let rank = (words.len() as f64).powf(rng.f64()) as usize;
    &words[rank.min(words.len()) - 1]
}

fn word(rng: &mut Rng, least: usize) -> String {
    let syllables =
        ["ba", "con", "de", "fi", "gra", "ho", "in", "ka", "lo", "mar", "ne", "or", "per", "ri", "sta", "tu"];
    let mut word = String::new();
    while word.len() < least || rng.f32() < 0.6 {
        word.push_str(syllables[rng.usize(..syllables.len())]);
    }
    word
}
