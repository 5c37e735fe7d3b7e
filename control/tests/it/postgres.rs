//! The PostgreSQL server that a run of the tests shares, and a fresh database in it for each test.
//!
//! The first test that needs the server starts it. It ends with the run: with the process that started
//! this one, which is cargo or nextest. Databases are copies of one that is migrated once.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use uuid::Uuid;

/// Who owns the tables.
pub(crate) const OWNER: &str = "partyline_owner";
/// Whom the server works as.
pub(crate) const SERVER: &str = "partyline";
/// A superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// A database with the tables of this release.
pub(crate) const TEMPLATE: &str = "partyline_template";

/// A fresh database with the tables of this release.
pub(crate) async fn fresh() -> Database {
    let database = empty_as(Some(TEMPLATE)).await;
    assert!(database.name.starts_with("test_"));
    database
}

/// A fresh database with nothing in it.
pub(crate) async fn empty() -> Database {
    empty_as(None).await
}

async fn empty_as(template: Option<&str>) -> Database {
    let folder = server().await;
    let name = format!("test_{}", Uuid::now_v7().simple());
    let template = template.unwrap_or("template1");
    let database = Database { folder, name };
    let admin = Database { folder: database.folder.clone(), name: "postgres".to_owned() };
    let create = format!("CREATE DATABASE {} OWNER {OWNER} TEMPLATE {template}", database.name);
    admin.execute(SUPERUSER, &create).await;
    database
}

/// A database of the run's server.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
}

impl Database {
    /// Its URL as this role.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgres://{role}@localhost/{}?host={}", self.name, self.folder.display())
    }

    /// A connection to it as this role.
    pub(crate) async fn connect(&self, role: &str) -> PgConnection {
        let options: PgConnectOptions = self.url(role).parse().unwrap();
        options.connect().await.unwrap()
    }

    /// Runs statements of a test's own in it, as this role.
    pub(crate) async fn execute(&self, role: &str, statements: &str) {
        let mut connection = self.connect(role).await;
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    }
}

/// The folder of the run's server, which is started if this is the first to ask.
pub(crate) async fn server() -> PathBuf {
    let run = std::os::unix::process::parent_id();
    let stat = std::fs::read_to_string(format!("/proc/{run}/stat")).unwrap();
    // Behind the name, which may have spaces: state, ..., and as the 20th when it began.
    let began = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
    let folder = std::env::temp_dir().join(format!("partyline-tests-{run}-{began}"));
    let _made_before = std::fs::DirBuilder::new().mode(0o755).create(&folder);
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let ready = folder.join("ready");
    if !ready.exists() {
        start(&folder, run).await;
        File::create(ready).unwrap();
    }
    folder
}

async fn start(folder: &Path, run: u32) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/test-postgres");
    let log = File::create(folder.join("log")).unwrap();
    // A session of its own: it outlives this test, and a Ctrl-C that ends the run ends it by the run's end.
    let started = Command::new("setsid")
        .arg("--fork")
        .arg(script)
        .args([folder.as_os_str(), run.to_string().as_ref()])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .status();
    assert!(started.unwrap().success());
    let admin = Database { folder: folder.to_owned(), name: "postgres".to_owned() };
    let options: PgConnectOptions = admin.url(SUPERUSER).parse().unwrap();
    let began = Instant::now();
    while let Err(error) = options.connect().await {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no PostgreSQL ({error}); tools/need initdb? {log}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for statement in [
        format!("CREATE ROLE {OWNER} LOGIN"),
        format!("CREATE ROLE {SERVER} LOGIN"),
        format!("CREATE DATABASE {TEMPLATE} OWNER {OWNER}"),
    ] {
        admin.execute(SUPERUSER, &statement).await;
    }
    let template = Database { name: TEMPLATE.to_owned(), ..admin };
    control::migrate(&template.url(SERVER), &template.url(OWNER)).await.unwrap();
}
