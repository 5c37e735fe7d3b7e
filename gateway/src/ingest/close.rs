//! How a socket ends: the codes, and getting them onto the wire.

use std::time::Duration;

use common::bus::StreamEnd;
use futures_util::SinkExt as _;
use gateway_core::twilio::End;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;

use super::streams::Order;

/// The code that stands for a socket that went without one (RFC 6455, section 7.4.1). Never sent.
pub(super) const LOST: u16 = 1006;

/// Most that is read and thrown away after a close frame was sent, in bytes.
const DRAIN: usize = 1024 * 1024;

/// Why a socket is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closed {
    /// Ours to close, with this code and reason (RFC 6455, section 7.4).
    ByUs {
        code: u16,
        reason: &'static str,
        /// What the others are told.
        end: StreamEnd,
    },
    /// Twilio closed it, with this code; 1005 if it gave none, [`LOST`] if it just went.
    ByPeer { code: u16 },
}

impl Closed {
    /// Its `start` was not the one expected. Which part was wrong is not told.
    pub(super) const NOT_ADMITTED: Self = Self::refused(1008, "not admitted");

    /// A leg on which nobody has anything to say any more: Twilio hangs it up.
    pub(super) const DESERTED: Self =
        Self::ByUs { code: 1000, reason: "nobody speaks", end: StreamEnd::Stopped };

    const fn refused(code: u16, reason: &'static str) -> Self {
        Self::ByUs { code, reason, end: StreamEnd::Refused }
    }

    /// What follows from the end of a leg. `binary`: the last message was.
    pub(super) const fn by_leg(end: End, binary: bool) -> Self {
        match end {
            End::Stopped => Self::ByUs { code: 1000, reason: "stopped", end: StreamEnd::Stopped },
            End::NoStart => Self::refused(1008, "no start in time"),
            End::Stalled => Self::ByUs { code: 1008, reason: "no audio", end: StreamEnd::Stalled },
            End::TooManyBad if binary => Self::refused(1003, "binary messages"),
            End::TooManyBad => Self::refused(1008, "too many bad messages"),
            End::Flood => Self::refused(1008, "too many messages"),
        }
    }

    /// What follows from an order.
    pub(super) const fn by_order(order: Order) -> Self {
        match order {
            Order::Replaced => {
                Self::ByUs { code: 4001, reason: "replaced by a newer stream", end: StreamEnd::Replaced }
            }
            Order::Shutdown => Self::ByUs { code: 1001, reason: "going away", end: StreamEnd::Shutdown },
        }
    }

    /// What follows from an error of the socket.
    pub(super) fn by_error(error: &WsError) -> Self {
        match error {
            WsError::Capacity(_) => Self::refused(1009, "message too big"),
            WsError::Utf8(_) => Self::refused(1007, "not UTF-8"),
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::ByPeer { code: LOST },
            WsError::Protocol(_) => Self::refused(1002, "protocol error"),
            _ => Self::ByPeer { code: LOST },
        }
    }

    /// What the others are told.
    pub(super) const fn end(self) -> StreamEnd {
        match self {
            Self::ByUs { end, .. } => end,
            Self::ByPeer { .. } => StreamEnd::Lost,
        }
    }
}

/// Sends a close frame, or answers the peer's, and sees the socket off, for at most `limit`.
///
/// The library sends no close frame when it refuses what it reads: it reports the error and leaves the
/// sending side as it was, so that a frame can still be sent here. What the peer has sent meanwhile must be
/// read before the socket is dropped: with bytes unread the kernel resets the connection, and the reset
/// may overtake the frame.
pub(super) async fn close<S>(mut socket: WebSocketStream<S>, closed: Closed, limit: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        match closed {
            Closed::ByPeer { code: LOST } => return Ok(()),
            // The library has the answer ready.
            Closed::ByPeer { .. } => socket.flush().await?,
            Closed::ByUs { code, reason, .. } => {
                let reason = Utf8Bytes::from_static(reason);
                socket.close(Some(CloseFrame { code: code.into(), reason })).await?;
            }
        }
        let mut io = socket.into_inner();
        io.shutdown().await?;
        let (mut trash, mut left) = ([0; 4096], DRAIN);
        while left > 0 {
            match io.read(&mut trash).await? {
                0 => break,
                bytes => left = left.saturating_sub(bytes),
            }
        }
        Ok::<_, WsError>(())
    };
    match tokio::time::timeout(limit, farewell).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "socket was gone before its close");
        }
        Err(_late) => tracing::debug!("peer did not answer the close frame"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_protocol() {
        let code = |closed| match closed {
            Closed::ByUs { code, .. } | Closed::ByPeer { code } => (code, closed.end()),
        };
        assert_eq!(code(Closed::by_leg(End::Stopped, false)), (1000, StreamEnd::Stopped));
        assert_eq!(code(Closed::by_leg(End::Stalled, false)), (1008, StreamEnd::Stalled));
        assert_eq!(code(Closed::by_leg(End::Flood, false)), (1008, StreamEnd::Refused));
        assert_eq!(code(Closed::by_leg(End::TooManyBad, true)), (1003, StreamEnd::Refused));
        assert_eq!(code(Closed::by_error(&WsError::ConnectionClosed)), (1006, StreamEnd::Lost));
    }
}
