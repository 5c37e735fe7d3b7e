//! Frames and messages that should not be, and the close code that goes out on the wire for each.

use common::bus::StreamEnd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::ended;
use crate::server::{PATIENCE, Server};
use crate::twilio::{Line, Twilio};

/// The largest message that is read.
const LIMIT: usize = 64 * 1024;

#[tokio::test]
async fn each_broken_frame_gets_its_close_code_on_the_wire() {
    let mut server = Server::start().await;
    let half = vec![b'x'; LIMIT / 2 + 1];
    let table: [(&str, u16, Vec<u8>); 13] = [
        ("a byte too long", 1009, frame(0x81, &vec![b'x'; LIMIT + 1])),
        ("much too long", 1009, frame(0x81, &vec![b'x'; 4 * LIMIT])),
        ("a length past all memory", 1009, [&[0x81, 0xff][..], &[0x7f; 8], &[0; 4]].concat()),
        ("too long in two fragments", 1009, [frame(0x01, &half), frame(0x80, &half)].concat()),
        ("a binary one too long", 1009, frame(0x82, &vec![0; LIMIT + 1])),
        ("text that is not UTF-8", 1007, frame(0x81, b"\xff\xfe{}")),
        ("half a character at the end", 1007, [frame(0x01, b"{\xf0"), frame(0x80, b"\x9f}")].concat()),
        ("not masked", 1002, vec![0x81, 2, b'{', b'}']),
        ("reserved bits", 1002, frame(0xc1, b"{}")),
        ("an opcode that is not one", 1002, frame(0x83, b"{}")),
        ("a fragment of nothing", 1002, frame(0x80, b"{}")),
        ("a message inside another", 1002, [frame(0x01, b"{"), frame(0x81, b"}")].concat()),
        ("a ping that is too long", 1002, frame(0x89, &[0; 126])),
    ];
    for (what, code, bytes) in table {
        let mut socket = Line::new().begin(&mut server).await.into_tcp();
        socket.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        read.expect("the gateway closes the connection").expect(what);
        let [opcode, length, high, low, reason @ ..] = &answer[..] else { panic!("{what}: {answer:?}") };
        assert_eq!((*opcode, usize::from(*length)), (0x88, reason.len() + 2), "{what}: one close frame");
        assert_eq!(u16::from_be_bytes([*high, *low]), code, "{what}");
        assert_eq!(ended(&mut server).await, StreamEnd::Refused, "{what}");
    }
    let closed = |code| format!(r#"partyline_twilio_ws_closed_total{{code="{code}",initiator="gateway"}}"#);
    assert_eq!([1009, 1007, 1002].map(|code| server.metric(&closed(code))), [5.0, 2.0, 6.0]);
}

#[tokio::test]
async fn what_a_peer_still_sends_after_the_close_does_not_break_the_connection() {
    let mut server = Server::start().await;
    let mut socket = Line::new().begin(&mut server).await.into_tcp();
    let long = frame(0x81, &vec![b'x'; 8 * LIMIT]);
    let (first, rest) = long.split_at(LIMIT);
    socket.write_all(first).await.unwrap();
    let mut close = [0; 4];
    socket.read_exact(&mut close).await.unwrap();
    assert_eq!(u16::from_be_bytes([close[2], close[3]]), 1009);
    // A proxy in between may have this much on its way. A reset would cost it the close frame.
    for some in rest.chunks(4096) {
        socket.write_all(some).await.expect("no reset");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_largest_message_is_read_even_in_fragments() {
    let mut server = Server::start().await;
    let line = Line::new();
    let mut dtmf = line.dtmf("5").to_string();
    dtmf.extend(std::iter::repeat_n(' ', LIMIT - dtmf.len()));
    let (first, second) = dtmf.split_at(100);
    let mut socket = line.begin(&mut server).await.into_tcp();
    for bytes in [frame(0x81, dtmf.as_bytes()), frame(0x01, first.as_bytes()), frame(0x80, second.as_bytes())]
    {
        socket.write_all(&bytes).await.unwrap();
    }
    for _ in 0..2 {
        let event = server.event().await;
        assert!(matches!(event, common::bus::NodeEvent::Dtmf { digit: '5', .. }), "{event:?}");
    }
}

#[tokio::test]
async fn fifty_bad_messages_are_forgiven_and_the_next_is_not() {
    let mut server = Server::start().await;
    let line = Line::new();
    let mut twilio = line.begin(&mut server).await;
    for _ in 0..50 {
        twilio.send_raw(Message::text("bad")).await;
    }
    // Still there: a key is told.
    twilio.send(&line.dtmf("1")).await;
    assert!(matches!(server.event().await, common::bus::NodeEvent::Dtmf { digit: '1', .. }));
    twilio.send_raw(Message::text("bad")).await;
    assert_eq!(twilio.closed().await, (1008, "too many bad messages".to_owned()));
    assert_eq!(ended(&mut server).await, StreamEnd::Refused);
    assert_eq!(server.metric(r#"partyline_twilio_messages_total{event="bad"}"#), 51.0);
}

#[tokio::test]
async fn binary_messages_are_bad_ones() {
    let mut server = Server::start().await;
    let mut twilio = Line::new().begin(&mut server).await;
    for _ in 0..51 {
        twilio.send_raw(Message::binary(Bytes::from_static(b"\xff"))).await;
    }
    assert_eq!(twilio.closed().await, (1003, "binary messages".to_owned()));
    assert_eq!(ended(&mut server).await, StreamEnd::Refused);
}

#[tokio::test]
async fn a_flood_is_ended() {
    let mut server = Server::with(|config| config.ingest.limits.messages = 100).await;
    let mut twilio: Twilio = Line::new().begin(&mut server).await;
    for _ in 0..99 {
        twilio.send_raw(Message::Pong(Bytes::new())).await;
    }
    assert_eq!(twilio.closed().await, (1008, "too many messages".to_owned()));
    assert_eq!(ended(&mut server).await, StreamEnd::Refused);
}

#[tokio::test]
async fn a_ping_is_answered() {
    let mut server = Server::start().await;
    let mut twilio = Line::new().begin(&mut server).await;
    twilio.send_raw(Message::Ping(Bytes::from_static(b"there?"))).await;
    let answer = twilio.next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(Bytes::from_static(b"there?")));
}

/// A frame as a client must send it: masked, here with zeros, which change nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
