//! The statements of lists: ranges of indexes, from the newest call on.

use common::{TenantId, UserId};

use super::lists::Place;
use super::{Sql, calls, sql};
use crate::model::{CallRef, CallStatus};

/// Calls that are looked at for one page, when not each of them is in it.
const WINDOW: i64 = 1000;

/// Words that may begin alike and lead together. A beginning with more words leads to nothing.
pub(super) const MAX_ALIKE: i64 = 32;

/// From where to where of an index.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// Without this one.
    pub(super) before: Place,
    /// With this one.
    pub(super) from: Place,
}

/// What leads to calls: a range of an index, in the order of [`Place`].
pub(super) enum Lead {
    Everything,
    Status(CallStatus),
    Handled(bool),
    Urgent(bool),
    Customer(String),
    Organization(String),
    Word(String),
    Call(CallRef),
    AnsweredBy(UserId),
}

/// What a call is looked at for.
pub(super) enum Test {
    Statuses(Vec<CallStatus>),
    Handled(bool),
    Urgent(bool),
    Number(String),
    Word(String),
    Digits(String),
    Call(CallRef),
    AnsweredBy(UserId),
}

/// The words that begin like this: one more than may lead, at most. Found by leaps from word to word.
pub(super) fn alike(tenant: TenantId, begin: &str) -> Sql {
    sql("WITH RECURSIVE found (n, word) AS (
             SELECT 1, (SELECT w.word FROM call_words w
                        WHERE w.tenant_id = $1 AND w.word >= $2 AND w.word < $3 ORDER BY w.word LIMIT 1)
             UNION ALL
             SELECT f.n + 1, (SELECT w.word FROM call_words w
                              WHERE w.tenant_id = $1 AND w.word > f.word AND w.word < $3
                              ORDER BY w.word LIMIT 1)
             FROM found f WHERE f.word IS NOT NULL AND f.n <= $4
         ) SELECT word FROM found WHERE word IS NOT NULL")
    .bind(tenant.as_uuid())
    .bind(begin)
    .bind(end_of(begin))
    .bind(MAX_ALIKE)
}

/// Behind all words that begin like this.
fn end_of(begin: &str) -> String {
    format!("{begin}\u{10ffff}")
}

/// How many calls each of them leads to, as far as the window.
pub(super) fn counts(tenant: TenantId, leads: &[Lead], span: Span) -> Sql {
    each(leads, |statement, lead| {
        let statement = lead.range(statement.push("SELECT count(*) FROM (SELECT 1"), tenant, span);
        statement.push_bind(" LIMIT ", WINDOW).push(") AS b")
    })
}

/// Where the window ends on each of them, if it does.
pub(super) fn floors(tenant: TenantId, leads: &[Lead], span: Span) -> Sql {
    each(leads, |statement, lead| {
        let statement = lead.places(statement.push("SELECT * FROM ("));
        let statement = lead.range(statement, tenant, span);
        lead.newest_first(statement).push_bind(" LIMIT 1 OFFSET ", WINDOW - 1).push(") AS b")
    })
}

/// The newest that each of them leads to and that pass.
pub(super) fn pages(tenant: TenantId, leads: &[Lead], span: Span, tests: &[&Test], limit: u16) -> Sql {
    each(leads, |statement, lead| {
        let statement = lead.places(statement.push("SELECT * FROM ("));
        let statement = lead.tested(lead.range(statement, tenant, span), tenant, tests);
        lead.newest_first(statement).push_bind(" LIMIT ", i64::from(limit)).push(") AS b")
    })
}

/// One statement of a branch for each lead.
fn each(leads: &[Lead], branch: impl Fn(Sql, &Lead) -> Sql) -> Sql {
    leads.iter().enumerate().fold(sql(""), |statement, (n, lead)| {
        branch(if n == 0 { statement } else { statement.push(" UNION ALL ") }, lead)
    })
}

impl Lead {
    /// The columns of a place in its index.
    const fn columns(&self) -> (&'static str, &'static str) {
        match self {
            Self::Word(_) => ("l.started_at", "l.call_id"),
            _ => ("l.started_at", "l.id"),
        }
    }

    fn places(&self, statement: Sql) -> Sql {
        let (started_at, id) = self.columns();
        statement.push("SELECT ").push(started_at).push(" AS started_at, ").push(id).push(" AS id")
    }

