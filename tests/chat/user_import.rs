//! Users of the host application out of a file, as an operator brings them in.

use serde_json::json;

use crate::process::Home;

fn write(home: &Home, file: &str, text: &str) {
    std::fs::write(home.folder.join(file), text).unwrap();
}

#[tokio::test]
async fn users_of_a_file_become_known_once_beside_a_server_that_runs() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let lines: String = (10..=600).map(|id| format!("{id},User no {id},mail,https://example.org/{id}.png\n")).collect();
    let lines = format!(
        "id,name,email,picture\n{lines}0,Nobody,,\n2,<b>Bob</b>,,\n3,,,\n4,Dave,,javascript:alert(1)\n5,Eve,,\n10,Again,,\n"
    );
    write(&home, "users.csv", &lines);
    let said = home.printed(&["user", "import", "users.csv", "--report", "report.txt"]).await;
    for line in [
        "users: 592 new, 1 were there, 4 left out",
        "Left out: An id is a positive whole number below 2^53 (1: line 593)",
        "Left out: The avatar URL must be an http or https address (1: line 596)",
    ] {
        assert!(said.lines().any(|told| told == line), "{line} is missing in {said}");
    }
    let report = std::fs::read_to_string(home.folder.join("report.txt")).unwrap();
    let told: Vec<&str> = report.lines().filter_map(|line| line.split_once(": ").map(|(place, _)| place)).collect();
    assert_eq!(told.len(), 4, "{report}");
    assert!(["line 593", "line 594", "line 595", "line 596"].iter().all(|place| told.contains(place)), "{report}");

    let direct = alice.post_nothing("/conversations/direct/600").await.ok();
    assert_eq!((&direct["name"], &direct["avatarUrl"]), (&json!("User no 600"), &json!("https://example.org/600.png")));
    assert_eq!(alice.post_nothing("/conversations/direct/10").await.ok()["name"], "Again", "the last one counts");
    alice.post_nothing("/conversations/direct/4").await.refused_with(404, "NOT_FOUND");

    // Twice makes nothing double, and what has changed is brought up to date.
    write(&home, "users.csv", &lines.replace("5,Eve", "5,Evelyn"));
    let said = home.printed(&["user", "import", "users.csv"]).await;
    assert!(said.contains("users: 0 new, 593 were there, 4 left out"), "{said}");
    assert_eq!(home.printed(&["user", "list", "--limit", "1000"]).await.lines().count(), 593);
    assert!(home.printed(&["user", "show", "--id", "5"]).await.contains("name: Evelyn"));
    process.terminate().await;
    assert_eq!(home.run(&["doctor"]).await.code, Some(0));
    let missing = home.run(&["user", "import", "nobody.csv"]).await;
    assert!(missing.code == Some(1) && missing.err.contains("The file nobody.csv cannot be opened"), "{missing:?}");
}

#[tokio::test]
async fn users_who_are_known_by_texts_are_numbered_and_keep_their_numbers() {
    let home = Home::new().await;
    let lines = [
        json!({ "externalId": "auth0|1", "name": "Ann", "picture": "https://example.org/a.png", "email": null }),
        json!({ "externalId": "auth0|2", "name": "Ben" }),
        json!({ "name": "Nobody" }),
    ];
    write(&home, "users.jsonl", &lines.map(|line| format!("{line}\n")).concat());
    let import = ["user", "import", "users.jsonl", "--set", "auth.user_ids=text"];
    let said = home.printed(&import).await;
    assert!(said.contains("users: 2 new, 0 were there, 1 left out"), "{said}");
    assert!(said.contains("Left out: A user has an id or an external id (1: line 3)"), "{said}");
    let listed = home.printed(&["user", "list"]).await;
    let said = home.printed(&import).await;
    assert!(said.contains("users: 0 new, 2 were there, 1 left out"), "{said}");
    assert_eq!(home.printed(&["user", "list"]).await, listed);
    let refused = home.printed(&["user", "import", "users.jsonl"]).await;
    assert!(refused.contains("Users have no external ids here, see auth.user_ids (2: line 1, line 2)"), "{refused}");
}
