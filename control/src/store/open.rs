//! Opening the database: pools, migrations, and whether the server's role may serve.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, FromRow};

use super::{OpenError, Pools};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a reader or writer of SQLite waits for its turn.
const SQLITE_TURN: Duration = Duration::from_secs(5);

/// Readers of SQLite at one time.
const SQLITE_READERS: u32 = 4;

/// Connections of one process to PostgreSQL. Each works for a few milliseconds at a time.
const POSTGRES_CONNECTIONS: u32 = 16;

/// How long a request waits for one of them before it is told to come back: connecting included, so that
/// requests do not pile up while the server is away.
const POSTGRES_TURN: Duration = Duration::from_secs(2);

/// The advisory lock of who grants: two at once would disturb each other. A number that nobody else has.
const GRANTING: i64 = 0x0070_6172_7479;

/// What PostgreSQL ends by itself: a statement or a wait that takes too long, a transaction whose process
/// hangs. The just-in-time compiler costs more than any query here.
const POSTGRES_OPTIONS: [(&str, &str); 4] = [
    ("statement_timeout", "5s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("jit", "off"),
];

/// Opens the database, brought up to date if it can be.
pub(super) async fn open(url: &str, owner: Option<&str>) -> Result<Pools, OpenError> {
    match (is_postgres(url), owner) {
        (true, owner) => {
            if let Some(owner) = owner {
                migrate(url, owner).await?;
            }
            postgres(url).await
        }
        (false, Some(_)) => Err(OpenError::OwnerUnsupported),
        (false, None) if url.starts_with("sqlite:") => sqlite(url).await,
        (false, None) => Err(OpenError::Unsupported),
    }
}

/// Brings a PostgreSQL database up to date as the role of the `owner` URL, and gives the role of `url` what the
/// server needs. Both URLs name the same database.
///
/// # Errors
///
/// When a URL cannot be used, the database cannot be reached, or a migration fails: it then has not happened.
pub async fn migrate(url: &str, owner: &str) -> Result<(), OpenError> {
    if !is_postgres(url) || !is_postgres(owner) {
        return Err(OpenError::OwnerUnsupported);
    }
    let server = PgConnectOptions::from_str(url).map_err(OpenError::Open)?;
    let options = PgConnectOptions::from_str(owner).map_err(OpenError::Open)?;
    let owner = PgPoolOptions::new().max_connections(1).acquire_timeout(POSTGRES_TURN);
    let owner = owner.connect_with(options.application_name("partyline migrate"));
    let owner = owner.await.map_err(OpenError::Open)?;
    // Holds an advisory lock meanwhile: servers that start together do not disturb each other.
    let mut migrator = Migrator::with_migrations(POSTGRES.iter().cloned().collect());
    // Migrations of a newer release only add, so that older servers go on while others are replaced.
    migrator.set_ignore_missing(true);
    migrator.run(&owner).await.map_err(OpenError::Migrate)?;

    let role = server.get_username().replace('"', "\"\"");
    let grants = format!(
        r#"BEGIN;
           SELECT pg_advisory_xact_lock({GRANTING});
           GRANT USAGE ON SCHEMA public TO "{role}";
           GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{role}";
           REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM "{role}";
           REVOKE UPDATE, DELETE ON audit FROM "{role}";
           GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO "{role}";
           COMMIT"#
    );
    // The role's name is the operator's, and quoted.
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&owner).await.map_err(OpenError::Open)?;
    owner.close().await;
    Ok(())
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

async fn sqlite(url: &str) -> Result<Pools, OpenError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(OpenError::Open)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose what was committed just before a power loss; we have answered for it.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted is overwritten.
        .pragma("secure_delete", "on")
        .busy_timeout(SQLITE_TURN);
    if let Some(folder) = options.get_filename().parent().filter(|folder| *folder != Path::new("")) {
        crate::crypto::make_private_dir(folder).map_err(OpenError::Folder)?;
    }
    let pool = SqlitePoolOptions::new().acquire_timeout(SQLITE_TURN).idle_timeout(None).max_lifetime(None);
    let writes = pool.clone().max_connections(1).connect_with(options.clone());
    let writes = writes.await.map_err(OpenError::Open)?;
    SQLITE.run(&writes).await.map_err(OpenError::Migrate)?;
    let reads = pool.max_connections(SQLITE_READERS).connect_with(options.read_only(true));
    let reads = reads.await.map_err(OpenError::Open)?;
    Ok(Pools::Sqlite { reads, writes })
}

async fn postgres(url: &str) -> Result<Pools, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(OpenError::Open)?
        .application_name("partyline")
        .options(POSTGRES_OPTIONS);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(POSTGRES_TURN)
        .connect_with(options);
    let pool = pool.await.map_err(OpenError::Open)?;
    check_role(&pool).await?;
    check_migrations(&pool).await?;
    Ok(Pools::Postgres(pool))
}

/// Whether the tables are those of this release, or of a newer one.
async fn check_migrations(pool: &PgPool) -> Result<(), OpenError> {
    let table: (bool,) = sqlx::query_as("SELECT to_regclass('public._sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await
        .map_err(OpenError::Open)?;
    let done: Vec<(i64,)> = match table {
        (false,) => Vec::new(),
        (true,) => sqlx::query_as("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(pool)
            .await
            .map_err(OpenError::Open)?,
    };
    let is_done = |version| done.contains(&(version,));
    match POSTGRES.iter().all(|migration| is_done(migration.version)) {
        true => Ok(()),
        false => Err(OpenError::Outdated),
    }
}

/// What PostgreSQL knows of the role that the server works as.
#[derive(FromRow)]
struct Role {
    name: String,
    is_super: bool,
    passes_security: bool,
    is_owner: bool,
    every_table_is_secured: bool,
}

/// Refuses a role for which row level security would not hold.
async fn check_role(pool: &PgPool) -> Result<(), OpenError> {
    let role: Role = sqlx::query_as(
        "SELECT r.rolname::text AS name, r.rolsuper AS is_super, r.rolbypassrls AS passes_security,
             coalesce(bool_or(pg_has_role(c.relowner, 'MEMBER')), false) AS is_owner,
             coalesce(bool_and((c.relrowsecurity AND c.relforcerowsecurity) OR c.relname = '_sqlx_migrations'),
                      true) AS every_table_is_secured
         FROM pg_roles r
         LEFT JOIN pg_class c ON c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
         WHERE r.rolname = current_user
         GROUP BY r.rolname, r.rolsuper, r.rolbypassrls",
    )
    .fetch_one(pool)
    .await
    .map_err(OpenError::Open)?;
    let why = match role {
        Role { is_super: true, .. } => "it is a superuser, whom row level security does not bind",
        Role { passes_security: true, .. } => "it has BYPASSRLS",
        Role { is_owner: true, .. } => "it owns the tables, or is a member of the role that does",
        Role { every_table_is_secured: false, .. } => "a table has no forced row level security",
        _ => return Ok(()),
    };
    Err(OpenError::Role { role: role.name, why })
}
