//! Calls on paper: what stands in a PDF of a list, and of one call.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::model::{Call, Message, MessageType, Outcome, Sender};
use crate::pdf::{Cell, Document, PdfError, Style, WIDTH};

/// Whose calls they are, who takes them away, and when.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) tenant: String,
    pub(super) person: String,
    pub(super) now: OffsetDateTime,
}

const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// Space for the first lines of what is next, in points, or it begins on the next page.
const TOGETHER: f32 = 60.0;

/// These calls, in their order. `which` are the filters that chose them, by name and value; `is_whole` whether there are
/// no more of them.
pub(super) fn list(
    heading: &Heading,
    calls: &[Call],
    which: &[(String, String)],
    is_whole: bool,
) -> Result<Vec<u8>, PdfError> {
    const COLUMNS: [(&str, f32, f32); 5] = [
        ("Began", 0.0, 92.0),
        ("Caller", 98.0, 150.0),
        ("Number", 254.0, 96.0),
        ("Status", 356.0, 86.0),
        ("Length", 448.0, WIDTH - 448.0),
    ];
    let mut paper = begin("Calls", heading);
    let which: Vec<String> = which.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    if !which.is_empty() {
        paper.paragraph(Style::Quiet, &format!("Only {}", which.join(" · ")));
    }
    let count = match (calls.len(), is_whole) {
        (1, true) => "One call.".to_owned(),
        (count, true) => format!("{count} calls, the newest first."),
        (count, false) => format!("{count} calls, the newest first. There are older ones in a further file."),
    };
    paper.paragraph(Style::Quiet, &count);
    paper.space(8.0);
    paper.row(&COLUMNS.map(|(text, x, width)| Cell { x, width, text, style: Style::Quiet }));
    for call in calls {
        paper.keep_together(TOGETHER / 2.0);
        paper.rule();
        let status = match call.is_urgent {
            true => format!("{}, urgent", words(call.status)),
            false => words(call.status),
        };
        let cells = [
            moment(call.started_at),
            call.caller_name.clone().unwrap_or_else(|| "Name unknown".to_owned()),
            call.customer_number.clone(),
            status,
            call.duration_seconds.map(span).unwrap_or_default(),
        ];
        let mut row = Vec::with_capacity(cells.len());
        for ((_, x, width), text) in COLUMNS.into_iter().zip(&cells) {
            row.push(Cell { x, width, text, style: Style::Body });
        }
        paper.row(&row);
        for (name, text) in written(call) {
            let (_, x, _) = COLUMNS[1];
            paper.row(&[
                Cell { x, width: 50.0, text: name, style: Style::Quiet },
                Cell { x: x + 56.0, width: WIDTH - x - 56.0, text: &text, style: Style::Body },
            ]);
        }
        if paper.is_full() {
            paper.paragraph(Style::Heading, "This is as much text as one file can have. Choose fewer calls.");
            break;
        }
    }
    paper.finish("Calls", &format!("Partyline · {} · calls", heading.tenant), heading.now)
}

