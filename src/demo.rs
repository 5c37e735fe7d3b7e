//! `partyline up --demo`: a tenant, somebody to sign in as, and calls to hear.
//!
//! The calls are simulated, but nothing else is: each is a signed webhook, its TwiML, and a signed
//! WebSocket, exactly as they come from Twilio.

use std::error::Error;

use common::AccountSid;
use loadtest::api::{Console, Method};
use loadtest::bot::Bot;
use loadtest::twilio::{Account, Exchange};
use loadtest::voices;
use serde_json::json;

use crate::node::Addrs;
use crate::settings::{Planes, Raw, Settings, SettingsError};

/// Whom to sign in as.
pub const EMAIL: &str = "demo@partyline.example";
/// With what. Known to everybody: that is why a demo binds to loopback only.
pub const PASSWORD: &str = "hear-the-call";

const TENANT: &str = "Demo Telecom";
const ACCOUNT_SID: &str = "AC00000000000000000000000000000de0";
const AUTH_TOKEN: &str = "demo-auth-token";
const NUMBER: &str = "+15550100100";
/// Where a bot answers.
const BOT_NUMBER: &str = "+15550100300";
const DIAL: &str = "+15550100200";

/// The settings of a demo: what is set, with the demo's tenant and a data directory of its own.
///
/// The password is no secret, so every address must be loopback.
pub fn settings(mut raw: Raw) -> Result<Settings, SettingsError> {
    raw.data_dir.get_or_insert_with(|| "./data/demo".to_owned());
    // Its own bot is on this machine, and has no certificate.
    raw.gateway_bot_hosts.get_or_insert_with(|| "127.0.0.1".to_owned());
    let settings = Settings::from_raw(raw, Planes::Both)?;
    for (key, addr) in [("http_addr", settings.http_addr), ("gateway_http_addr", settings.gateway_http_addr)]
    {
        if !addr.ip().is_loopback() {
            let why = format!("{addr} is no loopback address; everybody knows the demo's password");
            return Err(SettingsError::Bad { key, why });
        }
    }
    let account_sid: AccountSid = ACCOUNT_SID.parse().expect("a constant of the right form");
    let twilio = control::BootstrapTwilio {
        account_sid,
        auth_token: AUTH_TOKEN.to_owned(),
        auth_token_secondary: None,
        number: NUMBER.to_owned(),
        dial: Some(DIAL.to_owned()),
    };
    let bootstrap = control::Bootstrap {
        tenant: TENANT.to_owned(),
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        twilio: Some(twilio),
    };
    Ok(Settings { bootstrap: Some(bootstrap), ..settings })
}

/// The simulated Twilio's REST API, which the settings then name.
pub async fn twilio(settings: &mut Settings) -> std::io::Result<Exchange> {
    let exchange = Exchange::start(vec![account()]).await?;
    settings.twilio_api_url.get_or_insert_with(|| exchange.url().to_owned());
    Ok(exchange)
}

fn account() -> Account {
    let sid = ACCOUNT_SID.parse().expect("a constant of the right form");
    Account { sid, auth_token: AUTH_TOKEN.to_owned() }
}

/// Tells a newcomer where to go and how to sign in.
pub fn welcome(addrs: &Addrs) {
    println!();
    println!("  Partyline demo is up: two calls are on the line, a new one comes about every 20 seconds.");
    println!();
    println!("    Console   {}", addrs.public_url);
    println!("    E-mail    {EMAIL}");
    println!("    Password  {PASSWORD}");
    println!();
    println!("    Metrics   http://{}/metrics", addrs.admin);
    println!();
    println!(
        "  Sign in, choose a call, press Listen. Calls to {BOT_NUMBER} are answered by a bot: whisper to it,"
    );
    println!("  join the call, or take over from it. Ctrl-C ends it all.");
    println!();
}

/// Places calls for as long as the process lives.
pub async fn calls(addrs: Addrs, twilio: Exchange) {
    let mut numbers = vec![NUMBER.to_owned()];
    // Held: it answers for as long as there are calls.
    let bot = match bot(&addrs).await {
        Ok(bot) => {
            numbers.push(BOT_NUMBER.to_owned());
            Some(bot)
        }
        Err(error) => {
            tracing::warn!(error = error.to_string(), "the demo has no bot");
            None
        }
    };
    let config = loadtest::demo::Config {
        voice_url: format!("{}/api/twilio/voice", addrs.public_url),
        status_url: Some(format!("{}/api/twilio/status", addrs.public_url)),
        account: account(),
        exchange: Some(twilio),
        numbers,
        seed: 1,
    };
    loadtest::demo::run(config, std::future::pending()).await;
    drop(bot);
}

/// A bot that answers calls to a number of its own.
async fn bot(addrs: &Addrs) -> Result<Bot, Box<dyn Error + Send + Sync>> {
    let says = voices::all().first().ok_or("there are no voices")?.audio().1;
    let bot = Bot::start(says).await?;
    let console = Console::login(&addrs.public_url.parse()?, EMAIL, PASSWORD).await?;
    let settings = json!({ "bot": { "kind": "stream", "url": bot.url() } });
    let number = json!({ "number": BOT_NUMBER, "label": "Bot", "route": "agent", "settings": settings });
    // In an old folder the number is there, with the port of a bot that is gone.
    if console.send(Method::POST, "/api/numbers", number).await.is_err() {
        let path = format!("/api/numbers/{}", BOT_NUMBER.replace('+', "%2B"));
        console.send(Method::PATCH, &path, json!({ "settings": settings })).await?;
    }
    Ok(bot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_never_listens_where_strangers_could_sign_in() {
        let open = Raw { http_addr: Some("0.0.0.0:8080".to_owned()), ..Raw::default() };
        assert!(settings(open).unwrap_err().to_string().contains("PARTYLINE_HTTP_ADDR"));
        assert!(settings(Raw::default()).is_ok());
    }
}
