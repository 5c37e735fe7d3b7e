//! Each listener against the sender it shares no code with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream;
use loadtest::ears::whep::{Endpoint, Whep};
use loadtest::ears::{EarError, Heard, Listener, Options, Profile, light, whole};
use loadtest::shaper::{Rules, Shaper};
use reqwest::StatusCode;

use super::sender::{LEFT, PACKET, RIGHT, Script};
use super::server::{Kind, Server};
use super::str0m_sender;

#[derive(Clone, Copy, Debug)]
enum Ear {
    Light,
    Whole,
}

impl Ear {
    async fn join(self, endpoint: &Endpoint, options: &Options) -> Result<Listener, EarError> {
        let whep = Whep::new().unwrap();
        match self {
            Self::Light => light::join(&whep, endpoint, options).await,
            Self::Whole => whole::join(&whep, endpoint, options).await,
        }
    }

    /// Listens until `packets` have come, and leaves.
    async fn hear(self, server: &Server, options: Options, packets: u64) -> Heard {
        let listener = self.join(&server.endpoint(), &options).await.unwrap();
        listener.connected().await.unwrap();
        listener.wait_packets(packets).await.unwrap();
        listener.leave().await.unwrap()
    }
}

fn only(profile: Profile) -> Options {
    Options { profile: Some(profile), ..Options::default() }
}

/// The two tones, each on its side and not on the other.
fn assert_tones(heard: &Heard) {
    let middle = |side: &[i16]| side[4_800..side.len() - 4_800].to_vec();
    let (left, right) = (middle(&heard.left), middle(&heard.right));
    let (own, other) = (LEFT.amplitude_in(&left, 48_000), RIGHT.amplitude_in(&left, 48_000));
    assert!(own > 7_000.0 && other < 200.0, "left has {own} of its tone and {other} of the other");
    let (own, other) = (RIGHT.amplitude_in(&right, 48_000), LEFT.amplitude_in(&right, 48_000));
    assert!(own > 7_000.0 && other < 200.0, "right has {own} of its tone and {other} of the other");
}

async fn assert_hears_each_side(ear: Ear, kind: Kind, profile: Profile) {
    let server = Server::start(kind, Script::default()).await;
    let heard = ear.hear(&server, only(profile), 100).await;
    assert_eq!(heard.profile, Some(profile));
    assert_eq!((heard.packets, heard.lost, heard.duplicates, heard.reordered), (100, 0, 0, 0));
    assert_eq!((heard.left.len(), heard.right.len()), (96_000, 96_000));
    assert_eq!((heard.concealed, heard.silent, heard.broken), (0, 0, 0));
    assert_tones(&heard);
    assert_eq!(heard.rtp_timestamps().nth(3), Some(1_000 + 3 * PACKET));
    assert!(heard.connected_after.unwrap() <= heard.first_packet_after.unwrap());
    assert!(heard.instant_of(0).unwrap() <= heard.instant_of(95_999).unwrap());
    assert_eq!(heard.sources.len(), 1);
    assert_eq!(server.deleted(), 1);
}

#[tokio::test]
async fn light_hears_the_webrtc_sender_over_gcm() {
    assert_hears_each_side(Ear::Light, Kind::Webrtc, Profile::AeadAes128Gcm).await;
}

#[tokio::test]
async fn light_hears_the_webrtc_sender_over_cm() {
    assert_hears_each_side(Ear::Light, Kind::Webrtc, Profile::Aes128CmSha1_80).await;
}

/// What its headers say is what was sent, though nothing is decrypted but the first packets.
async fn assert_counts(profile: Profile) {
    let script = Script::default();
    let server = Server::start(Kind::Str0m, script.clone()).await;
    let options = Options { count_only: true, decode: false, ..only(profile) };
    let heard = Ear::Light.hear(&server, options, 100).await;
    assert_eq!((heard.packets, heard.lost, heard.duplicates, heard.reordered), (100, 0, 0, 0));
    let sent: usize = script.speak().iter().map(|packet| packet.payload.len()).sum();
    assert_eq!(heard.bytes, sent as u64);
    assert!(heard.sender_reports > 0, "what is no audio is read all the same");
    assert_eq!(server.deleted(), 1);
}

#[tokio::test]
async fn a_light_listener_that_only_counts_misses_nothing_over_gcm() {
    assert_counts(Profile::AeadAes128Gcm).await;
}

#[tokio::test]
async fn a_light_listener_that_only_counts_misses_nothing_over_cm() {
    assert_counts(Profile::Aes128CmSha1_80).await;
}

