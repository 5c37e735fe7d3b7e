//! `X-Twilio-Signature`: HMAC-SHA1 of the URL and the form, keyed with the account's auth token.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::sha256;

/// What was posted to the URL.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    /// Fields of a form, decoded. All of them: Twilio adds new ones as it likes.
    Form(&'a [(String, String)]),
    /// Anything else, as it came. The URL's `bodySHA256` answers for it.
    Raw(&'a [u8]),
}

/// Whether Twilio signed a request with this body to this URL, keyed with this token.
///
/// Twilio writes the port sometimes and leaves it out sometimes, and escapes an apostrophe in the query
/// that others leave alone: any of those spellings will do. The comparisons take constant time.
pub(crate) fn is_signed(token: &str, url: &str, body: Body<'_>, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    match body {
        // Sorted by name, not by name and value together; a name's values are a set.
        Body::Form(form) => {
            for (name, value) in form {
                fields.entry(name).or_default().insert(value);
            }
        }
        Body::Raw(bytes) => {
            if !answers_for(url, bytes) {
                return false;
            }
        }
    }
    let mut tail = String::new();
    for (name, values) in fields {
        for value in values {
            tail.push_str(name);
            tail.push_str(value);
        }
    }
    let key = key(token);
    let mut found = false;
    for url in ports(url) {
        for url in [url.replace('\'', "%27"), url] {
            // Every spelling is tried, so that the time says nothing about which was right.
            found |= hmac::verify(&key, format!("{url}{tail}").as_bytes(), &signature).is_ok();
        }
    }
    found
}

/// The signatures that Twilio may show for a URL without a body: with and without its port and a trailing
/// slash.
pub(crate) fn of_socket(token: &str, url: &str) -> [String; 4] {
    let key = key(token);
    let [_, without, with] = ports(url);
    [&without, &with, &format!("{without}/"), &format!("{with}/")]
        .map(|url| STANDARD.encode(hmac::sign(&key, url.as_bytes())))
}

fn key(token: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes())
}

/// Whether the URL's `bodySHA256` is the digest of these bytes; nothing needs no digest.
fn answers_for(url: &str, bytes: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let claimed = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="));
    match claimed {
        // The URL is signed, so this needs no constant time.
        Some(claimed) => {
            let digest: String = sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            claimed == digest
        }
        None => bytes.is_empty(),
    }
}

