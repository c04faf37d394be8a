//! Somebody is removed at one node while they listen at another, which hears nothing of it but from the log: what was sent
//! after the removal never reaches them, and all that was sent before does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{HEARD, SLACK, are_tested, nodes_at_home, redis};
use crate::faults::wire::Wire;
use crate::faults::{Stage, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_at_another_node_hears_nothing_of_what_comes_after() {
    if !are_tested() {
        return;
    }
    let (starts, ways) = nodes_at_home(2, redis().as_deref()).await;
    let mut stage = Stage::open("a removal", starts).await;
    let (alice, bob) = (stage.people[0].clone(), stage.people[1].clone());
    let dora = stage.person(30, "Dora").await;
    let group = alice.group("gossip", &[&bob, &dora]).await;
    let ears = [listen(&stage, &dora.token).await, listen(&stage, &bob.token).await];
    for round in 0..rounds(4, 20) {
        if round % 2 == 0 {
            ways[1].cut_from_the_others();
        }
        let mut sent = Vec::new();
        let removal = 10 + stage.dice.below(40);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for number in 0..60 {
            let text = format!("{round}-{number}");
            if number == removal {
                // While the next ones are on their way.
                let path = format!("/conversations/{group}/participants/{}", dora.id);
                let remove = alice.fetch(alice.request(reqwest::Method::DELETE, &format!("/api/chat{path}")));
                let sending = tokio::spawn({
                    let (bob, text) = (bob.clone(), text.clone());
                    async move { bob.send(group, &text).await }
                });
                assert!(remove.await.status < 300);
                sending.await.expect("it is sent");
            } else {
                alice.send(group, &text).await;
                if number < removal { before.push(text.clone()) } else { after.push(text.clone()) }
            }
            sent.push(text);
        }
        let heard = |ear: usize| ears[ear].lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all_by_bob = async {
            while heard(1).len() < sent.len() {
                sleep(Duration::from_millis(20)).await
            }
        };
        timeout(HEARD + SLACK, all_by_bob).await.expect("Bob hears all");
        assert_eq!(heard(1).len(), sent.len(), "Bob hears all, once");
        // Dora has had the time to hear what she must not.
        sleep(Duration::from_millis(1_500)).await;
        let by_dora = heard(0);
        assert!(by_dora.starts_with(&before), "{round}: she hears all before: {before:?} {by_dora:?}");
        let too_much: Vec<&String> = by_dora.iter().filter(|text| after.contains(text)).collect();
        assert!(too_much.is_empty(), "{round}: {too_much:?} after her removal");
        ways[1].mend();
        let again = alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [dora.id] })).await;
        assert!(again.status < 300, "{}", again.text);
        alice.send(group, "back").await;
        let back = async {
            while heard(0).last().is_none_or(|last| last != "back") {
                sleep(Duration::from_millis(20)).await
            }
        };
        timeout(HEARD + SLACK, back).await.expect("she hears again");
        let back = async {
            while heard(1).last().is_none_or(|last| last != "back") {
                sleep(Duration::from_millis(20)).await
            }
        };
        timeout(HEARD + SLACK, back).await.expect("he does, too");
        for ear in &ears {
            ear.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
    stage.end().await;
}

/// What somebody hears at the second node.
async fn listen(stage: &Stage, token: &str) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let mut wire = Wire::stomp(stage.addresses.at(1), token).await.expect("a session");
    wire.say("SUBSCRIBE\nid:1\ndestination:/user/queue/chat/messages\nreceipt:1\n\n\0".to_owned()).await;
    assert_eq!(wire.frame(HEARD).await.map(|frame| frame.command).as_deref(), Some("RECEIPT"));
    let notes = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Some(frame) = wire.frame(Duration::from_secs(600)).await {
            if let Some(text) = frame.body["content"].as_str() {
                notes.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
            }
        }
    });
    heard
}