#[tokio::test]
async fn light_answers_an_ice_lite_sender_that_offers() {
    let script = Script::default();
    let ear = str0m_sender::offer_to(&script, async |offer: String| {
        assert!(offer.contains("a=ice-lite"), "{offer}");
        light::answer(&offer, Instant::now(), &only(Profile::AeadAes128Gcm)).await.unwrap()
    });
    let ear = ear.await;
    ear.connected().await.unwrap();
    ear.wait_packets(100).await.unwrap();
    let heard = ear.hang_up().await;
    assert_eq!((heard.packets, heard.lost, heard.profile), (100, 0, Some(Profile::AeadAes128Gcm)));
    assert_tones(&heard);
}

#[tokio::test]
async fn light_hears_an_ice_lite_sender_over_gcm() {
    assert_hears_each_side(Ear::Light, Kind::Str0m, Profile::AeadAes128Gcm).await;
}

#[tokio::test]
async fn light_hears_an_ice_lite_sender_over_cm() {
    assert_hears_each_side(Ear::Light, Kind::Str0m, Profile::Aes128CmSha1_80).await;
}

#[tokio::test]
async fn whole_hears_an_ice_lite_sender_over_gcm() {
    assert_hears_each_side(Ear::Whole, Kind::Str0m, Profile::AeadAes128Gcm).await;
}

#[tokio::test]
async fn whole_hears_an_ice_lite_sender_over_gcm_256() {
    assert_hears_each_side(Ear::Whole, Kind::Str0m, Profile::AeadAes256Gcm).await;
}

#[tokio::test]
async fn whole_hears_an_ice_lite_sender_over_cm() {
    assert_hears_each_side(Ear::Whole, Kind::Str0m, Profile::Aes128CmSha1_80).await;
}

/// `webrtc` drops what arrives in the same moment as the end of its handshake; `str0m` does not.
#[tokio::test]
async fn light_hears_a_sender_that_speaks_at_once() {
    let server = Server::start(Kind::Str0m, Script { lead: Duration::ZERO, ..Script::default() }).await;
    let heard = Ear::Light.hear(&server, Options::default(), 100).await;
    assert_eq!((heard.packets, heard.lost), (100, 0));
}

#[tokio::test]
async fn light_takes_the_profile_the_server_chooses() {
    let server = Server::start(Kind::Str0m, Script::default()).await;
    let heard = Ear::Light.hear(&server, Options::default(), 100).await;
    assert_eq!(heard.profile, Some(Profile::AeadAes256Gcm), "the first in str0m's own order");
    assert_tones(&heard);
}

/// One packet lost, one repeated, one held back behind its two followers: each counted for what it is.
///
/// `webrtc` refuses a repeated packet before anyone could count it.
async fn assert_counts_what_the_network_did(ear: Ear, profile: Option<Profile>) {
    let to_client = Rules {
        lose_rtp: vec![20],
        repeat_rtp: vec![40],
        hold_rtp: vec![60],
        reorder_by: Duration::from_millis(25),
        ..Rules::default()
    };
    let script = Script { pace: Duration::from_millis(10), ..Script::default() };
    let server = Server::start(Kind::Str0m, script).await;
    let shaper = Arc::new(Shaper::new(to_client, Rules::default(), 1));
    let options = Options { profile, shaper: Some(shaper), ..Options::default() };
    let heard = ear.hear(&server, options, 99).await;
    assert_eq!((heard.packets, heard.lost), (99, 1));
    assert_eq!((heard.duplicates, heard.reordered), (u64::from(matches!(ear, Ear::Light)), 1));
    assert_eq!(heard.concealed, u64::from(PACKET), "the lost packet and no other");
    assert_eq!(heard.left.len(), 96_000, "time goes on over the loss");
    assert_tones(&heard);
}

#[tokio::test]
async fn light_counts_exactly_what_the_network_did() {
    assert_counts_what_the_network_did(Ear::Light, None).await;
}

#[tokio::test]
async fn light_counts_exactly_what_the_network_did_over_cm() {
    assert_counts_what_the_network_did(Ear::Light, Some(Profile::Aes128CmSha1_80)).await;
}

#[tokio::test]
async fn whole_counts_exactly_what_the_network_did() {
    assert_counts_what_the_network_did(Ear::Whole, None).await;
}

/// Numbers and timestamps both roll over in the middle.
async fn assert_hears_over_the_roll_over(ear: Ear, kind: Kind, profile: Profile) {
    let script =
        Script { first_sequence: 65_500, first_timestamp: u32::MAX - 30 * PACKET, ..Script::default() };
    let server = Server::start(kind, script).await;
    let heard = ear.hear(&server, only(profile), 100).await;
    assert_eq!((heard.packets, heard.lost, heard.duplicates), (100, 0, 0));
    assert_eq!(heard.arrivals.last().map(|a| a.sequence - heard.arrivals[0].sequence), Some(99));
    assert_eq!(heard.left.len(), 96_000);
    assert_tones(&heard);
}

