use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use super::*;

#[test]
fn a_batch_goes_out_with_one_call_and_comes_in_whole() {
    let (udp, peer) = pair("127.0.0.1:0", "127.0.0.1:0");
    let mut sender = Sender::new(&udp);
    for i in 0..SEND_BATCH {
        assert!(!sender.is_full());
        *sender.buffer() = vec![i as u8; i + 1];
        sender.commit(peer.local_addr().unwrap(), None);
    }
    assert!(sender.is_full());
    assert_eq!(sender.flush(&udp), Sent { sent: 64, bytes: 64 * 65 / 2, ..Sent::default() });
    assert_eq!(sender.flush(&udp), Sent::default(), "nothing is sent twice");
    for i in 0..SEND_BATCH {
        let mut buffer = [0; 100];
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (i + 1, udp.addr()));
        assert!(buffer[..=i].iter().all(|byte| *byte == i as u8));
    }
}

#[test]
fn an_address_that_cannot_be_sent_to_costs_only_its_own_datagram() {
    let (udp, peer) = pair("127.0.0.1:0", "127.0.0.1:0");
    let mut sender = Sender::new(&udp);
    let good = peer.local_addr().unwrap();
    // Not of this socket's family; broadcast without leave; port zero.
    let bad = ["[2001:db8::1]:9", "255.255.255.255:9", "127.0.0.1:0"].map(|addr| addr.parse().unwrap());
    for to in [bad[0], good, bad[1], bad[2], good] {
        *sender.buffer() = b"hello".to_vec();
        sender.commit(to, None);
    }
    assert_eq!(sender.flush(&udp), Sent { sent: 2, refused: 3, full: 0, bytes: 25 });
}

#[test]
fn what_is_too_long_for_us_is_not_read_as_something_shorter() {
    let (udp, peer) = pair("127.0.0.1:0", "127.0.0.1:0");
    peer.send_to(&[1; 2049], udp.addr()).unwrap();
    peer.send_to(&[2; 2048], udp.addr()).unwrap();
    peer.send_to(&[], udp.addr()).unwrap();

    let (mut receiver, mut got) = (Receiver::new(), Vec::new());
    while got.len() < 3 {
        let (count, more) = arrival(&mut receiver, &udp);
        assert!(!more);
        got.extend((0..count).map(|i| receiver.get(i).map(|datagram| datagram.bytes.len())));
    }
    assert_eq!(got, [None, Some(2048), Some(0)]);
}

#[test]
fn a_socket_for_all_addresses_answers_from_the_one_that_was_asked() {
    // 127.0.0.2 is ours as well, but not what the kernel would choose by itself.
    for (bind, asked, peer_at) in [
        ("0.0.0.0:0", "127.0.0.2", "127.0.0.1:0"),
        ("[::]:0", "127.0.0.2", "127.0.0.1:0"),
        ("[::]:0", "::1", "[::1]:0"),
    ] {
        let Ok(udp) = Udp::bind(bind.parse().unwrap()) else {
            assert!(bind.starts_with('['), "only IPv6 may be missing on a machine");
            continue;
        };
        let Ok(peer) = UdpSocket::bind(peer_at) else {
            assert!(peer_at.starts_with('['), "only IPv6 may be missing on a machine");
            continue;
        };
        let asked = SocketAddr::new(asked.parse().unwrap(), udp.addr().port());
        peer.send_to(b"question", asked).unwrap();
        let mut receiver = Receiver::new();
        assert_eq!(arrival(&mut receiver, &udp).0, 1);
        let question = receiver.get(0).unwrap();
        assert_eq!(question.src, peer.local_addr().unwrap(), "an IPv4 address in its own form");

        let mut sender = Sender::new(&udp);
        *sender.buffer() = b"answer".to_vec();
        sender.commit(question.src, question.local);
        assert_eq!(sender.flush(&udp).sent, 1);
        let mut answer = [0; 16];
        assert_eq!(peer.recv_from(&mut answer).unwrap(), (6, asked), "{bind}");
    }
}

#[test]
fn overruns_of_the_socket_are_known() {
    let (udp, peer) = pair("127.0.0.1:0", "127.0.0.1:0");
    assert_eq!(udp.overruns(), Some(0));
    udp.socket.set_recv_buffer_size(1).unwrap();
    for _ in 0..1000 {
        peer.send_to(&[0; 1000], udp.addr()).unwrap();
    }
    assert!(udp.overruns() > Some(0));
}

/// Waits for datagrams and takes them.
fn arrival(receiver: &mut Receiver, udp: &Udp) -> (usize, bool) {
    loop {
        match receiver.receive(udp) {
            (0, _) => thread::sleep(Duration::from_millis(1)),
            some => return some,
        }
    }
}

fn pair(udp: &str, peer: &str) -> (Udp, UdpSocket) {
    (Udp::bind(udp.parse().unwrap()).unwrap(), UdpSocket::bind(peer).unwrap())
}
