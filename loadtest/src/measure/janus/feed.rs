//! What Janus forwards: a stream of RTP as a call's encoder would make it.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Between two packets.
const FRAME: Duration = Duration::from_millis(20);

/// Samples in a frame at the clock of Opus (RFC 7587).
const SAMPLES: u32 = 960;

/// A feed that goes on until it is dropped.
pub(super) struct Feed(JoinHandle<()>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends 50 packets a second of `payload` bytes to this port of loopback.
pub(super) async fn start(port: u16, payload: usize) -> Result<Feed> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(Feed(tokio::spawn(async move {
        let mut clock = tokio::time::interval(FRAME);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut packet = vec![0x5a; 12 + payload];
        for n in 0_u32.. {
            clock.tick().await;
            write_header(&mut packet, n);
            // Until Janus reads the port, ICMP answers; then it is heard.
            if let Err(error) = socket.send(&packet).await {
                tracing::debug!(%error, "feeding Janus");
            }
        }
    })))
}

/// The header of packet `n` (RFC 3550, section 5.1), over the first 12 bytes.
fn write_header(packet: &mut [u8], n: u32) {
    let [.., high, low] = n.to_be_bytes();
    let [t0, t1, t2, t3] = n.wrapping_mul(SAMPLES).to_be_bytes();
    let header = [0x80, 111, high, low, t0, t1, t2, t3, 1, 2, 3, 4];
    packet.iter_mut().zip(header).for_each(|(byte, value)| *byte = value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_follow_each_other_by_one_frame() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let _feed = start(socket.local_addr().unwrap().port(), 30).await.unwrap();
        let mut packet = [0; 64];
        for n in 0_u8..3 {
            assert_eq!(socket.recv(&mut packet).await.unwrap(), 42);
            assert_eq!(packet[..4], [0x80, 111, 0, n]);
            assert_eq!(packet[4..8], (u32::from(n) * 960).to_be_bytes());
        }
    }

    #[test]
    fn the_sequence_number_rolls_over_and_the_timestamp_goes_on() {
        let mut packet = [0; 12];
        write_header(&mut packet, 65_536);
        assert_eq!(packet[2..8], [0, 0, 3, 192, 0, 0]);
    }
}
