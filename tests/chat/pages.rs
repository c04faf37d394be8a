//! The pages for people: what a browser gets at the front door, how long it keeps it, and who gets the tokens of a demo.

use reqwest::{Client, Method, Response};

use confab::config::DemoPerson;

use crate::server::Server;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = Client::new().request(method, server.url(path));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.expect("an answer")
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_browser_gets_a_page_at_the_front_door_and_a_program_what_it_always_got() {
    let server = Server::start().await;
    let page = ask(&server, Method::GET, "/", &[("accept", BROWSER)]).await;
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    let (tag, policy) = (header(&page, "etag").to_owned(), header(&page, "content-security-policy").to_owned());
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let html = page.text().await.expect("text");
    assert!(!html.contains("://") && !html.contains("<script>") && !html.contains("style=") && !html.contains("=\"/"));
    assert!(html.contains(env!("CARGO_PKG_VERSION")) && html.contains("&quot;demo&quot;:false"), "{html}");
    let head = ask(&server, Method::HEAD, "/", &[("accept", BROWSER)]).await;
    assert_eq!((head.status().as_u16(), header(&head, "etag")), (200, tag.as_str()));
    let again = ask(&server, Method::GET, "/", &[("accept", BROWSER), ("if-none-match", &tag)]).await;
    assert_eq!(again.status(), 304);
    for (method, accept) in [(Method::GET, "application/json"), (Method::GET, "*/*"), (Method::POST, BROWSER)] {
        let answer = ask(&server, method, "/", &[("accept", accept)]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "vary").contains("Accept")), (404, true));
        let body = answer.json::<serde_json::Value>().await.expect("JSON");
        assert_eq!(body["error"], "There is nothing at this address");
    }
}

#[tokio::test]
async fn a_browser_keeps_the_files_of_the_pages_and_gets_them_small() {
    let server = Server::start().await;
    let mut seen = 0;
    for path in ["/", "/chat", "/docs"] {
        let page = ask(&server, Method::GET, path, &[("accept", BROWSER)]).await.text().await.expect("text");
        for file in page.split('"').filter(|text| text.starts_with("site/") && !text.ends_with(".md")) {
            seen += 1;
            let kept = ask(&server, Method::GET, &format!("/{file}"), &[]).await;
            assert_eq!(header(&kept, "cache-control"), "public, max-age=31536000, immutable", "{file}");
            let tag = header(&kept, "etag").to_owned();
            let again = ask(&server, Method::GET, &format!("/{file}"), &[("if-none-match", &tag)]).await;
            assert_eq!(again.status(), 304);
            if file.ends_with(".js") || file.ends_with(".css") {
                for coding in ["br", "gzip"] {
                    let small = ask(&server, Method::GET, &format!("/{file}"), &[("accept-encoding", coding)]).await;
                    assert_eq!(header(&small, "content-encoding"), coding, "{file}");
                }
            }
        }
    }
    assert!(seen >= 9, "{seen}");
    let style = ask(&server, Method::GET, "/site/chat.css", &[]).await.text().await.expect("text");
    let fonts: Vec<&str> = style.split("url(").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(fonts.len() >= 3);
    for font in fonts {
        let kept = ask(&server, Method::GET, &format!("/site/{font}"), &[]).await;
        let caching = header(&kept, "cache-control").to_owned();
        assert!(kept.status() == 200 && caching.contains("immutable"), "{font}");
    }
    assert_eq!(ask(&server, Method::GET, "/site/..%2f..%2fCargo.toml", &[]).await.status(), 404);
}

#[tokio::test]
async fn the_pages_can_be_switched_off() {
    let server = Server::start_with(|config| config.server.pages = false).await;
    for path in ["/", "/chat", "/docs", "/site/chat.js"] {
        assert_eq!(ask(&server, Method::GET, path, &[("accept", BROWSER)]).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_tokens_of_a_demo_go_to_its_own_page_and_to_origins_that_are_named() {
    let demo = |config: &mut confab::config::Config| config.demo = vec![DemoPerson { id: 1, name: "Alice" }];
    let post = async |server: &Server, headers: &[(&str, &str)]| {
        let answer = ask(server, Method::POST, "/demo/people", headers).await;
        let caching = header(&answer, "cache-control").to_owned();
        assert_eq!(caching, "no-store");
        answer.status().as_u16()
    };
    let server = Server::start().await;
    assert_eq!(ask(&server, Method::POST, "/demo/people", &[]).await.status(), 404, "this is no demo");
    let server = Server::start_with(demo).await;
    let own = server.url("");
    let own = own.trim_end_matches('/');
    for (headers, status) in [
        (vec![], 200),
        (vec![("origin", own)], 200),
        (vec![("host", "localhost:1337")], 200),
        (vec![("host", "[::1]:1337")], 200),
        // A name of somebody else's, which leads here: its page would have this server for its own.
        (vec![("host", "evil.example"), ("origin", "http://evil.example")], 403),
        (vec![("host", "evil.example")], 403),
        (vec![("host", "127.0.0.1.evil.example")], 403),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("x-forwarded-for", "127.0.0.1")], 403),
        (vec![("forwarded", "for=127.0.0.1")], 403),
    ] {
        assert_eq!(post(&server, &headers).await, status, "{headers:?}");
    }
    let server = Server::start_with(|config| {
        demo(config);
        config.cors.allowed_origins = vec!["https://demo.example".to_owned()];
    })
    .await;
    let proxied = [("host", "demo.example"), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(post(&server, &[proxied[0], proxied[1], ("origin", "https://demo.example")]).await, 200);
    assert_eq!(post(&server, &[proxied[0], proxied[1], ("origin", "https://other.example")]).await, 403);
    // All are allowed to call, and none is named.
    let server = Server::start_with(|config| {
        demo(config);
        config.cors.allowed_origins = vec!["*".to_owned()];
    })
    .await;
    assert_eq!(post(&server, &[("host", "evil.example"), ("origin", "http://evil.example")]).await, 403);
}
