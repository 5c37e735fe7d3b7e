//! What goes wrong with the API, and what was asked.

use std::collections::VecDeque;
use std::time::Duration;

/// Requests that are remembered.
const MAX_REQUESTS: usize = 1000;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It is not carried out, and answered with this status: 429, 500, 503.
    Status {
        /// The status.
        status: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// It is carried out after this time.
    Slow(Duration),
    /// The connection ends, and nothing was done.
    HangUp,
    /// It is carried out, and the connection ends before the answer.
    LoseAnswer,
    /// It is carried out, and the answer is not JSON.
    Garbage,
}

/// A request that came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiRequest {
    /// `GET`, `POST`, `DELETE`.
    pub method: String,
    /// From the account on: `Calls/CA….json`.
    pub path: String,
    /// The query and the form.
    pub fields: Vec<(String, String)>,
}

impl ApiRequest {
    /// All values of a field, with spaces between them.
    pub(super) fn all(&self, name: &str) -> String {
        let values: Vec<&str> =
            self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect();
        values.join(" ")
    }

    /// The value of a field that is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) always: Option<Fault>,
    pub(super) next: VecDeque<Fault>,
    pub(super) requests: VecDeque<ApiRequest>,
}

impl Faults {
    /// Remembers a request, and says what goes wrong with it.
    pub(super) fn take(&mut self, request: ApiRequest) -> Option<Fault> {
        if self.requests.len() >= MAX_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
        self.next.pop_front().or(self.always)
    }
}
