//! Where a leg of a call comes from.

use common::CallSid;

/// Where a leg comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// Somebody calls a number of the account.
    Inbound,
    /// `<Dial>` in another leg.
    Dialled {
        /// That leg.
        parent: CallSid,
    },
    /// The API.
    Made {
        /// Which application is called, if it is not a person.
        application: Option<String>,
    },
}

impl Origin {
    /// Twilio's word for it.
    pub(super) const fn direction(&self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Dialled { .. } => "outbound-dial",
            Self::Made { .. } => "outbound-api",
        }
    }

    /// The leg in which it was dialled.
    pub(super) const fn parent(&self) -> Option<CallSid> {
        match self {
            Self::Dialled { parent } => Some(*parent),
            Self::Inbound | Self::Made { .. } => None,
        }
    }
}
