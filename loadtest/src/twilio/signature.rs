//! `X-Twilio-Signature`, from the signer's side and apart from the server's check.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign as hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The signature of a request: base64 of an HMAC-SHA1, keyed with the account's auth token, over the URL
/// exactly as it is called and the form's parameters.
///
/// Parameters are sorted by name. Of a name that comes more than once, each value counts once, sorted.
/// A GET and a WebSocket handshake have no parameters: theirs are in the URL.
pub fn sign<N: AsRef<str>, V: AsRef<str>>(auth_token: &str, url: &str, params: &[(N, V)]) -> String {
    let mut params: Vec<(&str, &str)> =
        params.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    params.sort_unstable();
    params.dedup();
    let mut text = url.to_owned();
    for (name, value) in params {
        text.push_str(name);
        text.push_str(value);
    }
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac(&key, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    type Param = (&'static str, &'static str);
    const PARAMS: &[Param] = &[
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("From", "+14158675309"),
        ("Digits", "1234"),
    ];

    #[test]
    fn webhook_signatures_are_those_of_twilios_own_libraries() {
        let with_port = URL.replace(".com", ".com:443");
        let ended: Vec<_> = PARAMS
            .iter()
            .copied()
            .chain([("ReasonConferenceEnded", "test"), ("Reason", "Participant")])
            .collect();
        let repeated = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")];
        let twice: Vec<_> = repeated.into_iter().chain([("Digits", "1234")]).collect();
        let addresses =
            [("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")];
        let form = [("property", "value"), ("boolean", "true")];
        let quote = format!("{URL}&Body=It%27s+amazing");
        let user = "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2";
        let vectors: &[(&str, &[Param], &str)] = &[
            (URL, PARAMS, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", PARAMS, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            (&with_port, PARAMS, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("http://mycompany.com:80/myapp.php?foo=1&bar=2", PARAMS, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            (URL, &twice, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            (user, PARAMS, "CukzLTc1tT5dXEDIHm/tKBanW10="),
            (&user.replace(".com", ".com:443"), PARAMS, "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
            (&user.replace(":pass", ""), PARAMS, "2YRLlVAflCqxaNicjMpJcSTgzSs="),
            (&quote, PARAMS, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
            (URL, &addresses, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            (URL, &ended, "vOEb5UThFn24KEfnOFLQY2AE5FY="),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", &ended, "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
            (URL, &form, "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
        ];
        for (url, params, expected) in vectors {
            assert_eq!(sign("12345", url, params), *expected, "{url}");
        }
    }

    #[test]
    fn json_bodies_are_signed_by_their_hash_in_the_url() {
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        for (url, expected) in [
            (format!("{URL}&bodySHA256={hash}"), "a9nBmqA0ju/hNViExpshrM61xv4="),
            (format!("https://mycompany.com/myapp.php?bodySHA256={hash}"), "y77kIzt2vzLz71DgmJGsen2scGs="),
            (format!("{URL}&bodySHA256={empty}").replace(".com", ".com:443"), "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
        ] {
            assert_eq!(sign::<&str, &str>("12345", &url, &[]), expected, "{url}");
        }
    }

    #[test]
    fn a_handshake_is_signed_over_the_wss_url_alone() {
        for (url, expected) in [
            ("wss://mycompany.com/media", "okykUWKkAOgQseVjzERZh4soLeU="),
            ("wss://mycompany.com/media/", "m6zCRgAmr39sY5bRHH3mG0yRr1o="),
        ] {
            assert_eq!(sign::<&str, &str>("12345", url, &[]), expected);
        }
    }
}
