//! A bad network in user space: delay, jitter, reordering, duplication and loss of UDP datagrams.
//!
//! A [`Shaper`] holds the rules and a seed; [`Shaper::forward`] opens a path to one target. A path relays between
//! one client and its target, both ways, each with its own rules. With the same seed and the same datagrams
//! the same ones are lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Datagrams one direction of a path holds back at most. A full one drops the next, as a router does.
const QUEUE_AT_MOST: usize = 4_096;

/// The largest datagram that is relayed whole.
const DATAGRAM_AT_MOST: usize = 2_048;

/// What happens to the datagrams of one direction.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Added to every datagram.
    pub delay: Duration,
    /// Added on top, evenly between nothing and this.
    pub jitter: Duration,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// The share that is sent twice, 0 to 1.
    pub duplicate: f64,
    /// The share that is held back, 0 to 1.
    pub reorder: f64,
    /// How long those are held back.
    pub reorder_by: Duration,
    /// RTP packets to lose for certain, counted from 0 as they come. Sorted.
    pub lose_rtp: Vec<u64>,
    /// RTP packets to send twice for certain, counted from 0 as they come. Sorted.
    pub repeat_rtp: Vec<u64>,
    /// RTP packets to hold back by `reorder_by` for certain, counted from 0 as they come. Sorted.
    pub hold_rtp: Vec<u64>,
    /// Whether chance leaves everything but RTP alone: STUN, DTLS and RTCP pass unharmed, only delayed.
    pub only_rtp: bool,
}

/// What was done, over all paths of a shaper.
#[derive(Debug, Default)]
pub struct Counts {
    /// Datagrams passed on, repeats included.
    pub passed: AtomicU64,
    /// Lost on purpose.
    pub lost: AtomicU64,
    /// Sent twice.
    pub duplicated: AtomicU64,
    /// Held back to arrive behind others.
    pub reordered: AtomicU64,
    /// Dropped because a queue was full or a socket refused. Not on purpose: should be 0.
    pub overrun: AtomicU64,
}

/// The rules of both directions, and the paths opened under them. They end when it is dropped.
#[derive(Debug)]
pub struct Shaper {
    to_client: Arc<Rules>,
    to_target: Arc<Rules>,
    seed: AtomicU64,
    counts: Arc<Counts>,
    open: watch::Sender<bool>,
}

impl Shaper {
    /// A shaper whose paths treat what comes from the target, and what comes from the client, by these rules.
    pub fn new(to_client: Rules, to_target: Rules, seed: u64) -> Self {
        Self {
            to_client: Arc::new(to_client),
            to_target: Arc::new(to_target),
            seed: AtomicU64::new(seed),
            counts: Arc::default(),
            open: watch::Sender::new(true),
        }
    }

    /// Opens a path to `target` and gives the address a client sends to instead. The path serves one client:
    /// whoever sent last.
    ///
    /// # Errors
    ///
    /// When no socket can be opened.
    pub async fn forward(&self, target: SocketAddr) -> io::Result<SocketAddr> {
        let any = match target {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
        };
        let front = Arc::new(UdpSocket::bind(any).await?);
        let back = Arc::new(UdpSocket::bind(any).await?);
        back.connect(target).await?;
        let address = front.local_addr()?;
        let (client, known) = watch::channel(None);
        // Each direction of each path draws from a sequence of its own.
        let seed = self.seed.fetch_add(2, Ordering::Relaxed);
        let to_target = Direction::new(&self.to_target, &self.counts, seed);
        let to_client = Direction::new(&self.to_client, &self.counts, seed + 1);
        let mut open = self.open.subscribe();
        tokio::spawn(async move {
            let mut ways = JoinSet::new();
            ways.spawn(to_target.run(front.clone(), End::Target(back.clone()), Some(client)));
            ways.spawn(to_client.run(back, End::Client(front, known), None));
            // Ends when the shaper is dropped; the ways never end by themselves.
            let _ = open.wait_for(|open| !open).await;
        });
        Ok(address)
    }

    /// What was done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Where a direction leads.
enum End {
    Target(Arc<UdpSocket>),
    Client(Arc<UdpSocket>, watch::Receiver<Option<SocketAddr>>),
}

impl End {
    async fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        match self {
            Self::Target(socket) => socket.send(datagram).await,
            Self::Client(socket, client) => {
                let client = *client.borrow();
                match client {
                    Some(client) => socket.send_to(datagram, client).await,
                    None => Ok(0),
                }
            }
        }
    }
}

/// A datagram on its way. Ordered by its time of arrival, then by its number.
type Held = Reverse<(Instant, u64, Vec<u8>)>;

struct Direction {
    rules: Arc<Rules>,
    counts: Arc<Counts>,
    random: Random,
    rtp: u64,
    number: u64,
    held: BinaryHeap<Held>,
}

impl Direction {
    fn new(rules: &Arc<Rules>, counts: &Arc<Counts>, seed: u64) -> Self {
        Self {
            rules: Arc::clone(rules),
            counts: Arc::clone(counts),
            random: Random(seed),
            rtp: 0,
            number: 0,
            held: BinaryHeap::new(),
        }
    }

