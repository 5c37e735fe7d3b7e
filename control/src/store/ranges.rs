//! The statements of lists: ranges of indexes, from the newest call on.
//!
//! PostgreSQL takes long to plan a statement of many parts, longer than to run it. So for it many words are one part,
//! and their number does not change the text.

use common::{TenantId, UserId};

use super::lists::Place;
use super::{Sql, calls, sql, to_json};
use crate::model::{CallRef, CallStatus};

/// Calls that are looked at at one time, when not each of them is on the page. Of millions each is on a page of the
/// database's own.
pub(super) const WINDOW: i64 = 250;

/// Words that may begin alike and lead together. A beginning with more words leads to nothing.
pub(super) const MAX_ALIKE: i64 = 32;

/// Words that are each looked for among the calls that have them. Those stand together in an index, in the order in which
/// they are looked for: of 250 looks most find their page in memory. The words of one call stand together too, but
/// apart from those of the next.
const MAX_EACH: usize = 4;

/// From where to where of an index.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// Without this one.
    pub(super) before: Place,
    /// With this one.
    pub(super) from: Place,
}

/// What leads to calls: a range of an index, in the order of [`Place`]. Words are a range each.
pub(super) enum Lead {
    Everything,
    Status(CallStatus),
    Handled(bool),
    Urgent(bool),
    Customer(String),
    Organization(String),
    Words(Vec<String>),
    Call(CallRef),
    AnsweredBy(UserId),
}

/// What a call is looked at for.
pub(super) enum Test {
    Statuses(Vec<CallStatus>),
    Handled(bool),
    Urgent(bool),
    Number(String),
    Word(Alike),
    /// A part of the customer's number, or a word that begins like this; `None`: it is too short to have parts.
    Digits(Alike, Option<String>),
    Call(CallRef),
    AnsweredBy(UserId),
}

/// Words that begin alike.
#[derive(Clone)]
pub(super) struct Alike {
    pub(super) begin: String,
    /// All of them. `None`: they are too many.
    pub(super) words: Option<Vec<String>>,
}

/// The words that begin like this: one more than may lead, at most. Found by leaps from word to word.
pub(super) fn alike(tenant: TenantId, begin: &str) -> Sql {
    sql("WITH RECURSIVE found (n, word) AS (
             SELECT 1, (SELECT w.word FROM call_words w
                        WHERE w.tenant_id = $1 AND w.word >= $2 AND w.word < $3 ORDER BY w.word LIMIT 1)
             UNION ALL
             SELECT f.n + 1, (SELECT w.word FROM call_words w
                              WHERE w.tenant_id = $1 AND w.word > f.word AND w.word < $3
                              ORDER BY w.word LIMIT 1)
             FROM found f WHERE f.word IS NOT NULL AND f.n <= $4
         ) SELECT word FROM found WHERE word IS NOT NULL")
    .bind(tenant.as_uuid())
    .bind(begin)
    .bind(end_of(begin))
    .bind(MAX_ALIKE)
}

/// Behind all words that begin like this.
fn end_of(begin: &str) -> String {
    format!("{begin}\u{10ffff}")
}

/// What leads to calls, by the number of the ask that it is of: how many calls, as far as the window, and when the last
/// of those began.
pub(super) fn windows(tenant: TenantId, asks: &[(i64, &[Lead])], span: Span) -> Sql {
    let mut statement = begin(tenant, span);
    for (n, (ask, leads)) in asks.iter().enumerate() {
        let union = if n == 0 { "" } else { " UNION ALL " };
        let begin = format!(
            "{union}SELECT CAST({ask} AS BIGINT) AS ask, count(*) AS calls, min(m.started_at) AS since FROM ("
        );
        statement = newest(statement.push(&begin), leads, None, &WINDOW.to_string()).push(") AS m");
    }
    statement
}

