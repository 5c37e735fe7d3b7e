//! Reports for people: what happened, and what to do about it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::twilio::{CallReport, CallStatus, Problem, StreamEnd, StreamReport};

/// Calls that are described one by one; of more than these only the sum.
const DESCRIBED: usize = 10;

/// What happened.
pub(super) fn describe(reports: &[CallReport]) -> String {
    let mut out = String::new();
    for report in reports.iter().take(DESCRIBED) {
        // Writing to a string cannot fail.
        let _ = describe_call(&mut out, report);
    }
    if reports.len() > 1 {
        let _ = describe_all(&mut out, reports);
    }
    out
}

fn describe_call(out: &mut String, report: &CallReport) -> std::fmt::Result {
    let CallReport { call_sid, from, to, status, .. } = report;
    let seconds = report.duration_ms as f64 / 1000.0;
    writeln!(out, "{call_sid} from {from} to {to}: {} after {seconds:.1} s", status.as_str())?;
    for webhook in &report.webhooks {
        let answer = match (webhook.status, &webhook.error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => "no answer".into(),
        };
        writeln!(out, "  {:<14} {} -> {answer} in {} ms", webhook.what, webhook.url, webhook.took_ms)?;
    }
    for stream in &report.streams {
        describe_stream(out, stream)?;
    }
    for verb in &report.unplayed {
        writeln!(out, "  <{verb}> was passed over: the simulator does not play it")?;
    }
    for problem in report.all_problems() {
        let kind = if problem.is_warning() { "warning" } else { "error" };
        writeln!(out, "  {kind} {problem}")?;
    }
    Ok(())
}

fn describe_stream(out: &mut String, stream: &StreamReport) -> std::fmt::Result {
    let StreamReport { stream_sid, url, sent, received, .. } = stream;
    let opened = stream.opened_after_ms.map(|ms| format!("open after {ms} ms; ")).unwrap_or_default();
    writeln!(out, "  stream {stream_sid} {}", shortened(url))?;
    writeln!(out, "    {opened}{}", ending(&stream.end))?;
    if stream.handshake == Some(101) {
        let late = stream.worst_late_ms;
        writeln!(
            out,
            "    sent {} caller, {} agent frames, at worst {late} ms late",
            sent.inbound, sent.outbound
        )?;
        let faults = [
            (sent.duplicates, "duplicated"),
            (sent.reordered, "reordered"),
            (sent.skipped, "left out"),
            (sent.bad, "malformed"),
            (sent.overflow, "lost because the server reads too slowly"),
        ];
        for (count, what) in faults.into_iter().filter(|&(count, _)| count > 0) {
            writeln!(out, "    {count} {what}")?;
        }
        if received.media + received.marks + received.clears + received.illegal > 0 {
            let seconds = received.media_bytes as f64 / 8000.0;
            writeln!(
                out,
                "    heard {seconds:.1} s in {} messages, {} marks",
                received.media, received.marks
            )?;
        }
    }
    Ok(())
}

/// A ticket in the path makes an URL too long to read.
fn shortened(url: &str) -> String {
    match url.char_indices().nth(72) {
        Some((end, _)) => format!("{}…", &url[..end]),
        None => url.to_owned(),
    }
}

fn ending(end: &StreamEnd) -> String {
    match end {
        StreamEnd::NotOpened => "never opened".into(),
        StreamEnd::CallOver => "ended with the call".into(),
        StreamEnd::Stopped => "stopped by the TwiML".into(),
        StreamEnd::ClosedByServer { code: Some(code), reason } => {
            format!("closed by the server: {code} {reason}")
        }
        StreamEnd::ClosedByServer { code: None, .. } => "closed by the server".into(),
        StreamEnd::Broken { error } => format!("broken: {error}"),
        StreamEnd::Dropped => "dropped, as asked".into(),
    }
}

fn describe_all(out: &mut String, reports: &[CallReport]) -> std::fmt::Result {
    let good = reports.iter().filter(|report| report.is_good()).count();
    let streams = || reports.iter().flat_map(|report| &report.streams);
    let frames: u64 = streams().map(|stream| stream.sent.inbound + stream.sent.outbound).sum();
    let lost: u64 = streams().map(|stream| stream.sent.overflow).sum();
    let late: u64 = streams().map(|stream| stream.late_frames).sum();
    let worst = streams().map(|stream| stream.worst_late_ms).max().unwrap_or(0);
    writeln!(
        out,
        "{} calls, {good} good; {frames} frames sent, {lost} lost, {late} over 20 ms late, at worst {worst} ms",
        reports.len()
    )
}