    async fn run(mut self, from: Arc<UdpSocket>, to: End, client: Option<watch::Sender<Option<SocketAddr>>>) {
        let mut buffer = vec![0; DATAGRAM_AT_MOST];
        loop {
            let due = self.held.peek().map(|Reverse((due, ..))| *due);
            tokio::select! {
                received = from.recv_from(&mut buffer) => match received {
                    Ok((length, source)) => {
                        if let Some(client) = &client {
                            client.send_if_modified(|known| known.replace(source) != Some(source));
                        }
                        self.take(Instant::now(), buffer.get(..length).unwrap_or_default());
                    }
                    // A peer that has gone answers with ICMP, which shows as an error of the next receive.
                    Err(_) => tokio::task::yield_now().await,
                },
                () = sleep_until(due) => {}
            }
            self.pass_on(&to).await;
        }
    }

    /// Decides what becomes of a datagram.
    fn take(&mut self, now: Instant, datagram: &[u8]) {
        let rtp = is_rtp(datagram).then_some(self.rtp);
        self.rtp += u64::from(rtp.is_some());
        let chance = rtp.is_some() || !self.rules.only_rtp;
        // All are drawn, always: one rule's outcome must not shift another's sequence.
        let draws: [f64; 4] = std::array::from_fn(|_| self.random.unit());
        let [lose, repeat, hold, jitter] = draws;
        let named = |list: &[u64]| rtp.is_some_and(|n| list.binary_search(&n).is_ok());
        if named(&self.rules.lose_rtp) || (chance && lose < self.rules.loss) {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut due = now + self.rules.delay + self.rules.jitter.mul_f64(jitter);
        if named(&self.rules.hold_rtp) || (chance && hold < self.rules.reorder) {
            due += self.rules.reorder_by;
            self.counts.reordered.fetch_add(1, Ordering::Relaxed);
        }
        self.hold(due, datagram);
        if named(&self.rules.repeat_rtp) || (chance && repeat < self.rules.duplicate) {
            self.counts.duplicated.fetch_add(1, Ordering::Relaxed);
            self.hold(due, datagram);
        }
    }

    fn hold(&mut self, due: Instant, datagram: &[u8]) {
        if self.held.len() >= QUEUE_AT_MOST {
            self.counts.overrun.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.number += 1;
        self.held.push(Reverse((due, self.number, datagram.to_vec())));
    }

    async fn pass_on(&mut self, to: &End) {
        let now = Instant::now();
        while let Some(Reverse((due, ..))) = self.held.peek()
            && *due <= now
            && let Some(Reverse((_, _, datagram))) = self.held.pop()
        {
            let count = match to.send(&datagram).await {
                Ok(_) => &self.counts.passed,
                Err(_) => &self.counts.overrun,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// RTP, not RTCP, by RFC 5761 section 4 and RFC 7983.
fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(64..=95).contains(&(second & 0x7f)))
}

/// SplitMix64: enough for dice, and the same on every machine.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTP: [u8; 3] = [0x80, 111, 0];

    fn direction(rules: Rules, seed: u64) -> Direction {
        Direction::new(&Arc::new(rules), &Arc::default(), seed)
    }

    /// Which of `n` packets come through, by their third byte, in the order of their times.
    fn through(mut way: Direction, n: u8) -> Vec<u8> {
        let start = Instant::now();
        for i in 0..n {
            way.take(start + Duration::from_millis(20) * u32::from(i), &[0x80, 111, i]);
        }
        std::iter::from_fn(|| way.held.pop()).filter_map(|Reverse((_, _, d))| d.get(2).copied()).collect()
    }

    #[test]
    fn the_named_packets_are_lost_repeated_and_held_back() {
        let rules = Rules {
            lose_rtp: vec![1],
            repeat_rtp: vec![2],
            hold_rtp: vec![3],
            reorder_by: Duration::from_millis(30),
            ..Rules::default()
        };
        assert_eq!(through(direction(rules, 1), 6), [0, 2, 2, 4, 3, 5]);
    }

    #[test]
    fn the_same_seed_loses_the_same_packets_and_about_the_share_asked_for() {
        let rules = || Rules { loss: 0.25, ..Rules::default() };
        let first = through(direction(rules(), 7), 200);
        assert_eq!(first, through(direction(rules(), 7), 200));
        assert_ne!(first, through(direction(rules(), 8), 200));
        assert!((120..180).contains(&first.len()), "{} of 200 came through", first.len());
    }

    #[test]
    fn chance_leaves_the_rest_alone_when_told_so() {
        let mut way = direction(Rules { loss: 1.0, only_rtp: true, ..Rules::default() }, 1);
        for datagram in [&[0, 1, 0][..], &[22, 254, 253], &[0x80, 200, 0], &RTP] {
            way.take(Instant::now(), datagram);
        }
        assert_eq!(way.held.len(), 3, "STUN, DTLS and RTCP pass");
    }

    #[test]
    fn a_full_queue_drops_and_says_so() {
        let mut way = direction(Rules { delay: Duration::from_secs(1), ..Rules::default() }, 1);
        for _ in 0..=QUEUE_AT_MOST {
            way.take(Instant::now(), &RTP);
        }
        assert_eq!((way.held.len(), way.counts.overrun.load(Ordering::Relaxed)), (QUEUE_AT_MOST, 1));
    }

    #[tokio::test]
    async fn a_path_relays_both_ways() {
        let target = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let shaper = Shaper::new(Rules::default(), Rules::default(), 1);
        let front = shaper.forward(target.local_addr().unwrap()).await.unwrap();
        let mut buffer = [0; 16];

        client.send_to(b"there", front).await.unwrap();
        let (n, back) = target.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..n], b"there");

        target.send_to(b"here", back).await.unwrap();
        let (n, from) = client.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..n], from), (&b"here"[..], front));
    }
}
