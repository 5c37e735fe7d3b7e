use std::net::SocketAddr;

use common::bus::ListenerQuality;
use common::token::{ListenGrant, Mode, Side};
use common::{CallId, UserId};
use gateway_core::frame::Packet;
use gateway_core::listener::{Limits, Offer, Report, SessionConfig, Shared};
use prometheus::Registry as Prometheus;

use super::*;
use crate::hub::{CallInfo, Hub};

#[test]
fn a_panic_ends_the_session_it_happens_in_and_no_other() {
    let mut fixture = Fixture::new();
    let call = fixture.call();
    let (first, second) = (fixture.add(&call), fixture.add(&call));
    let key = fixture.sessions.routes.by_tag(first.tag).unwrap();

    fixture.sessions.tell(key, Instant::now(), None, |_| panic!("on purpose"));
    assert_eq!(fixture.gone(), [(first.grant.session, SessionEnd::Failed)]);
    assert!(fixture.registry.find(&first.secret).is_none());
    assert_eq!(fixture.sessions.setting.metrics.panics.get(), 1);

    let key = fixture.sessions.routes.by_tag(second.tag).unwrap();
    let mut told = false;
    fixture.sessions.tell(key, Instant::now(), None, |_| told = true);
    assert!(told, "the other one goes on");
    assert_eq!(fixture.gone(), []);
}

#[test]
fn the_end_of_a_call_ends_its_sessions_only() {
    let mut fixture = Fixture::new();
    let (call, other) = (fixture.call(), fixture.call());
    let sessions = [fixture.add(&call), fixture.add(&call)];
    let stays = fixture.add(&other);

    fixture.sessions.call_ended(call.key());
    assert_eq!(fixture.gone(), sessions.map(|r| (r.grant.session, SessionEnd::CallEnded)));
    fixture.sessions.call_ended(call.key());
    assert_eq!(fixture.gone(), [], "once");
    assert!(fixture.registry.find(&stays.secret).is_some());
    assert_eq!((fixture.sessions.entries.len(), fixture.sessions.calls.len()), (1, 1));
}

#[test]
fn who_comes_after_the_end_of_the_call_is_told_at_once() {
    let mut fixture = Fixture::new();
    let call = fixture.call();
    fixture.hub.close(&call);
    let late = fixture.add(&call);
    assert_eq!(fixture.gone(), [(late.grant.session, SessionEnd::CallEnded)]);
    assert_eq!((fixture.sessions.entries.len(), fixture.sessions.calls.len()), (0, 0));
}

#[test]
fn a_revocation_that_overtakes_its_session_still_ends_it() {
    let mut fixture = Fixture::new();
    let call = fixture.call();
    let new = fixture.make(&call);
    let record = new.record.clone();
    fixture.registry.revoke(record.grant.session, Instant::now()).unwrap();
    fixture.sessions.remove(record.tag, SessionEnd::Revoked);
    fixture.sessions.add(new);
    assert_eq!(fixture.gone(), [(record.grant.session, SessionEnd::Revoked)]);
}

#[test]
fn a_session_that_nobody_connects_to_is_freed_when_its_time_is_over() {
    let mut fixture = Fixture::new();
    let call = fixture.call();
    let record = fixture.add(&call);
    let due = fixture.sessions.next_due().unwrap();
    fixture.sessions.due();
    assert_eq!(fixture.gone(), [], "not yet");

    let key = fixture.sessions.routes.by_tag(record.tag).unwrap();
    let later = due + Duration::from_secs(60);
    let wall = SystemTime::now();
    fixture.sessions.tell(key, later, None, |session| session.handle_timeout(later, wall));
    assert_eq!(fixture.gone(), [(record.grant.session, SessionEnd::Failed)]);
    assert_eq!(fixture.sessions.entries.len(), 0);
}

#[test]
fn a_packet_for_listeners_that_are_not_connected_goes_nowhere() {
    let mut fixture = Fixture::new();
    let call = fixture.call();
    fixture.add(&call);
    let packet = Packet {
        codec: Codec::Opus,
        payload: bytes::Bytes::from_static(b"opus"),
        timestamp: 0,
        marker: true,
        arrived: Instant::now(),
    };
    fixture.sessions.deliver(call.key(), &packet);
    fixture.sessions.deliver(CallKey(9999), &packet);
    fixture.sessions.out.flush();
    fixture.sessions.out.flush_tally();
    assert_eq!(fixture.sessions.setting.metrics.packets.get(), 0);
    assert_eq!(fixture.sessions.setting.metrics.forward.get_sample_count(), 0);
}

