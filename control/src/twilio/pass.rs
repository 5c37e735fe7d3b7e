//! What lets a media stream in at a gateway: the ticket in its URL, and the grant among its parameters.

use std::time::{Duration, Instant};

use common::token::{SignatureDigests, StreamGrant, StreamKind, StreamTicket};
use common::{AccountSid, CallId, CallSid, NodeId, TenantId, TicketId};
use time::OffsetDateTime;

use super::signature;
use super::twiml;
use super::voice::hook_url;
use crate::App;

/// How long a ticket opens a stream. Twilio connects at once.
const TICKET: Duration = Duration::from_secs(60);

/// Streams that are asked for after one has broken, before a call is left without; one that goes well for a minute
/// counts them anew.
pub(crate) const STREAM_TRIES: u32 = 6;

/// The parameter that the grant stands in.
pub(crate) const GRANT: &str = "grant";

/// Whose stream it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of {
    pub(crate) tenant: TenantId,
    pub(crate) account_sid: AccountSid,
    pub(crate) call: CallId,
    pub(crate) call_sid: CallSid,
}

/// Leave for one stream, once.
#[derive(Debug)]
pub(crate) struct Pass {
    /// `wss://…`, with the ticket.
    pub(crate) url: String,
    /// The second token.
    pub(crate) grant: String,
    /// Where Twilio reports on the stream.
    pub(crate) status_callback: String,
}

impl Pass {
    /// The stream, by this name.
    pub(crate) fn stream<'a>(&'a self, name: &'a str) -> twiml::Stream<'a> {
        let Self { url, grant, status_callback } = self;
        twiml::Stream { name, url, status_callback, grant }
    }
}

/// Leave for a stream that Twilio will sign with one of these tokens of the account.
/// `node`: the gateway where the call's listeners are, if any are.
pub(crate) fn pass(
    app: &App,
    of: Of,
    kind: StreamKind,
    node: Option<NodeId>,
    auth_tokens: &[String],
) -> Pass {
    let exp = (OffsetDateTime::now_utc() + TICKET).unix_timestamp();
    let ticket = StreamTicket {
        id: TicketId::new(),
        tenant: of.tenant,
        call: of.call,
        call_sid: of.call_sid,
        account_sid: of.account_sid,
        kind,
        exp,
    };
    let gateway = app.gateways.for_stream(node, Instant::now());
    let url = format!("{}/twilio/media/{}", gateway.websocket(), app.signer.sign(&ticket));
    // A grant has room for four spellings: of two tokens those without the slash, which is seldom seen.
    let spellings = SignatureDigests::MAX / auth_tokens.len().clamp(1, SignatureDigests::MAX);
    let signatures: Vec<String> = auth_tokens
        .iter()
        .flat_map(|token| signature::of_socket(token, &url).into_iter().take(spellings))
        .collect();
    let grant = StreamGrant {
        ticket: ticket.id,
        call_sid: of.call_sid,
        account_sid: of.account_sid,
        signatures: SignatureDigests::of(signatures.iter().map(String::as_str)),
        exp,
    };
    let grant = app.signer.sign(&grant);
    Pass { url, grant, status_callback: hook_url(app, "stream") }
}
