//! The life of a media stream, as Twilio, the bus and the metrics see it.

mod admission;
mod wire;

use std::time::Duration;

use common::bus::{NodeEvent, StreamEnd};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{PATIENCE, Server};
use crate::twilio::Line;

#[tokio::test]
async fn a_good_call_is_seen_everywhere_until_it_stops() {
    let mut server = Server::start().await;
    let line = Line::new();
    let ticket = &line.ticket;
    let mut twilio = line.connect(&server).await;
    twilio.send(&json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" })).await;
    twilio.send(&line.start(&server)).await;

    let NodeEvent::StreamStarted { tenant, call, call_sid, stream, tracks, node } = server.event().await
    else {
        panic!("not started")
    };
    assert_eq!((tenant, call, call_sid), (ticket.tenant, ticket.call, ticket.call_sid));
    assert_eq!((stream, tracks), (line.stream, vec!["inbound".to_owned(), "outbound".to_owned()]));
    assert!(wait_for_calls(&mut server, 1).await.contains(&call));
    assert_eq!(server.metric("partyline_calls_active"), 1.0);
    assert_eq!(server.metric("partyline_twilio_ws_connections"), 1.0);
    assert_eq!(server.metric("partyline_encoders_active"), 0.0, "nobody listens");

    for frame in 0..10 {
        twilio.send(&line.media("inbound", frame * 20)).await;
        twilio.send(&line.media("outbound", frame * 20)).await;
    }
    twilio.send(&line.dtmf("#")).await;
    assert_eq!(server.event().await, NodeEvent::Dtmf { tenant, call, digit: '#' });
    twilio.send(&json!({ "event": "from the future" })).await;
    twilio.send_raw(Message::text("not JSON")).await;
    twilio.send(&line.stop()).await;

    assert_eq!(twilio.closed().await, (1000, "stopped".to_owned()));
    let reason = StreamEnd::Stopped;
    assert_eq!(server.event().await, NodeEvent::StreamEnded { node, tenant, call, stream, reason });
    assert_eq!(wait_for_calls(&mut server, 0).await, []);
    for (series, value) in [
        ("partyline_calls_active", 0.0),
        (r#"partyline_twilio_messages_total{event="connected"}"#, 1.0),
        (r#"partyline_twilio_messages_total{event="start"}"#, 1.0),
        (r#"partyline_twilio_messages_total{event="media"}"#, 20.0),
        (r#"partyline_twilio_messages_total{event="dtmf"}"#, 1.0),
        (r#"partyline_twilio_messages_total{event="unknown"}"#, 1.0),
        (r#"partyline_twilio_messages_total{event="bad"}"#, 1.0),
        (r#"partyline_twilio_messages_total{event="stop"}"#, 1.0),
        (r#"partyline_frames_total{source="received"}"#, 20.0),
        ("partyline_twilio_frame_interarrival_seconds", 18.0),
        (r#"partyline_twilio_ws_closed_total{code="1000",initiator="gateway"}"#, 1.0),
        (r#"partyline_twilio_ws_closed_total{code="1006",initiator="peer"}"#, 0.0),
        ("partyline_zero_packet_streams_total", 0.0),
        ("partyline_one_way_calls_total", 0.0),
        ("partyline_twilio_stream_panics_total", 0.0),
    ] {
        assert_eq!(server.metric(series), value, "{series}");
    }
}

#[tokio::test]
async fn a_connected_stream_brings_the_caller_alone() {
    let mut server = Server::start().await;
    let line = Line { tracks: vec!["inbound"], ..Line::new() };
    let mut twilio = line.connect(&server).await;
    twilio.send(&line.start(&server)).await;
    let NodeEvent::StreamStarted { tracks, .. } = server.event().await else { panic!("not started") };
    assert_eq!(tracks, ["inbound"]);
    twilio.send(&line.media("inbound", 20)).await;
    twilio.send(&line.media("outbound", 20)).await;
    twilio.send(&line.stop()).await;
    assert_eq!(twilio.closed().await.0, 1000);
    assert_eq!(server.metric(r#"partyline_twilio_messages_total{event="media"}"#), 1.0);
    assert_eq!(server.metric(r#"partyline_twilio_messages_total{event="bad"}"#), 1.0);
    assert_eq!(server.metric("partyline_one_way_calls_total"), 0.0, "one voice was announced");
}

#[tokio::test]
async fn voices_that_never_came_are_counted() {
    let mut server = Server::start().await;
    for frames in [0, 3] {
        let line = Line::new();
        let mut twilio = line.begin(&mut server).await;
        for frame in 0..frames {
            twilio.send(&line.media("outbound", frame * 20)).await;
        }
        twilio.send(&line.stop()).await;
        assert_eq!(ended(&mut server).await, StreamEnd::Stopped);
    }
    assert_eq!(server.metric("partyline_zero_packet_streams_total"), 1.0);
    assert_eq!(server.metric("partyline_one_way_calls_total"), 1.0);
}

#[tokio::test]
async fn a_newer_stream_of_the_same_call_wins() {
    let mut server = Server::start().await;
    let (first, bystander) = (Line::new(), Line::new());
    let mut other = bystander.begin(&mut server).await;
    let mut old = first.begin(&mut server).await;
    let second = first.again();
    let mut new = second.begin(&mut server).await;

    assert_eq!(old.closed().await, (4001, "replaced by a newer stream".to_owned()));
    let NodeEvent::StreamEnded { stream, reason, .. } = server.event().await else { panic!("not ended") };
    assert_eq!((stream, reason), (first.stream, StreamEnd::Replaced));
    assert_eq!(server.metric("partyline_calls_active"), 2.0);

    // The newer one still carries the call, and the bystander its own.
    for (line, twilio) in [(&second, &mut new), (&bystander, &mut other)] {
        twilio.send(&line.dtmf("1")).await;
        assert!(matches!(server.event().await, NodeEvent::Dtmf { call, .. } if call == line.ticket.call));
    }
    assert_eq!(wait_for_calls(&mut server, 2).await.len(), 2);
}

#[tokio::test]
async fn a_connection_that_goes_without_stop_is_lost() {
    let mut server = Server::start().await;
    let twilio = Line::new().begin(&mut server).await;
    drop(twilio);
    assert_eq!(ended(&mut server).await, StreamEnd::Lost);
    assert_eq!(server.metric(r#"partyline_twilio_ws_closed_total{code="1006",initiator="peer"}"#), 1.0);

    let mut twilio = Line::new().begin(&mut server).await;
    twilio.send_raw(Message::Close(None)).await;
    assert!(matches!(twilio.next().await, Some(Ok(Message::Close(None)))), "the close is answered");
    assert!(twilio.next().await.is_none(), "closed in order");
    assert_eq!(ended(&mut server).await, StreamEnd::Lost);
    assert_eq!(server.metric(r#"partyline_twilio_ws_closed_total{code="1005",initiator="peer"}"#), 1.0);
    assert_eq!(wait_for_calls(&mut server, 0).await, []);
}

#[tokio::test]
async fn a_silent_stream_is_given_up() {
    let mut server = Server::with(|config| config.ingest.limits.stall = Duration::from_millis(50)).await;
    let mut twilio = Line::new().begin(&mut server).await;
    assert_eq!(twilio.closed().await, (1008, "no audio".to_owned()));
    assert_eq!(ended(&mut server).await, StreamEnd::Stalled);
}

#[tokio::test]
async fn a_stopping_gateway_says_so_to_all() {
    let mut server = Server::start().await;
    let mut live = Line::new().begin(&mut server).await;
    let mut opening = Line::new().connect(&server).await;
    server.stop();
    assert_eq!(live.closed().await, (1001, "going away".to_owned()));
    assert_eq!(opening.closed().await, (1001, "going away".to_owned()));
    assert_eq!(ended(&mut server).await, StreamEnd::Shutdown);
    drop((live, opening));
    server.stopped().await;
    assert_eq!(server.metric("partyline_twilio_ws_connections"), 0.0);
}

#[tokio::test]
async fn a_peer_that_never_answers_a_close_does_not_hold_the_gateway() {
    let mut server = Server::with(|config| config.ingest.close = Duration::from_millis(50)).await;
    let _never_read_again = Line::new().begin(&mut server).await;
    server.stop();
    server.stopped().await;
    assert_eq!(server.metric("partyline_twilio_ws_connections"), 0.0);
}

/// Why the next stream that ends has ended.
async fn ended(server: &mut Server) -> StreamEnd {
    match server.event().await {
        NodeEvent::StreamEnded { reason, .. } => reason,
        other => panic!("{other:?} for an end"),
    }
}

/// The calls of the first heartbeat that has so many.
async fn wait_for_calls(server: &mut Server, count: usize) -> Vec<common::CallId> {
    let seen = async {
        loop {
            let calls = server.calls().await;
            if calls.len() == count {
                return calls;
            }
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("a heartbeat has so many calls")
}
