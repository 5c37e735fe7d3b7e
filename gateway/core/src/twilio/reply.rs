//! What is sent back on a `<Connect><Stream>`: audio to be played, marks, and the order to forget both.

use base64_simd::{Out, STANDARD};
use bytes::Bytes;
use common::StreamSid;

use crate::block::Block;

/// The most audio in one message, in bytes of mu-law: 60 ms.
const MAX_AUDIO: usize = 480;

/// Writes the messages of one stream.
#[derive(Debug)]
pub struct Reply {
    stream: StreamSid,
    text: Vec<u8>,
    block: Block,
}

impl Reply {
    /// For this stream.
    pub fn new(stream: StreamSid) -> Self {
        Self { stream, text: Vec::with_capacity(512), block: Block::default() }
    }

    /// `media`: this mu-law is played after what was sent before; what is beyond 60 ms is left out. UTF-8, as all here.
    pub fn media(&mut self, ulaw: &[u8]) -> Bytes {
        let ulaw = &ulaw[..ulaw.len().min(MAX_AUDIO)];
        let mut base64 = [0; MAX_AUDIO.div_ceil(3) * 4];
        let payload = STANDARD.encode(ulaw, Out::from_slice(&mut base64));
        self.begin("media");
        self.text.extend_from_slice(br#","media":{"payload":""#);
        self.text.extend_from_slice(payload);
        self.text.extend_from_slice(br#""}}"#);
        self.block.packet(&self.text)
    }

    /// `mark`: comes back with this number when all before it was played, or thrown away.
    pub fn mark(&mut self, number: u64) -> Bytes {
        self.begin("mark");
        self.text.extend_from_slice(br#","mark":{"name":""#);
        self.text.extend_from_slice(number.to_string().as_bytes());
        self.text.extend_from_slice(br#""}}"#);
        self.block.packet(&self.text)
    }

    /// `clear`: what was sent and not played yet is thrown away.
    pub fn clear(&mut self) -> Bytes {
        self.begin("clear");
        self.text.push(b'}');
        self.block.packet(&self.text)
    }

    fn begin(&mut self, event: &str) {
        self.text.clear();
        for part in [r#"{"event":""#, event, r#"","streamSid":""#, self.stream.as_str(), r#"""#] {
            self.text.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn messages_are_as_twilio_reads_them() {
        let sid = format!("MZ{}", "0".repeat(32));
        let mut reply = Reply::new(sid.parse().unwrap());
        let read = |bytes: Bytes| serde_json::from_slice::<Value>(&bytes).unwrap();
        let media = json!({ "event": "media", "streamSid": sid, "media": { "payload": "/wCA" } });
        assert_eq!(read(reply.media(&[0xFF, 0, 0x80])), media);
        assert_eq!(
            read(reply.mark(7)),
            json!({ "event": "mark", "streamSid": sid, "mark": { "name": "7" } })
        );
        assert_eq!(read(reply.clear()), json!({ "event": "clear", "streamSid": sid }));
        for length in [0, 160, MAX_AUDIO, MAX_AUDIO + 1] {
            let payload = read(reply.media(&vec![0xFF; length]))["media"]["payload"].clone();
            let decoded = STANDARD.decode_to_vec(payload.as_str().unwrap()).unwrap();
            assert_eq!(decoded, vec![0xFF; length.min(MAX_AUDIO)]);
        }
    }
}
