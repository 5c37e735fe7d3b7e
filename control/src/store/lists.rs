//! Lists of calls: newest first, and each page a bounded range of one index.
//!
//! A filter has several things to ask. One of them leads: its range of an index is walked from the newest on,
//! and what it gives is looked at for the rest. The one with the fewest calls leads. What is looked at has a bound, and
//! so has the time for a page: one may have fewer calls than asked for, or none, and still say where to go on.

use std::time::{Duration, Instant};

use common::{CallId, TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::ranges::{Alike, Lead, MAX_ALIKE, Span, Test, WINDOW, alike, pages, windows};
use super::words::{Asked, Parts, parts_of};
use super::{Store, StoreError, Tx, calls, millis, sql};
use crate::model::{Call, CallRef, CallStatus};

/// Places that are read at a time when many are asked for.
const PAGE: u16 = 500;

/// How often at most: when few of very many calls pass, it is gone on with by another request.
const MAX_PAGES: usize = 1200;

/// Which calls a list has. `None` asks for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFilter {
    /// Any of these; none given means all.
    pub(crate) statuses: Vec<CallStatus>,
    pub(crate) handled: Option<bool>,
    pub(crate) urgent: Option<bool>,
    /// The customer's number or ours, exactly.
    pub(crate) number: Option<String>,
    /// All of these are found in it.
    pub(crate) words: Vec<Asked>,
    /// This one.
    pub(crate) call: Option<CallRef>,
    /// This person answered it in the console.
    pub(crate) answered_by: Option<UserId>,
    /// Began at this time or later.
    pub(crate) from: Option<OffsetDateTime>,
    /// Began before this time.
    pub(crate) to: Option<OffsetDateTime>,
}

/// A place in lists: behind it come the calls that began earlier.
#[derive(Clone, Copy, Debug, Eq, FromRow, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(super) started_at: i64,
    pub(super) id: Uuid,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.started_at, CallId::from_uuid(self.id))
    }
}

/// It is no place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoPlace;

impl std::str::FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (started_at, call) = text.split_once('.').ok_or(NoPlace)?;
        let call: CallId = call.parse().map_err(|_| NoPlace)?;
        Ok(Self { started_at: started_at.parse().map_err(|_| NoPlace)?, id: call.as_uuid() })
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    /// Where to go on. `None`: that was all.
    pub(crate) next: Option<Place>,
}

