//! TwiML applications: where Twilio asks what a call to one of them shall do.

use common::ApplicationSid;
use serde::Deserialize;

use super::send::Ask;
use super::{RestAccount, RestClient, RestError};

/// A TwiML application, as Twilio has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Application {
    /// Its id.
    pub sid: ApplicationSid,
    /// Its name.
    pub friendly_name: String,
    /// Where Twilio asks for TwiML.
    pub voice_url: Option<String>,
}

#[derive(Deserialize)]
struct Applications {
    applications: Vec<Application>,
}

impl RestClient {
    /// The application of this name, made if there is none, with this URL that Twilio POSTs to.
    pub async fn application_ensure(
        &self,
        account: &RestAccount,
        name: &str,
        voice_url: &str,
    ) -> Result<Application, RestError> {
        let ask = Ask::get("application_list", "Applications.json".to_owned())
            .field("FriendlyName", name)
            .field("PageSize", "1");
        let known = self.ask::<Applications>(account, ask).await?.applications.into_iter().next();
        let ask = match known {
            Some(known) if known.voice_url.as_deref() == Some(voice_url) => return Ok(known),
            Some(known) => Ask::set("application_update", format!("Applications/{}.json", known.sid)),
            // Of two by the same name the one that is found is as good as the other.
            None => {
                Ask::set("application_create", "Applications.json".to_owned()).field("FriendlyName", name)
            }
        };
        self.ask(account, ask.field("VoiceUrl", voice_url).field("VoiceMethod", "POST")).await
    }
}
