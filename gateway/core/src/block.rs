//! Memory for packets, which many share and nobody copies.

use bytes::{Bytes, BytesMut};

/// Packets share blocks of this size, so that not each is an allocation.
const BLOCK: usize = 8 * 1024;

/// Where packets are put.
#[derive(Debug, Default)]
pub(crate) struct Block(BytesMut);

impl Block {
    /// The bytes as a packet.
    pub(crate) fn packet(&mut self, bytes: &[u8]) -> Bytes {
        if self.0.capacity() < bytes.len() {
            self.0.reserve(BLOCK);
        }
        self.0.extend_from_slice(bytes);
        self.0.split().freeze()
    }
}