impl Store {
    /// The tenant's calls that pass the filter, newest first, from behind `after` on. A page that is not full yet is
    /// looked on for as long as `patience` lasts.
    pub(crate) async fn call_list(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        after: Option<Place>,
        limit: u16,
        patience: Duration,
    ) -> Result<Page<Call>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let began = Instant::now();
        let mut page = places(&mut tx, tenant, filter, after, limit).await?;
        while page.next.is_some() && page.rows.len() < usize::from(limit) && began.elapsed() < patience {
            let room = limit - u16::try_from(page.rows.len()).unwrap_or(limit);
            let more = places(&mut tx, tenant, filter, page.next, room).await?;
            page.rows.extend(more.rows);
            page.next = more.next;
        }
        let rows = calls::of(&mut tx, tenant, page.rows.iter().map(|place| place.id)).await?;
        tx.commit().await?;
        Ok(Page { rows, next: page.next })
    }

    /// Where those calls stand, as many as `most`. It takes many pages, so not all of it is of one moment.
    pub(crate) async fn call_places(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        after: Option<Place>,
        most: usize,
    ) -> Result<Page<Place>, StoreError> {
        let mut all = Page { rows: Vec::new(), next: after };
        for _ in 0..MAX_PAGES {
            let room = most - all.rows.len();
            let mut tx = self.read(tenant).await?;
            let limit = u16::try_from(room).unwrap_or(u16::MAX).min(PAGE);
            let page = places(&mut tx, tenant, filter, all.next, limit).await?;
            tx.commit().await?;
            all.rows.extend(page.rows);
            all.next = page.next;
            if all.next.is_none() || all.rows.len() >= most {
                break;
            }
        }
        Ok(all)
    }

    /// The calls that stand there, but for those that are no more.
    pub(crate) async fn calls_at(&self, tenant: TenantId, places: &[Place]) -> Result<Vec<Call>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let calls = calls::of(&mut tx, tenant, places.iter().map(|place| place.id)).await?;
        tx.commit().await?;
        Ok(calls)
    }

    /// What the database says of how it would run each statement that a list with this filter may need.
    pub(crate) async fn call_list_plans(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
    ) -> Result<Vec<String>, StoreError> {
        let mut tx = self.read(tenant).await?;
        // SQLite looks at the schema anew when it reads, and not when it explains.
        sql("SELECT name FROM tenants LIMIT 1").optional::<(String,)>(&mut tx).await?;
        let all = Span { before: Place::LAST, from: Place::FIRST };
        let asks = asks(&mut tx, tenant, filter).await?;
        let tests: Vec<&Test> = asks.iter().map(|ask| &ask.test).collect();
        let mut plans = Vec::new();
        let everything = [Lead::Everything];
        let leads = asks.iter().filter_map(|ask| ask.leads.as_deref()).chain([&everything[..]]);
        for leads in leads.filter(|leads| !leads.is_empty()) {
            for statement in [
                windows(tenant, &[(0, leads)], all),
                pages(tenant, leads, all, &[], 51),
                pages(tenant, leads, all, &tests, 51),
            ] {
                plans.push(statement.explain(&mut tx).await?);
            }
        }
        for ask in &filter.words {
            let (Asked::Word(begin) | Asked::Digits(begin)) = ask;
            plans.push(alike(tenant, begin).explain(&mut tx).await?);
        }
        tx.commit().await?;
        Ok(plans)
    }
}

impl Place {
    const FIRST: Self = Self { started_at: i64::MIN, id: Uuid::nil() };
    const LAST: Self = Self { started_at: i64::MAX, id: Uuid::max() };

    /// Before all that began at this time.
    fn at(time: OffsetDateTime) -> Self {
        Self { started_at: millis(time), id: Uuid::nil() }
    }
}

/// One of the things that a filter asks.
struct Ask {
    test: Test,
    /// What leads to all calls that pass, together. `None`: nothing does.
    leads: Option<Vec<Lead>>,
    /// Whether they lead to no others.
    is_exact: bool,
}

/// The places of one page.
pub(super) async fn places(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &CallFilter,
    after: Option<Place>,
    limit: u16,
) -> Result<Page<Place>, StoreError> {
    let before = [after, filter.to.map(Place::at)].into_iter().flatten().min().unwrap_or(Place::LAST);
    let mut span = Span { before, from: filter.from.map_or(Place::FIRST, Place::at) };
    let mut asks = asks(tx, tenant, filter).await?;
    // No word begins like that.
    let is_nothing = |ask: &Ask| ask.leads.as_ref().is_some_and(Vec::is_empty);
    if asks.iter().any(is_nothing) {
        return Ok(Page { rows: Vec::new(), next: None });
    }
    let window = window(tx, tenant, &asks, span).await?;
    let mut leads = vec![Lead::Everything];
    if let Some(leader) = window.leader {
        leads = asks[leader].leads.take().unwrap_or(leads);
        if asks[leader].is_exact {
            asks.remove(leader);
        }
    }
    let cut = window.since.filter(|_| !asks.is_empty());
    if let Some(since) = cut {
        span.from = Place { started_at: since, id: Uuid::nil() };
    }
    let tests: Vec<&Test> = asks.iter().map(|ask| &ask.test).collect();
    let mut rows: Vec<Place> = pages(tenant, &leads, span, &tests, limit + 1).all(tx).await?;
    let is_full = rows.len() > usize::from(limit);
    // From us to us.
    rows.dedup();
    rows.truncate(usize::from(limit));
    let next = match is_full {
        true => rows.last().copied(),
        false => cut.map(|_| span.from),
    };
    Ok(Page { rows, next })
}