#[tokio::test]
async fn light_hears_over_the_roll_over_with_gcm() {
    assert_hears_over_the_roll_over(Ear::Light, Kind::Webrtc, Profile::AeadAes128Gcm).await;
}

#[tokio::test]
async fn light_hears_over_the_roll_over_with_cm() {
    assert_hears_over_the_roll_over(Ear::Light, Kind::Webrtc, Profile::Aes128CmSha1_80).await;
}

#[tokio::test]
async fn whole_hears_over_the_roll_over_with_gcm() {
    assert_hears_over_the_roll_over(Ear::Whole, Kind::Str0m, Profile::AeadAes128Gcm).await;
}

#[tokio::test]
async fn whole_hears_over_the_roll_over_with_cm() {
    assert_hears_over_the_roll_over(Ear::Whole, Kind::Str0m, Profile::Aes128CmSha1_80).await;
}

#[tokio::test]
async fn a_sender_that_pauses_leaves_silence_of_that_length() {
    let script = Script { pauses: vec![(50, 25)], ..Script::default() };
    let server = Server::start(Kind::Str0m, script).await;
    let heard = Ear::Light.hear(&server, Options::default(), 100).await;
    assert_eq!((heard.lost, heard.concealed, heard.silent), (0, 0, 25 * u64::from(PACKET)));
    assert_eq!(heard.left.len(), 125 * PACKET as usize);
    assert!(heard.left[50 * 960..75 * 960].iter().all(|sample| *sample == 0));
}

#[tokio::test]
async fn sender_reports_are_counted_by_both() {
    let script = Script { packets: 150, pace: Duration::from_millis(5), ..Script::default() };
    for (ear, kind) in [(Ear::Light, Kind::Str0m), (Ear::Light, Kind::Webrtc), (Ear::Whole, Kind::Webrtc)] {
        let server = Server::start(kind, script.clone()).await;
        let heard = ear.hear(&server, Options::default(), 150).await;
        assert!(
            heard.sender_reports >= 3,
            "{ear:?} saw {} of {kind:?} in 750 ms, one each 100 ms",
            heard.sender_reports
        );
    }
}

#[tokio::test]
async fn a_listener_connects_through_a_network_that_loses_a_third() {
    let bad = || Rules { loss: 0.33, delay: Duration::from_millis(2), ..Rules::default() };
    for profile in [None, Some(Profile::AeadAes128Gcm)] {
        let server = Server::start(Kind::Str0m, Script { packets: 3_000, ..Script::default() }).await;
        let shaper = Arc::new(Shaper::new(bad(), bad(), 3));
        let options = Options { profile, shaper: Some(shaper), ..Options::default() };
        let heard = Ear::Light.hear(&server, options, 100).await;
        assert!((20..100).contains(&heard.lost), "{profile:?}: {} lost next to 100", heard.lost);
    }
}

#[tokio::test]
async fn a_crowd_hears_without_decoding() {
    let server = Server::start(Kind::Str0m, Script { packets: 1_000, ..Script::default() }).await;
    let endpoints = stream::iter((0..20).map(|_| server.endpoint()));
    let options = Options { decode: false, ..Options::default() };
    let mut joined = 0;
    let crowd = light::join_many(endpoints, 4, &Whep::new().unwrap(), &options, || joined += 1).await;
    assert_eq!((crowd.listeners.len(), crowd.failures.len(), joined), (20, 0, 20));
    crowd.listen_for(Duration::from_secs(1)).await.unwrap();
    let (heard, failures) = crowd.leave().await;
    assert_eq!((heard.len(), failures.len(), server.deleted()), (20, 0, 20));
    for one in heard {
        assert_eq!(one.lost, 0);
        assert!(one.packets >= 50 && one.bytes > 50 * 20, "{} packets, {} bytes", one.packets, one.bytes);
        assert!(one.left.is_empty() && one.arrivals.is_empty());
    }
}

#[tokio::test]
async fn a_wrong_token_is_the_status_that_was_answered() {
    let server = Server::start(Kind::Str0m, Script::default()).await;
    let mut endpoint = server.endpoint();
    endpoint.token = "stale".to_owned();
    for ear in [Ear::Light, Ear::Whole] {
        let Err(EarError::Whep(error)) = ear.join(&endpoint, &Options::default()).await else {
            panic!("{ear:?} was let in");
        };
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
    }
}

#[tokio::test]
async fn a_sender_that_never_speaks_is_told_from_one_that_does() {
    let server = Server::start(Kind::Str0m, Script { packets: 0, ..Script::default() }).await;
    let options = Options { patience: Duration::from_millis(500), ..Options::default() };
    let listener = Ear::Light.join(&server.endpoint(), &options).await.unwrap();
    listener.connected().await.unwrap();
    assert!(matches!(listener.wait_packets(1).await, Err(EarError::TooFewPackets { wanted: 1, got: 0, .. })));
}