/// The newest that they lead to and that pass.
pub(super) fn pages(tenant: TenantId, leads: &[Lead], span: Span, tests: &[&Test], limit: u16) -> Sql {
    let mut statement = begin(tenant, span);
    let limit = statement.place(i64::from(limit));
    newest(statement, leads, Some(tests), &limit)
}

/// A statement of which nothing is written: `$1` is the tenant, `$2` to `$5` are the span.
fn begin(tenant: TenantId, Span { before, from }: Span) -> Sql {
    let statement = sql("").bind(tenant.as_uuid()).bind(before.started_at).bind(before.id);
    statement.bind(from.started_at).bind(from.id)
}

/// Newest first, of all ranges together.
const NEWEST_FIRST: &str = " ORDER BY started_at DESC, id DESC LIMIT ";

/// More of a statement: the newest places that they lead to and that pass, if they are looked at for something. SQLite
/// merges ranges, which are in order, and reads little more than it gives; PostgreSQL sorts the newest of each.
fn newest(mut statement: Sql, leads: &[Lead], tests: Option<&[&Test]>, limit: &str) -> Sql {
    let (mut sqlite, mut postgres) = (Vec::new(), Vec::new());
    // A call that has two of the words comes once; where calls are only counted it is not worth the sorting.
    let distinct = if tests.is_some() { "DISTINCT " } else { "" };
    let tests = tests.unwrap_or_default();
    for lead in leads {
        let passes = lead.tested(&mut statement, tests);
        let Lead::Words(words) = lead else {
            let range = lead.range(&lead.condition(&mut statement), &passes);
            sqlite.push(range.clone());
            postgres.push(range);
            continue;
        };
        let list = statement.place(to_json(words));
        sqlite.extend((0..words.len()).map(|n| lead.range(&format!("l.word = ({list} ->> {n})"), &passes)));
        // One range for each word, and one text for all numbers of words.
        let range = lead.range("l.word = asked.word", &passes);
        postgres.push(format!(
            "SELECT {distinct}b.started_at, b.id FROM json_array_elements_text({list}::json) AS asked (word)
             CROSS JOIN LATERAL ({range}{NEWEST_FIRST}{limit}) AS b"
        ));
    }
    if postgres.len() > 1 {
        // Without a limit for each it might sort all of them.
        postgres.iter_mut().for_each(|range| *range = format!("({range}{NEWEST_FIRST}{limit})"));
    }
    let [sqlite, postgres] = [sqlite.join(" UNION "), postgres.join(" UNION ALL ")]
        .map(|ranges| format!("{ranges}{NEWEST_FIRST}{limit}"));
    statement.push_each(&sqlite, &postgres)
}

impl Lead {
    /// The column of the call's id in its index.
    const fn id(&self) -> &'static str {
        match self {
            Self::Words(_) => "l.call_id",
            _ => "l.id",
        }
    }

    /// What its range has in common, but for the tenant. Of words it is said for each.
    fn condition(&self, statement: &mut Sql) -> String {
        match self {
            Self::Everything | Self::Words(_) => "1 = 1".to_owned(),
            Self::Status(status) => format!("l.status = {}", statement.place(status.as_str())),
            Self::Handled(handled) => format!("l.is_handled = {}", statement.place(*handled)),
            Self::Urgent(urgent) => format!("l.is_urgent = {}", statement.place(*urgent)),
            Self::Customer(number) => format!("l.customer_number = {}", statement.place(number)),
            Self::Organization(number) => format!("l.organization_number = {}", statement.place(number)),
            Self::Call(call) => calls::is(statement, "l", *call),
            Self::AnsweredBy(user) => format!("l.answered_by = {}", statement.place(user.as_uuid())),
        }
    }

    /// The places of a range that pass.
    fn range(&self, condition: &str, passes: &str) -> String {
        let id = self.id();
        let table = if let Self::Words(_) = self { "call_words" } else { "calls" };
        format!(
            "SELECT l.started_at, {id} AS id FROM {table} l WHERE l.tenant_id = $1 AND {condition}
                 AND (l.started_at, {id}) < ($2, $3) AND (l.started_at, {id}) >= ($4, $5){passes}"
        )
    }

    /// More of a condition: the call passes these tests.
    fn tested(&self, statement: &mut Sql, tests: &[&Test]) -> String {
        let id = self.id();
        let (mut of_call, mut of_words) = (String::new(), String::new());
        for test in tests {
            // Of the many numbers that have one part most lack the other: those need not be looked at.
            if let Test::Digits(Alike { words: Some(words), .. }, Some(part)) = test
                && words.len() < MAX_EACH
            {
                of_words += &format!(" AND {}", has_any(statement, words.iter().chain([part]), id));
            }
            match test {
                Test::Word(alike) => of_words += &format!(" AND {}", has_word(statement, alike, id)),
                _ => of_call += &format!(" AND {}", test.condition(statement)),
            }
        }
        if !of_call.is_empty() {
            of_call = format!(
                " AND EXISTS (SELECT 1 FROM calls c WHERE c.tenant_id = $1 AND c.id = {id}{of_call}{ONE_BY_ONE})"
            );
        }
        of_words + &of_call
    }
}

