//! The real binary, as a process of its own that can be killed, and what it kept.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use loadtest::api::Console;
use loadtest::twilio::{CallSpec, Exchange, sign};
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::installation::{
    self, ACCOUNT_SID, AUTH_TOKEN, EMAIL, NUMBER, PASSWORD, account, eventually, tone,
};

/// `partyline up` with addresses that stay the same over its restarts.
pub(crate) struct Process {
    child: Option<Child>,
    http: SocketAddr,
    gateway: SocketAddr,
    udp: SocketAddr,
    admin: SocketAddr,
    pub(crate) exchange: Exchange,
    database: Option<(String, String)>,
    pub(crate) folder: TempDir,
}

impl Process {
    /// Starts it, with SQLite, or with the database of these URLs: the server's and the owner's.
    pub(crate) async fn start(database: Option<(String, String)>) -> Self {
        let [http, gateway, udp, admin] = free_addrs();
        let mut process = Self {
            child: None,
            http,
            gateway,
            udp,
            admin,
            exchange: Exchange::start(vec![account()]).await.unwrap(),
            database,
            folder: tempfile::tempdir().unwrap(),
        };
        process.run().await;
        process
    }

    async fn run(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partyline"));
        command.arg("up").env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for (name, value) in [
            ("HTTP_ADDR", self.http.to_string()),
            ("GATEWAY_HTTP_ADDR", self.gateway.to_string()),
            ("GATEWAY_UDP_ADDR", self.udp.to_string()),
            ("GATEWAY_THREADS", "1".to_owned()),
            ("ADMIN_ADDR", self.admin.to_string()),
            ("DATA_DIR", self.folder.path().join("data").display().to_string()),
            ("TWILIO_API_URL", self.exchange.url().to_owned()),
            ("BOOTSTRAP_TENANT", "Acme".to_owned()),
            ("BOOTSTRAP_EMAIL", EMAIL.to_owned()),
            ("BOOTSTRAP_PASSWORD", PASSWORD.to_owned()),
            ("BOOTSTRAP_TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
            ("BOOTSTRAP_TWILIO_AUTH_TOKEN", AUTH_TOKEN.to_owned()),
            ("BOOTSTRAP_TWILIO_NUMBER", NUMBER.to_owned()),
            ("BOOTSTRAP_TWILIO_DIAL", "+15550100200".to_owned()),
        ] {
            command.env(format!("PARTYLINE_{name}"), value);
        }
        if let Some((server, owner)) = &self.database {
            command.env("PARTYLINE_DATABASE_URL", server).env("PARTYLINE_DATABASE_OWNER_URL", owner);
        }
        self.child = Some(command.spawn().unwrap());
        let ready = format!("http://{}/readyz", self.admin);
        eventually("ready process", async || {
            reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
    }

    /// SIGKILL, while others hold on to it.
    pub(crate) fn signal_kill(&self) {
        if let Some(child) = &self.child {
            signal(child.id() as i32, "KILL");
        }
    }

    /// SIGKILL: it does nothing more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _may_be_dead = child.kill();
            child.wait().unwrap();
        }
    }

    /// Starts again on what is on disk.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.run().await;
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.http)
    }

    pub(crate) async fn console(&self) -> Console {
        installation::console(&self.base()).await
    }

    /// A call with two voices, known to the API, and whose status is reported.
    pub(crate) fn call_spec(&self) -> CallSpec {
        installation::call_spec(&self.base(), tone(450), tone(700)).at(&self.exchange)
    }

    /// A webhook as Twilio sends it: the answer's status and body, if there was one.
    pub(crate) async fn webhook(&self, kind: &str, form: &[(&str, &str)]) -> Option<(StatusCode, String)> {
        let url = format!("{}/api/twilio/{kind}", self.base());
        let mut form = form.to_vec();
        form.extend([("AccountSid", ACCOUNT_SID), ("From", "+15550199002"), ("To", NUMBER)]);
        form.push(("Direction", "inbound"));
        let signature = sign(AUTH_TOKEN, &url, &form);
        let request = reqwest::Client::new().post(&url).header("X-Twilio-Signature", signature).form(&form);
        let answer = request.send().await.ok()?;
        let status = answer.status();
        Some((status, answer.text().await.ok()?))
    }

    /// What the API says of this path.
    pub(crate) async fn get(&self, token: &str, path: &str) -> reqwest::Response {
        let request = reqwest::Client::new().get(format!("{}{path}", self.base())).bearer_auth(token);
        request.send().await.unwrap()
    }

    /// An access token.
    pub(crate) async fn token(&self) -> String {
        self.console().await.token().await
    }

    /// The history of a call, after checking that it has no hole.
    pub(crate) async fn history(&self, token: &str, call_sid: &str) -> Vec<Value> {
        let answer = self.get(token, &format!("/api/calls/{call_sid}/events")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{call_sid} is not there");
        let answer: Value = answer.json().await.unwrap();
        let events = answer["events"].as_array().unwrap().clone();
        let numbers: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=events.len() as i64).collect::<Vec<_>>(), "{call_sid}: no hole, none twice");
        events
    }

    /// What `livez` or `readyz` says.
    pub(crate) async fn health(&self, path: &str) -> StatusCode {
        reqwest::get(format!("http://{}/{path}", self.admin)).await.unwrap().status()
    }

    /// The value of one series, name and labels as printed.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        installation::metric(self.admin, series).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Addresses that nobody has just now. Somebody may take one before it is used; then the process does not start.