/// What the filter asks.
async fn asks(tx: &mut Tx, tenant: TenantId, filter: &CallFilter) -> Result<Vec<Ask>, StoreError> {
    let mut asks = Vec::new();
    let mut exactly = |test, leads| asks.push(Ask { test, leads: Some(leads), is_exact: true });
    if let Some(call) = filter.call {
        exactly(Test::Call(call), vec![Lead::Call(call)]);
    }
    if let Some(user) = filter.answered_by {
        exactly(Test::AnsweredBy(user), vec![Lead::AnsweredBy(user)]);
    }
    if !filter.statuses.is_empty() {
        let leads = filter.statuses.iter().copied().map(Lead::Status).collect();
        exactly(Test::Statuses(filter.statuses.clone()), leads);
    }
    if let Some(handled) = filter.handled {
        exactly(Test::Handled(handled), vec![Lead::Handled(handled)]);
    }
    if let Some(urgent) = filter.urgent {
        exactly(Test::Urgent(urgent), vec![Lead::Urgent(urgent)]);
    }
    if let Some(number) = &filter.number {
        let leads = vec![Lead::Customer(number.clone()), Lead::Organization(number.clone())];
        exactly(Test::Number(number.clone()), leads);
    }
    for asked in &filter.words {
        let (Asked::Word(begin) | Asked::Digits(begin)) = asked;
        let words: Vec<(String,)> = alike(tenant, begin).all(tx).await?;
        let words: Vec<String> = words.into_iter().map(|(word,)| word).collect();
        let few = i64::try_from(words.len()).is_ok_and(|words| words <= MAX_ALIKE);
        let alike = Alike { begin: begin.clone(), words: few.then_some(words) };
        asks.push(match asked {
            Asked::Word(_) => {
                let lead =
                    |words: Vec<String>| if words.is_empty() { vec![] } else { vec![Lead::Words(words)] };
                Ask { leads: alike.words.clone().map(lead), test: Test::Word(alike), is_exact: true }
            }
            Asked::Digits(_) => match parts_of(begin) {
                Some(Parts { last, first }) => {
                    let lead =
                        |words: Vec<String>| vec![Lead::Words(words.into_iter().chain([last]).collect())];
                    let is_exact = first.is_none();
                    Ask { leads: alike.words.clone().map(lead), test: Test::Digits(alike, first), is_exact }
                }
                None => Ask { leads: None, test: Test::Digits(alike, None), is_exact: false },
            },
        });
    }
    Ok(asks)
}

/// How far a page looks.
struct Window {
    /// Which ask leads. `None`: none does, and all calls are looked at.
    leader: Option<usize>,
    /// When the last of the calls that are looked at began. `None`: there are no more.
    since: Option<i64>,
}

/// Lets the ask lead that leads to the fewest calls, as far as the window shows; of those that fill it the one whose calls
/// reach furthest back.
async fn window(tx: &mut Tx, tenant: TenantId, asks: &[Ask], span: Span) -> Result<Window, StoreError> {
    match asks {
        [] => return Ok(Window { leader: None, since: None }),
        [Ask { leads: Some(_), is_exact: true, .. }] => return Ok(Window { leader: Some(0), since: None }),
        _ => {}
    }
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut able: Vec<(i64, &[Lead])> =
        asks.iter().enumerate().filter_map(|(n, ask)| Some((number(n), ask.leads.as_deref()?))).collect();
    if able.is_empty() {
        able.push((-1, &[Lead::Everything]));
    }
    let seen: Vec<(i64, i64, Option<i64>)> = windows(tenant, &able, span).all(tx).await?;
    let fewest = seen.into_iter().min_by_key(|&(_, calls, since)| (calls, since));
    let (ask, calls, since) = fewest.ok_or(StoreError::Corrupt { what: "count" })?;
    Ok(Window { leader: usize::try_from(ask).ok(), since: since.filter(|_| calls >= WINDOW) })
}