/// The URL as it is, without its port, and with one: its own, or its scheme's when it has none.
fn ports(url: &str) -> [String; 3] {
    let same = || [url.to_owned(), url.to_owned(), url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return same() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host_begins = authority.rfind('@').map_or(0, |at| at + 1);
    // A colon inside the brackets of an IPv6 address is not the port's.
    let colon =
        authority.rfind(':').filter(|&colon| colon > host_begins && !authority[colon..].contains(']'));
    match colon {
        Some(colon) => {
            let bare = &authority[..colon];
            [url.to_owned(), format!("{scheme}://{bare}{path}"), url.to_owned()]
        }
        None => {
            let port = match scheme {
                "https" | "wss" => 443,
                "http" | "ws" => 80,
                _ => return same(),
            };
            [url.to_owned(), url.to_owned(), format!("{scheme}://{authority}:{port}{path}")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields<'a> = &'a [(&'a str, &'a str)];

    const TOKEN: &str = "12345";
    const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const P: Fields<'_> = &[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];
    const SHA: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    const JSON: &str = r#"{"property": "value", "boolean": true}"#;

    /// Twilio's own vectors, of its Python, Node and Go libraries.
    #[test]
    fn forms_that_twilio_signed_are_known() {
        let go = [P, &[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]].concat();
        let http = "http://mycompany.com/myapp.php?foo=1&bar=2";
        let apostrophe = format!("{U}&Body=It's+amazing");
        let addresses =
            [("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")];
        let digits = [
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ];
        let vectors: &[(&str, &str, Fields<'_>, &str)] = &[
            ("1", U, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            (
                "1 with a port",
                "https://mycompany.com:1234/myapp.php?foo=1&bar=2",
                P,
                "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
            ),
            ("2", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", P, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            ("3", U, P, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("4", http, P, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            ("5", U, &digits, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            ("9", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", P, "CukzLTc1tT5dXEDIHm/tKBanW10="),
            (
                "10",
                "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
                P,
                "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=",
            ),
            ("11", "https://user@mycompany.com/myapp.php?foo=1&bar=2", P, "2YRLlVAflCqxaNicjMpJcSTgzSs="),
            ("12", &apostrophe, P, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
            ("13", U, &addresses, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            ("13 turned", U, &[addresses[1], addresses[0]], "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            ("14", U, &go, "vOEb5UThFn24KEfnOFLQY2AE5FY="),
            ("15", http, &go, "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
            ("16", U, &[("property", "value"), ("boolean", "true")], "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
        ];
        for (name, url, form, signature) in vectors {
            let form = owned(form);
            assert!(is_signed(TOKEN, url, Body::Form(&form), signature), "vector {name}");
            assert!(!is_signed("12346", url, Body::Form(&form), signature), "vector {name}, another token");
            let longer = [form, owned(&[("Extra", "1")])].concat();
            assert!(!is_signed(TOKEN, url, Body::Form(&longer), signature), "vector {name}, a field more");
        }
        let sorted_as_one_text = "95+Bu0JVPi0r/SsESZCVf0dWAjw=";
        assert!(!is_signed(TOKEN, U, Body::Form(&owned(&go)), sorted_as_one_text), "the negative vector");
    }

    #[test]
    fn other_bodies_are_known_by_their_digest() {
        let empty_object = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        for (name, url, body, signature) in [
            ("6", format!("{U}&bodySHA256={SHA}"), JSON, "a9nBmqA0ju/hNViExpshrM61xv4="),
            (
                "7",
                format!("https://mycompany.com/myapp.php?bodySHA256={SHA}"),
                JSON,
                "y77kIzt2vzLz71DgmJGsen2scGs=",
            ),
            ("8", format!("{U}&bodySHA256={empty_object}"), "{}", "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
        ] {
            assert!(is_signed(TOKEN, &url, Body::Raw(body.as_bytes()), signature), "vector {name}");
            assert!(!is_signed(TOKEN, &url, Body::Raw(b"{ }"), signature), "vector {name}, another body");
        }
        let url = format!("{U}&bodySHA256={SHA}");
        let without = url.replace("bodySHA256", "other");
        assert!(!is_signed(TOKEN, &without, Body::Raw(JSON.as_bytes()), "a9nBmqA0ju/hNViExpshrM61xv4="));
    }

    #[test]
    fn rubbish_is_no_signature() {
        for bad in ["", "=", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "RSOYDt4T1cUTdK1PDd93/VVr8B8==", "…", "AAAA"] {
            assert!(!is_signed(TOKEN, U, Body::Form(&owned(P)), bad), "{bad}");
        }
        for url in ["", "://", "x", "https://", "https://[::1", "https://@:/"] {
            assert!(!is_signed(TOKEN, url, Body::Form(&[]), "RSOYDt4T1cUTdK1PDd93/VVr8B8="), "{url}");
        }
    }

    #[test]
    fn a_sockets_signatures_are_of_all_four_spellings() {
        let all = of_socket(TOKEN, "wss://mycompany.com/media");
        assert_eq!(all[0], "okykUWKkAOgQseVjzERZh4soLeU=");
        assert_eq!(all[2], "m6zCRgAmr39sY5bRHH3mG0yRr1o=");
        let explicit = of_socket(TOKEN, "wss://mycompany.com:443/media");
        assert_eq!(all, explicit);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(ports("ws://[::1]:8081/a:b")[1], "ws://[::1]/a:b");
        assert_eq!(ports("ws://[::1]/a")[2], "ws://[::1]:80/a");
    }

    fn owned(form: Fields<'_>) -> Vec<(String, String)> {
        form.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
