use std::time::Duration;

use common::token::Side;

use super::*;

#[test]
fn a_stream_that_takes_anothers_place_has_its_listeners_and_their_time() {
    let (heard, hub, info) = fixture();
    let (first, _) = hub.open(info.clone());
    let ear = first.listen(0, Codec::Opus);
    first.send(&packet(first.audience.born, 0));
    first.send(&packet(first.audience.born + Duration::from_millis(20), 160));

    let (second, replaced) = hub.open(info.clone());
    assert!(Arc::ptr_eq(&replaced.unwrap(), &first));
    assert_eq!((second.key(), second.wanted().opus), (first.key(), true));
    first.send(&packet(first.audience.born + Duration::from_millis(40), 320));
    hub.close(&first);
    assert!(ear.call().is_open() && Arc::ptr_eq(&hub.find(info.tenant, info.call).unwrap(), &second));

    // A second later, from the beginning of its own time.
    second.send(&packet(first.audience.born + Duration::from_millis(1025), 7_000));
    second.send(&packet(first.audience.born + Duration::from_millis(1045), 7_160));
    assert_eq!(heard.take(), [0, 160, 160 + 8_000, 160 + 8_160], "and nothing of the old one");
    assert_eq!(heard.ended(), 0);

    hub.close(&second);
    assert!(!ear.call().is_open());
    assert_eq!(heard.ended(), 1);
    let (third, _) = hub.open(info);
    assert!(third.key() != second.key() && !third.wanted().opus, "what has ended has no heirs");
}

#[test]
fn listeners_of_a_lost_stream_wait_for_the_next_until_somebody_gives_up() {
    let (heard, hub, info) = fixture();
    let (first, _) = hub.open(info.clone());
    let ear = first.listen(0, Codec::Opus);
    first.send(&packet(first.audience.born, 0));
    hub.lose(&first);
    assert!(hub.find(info.tenant, info.call).is_none() && hub.ids().is_empty(), "it has no audio now");
    assert!(ear.call().is_open() && heard.ended() == 0);

    let (second, replaced) = hub.open(info.clone());
    assert!(replaced.is_none() && second.wanted().opus);
    hub.give_up(info.call, Some(&first));
    second.send(&packet(first.audience.born + Duration::from_secs(1), 0));
    assert_eq!((heard.take(), heard.ended()), (vec![0, 8_000], 0), "it waits no more");

    hub.lose(&second);
    hub.lose(&first);
    hub.give_up(info.call, Some(&first));
    assert!(ear.call().is_open(), "it is the second that is waited for");
    hub.give_up(info.call, Some(&second));
    assert_eq!((ear.call().is_open(), heard.ended()), (false, 1));

    let (third, _) = hub.open(info.clone());
    hub.lose(&third);
    hub.give_up(info.call, None);
    hub.give_up(info.call, None);
    assert_eq!(heard.ended(), 2);
}

#[test]
fn another_tenant_with_the_same_id_gets_nobodys_listeners() {
    let (_, hub, info) = fixture();
    let (mine, _) = hub.open(info.clone());
    let _ear = mine.listen(0, Codec::Opus);
    let (theirs, _) = hub.open(CallInfo { tenant: TenantId::new(), ..info });
    assert!(theirs.key() != mine.key() && !theirs.wanted().opus);
}

#[derive(Debug, Default)]
struct Recorder {
    timestamps: Mutex<Vec<u64>>,
    sides: Mutex<Vec<CallKey>>,
    ended: AtomicU32,
}

impl Recorder {
    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.timestamps.lock().unwrap())
    }

    fn ended(&self) -> u32 {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Outlet for Recorder {
    fn packet(&self, _: CallKey, packet: &Packet) {
        self.timestamps.lock().unwrap().push(packet.timestamp);
    }

    fn own(&self, _: u32, _: &Packet) {}

    fn side_ended(&self, key: CallKey) {
        self.sides.lock().unwrap().push(key);
    }

    fn call_ended(&self, _: CallKey) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn fixture() -> (Arc<Recorder>, Hub, CallInfo) {
    let recorder = Arc::new(Recorder::default());
    let hub = Hub::new(vec![recorder.clone()]);
    (recorder, hub, CallInfo::of(CallId::new()))
}

fn packet(arrived: Instant, timestamp: u64) -> Packet {
    Packet { codec: Codec::Opus, payload: vec![1, 2].into(), timestamp, marker: false, arrived }
}

#[test]
fn whoever_whispers_is_on_no_leg_that_the_caller_hears() {
    let (heard, hub, info) = fixture();
    let of = |kind| CallInfo { kind, ..info.clone() };
    let party = |mode| Party { id: PartyId(7), side: Side::Beside, mode, worker: 0 };
    assert!(hub.open_side(of(StreamKind::Coach)).is_none(), "there is no call beside which it could be");
    let (call, _) = hub.open(of(StreamKind::Monitor));
    assert!(!call.carries(Mode::Whisper) && !call.carries(Mode::Join));
    assert!(hub.open_side(CallInfo { tenant: TenantId::new(), ..of(StreamKind::Coach) }).is_none());

    let (coach, _) = hub.open_side(of(StreamKind::Coach)).unwrap();
    assert!(call.carries(Mode::Whisper) && !call.carries(Mode::Join));
    let (join, _) = hub.open_side(of(StreamKind::Join)).unwrap();
    let mut floors = [&coach, &join].map(|leg| leg.take_floor().unwrap());
    let told = |floors: &mut [Inlet; 2]| {
        floors.each_mut().map(|floor| std::iter::from_fn(|| floor.messages.try_recv().ok()).last())
    };
    let said = |floors: &mut [Inlet; 2]| {
        call.speak(PartyId(7), speech());
        floors.each_mut().map(|floor| floor.speech.try_recv().is_ok())
    };

    assert_eq!(said(&mut floors), [false, false], "who only listens");
    for (mode, heard) in [
        (Mode::Whisper, [true, false]),
        (Mode::Join, [false, true]),
        (Mode::Takeover, [false, true]),
        (Mode::Whisper, [true, false]),
        (Mode::Listen, [false, false]),
    ] {
        call.set_party(party(mode));
        let is_there = told(&mut floors).map(|message| matches!(message, Some(ToFloor::Party(_))));
        assert_eq!((is_there, said(&mut floors)), (heard, heard), "{mode:?}");
    }

    call.set_party(party(Mode::Whisper));
    let (second, replaced) = hub.open_side(of(StreamKind::Coach)).unwrap();
    assert!(Arc::ptr_eq(&replaced.unwrap(), &coach));
    hub.close_side(&coach);
    assert!(call.carries(Mode::Whisper) && heard.sides.lock().unwrap().is_empty(), "another has its place");
    let mut floor = second.take_floor().unwrap();
    assert!(matches!(floor.messages.try_recv(), Ok(ToFloor::Party(party)) if party.id == PartyId(7)));
    hub.close_side(&second);
    assert!(!call.carries(Mode::Whisper) && call.carries(Mode::Join));
    assert_eq!(*heard.sides.lock().unwrap(), [call.key()]);
    assert!(!call.speak(PartyId(7), speech()), "it is over");
}

fn speech() -> Speech {
    Speech { sequence: 1, timestamp: 0, marker: false, payload: vec![0].into() }
}
