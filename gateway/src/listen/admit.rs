//! Whether a listener may come now, and what it hears.

use axum::http::StatusCode;
use common::token::Mode;
use gateway_core::frame::Codec;
use gateway_core::listener::Offer;

use super::Pcmu;
use super::problem::Problem;
use crate::budget::Budgets;
use crate::hub::LiveCall;

/// After how many seconds to ask again, at least and at most: those who were turned away together do not come back
/// together.
const RETRY: std::ops::RangeInclusive<u16> = 5..=15;

/// Why a listener hears what it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// Opus, as most do.
    Opus,
    /// Mu-law: the offer has it first.
    Asked,
    /// Mu-law: it is set so.
    Configured,
    /// Mu-law: one more encoder would be too many.
    Spent,
}

impl Why {
    pub(super) const ALL: [Self; 4] = [Self::Opus, Self::Asked, Self::Configured, Self::Spent];

    pub(super) const fn codec(self) -> Codec {
        match self {
            Self::Opus => Codec::Opus,
            Self::Asked | Self::Configured | Self::Spent => Codec::Pcmu,
        }
    }

    /// The word for it in the metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "default",
            Self::Asked => "asked",
            Self::Configured => "configured",
            Self::Spent => "encode_budget",
        }
    }
}

/// What one more listener of this call hears, who comes with this mode: a microphone is taken in Opus alone.
pub(super) fn admit(
    offer: &Offer,
    call: &LiveCall,
    mode: Mode,
    pcmu: Pcmu,
    budgets: &Budgets,
) -> Result<Why, Problem> {
    let opus = offer.has(Codec::Opus);
    let speaks = mode != Mode::Listen && opus;
    let phone = offer.has(Codec::Pcmu) && pcmu != Pcmu::Off && !speaks;
    if !opus && !phone {
        let detail = "offer not supported: no audio section with Opus, and PCMU is off here";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unsupported_sdp", detail));
    }
    if let Some(budget) = budgets.spent() {
        return Err(full(budget.as_str()));
    }
    if phone && pcmu == Pcmu::Always {
        return Ok(Why::Configured);
    }
    if phone && offer.preferred() == Codec::Pcmu {
        return Ok(Why::Asked);
    }
    // A call that is encoded for others costs no further encoder.
    if call.wanted().opus || budgets.may_encode() {
        return Ok(Why::Opus);
    }
    if phone { Ok(Why::Spent) } else { Err(full("encoders")) }
}

fn full(budget: &str) -> Problem {
    over_capacity(format!("this gateway takes no more listeners now: {budget}"))
}

/// 503, and when to ask again.
pub(super) fn over_capacity(detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "over_capacity", detail).retry_after(fastrand::u16(RETRY))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use axum::response::IntoResponse as _;
    use common::CallId;
    use prometheus::{IntGauge, Registry};

    use super::*;
    use crate::budget::Config;
    use crate::hub::{CallInfo, Hub};
    use crate::listen::inbox::inbox;

    const BOTH: &str = include_str!("../../tests/it/offer.sdp");

    #[test]
    fn beyond_the_encoders_who_would_need_one_more_hears_mu_law() {
        let node = Node::new();
        assert_eq!(node.admit(BOTH, Pcmu::Auto), Ok(Why::Opus));
        node.encoders.set(1);
        assert_eq!(node.admit(BOTH, Pcmu::Auto), Ok(Why::Spent));

        let ear = node.call.listen(0, Codec::Opus);
        assert_eq!(node.admit(BOTH, Pcmu::Auto), Ok(Why::Opus), "this call is encoded already");
        drop(ear);
        let _in_mu_law = node.call.listen(0, Codec::Pcmu);
        assert_eq!(node.admit(BOTH, Pcmu::Auto), Ok(Why::Spent));
    }

    #[test]
    fn who_cannot_hear_mu_law_is_turned_away_then() {
        let (node, opus_only) = (Node::new(), BOTH.replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 111"));
        assert_eq!(node.admit(&opus_only, Pcmu::Always), Ok(Why::Opus));
        node.encoders.set(1);
        let full = Err((StatusCode::SERVICE_UNAVAILABLE, "over_capacity"));
        assert_eq!(node.admit(&opus_only, Pcmu::Auto), full);
        assert_eq!(node.admit(BOTH, Pcmu::Off), full);
        assert_eq!(node.admit(BOTH, Pcmu::Always), Ok(Why::Configured));
        let _ear = node.call.listen(0, Codec::Opus);
        assert_eq!(node.admit(&opus_only, Pcmu::Off), Ok(Why::Opus));
    }

    /// A call, on a node with one encoder.
    struct Node {
        budgets: Arc<Budgets>,
        encoders: IntGauge,
        call: Arc<LiveCall>,
    }

    impl Node {
        fn new() -> Self {
            let encoders = IntGauge::new("encoders", "for the test").unwrap();
            let config = Config { encoders: NonZeroU32::MIN, ..Config::default() };
            let budgets = Budgets::new(config, (9, 9, 1), encoders.clone(), &Registry::new()).unwrap();
            let (mailbox, _inbox) = inbox(prometheus::IntCounter::new("dropped", "for the test").unwrap());
            let call = Hub::new(vec![Arc::new(mailbox)]).open(CallInfo::of(CallId::new())).0;
            Self { budgets, encoders, call }
        }

        fn admit(&self, offer: &str, pcmu: Pcmu) -> Result<Why, (StatusCode, &'static str)> {
            let offer = Offer::parse(offer).unwrap();
            admit(&offer, &self.call, Mode::Listen, pcmu, &self.budgets).map_err(|problem| {
                let code = problem.code;
                (problem.into_response().status(), code)
            })
        }
    }
}