#[test]
fn control_is_told_of_all_who_have_reported_in_messages_of_a_bounded_size() {
    let mut fixture = Fixture::new();
    let call = fixture.call();
    let records: Vec<_> = (0..ListenerQuality::MAX_AT_ONCE + 2).map(|_| fixture.add(&call)).collect();
    let now = Instant::now();
    let report = Report {
        fraction_lost: 0.0,
        total_lost: 0,
        jitter: Duration::from_millis(2),
        round_trip: Some(Duration::from_millis(30)),
    };
    // All but one.
    for record in &records[1..] {
        let key = fixture.sessions.routes.by_tag(record.tag).unwrap();
        fixture.sessions.report(key, now, report);
    }
    assert!(fixture.sessions.next_due().unwrap() <= now + Duration::from_secs(5));
    fixture.sessions.tell_quality(now + Duration::from_millis(4999));
    assert_eq!(fixture.told(), Vec::<usize>::new(), "not yet");
    fixture.sessions.tell_quality(now + Duration::from_secs(5));
    assert_eq!(fixture.told(), [ListenerQuality::MAX_AT_ONCE, 1]);
    fixture.sessions.tell_quality(now + Duration::from_secs(6));
    assert_eq!(fixture.told(), Vec::<usize>::new(), "once");
    assert_eq!(fixture.sessions.setting.metrics.mos.get_sample_count(), records.len() as u64 - 1);

    fixture.sessions.call_ended(call.key());
    fixture.sessions.tell_quality(now + Duration::from_secs(10));
    assert_eq!(fixture.told(), Vec::<usize>::new(), "nobody is left");
    assert_eq!(fixture.sessions.telling.next(), None, "and nobody wakes up for it");
}

struct Fixture {
    sessions: Sessions,
    hub: Hub,
    registry: Arc<Registry>,
    shared: Arc<Shared>,
    bus: Bus,
    events: common::bus::Subscription<NodeEvent>,
    next_tag: u32,
}

impl Fixture {
    fn new() -> Self {
        let (bus, registry) = (Bus::in_process(), Registry::new(1000));
        let udp = Arc::new(Udp::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap());
        let setting = Setting {
            index: 0,
            node: NodeId::new(),
            bus: bus.clone(),
            registry: registry.clone(),
            metrics: Metrics::register(&Prometheus::new()).unwrap(),
            candidates: vec![udp.addr()],
        };
        let events = bus.events.subscribe();
        let shared = Shared::new().unwrap();
        let sessions = Sessions::new(setting, udp);
        Self { sessions, hub: Hub::new(Vec::new()), registry, shared, bus, events, next_tag: 1 }
    }

    fn call(&self) -> Arc<LiveCall> {
        self.hub.open(CallInfo::of(CallId::new())).0
    }

    fn make(&mut self, call: &Arc<LiveCall>) -> NewSession {
        let tag = self.next_tag;
        self.next_tag += 1;
        let offer = Offer::parse(include_str!("../../../tests/it/offer.sdp")).unwrap();
        let ice = IceCredentials::generate();
        // Fresh credentials differ; this also holds them apart should randomness be broken.
        let ice = IceCredentials { ufrag: format!("{}{tag}", ice.ufrag), pwd: ice.pwd };
        let grant = ListenGrant {
            session: common::SessionId::new(),
            tenant: call.info().tenant,
            call: call.info().call,
            user: UserId::new(),
            side: Side::Beside,
            mode: Mode::Listen,
            exp: 0,
        };
        let remote = offer.remote_ice().clone();
        let record = Record::new(format!("secret-{tag}"), tag, 0, grant, "token", Instant::now(), remote);
        let place = self.registry.open(record).unwrap();
        let record = place.record().clone();
        place.keep();
        let config = SessionConfig {
            ice: ice.clone(),
            tag,
            ssrc: tag,
            codec: Codec::Opus,
            cname: "cname".to_owned(),
            limits: Limits::default(),
        };
        let session = Session::new(Instant::now(), &offer, config, self.shared.clone());
        NewSession { session, ufrag: ice.ufrag, call: call.clone(), record }
    }

    fn add(&mut self, call: &Arc<LiveCall>) -> Arc<Record> {
        let new = self.make(call);
        let record = new.record.clone();
        self.sessions.add(new);
        record
    }

    /// How many listeners each message of their quality has held since the last time.
    fn told(&mut self) -> Vec<usize> {
        let told = |event| match event {
            NodeEvent::ListenersHeard { listeners, .. } => Some(listeners.len()),
            _ => None,
        };
        self.events().into_iter().filter_map(told).collect()
    }

    /// The sessions that have ended since the last time.
    fn gone(&mut self) -> Vec<(common::SessionId, SessionEnd)> {
        let gone = |event| match event {
            NodeEvent::SessionEnded { session, reason, .. } => (session, reason),
            other => panic!("{other:?}"),
        };
        self.events().into_iter().map(gone).collect()
    }

    /// What was said on the bus since the last time.
    fn events(&mut self) -> Vec<NodeEvent> {
        self.bus.events.publish(NodeEvent::Unknown); // the last one for now
        let mut events = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        loop {
            let Some(common::bus::Received::Message(envelope)) = runtime.block_on(self.events.next()) else {
                panic!("the bus lost something")
            };
            match envelope.body {
                NodeEvent::Unknown => return events,
                event => events.push(event),
            }
        }
    }
}
