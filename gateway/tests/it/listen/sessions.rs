//! How sessions end when it is not the browser that ends them.

use std::time::Duration;

use common::bus::{NodeCommand, SessionEnd};

use super::server::{Server, reply};

#[tokio::test]
async fn the_end_of_the_call_ends_its_sessions() {
    let mut server = Server::start().await;
    let (call, other) = (server.call(), server.call());
    let ends = server.open(server.grant(&call)).await;
    let stays = server.open(server.grant(&other)).await;
    server.hub.close(&call);

    assert_eq!(server.ended().await, (ends.grant.session, SessionEnd::CallEnded));
    assert_eq!(reply(server.request(reqwest::Method::GET, &ends.url)).await.status, 404);
    assert_eq!(reply(server.request(reqwest::Method::GET, &stays.url)).await.status, 204);
    let late = reply(server.post(&server.grant(&call))).await;
    assert_eq!((late.status, late.code.as_str()), (409, "call_not_live"));
    assert_eq!(server.metric("partyline_listener_end_total", &[("reason", "call_ended")]), 1.0);
}

#[tokio::test]
async fn who_lost_a_stream_stays_until_the_call_is_over() {
    let mut server = Server::start().await;
    let (call, other) = (server.call(), server.call());
    let waits = server.open(server.grant(&call)).await;
    server.hub.lose(&call);
    let late = reply(server.post(&server.grant(&call))).await;
    assert_eq!((late.status, late.code.as_str()), (409, "call_not_live"), "there is nothing to hear");
    server.bus.commands.publish(NodeCommand::EndCall { call: other.info().call });
    assert_eq!(reply(server.request(reqwest::Method::GET, &waits.url)).await.status, 204);

    server.bus.commands.publish(NodeCommand::EndCall { call: call.info().call });
    assert_eq!(server.ended().await, (waits.grant.session, SessionEnd::CallEnded));
    assert!(server.hub.find(other.info().tenant, other.info().call).is_some(), "its stream is open");
}

#[tokio::test]
async fn control_ends_a_session_and_its_grant_is_worth_nothing_any_more() {
    let mut server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    server.bus.commands.publish(NodeCommand::Unknown);
    server.bus.commands.publish(NodeCommand::EndSession { session: session.grant.session });

    assert_eq!(server.ended().await, (session.grant.session, SessionEnd::Revoked));
    let again = reply(server.post(&session.grant)).await;
    assert_eq!((again.status, again.code.as_str()), (403, "session_revoked"));
}

#[tokio::test]
async fn a_session_that_nobody_connects_to_is_given_up() {
    let mut server =
        Server::start_with(|config| config.listen.limits.connect = Duration::from_millis(50)).await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    assert_eq!(server.ended().await, (session.grant.session, SessionEnd::Failed));
    // The grant may try once more.
    server.open(session.grant).await;
}

#[tokio::test]
async fn a_gateway_that_stops_ends_its_sessions_first() {
    let mut server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    server.stop().await;
    assert_eq!(server.ended().await, (session.grant.session, SessionEnd::Shutdown));
}

#[tokio::test]
async fn fifty_may_come_at_once_and_each_worker_gets_its_share() {
    let mut server = Server::start_with(|config| config.threads = 2.try_into().unwrap()).await;
    let call = server.call();
    let posts: Vec<_> = (0..50).map(|_| reply(server.post(&server.grant(&call)))).collect();
    let replies = futures_util::future::join_all(posts).await;
    let mut ports = std::collections::HashMap::<String, u32>::new();
    for reply in replies {
        assert_eq!(reply.status, 201, "{reply:?}");
        let candidate = reply.body.split("a=candidate:").nth(1).unwrap();
        *ports.entry(candidate.split(' ').nth(5).unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(ports.into_values().collect::<Vec<_>>(), [25, 25]);

    server.hub.close(&call);
    for _ in 0..50 {
        assert_eq!(server.ended().await.1, SessionEnd::CallEnded);
    }
}
