//! Lists of calls: newest first, and each page a bounded range of one index.
//!
//! A filter has several things to ask. One of them leads: its range of an index is walked from the newest on,
//! and what it gives is looked at for the rest. The one with the fewest calls leads. What is looked at for a page
//! has a bound, so a page may have fewer calls than asked for, or none, and still say where to go on.

use common::{CallId, TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::ranges::{Lead, MAX_ALIKE, Span, Test, alike, counts, floors, pages};
use super::words::{Asked, part_of};
use super::{Store, StoreError, Tx, calls, millis, sql};
use crate::model::{Call, CallRef, CallStatus};

/// Places that are read at a time when many are asked for.
const PAGE: u16 = 500;

/// How often at most: when few of very many calls pass, it is gone on with by another request.
const MAX_PAGES: usize = 300;

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
    /// The tenant's calls that pass the filter, newest first, from behind `after` on.
    pub(crate) async fn call_list(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        after: Option<Place>,
        limit: u16,
    ) -> Result<Page<Call>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let page = places(&mut tx, tenant, filter, after, limit).await?;
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
                counts(tenant, leads, all),
                floors(tenant, leads, all),
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
    let mut leads = vec![Lead::Everything];
    if let Some(leader) = leader(tx, tenant, &asks, span).await? {
        leads = asks[leader].leads.take().unwrap_or(leads);
        if asks[leader].is_exact {
            asks.remove(leader);
        }
    }
    if leads.is_empty() {
        return Ok(Page { rows: Vec::new(), next: None });
    }
    let mut is_cut = false;
    if !asks.is_empty() {
        // Down to the newest of the places where a range ends that is longer than the window.
        let floors: Vec<Place> = floors(tenant, &leads, span).all(tx).await?;
        if let Some(&floor) = floors.iter().max() {
            span.from = floor;
            is_cut = true;
        }
    }
    let tests: Vec<&Test> = asks.iter().map(|ask| &ask.test).collect();
    let mut rows: Vec<Place> = pages(tenant, &leads, span, &tests, limit + 1).all(tx).await?;
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows.dedup();
    let next = match rows.len() > usize::from(limit) {
        true => {
            rows.truncate(usize::from(limit));
            rows.last().copied()
        }
        false => Some(span.from).filter(|_| is_cut),
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
        let alike: Vec<(String,)> = alike(tenant, begin).all(tx).await?;
        let mut leads: Vec<Lead> = alike.into_iter().map(|(word,)| Lead::Word(word)).collect();
        let few = i64::try_from(leads.len()).is_ok_and(|words| words <= MAX_ALIKE);
        asks.push(match asked {
            Asked::Word(_) => {
                Ask { test: Test::Word(begin.clone()), leads: few.then_some(leads), is_exact: true }
            }
            Asked::Digits(_) => {
                let part = part_of(begin);
                let is_exact = part.as_ref().is_some_and(|(_, exact)| *exact);
                let leads = part.filter(|_| few).map(|(part, _)| {
                    leads.push(Lead::Word(part));
                    leads
                });
                Ask { test: Test::Digits(begin.clone()), leads, is_exact }
            }
        });
    }
    Ok(asks)
}

/// Which of them leads to the fewest calls, as far as the window shows.
async fn leader(
    tx: &mut Tx,
    tenant: TenantId,
    asks: &[Ask],
    span: Span,
) -> Result<Option<usize>, StoreError> {
    let able: Vec<(usize, &[Lead])> =
        asks.iter().enumerate().filter_map(|(n, ask)| Some((n, ask.leads.as_deref()?))).collect();
    if let [] | [_] = able[..] {
        return Ok(able.first().map(|&(n, _)| n));
    }
    let mut fewest: Option<(i64, usize)> = None;
    for (n, leads) in able {
        let counted: Vec<(i64,)> = match leads {
            [] => Vec::new(),
            _ => counts(tenant, leads, span).all(tx).await?,
        };
        let count = counted.iter().map(|&(count,)| count).sum();
        if fewest.is_none_or(|(known, _)| count < known) {
            fewest = Some((count, n));
        }
    }
    Ok(fewest.map(|(_, n)| n))
}