/// One call with what is written of it and what was said in it. `is_whole`: whether these are all messages.
pub(super) fn record(
    heading: &Heading,
    call: &Call,
    messages: &[Message],
    is_whole: bool,
) -> Result<Vec<u8>, PdfError> {
    let with = call.caller_name.as_deref().unwrap_or(&call.customer_number);
    let title = format!("Call with {with}");
    let mut paper = begin(&title, heading);
    paper.space(8.0);
    for (name, text) in facts(call) {
        paper.row(&[
            Cell { x: 0.0, width: 110.0, text: name, style: Style::Quiet },
            Cell { x: 116.0, width: WIDTH - 116.0, text: &text, style: Style::Body },
        ]);
    }
    for (name, text) in written(call) {
        paper.space(10.0);
        paper.keep_together(TOGETHER);
        paper.paragraph(Style::Heading, name);
        paper.paragraph(Style::Body, &text);
    }
    paper.space(10.0);
    paper.keep_together(TOGETHER);
    paper.paragraph(Style::Heading, "What was said");
    if messages.is_empty() {
        paper.paragraph(Style::Quiet, "Nothing was written down.");
    }
    for message in messages {
        if paper.is_full() {
            break;
        }
        paper.space(4.0);
        let after = span((message.created_at - call.started_at).whole_seconds().max(0));
        paper.row(&[
            Cell { x: 0.0, width: 44.0, text: &after, style: Style::Quiet },
            Cell { x: 50.0, width: 100.0, text: &speaker(message), style: Style::Quiet },
            Cell { x: 156.0, width: WIDTH - 156.0, text: &message.content, style: Style::Body },
        ]);
    }
    if !is_whole || paper.is_full() {
        paper.space(10.0);
        paper.paragraph(Style::Heading, "More was said than one file can have.");
    }
    paper.finish(&title, &format!("Partyline · {} · {}", heading.tenant, call.id), heading.now)
}

fn begin(title: &str, heading: &Heading) -> Document {
    let mut paper = Document::new();
    paper.paragraph(Style::Title, title);
    let Heading { tenant, person, now } = heading;
    paper.paragraph(
        Style::Quiet,
        &format!("{tenant} · made {} by {person} · all times are UTC", moment(*now)),
    );
    paper
}

fn facts(call: &Call) -> Vec<(&'static str, String)> {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let mut facts = vec![
        ("Customer", call.customer_number.clone()),
        ("Organization", call.organization_number.clone()),
        ("Direction", words(call.direction)),
        ("Status", words(call.status)),
        ("Began", moment(call.started_at)),
    ];
    facts.extend(call.answered_at.map(|at| ("Answered", moment(at))));
    facts.extend(call.answered_by.as_ref().map(|person| ("Answered by", person.name.clone())));
    facts.extend(call.ended_at.map(|at| ("Ended", moment(at))));
    facts.extend(call.duration_seconds.map(|seconds| ("Length", span(seconds))));
    facts.push(("Handled", yes(call.is_handled)));
    facts.push(("Urgent", yes(call.is_urgent)));
    facts.push(("Call", call.id.to_string()));
    facts.push(("At Twilio", call.call_sid.to_string()));
    facts
}

/// What people and programs wrote of a call.
fn written(call: &Call) -> impl Iterator<Item = (&'static str, String)> {
    let tags = (!call.tags.is_empty()).then(|| call.tags.join(", "));
    let all = [
        ("Intent", call.intent.clone()),
        ("Summary", call.summary.clone()),
        ("Tags", tags),
        ("Notes", call.notes.clone()),
    ];
    all.into_iter().filter_map(|(name, text)| Some((name, text.filter(|text| !text.trim().is_empty())?)))
}

/// Who said it, and what became of it if it was written to be said.
fn speaker(message: &Message) -> String {
    let side = match message.sender_type {
        Sender::Customer => "Caller",
        Sender::Agent => "Agent",
    };
    let name = message.sender_name.as_deref().unwrap_or(side);
    let note = match (message.message_type, message.outcome) {
        _ if !message.is_final => ", not finished",
        (MessageType::Transcript, _) => "",
        (MessageType::TtsAudio, Some(Outcome::Interrupted)) => ", by text, interrupted",
        (MessageType::TtsAudio, Some(Outcome::Failed | Outcome::CallEnded)) => ", by text, not said",
        (MessageType::TtsAudio, Some(Outcome::Unknown)) => ", by text, perhaps said",
        (MessageType::TtsAudio, Some(Outcome::Spoken) | None) => ", by text",
    };
    format!("{name}{note}")
}

fn moment(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(MOMENT).unwrap_or_default()
}

/// Seconds as people read them: `4:05`, `1:04:05`.
fn span(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn words(word: impl ToString) -> String {
    word.to_string().replace('_', " ")
}