/// What to do about it, each piece of advice once.
pub(super) fn hints(reports: &[CallReport]) -> BTreeSet<String> {
    let mut hints = BTreeSet::new();
    for report in reports {
        let voice = report.webhooks.iter().find(|webhook| webhook.what == "voice");
        match voice.map(|voice| (voice.status, &voice.url)) {
            Some((None, url)) => {
                hints.insert(format!(
                    "{url} does not answer: is `partyline up` running, and is --to its address?"
                ));
            }
            Some((Some(403), _)) => {
                hints.insert(
                    "403: the auth token or the public URL does not match. Control checks the signature with the \
                     token of the account and over PARTYLINE_PUBLIC_URL; --to must be that URL."
                        .into(),
                );
            }
            Some((Some(404), _)) => {
                let to = &report.to;
                hints.insert(format!(
                    "404: no such webhook, or control does not know the number {to}: see --number."
                ));
            }
            Some((Some(status @ 500..), _)) => {
                hints.insert(format!("{status}: control failed; its log says why."));
            }
            _ => {}
        }
        let refused = report.streams.iter().filter(|stream| stream.handshake != Some(101));
        hints.extend(refused.filter_map(hint_of_stream));
        let answered = matches!(voice, Some(voice) if voice.status.is_some_and(|status| status < 300));
        if answered && report.streams.is_empty() && report.status != CallStatus::NoAnswer {
            hints.insert(
                "The TwiML has no stream that can be opened: nothing is to be heard of this call.".into(),
            );
        }
    }
    hints
}

fn hint_of_stream(stream: &StreamReport) -> Option<String> {
    let code = stream.problems.first().map(|Problem { code, .. }| *code)?;
    match (code, stream.handshake) {
        (31920, Some(401 | 403)) => Some(
            "The gateway refused the stream: the ticket is too old, was used before, or is another's.".into(),
        ),
        (31920, Some(status)) => {
            Some(format!("The gateway answered the handshake with {status} and not with 101."))
        }
        (31901 | 31902, _) => Some(format!(
            "The gateway does not answer at {}: is it running, and is PARTYLINE_GATEWAY_PUBLIC_URL its address?",
            shortened(&stream.url)
        )),
        (31910, _) => Some("The gateway's certificate is not one that Twilio would trust.".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{Received, Sent, WebhookReport};

    #[test]
    fn a_refused_signature_is_explained() {
        let mut report = report(Some(403));
        report.status = CallStatus::Failed;
        let hints = hints(&[report]);
        assert!(hints.iter().any(|hint| hint.contains("auth token or the public URL")), "{hints:?}");
    }

    #[test]
    fn a_server_that_is_not_there_is_explained_once() {
        let hints = hints(&[report(None), report(None)]);
        assert_eq!(hints.len(), 1);
        assert!(hints.iter().all(|hint| hint.contains("is `partyline up` running")), "{hints:?}");
    }

    #[test]
    fn a_good_call_needs_no_advice_and_is_described_in_full() {
        let mut report = report(Some(200));
        report.streams.push(stream());
        assert!(hints(std::slice::from_ref(&report)).is_empty());
        let text = describe(&[report]);
        for part in ["completed after 2.0 s", "voice", "-> 200 in 3 ms", "open after 4 ms", "sent 100 caller"]
        {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(!text.contains("warning") && !text.contains("error"), "{text}");
    }

    #[test]
    fn a_gateway_that_refuses_is_told_from_one_that_is_not_there() {
        let refused = |code, handshake| {
            let problems = vec![Problem { code, text: String::new() }];
            let stream = StreamReport { handshake, problems, opened_after_ms: None, ..stream() };
            hint_of_stream(&stream).unwrap_or_default()
        };
        assert!(refused(31920, Some(401)).contains("ticket"));
        assert!(refused(31920, Some(503)).contains("503"));
        assert!(refused(31902, None).contains("is it running"));
    }

    fn report(status: Option<u16>) -> CallReport {
        let webhook = WebhookReport {
            what: "voice".into(),
            url: "http://127.0.0.1:8080/api/twilio/voice".into(),
            status,
            error: status.is_none().then(|| "connection refused".into()),
            took_ms: 3,
        };
        CallReport {
            call_sid: "CA0123456789abcdef0123456789abcdef".parse().unwrap(),
            account_sid: "AC0123456789abcdef0123456789abcdef".parse().unwrap(),
            from: "+12025550142".into(),
            to: "+15550100".into(),
            status: CallStatus::Completed,
            duration_ms: 2000,
            webhooks: vec![webhook],
            twiml: Vec::new(),
            streams: Vec::new(),
            problems: Vec::new(),
            unplayed: Vec::new(),
        }
    }

    fn stream() -> StreamReport {
        let stream_sid: common::StreamSid = "MZ0123456789abcdef0123456789abcdef".parse().unwrap();
        StreamReport {
            stream_sid,
            name: stream_sid.to_string(),
            url: "ws://127.0.0.1:8081/twilio/media/x".into(),
            handshake: Some(101),
            opened_after_ms: Some(4),
            sent: Sent { inbound: 100, outbound: 100, ..Sent::default() },
            received: Received::default(),
            worst_late_ms: 1,
            late_frames: 0,
            end: StreamEnd::CallOver,
            problems: Vec::new(),
        }
    }
}
