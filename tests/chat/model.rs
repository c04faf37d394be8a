//! The doors against a model: generated people do generated things through REST, GraphQL and STOMP at random, and
//! after each step the answer and everything that each of them sees are what plain maps say (protocol §2 to §8).
//! A failing case is made smaller, and is told with its seed: `CONFAB_MODEL_SEED` runs it again. `CONFAB_MODEL_CASES`
//! says how many cases there are.

mod chat;
pub(crate) mod doors;
mod history;
mod look;
pub(crate) mod requests;
mod rules;
pub(crate) mod steps;
pub(crate) mod stomp;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::person::Person;
use crate::server::Server;
pub(crate) use chat::Chat;
use doors::{Door, Reply, doors, perform};
pub(crate) use steps::{Act, Step, opening};
use stomp::Stomp;

const CASES: u64 = 16;
/// Cases at the same time, on one server.
const AT_ONCE: usize = 2;
/// How long a failing case is made smaller.
const SMALLER: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn every_door_shows_what_the_model_shows() {
    let server = Server::start().await;
    let seeds = match number("CONFAB_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CONFAB_MODEL_CASES").unwrap_or(CASES),
    };
    let count = seeds.end - seeds.start;
    let cases = futures_util::stream::iter(seeds).map(|seed| run(&server, seed)).buffer_unordered(AT_ONCE);
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for told in cases.collect::<Vec<_>>().await {
        for outcome in told {
            *done.entry(outcome).or_default() += 1;
        }
    }
    println!("{count} cases came to {done:?}");
}

/// A number that a variable of the environment holds.
pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a whole number"))
}

/// The generated steps of a seed.
pub(crate) fn generated(seed: u64) -> Vec<Step> {
    let config = Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    steps::steps().new_tree(&mut TestRunner::new(config)).expect("nothing is filtered").current()
}

/// Runs a case; where it fails, looks for a smaller one that fails too and panics with it. The outcomes of the steps.
async fn run(server: &Server, seed: u64) -> Vec<String> {
    let mut steps = generated(seed);
    let mut worst = match attempt(server, steps.clone()).await {
        Ok(outcomes) => return outcomes,
        Err(story) => story,
    };
    // Whatever came after the failure had no part in it.
    steps.truncate(worst.steps);
    let until = Instant::now() + SMALLER;
    for size in [16, 8, 4, 2, 1] {
        let mut place = 0;
        while place < steps.len() && Instant::now() < until {
            let mut fewer = steps.clone();
            fewer.drain(place..(place + size).min(steps.len()));
            match attempt(server, fewer.clone()).await {
                Ok(_) => place += size,
                Err(story) => (steps, worst) = (fewer, story),
            }
        }
    }
    panic!("CONFAB_MODEL_SEED={seed} fails; the smallest case found:\n{}", worst.text);
}

/// What was done until a case failed, and at the end how it failed.
#[derive(Default)]
struct Story {
    text: String,
    steps: usize,
}

/// One case with four new people. The outcomes of its steps, or what was done until it failed, and how it failed.
async fn attempt(server: &Server, steps: Vec<Step>) -> Result<Vec<String>, Story> {
    let names = ["Alice", "Bob", "Carol", "Dave"];
    let people = join_all(names.map(|name| server.person(name))).await;
    let story = Arc::new(Mutex::new(Story::default()));
    let case = tokio::spawn(play(people, steps, Arc::clone(&story)));
    case.await.map_err(|failed| {
        let panic = failed.into_panic();
        let why = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|&why| why.to_owned()));
        let mut story = std::mem::take(&mut *story.lock().unwrap_or_else(PoisonError::into_inner));
        story.text.push_str(&why.unwrap_or_default());
        story
    })
}

async fn play(people: Vec<Person>, steps: Vec<Step>, story: Arc<Mutex<Story>>) -> Vec<String> {
    let mut chat =
        Chat { people: people.iter().map(|person| (person.id, person.name.clone())).collect(), ..Chat::default() };
    let mut live = join_all(people.iter().map(Stomp::open)).await;
    let start = history::cursor(&people[0]).await;
    let mut outcomes = Vec::new();
    let mut opened = 0;
    while let Some((who, act)) = opening(&chat, opened) {
        let reply = perform(&people[who], &mut live[who], Door::Rest, &act).await;
        judge(&mut chat, people[who].id, &act, reply);
        opened += 1;
    }
    for (place, step) in steps.iter().enumerate() {
        let (me, act) = (&people[step.who], step.means(&chat));
        let open = doors(&act);
        let door = open[usize::from(step.door) % open.len()];
        let line = format!("{:>2}. {} ({}) by {door:?}: {act:?}\n", place + 1, me.name, me.id);
        {
            let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
            story.text.push_str(&line);
            story.steps = place + 1;
        }
        let reply = perform(me, &mut live[step.who], door, &act).await;
        let touched = reply.made.id;
        let outcome = judge(&mut chat, me.id, &act, reply);
        outcomes.push(format!("{} {outcome}", format!("{act:?}").split(' ').next().unwrap_or_default()));
        show(&chat, &people, step.who, place, touched).await;
    }
    for person in &people {
        look::compare(&look::by_graphql(person).await, &chat.shows(person.id), &person.name);
        let mut seen = look::by_rest(person).await;
        let shown = chat.shows(person.id);
        for message in chat.posts.keys().filter(|id| shown.contains_key(&format!("receipts/{id}"))) {
            look::of_message(person, *message, &mut seen).await;
        }
        look::compare(&seen, &shown, &person.name);
        history::replays(&chat, person, &start).await;
        history::pages(&chat, person).await;
    }
    outcomes
}

/// Asserts that the door answered as the model does; how it went.
fn judge(chat: &mut Chat, me: i64, act: &Act, reply: Reply) -> String {
    let Reply { answer, created, made, raw } = reply;
    match (chat.act(me, act, made), answer) {
        (Ok(told), Ok(data)) => {
            if let Some(data) = data {
                look::same(&data, &told.data, &format!("the answer {raw}"));
            }
            if let Some(created) = created {
                assert_eq!(created, told.created.unwrap_or(false), "201 or 200: {raw}");
            }
            "OK".to_owned()
        }
        (Err(expected), Err(code)) => {
            assert_eq!(code, expected, "the code of {raw}");
            code
        }
        (told, answer) => panic!("the door says {answer:?} ({raw}), the model {told:?}"),
    }
}

/// Asserts that people see what the model shows: after each step whoever did it over one door and another one over
/// the other, in turns; now and then everybody.
async fn show(chat: &Chat, people: &[Person], who: usize, place: usize, touched: i64) {
    let everybody = place % 16 == 15;
    let other = (who + 1 + place % 3) % people.len();
    let seen = people.iter().enumerate().filter(|(nth, _)| everybody || *nth == who || *nth == other);
    let views = seen.map(|(nth, person)| async move {
        let shown = chat.shows(person.id);
        if (place + usize::from(nth == who)).is_multiple_of(2) {
            look::compare(&look::by_graphql(person).await, &shown, &person.name);
            return;
        }
        let mut seen = look::by_rest(person).await;
        if shown.contains_key(&format!("receipts/{touched}")) {
            look::of_message(person, touched, &mut seen).await;
        }
        look::compare(&seen, &shown, &person.name);
    });
    join_all(views).await;
}