fn free_addrs() -> [SocketAddr; 4] {
    let listeners = [0; 4].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// A PostgreSQL server of the test's own.
pub(crate) struct Postgres {
    script: Child,
    folder: TempDir,
}

impl Postgres {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server works as another user, who must be able to come in.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let data = folder.path().join("server");
        std::fs::create_dir(&data).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/test-postgres");
        let script = Command::new(script)
            .arg(&data)
            .arg(std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Self { script, folder };
        eventually("PostgreSQL", async || postgres.sql("SELECT 1").then_some(())).await;
        for statement in [
            "CREATE ROLE partyline_owner LOGIN",
            "CREATE ROLE partyline LOGIN",
            "CREATE DATABASE partyline OWNER partyline_owner",
        ] {
            assert!(postgres.sql(statement), "{statement}");
        }
        postgres
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("server")
    }

    /// Runs a statement as the superuser: whether it worked.
    fn sql(&self, statement: &str) -> bool {
        let psql = Command::new("psql")
            .arg("-h")
            .arg(self.data())
            .args(["-U", "postgres", "-d", "postgres", "-qc", statement])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        psql.is_ok_and(|status| status.success())
    }

    /// The URLs of the server's role and of the owner's.
    pub(crate) fn urls(&self) -> (String, String) {
        let url = |role| format!("postgres://{role}@localhost/partyline?host={}", self.data().display());
        (url("partyline"), url("partyline_owner"))
    }

    /// The server process.
    fn main(&self) -> i32 {
        let pid = std::fs::read_to_string(self.data().join("data/postmaster.pid")).unwrap();
        pid.lines().next().unwrap().trim().parse().unwrap()
    }

    /// The server process and all that it has started.
    fn all(&self) -> Vec<i32> {
        let main = self.main();
        let mut all = vec![main];
        for entry in std::fs::read_dir("/proc").unwrap() {
            let name = entry.unwrap().file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // Behind the name, which may have spaces: the state, and the parent.
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            if parent == Some(&main.to_string()) {
                all.push(pid);
            }
        }
        all
    }

    /// It hangs: connections stay open, and nothing is answered.
    pub(crate) fn freeze(&self) {
        // The server process first, so that it starts nothing more.
        for pid in self.all() {
            signal(pid, "STOP");
        }
        for pid in self.all() {
            signal(pid, "STOP");
        }
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        for pid in self.all() {
            signal(pid, "CONT");
        }
    }

    /// It crashes, ends all connections, recovers from its log and is back.
    pub(crate) fn crash(&self) {
        if let Some(&backend) = self.all().last() {
            signal(backend, "KILL");
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
        signal(self.script.id() as i32, "TERM");
        let _ended = self.script.wait();
    }
}

fn signal(pid: i32, name: &str) {
    let _may_be_gone = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}
