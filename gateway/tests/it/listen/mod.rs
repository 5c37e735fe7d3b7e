//! WHEP and the media socket, as a browser, a careless client and a stranger see them.

mod admit;
mod media;
mod requests;
mod server;
mod sessions;
mod stun;
