//! The two listeners proven against senders that are not ours, over real sockets, without a Partyline server.

mod console;
mod hearing;
mod sender;
mod server;
mod str0m_sender;
mod webrtc_sender;
