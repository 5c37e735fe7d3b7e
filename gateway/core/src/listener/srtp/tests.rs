use super::*;
use crate::frame::Codec;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len(), 2 * N);
    std::array::from_fn(|i| (digits[2 * i] << 4 | digits[2 * i + 1]) as u8)
}

const GALLIA: &[u8] = b"Gallia est omnis divisa in partes tres";

#[test]
fn counter_mode_is_that_of_rfc_3711_appendix_b2() {
    let key = hex::<16>("2B7E151628AED2A6ABF7158809CF4F3C");
    let mut out = [0; 48];
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let Cipher::Cm(cm) = Cipher::cm(&key, &[0; 20], salt).unwrap() else { unreachable!() };
    cm.key.less_safe_encrypt(&mut out, cm_iv(&salt, 0, 0)).unwrap();
    assert_eq!(out[..16], hex::<16>("E03EAD0935C95E80E166B16DD92B4EB4"));
    assert_eq!(out[16..32], hex::<16>("D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(out[32..], hex::<16>("41E95B3BB0A2E8DD477901E4FCA894C0"));
}

#[test]
fn session_keys_are_those_of_rfc_3711_appendix_b3() {
    let master = Master::new(
        SrtpProfile::Aes128CmSha1_80,
        &hex::<16>("E1F97A0D3E018BE0D64FA32C06DE4139"),
        &hex::<14>("0EC675AD498AFEEBB6960B3AABE6"),
    );
    assert_eq!(*master.derive(0).unwrap(), hex::<16>("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(*master.derive(2).unwrap(), hex::<14>("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(*master.derive(1).unwrap(), hex::<20>("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn rtp_in_gcm_is_that_of_rfc_7714_section_16() {
    let header = hex::<12>("8040f17b8041f8d35501a0b2");
    let salt = hex::<12>("517569642070726f2071756f");
    let long: [u8; 32] = std::array::from_fn(|i| i as u8);
    let expected = [
        (
            16,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
              899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            32,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
              7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];
    for (key_len, sealed) in expected {
        let cipher = Cipher::gcm(&long[..key_len], salt).unwrap();
        let mut packet = [&header[..], GALLIA].concat();
        cipher.seal_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
        assert_eq!(packet[12..], hex::<54>(sealed));
        let end = cipher.open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
        assert_eq!(&packet[12..end], GALLIA);
    }
}

#[test]
fn rtcp_in_gcm_is_that_of_rfc_7714_section_17() {
    let key: [u8; 16] = std::array::from_fn(|i| i as u8);
    let cipher = Cipher::gcm(&key, hex("517569642070726f2071756f")).unwrap();
    let plain = hex::<52>(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e930\
         4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    );
    let mut packet = plain.to_vec();
    cipher.seal_rtcp(&mut packet, 0x4d61_7273, 0x5d4).unwrap();
    assert_eq!(
        packet[..],
        hex::<72>(
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
             4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
        )
    );
    assert_eq!(cipher.rtcp_index(&packet), Some(0x5d4));
    let end = cipher.open_rtcp(&mut packet, 0x4d61_7273, 0x5d4).unwrap();
    assert_eq!(packet[..end], plain);
}

fn keys(profile: SrtpProfile) -> Keys {
    let length = 2 * (profile.key_len() + profile.salt_len());
    let material: Vec<u8> = (0..length).map(|i| (i * 7 + 1) as u8).collect();
    assert!(Keys::split(profile, &material[1..]).is_none());
    Keys::split(profile, &material).unwrap()
}

const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AeadAes256Gcm, SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];

/// A packet of ours, as a browser would send it.
fn rtp(cipher: &Cipher, ssrc: u32, index: u64) -> Vec<u8> {
    let [.., high, low] = index.to_be_bytes();
    let mut packet = vec![0x80, 111, high, low, 0, 0, 0, 0];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(b"speech");
    cipher.seal_rtp(&mut packet, 12, ssrc, index).unwrap();
    packet
}

#[test]
fn a_replay_an_old_packet_and_another_source_are_refused() {
    for profile in PROFILES {
        let keys = keys(profile);
        let cipher = Cipher::new(&keys.client, Protocol::Rtp).unwrap();
        let mut receiver = Receiver::new(&keys.client).unwrap();
        let mut open = |ssrc, index| receiver.open_rtp(&mut rtp(&cipher, ssrc, index)).err();
        assert_eq!(open(1, 1000), None);
        assert_eq!(open(1, 1000), Some(Bad::Replayed));
        assert_eq!(open(2, 1001), Some(Bad::Unauthentic));
        assert_eq!(open(1, 1130), None);
        assert_eq!((open(1, 1003), open(1, 1003)), (None, Some(Bad::Replayed)));
        assert_eq!(open(1, 1002), Some(Bad::Replayed), "older than the window");
        assert_eq!((open(1, 1129), open(1, 1129)), (None, Some(Bad::Replayed)));
    }
}

#[test]
fn the_roll_over_is_found_over_loss_and_reordering() {
    for profile in PROFILES {
        let keys = keys(profile);
        let cipher = Cipher::new(&keys.client, Protocol::Rtp).unwrap();
        let mut receiver = Receiver::new(&keys.client).unwrap();
        let indices = [65_530, 65_540, 65_535, 65_541, 98_000, 130_000, 131_071, 131_073, 131_072, 160_000];
        for index in indices {
            let mut packet = rtp(&cipher, 1, index);
            assert_eq!(receiver.open_rtp(&mut packet), Ok(&b"speech"[..]), "{index}");
        }
    }
}

#[test]
fn one_flipped_bit_is_refused_and_leaves_no_trace() {
    for profile in PROFILES {
        let keys = keys(profile);
        let cipher = Cipher::new(&keys.client, Protocol::Rtp).unwrap();
        let mut receiver = Receiver::new(&keys.client).unwrap();
        let packet = rtp(&cipher, 1, 5);
        for bit in 0..8 * packet.len() {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receiver.open_rtp(&mut bad), Err(Bad::Unauthentic), "bit {bit}");
        }
        for length in 0..packet.len() {
            assert!(receiver.open_rtp(&mut packet[..length].to_vec()).is_err());
        }
        assert_eq!(format!("{receiver:?}"), "Receiver(None, None)");
        assert!(receiver.open_rtp(&mut packet.clone()).is_ok());
    }
}

#[test]
fn rtcp_is_opened_once_and_only_if_encrypted_and_authentic() {
    for profile in PROFILES {
        let keys = keys(profile);
        let mut sender = Sender::new(&keys.client, 0x0102_0304, 111, Codec::Opus).unwrap();
        let mut receiver = Receiver::new(&keys.client).unwrap();
        let plain = [0x80, 201, 0, 1, 1, 2, 3, 4];
        let mut packet = plain.to_vec();
        sender.protect(&mut packet).unwrap();
        for bit in 0..8 * packet.len() {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receiver.open_rtcp(&mut bad), Err(Bad::Unauthentic), "bit {bit}");
        }
        for length in 0..packet.len() {
            assert!(receiver.open_rtcp(&mut packet[..length].to_vec()).is_err());
        }
        assert_eq!(receiver.open_rtcp(&mut packet.clone()), Ok(&plain[..]));
        assert_eq!(receiver.open_rtcp(&mut packet), Err(Bad::Replayed));
        let mut stranger = Sender::new(&keys.client, 0x0102_0305, 111, Codec::Opus).unwrap();
        let mut packet = vec![0x80, 201, 0, 1, 1, 2, 3, 5];
        stranger.protect(&mut packet).unwrap();
        assert_eq!(receiver.open_rtcp(&mut packet), Err(Bad::Unauthentic));
    }
}