/// With an OFFSET PostgreSQL looks at what leads one by one, in its order. It would rather join, all calls that pass
/// a test with all that leads, and sort.
const ONE_BY_ONE: &str = " LIMIT 1 OFFSET 0";

impl Test {
    /// What the call `c` must be.
    fn condition(&self, statement: &mut Sql) -> String {
        match self {
            Self::Statuses(statuses) => {
                let all: Vec<String> =
                    statuses.iter().map(|status| statement.place(status.as_str())).collect();
                format!("c.status IN ({})", all.join(", "))
            }
            Self::Handled(handled) => format!("c.is_handled = {}", statement.place(*handled)),
            Self::Urgent(urgent) => format!("c.is_urgent = {}", statement.place(*urgent)),
            Self::Number(number) => {
                let number = statement.place(number);
                format!("(c.customer_number = {number} OR c.organization_number = {number})")
            }
            Self::Word(alike) => has_word(statement, alike, "c.id"),
            Self::Digits(alike, _) => {
                // Digits have no meaning in a pattern.
                let within = statement.place(format!("%{}%", alike.begin));
                let word = has_word(statement, alike, "c.id");
                format!("(c.customer_number LIKE {within} OR {word})")
            }
            Self::Call(call) => calls::is(statement, "c", *call),
            Self::AnsweredBy(user) => format!("c.answered_by = {}", statement.place(user.as_uuid())),
        }
    }
}

/// That the call of this column, which `l` leads to, has a word that begins like this.
fn has_word(statement: &mut Sql, Alike { begin, words }: &Alike, id: &str) -> String {
    if let Some(words) = words.as_ref().filter(|words| words.len() <= MAX_EACH) {
        return has_any(statement, words, id);
    }
    let (end, begin) = (statement.place(end_of(begin)), statement.place(begin));
    format!(
        "EXISTS (SELECT 1 FROM call_words w WHERE w.tenant_id = $1 AND w.call_id = {id}
             AND w.word >= {begin} AND w.word < {end}{ONE_BY_ONE})"
    )
}

/// That the call of this column, which `l` leads to, has one of these words.
fn has_any<'a>(statement: &mut Sql, words: impl IntoIterator<Item = &'a String>, id: &str) -> String {
    let each: Vec<String> = words
        .into_iter()
        .map(|word| {
            let word = statement.place(word);
            format!(
                "EXISTS (SELECT 1 FROM call_words w WHERE w.tenant_id = $1 AND w.word = {word}
                     AND w.started_at = l.started_at AND w.call_id = {id}{ONE_BY_ONE})"
            )
        })
        .collect();
    if each.is_empty() { "1 = 0".to_owned() } else { format!("({})", each.join(" OR ")) }
}