    fn newest_first(&self, statement: Sql) -> Sql {
        let (started_at, id) = self.columns();
        statement.push(" ORDER BY ").push(started_at).push(" DESC, ").push(id).push(" DESC")
    }

    /// From which table, and which part of it.
    fn range(&self, statement: Sql, tenant: TenantId, span: Span) -> Sql {
        let table = if let Self::Word(_) = self { " FROM call_words l" } else { " FROM calls l" };
        let statement = statement.push(table).push_bind(" WHERE l.tenant_id = ", tenant.as_uuid());
        let statement = match self {
            Self::Everything => statement,
            Self::Status(status) => statement.push_bind(" AND l.status = ", status.as_str()),
            Self::Handled(handled) => statement.push_bind(" AND l.is_handled = ", *handled),
            Self::Urgent(urgent) => statement.push_bind(" AND l.is_urgent = ", *urgent),
            Self::Customer(number) => statement.push_bind(" AND l.customer_number = ", number),
            Self::Organization(number) => statement.push_bind(" AND l.organization_number = ", number),
            Self::Word(word) => statement.push_bind(" AND l.word = ", word),
            Self::Call(call) => calls::and_is(statement, "l", *call),
            Self::AnsweredBy(user) => statement.push_bind(" AND l.answered_by = ", user.as_uuid()),
        };
        let (_, id) = self.columns();
        span.and(span.and(statement, "<", span.before, id), ">=", span.from, id)
    }

    /// More of it: the call passes these tests.
    fn tested(&self, statement: Sql, tenant: TenantId, tests: &[&Test]) -> Sql {
        if tests.is_empty() {
            return statement;
        }
        let statement =
            statement.push_bind(" AND EXISTS (SELECT 1 FROM calls c WHERE c.tenant_id = ", tenant.as_uuid());
        let statement = statement.push(" AND c.id = ").push(self.columns().1);
        tests.iter().fold(statement, |statement, test| test.and(statement, tenant)).push(ONE_BY_ONE).push(")")
    }
}

/// With an OFFSET PostgreSQL looks at what leads one by one, in its order. It would rather join, all calls that pass
/// a test with all that leads, and sort.
const ONE_BY_ONE: &str = " LIMIT 1 OFFSET 0";

impl Span {
    fn and(self, statement: Sql, is: &str, place: Place, id: &str) -> Sql {
        let statement = statement.push(" AND (l.started_at, ").push(id).push(") ").push(is);
        statement.push_bind(" (", place.started_at).push_bind(", ", place.id).push(")")
    }
}

impl Test {
    fn and(&self, statement: Sql, tenant: TenantId) -> Sql {
        match self {
            Self::Statuses(statuses) => {
                let mut between = " AND c.status IN (";
                let statement = statuses.iter().fold(statement, |statement, status| {
                    statement.push_bind(std::mem::replace(&mut between, ", "), status.as_str())
                });
                statement.push(")")
            }
            Self::Handled(handled) => statement.push_bind(" AND c.is_handled = ", *handled),
            Self::Urgent(urgent) => statement.push_bind(" AND c.is_urgent = ", *urgent),
            Self::Number(number) => statement
                .push_bind(" AND (c.customer_number = ", number)
                .push_bind(" OR c.organization_number = ", number)
                .push(")"),
            Self::Word(begin) => has_word(statement.push(" AND "), tenant, begin),
            Self::Digits(digits) => {
                // Digits have no meaning in a pattern.
                let statement = statement.push_bind(" AND (c.customer_number LIKE ", format!("%{digits}%"));
                has_word(statement.push(" OR "), tenant, digits).push(")")
            }
            Self::Call(call) => calls::and_is(statement, "c", *call),
            Self::AnsweredBy(user) => statement.push_bind(" AND c.answered_by = ", user.as_uuid()),
        }
    }
}

fn has_word(statement: Sql, tenant: TenantId, begin: &str) -> Sql {
    statement
        .push_bind("EXISTS (SELECT 1 FROM call_words w WHERE w.tenant_id = ", tenant.as_uuid())
        .push_bind(" AND w.call_id = c.id AND w.word >= ", begin)
        .push_bind(" AND w.word < ", end_of(begin))
        .push(ONE_BY_ONE)
        .push(")")
}
