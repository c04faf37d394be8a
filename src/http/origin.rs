//! Which web pages may talk to this server: its own, and those of the origins that the settings allow. The rule itself is
//! the one of [`Origins`], on every door.

use axum::http::request::Parts;
use reqwest::Url;
use sockjs::Origins;

use crate::config::Config;

/// The origins that the settings allow, beside that of each request. The one of `server.public_url` is the server's own,
/// whatever host a proxy in front asks it for. `null` is one only where all are allowed (protocol §12, origins).
pub fn allowed(settings: &Config) -> Origins {
    if settings.cors.any() {
        return Origins::Any;
    }
    let public = settings.server.public_url.as_ref().and_then(|url| Url::parse(url).ok());
    let public = public.map(|url| url.origin().ascii_serialization());
    let named: Vec<String> = settings.cors.allowed_origins.iter().cloned().chain(public).collect();
    if named.is_empty() { Origins::SameOrigin } else { Origins::List(named) }
}

/// Whether a request may come from where it says it does. A caller that is no browser names no origin and may.
pub fn is_allowed(settings: &Config, request: &Parts) -> bool {
    allowed(settings).allow(request)
}

#[cfg(test)]
mod tests {
    use axum::http::header::{HOST, ORIGIN};
    use axum::http::{HeaderMap, Request};

    use super::*;
    use crate::config::Cors;

    fn request(headers: HeaderMap) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers = headers;
        parts
    }

    fn allowed(settings: &[&str], origin: Option<&'static str>) -> bool {
        let allowed_origins = settings.iter().map(|origin| (*origin).to_owned()).collect();
        let settings = Config { cors: Cors { allowed_origins }, ..Config::default() };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "chat.example:1337".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        is_allowed(&settings, &request(headers))
    }

    #[test]
    fn only_the_own_origin_and_those_in_the_settings_are_allowed() {
        assert!(allowed(&[], None));
        assert!(allowed(&[], Some("http://chat.example:1337")));
        assert!(!allowed(&[], Some("http://chat.example")));
        let own = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            is_allowed(&Config::default(), &request(headers))
        };
        assert!(own("https://chat.example", "chat.example:443") && own("https://chat.example", "chat.example"));
        assert!(own("http://chat.example", "chat.example:80") && !own("https://chat.example", "chat.example:80"));
        assert!(!allowed(&[], Some("https://evil.example")));
        assert!(!allowed(&[], Some("null")));
        assert!(allowed(&["https://app.example"], Some("https://app.example")));
        assert!(!allowed(&["https://app.example"], Some("https://app.example.evil")));
        assert!(allowed(&["*"], Some("null")));
        assert!(allowed(&["*"], Some("https://anybody.example")));
    }

    #[test]
    fn the_public_address_is_of_the_servers_own_origin_whatever_host_a_proxy_asks_for() {
        let mut settings = Config::default();
        settings.server.public_url = Some("https://Chat.example.org:443/chat/".to_owned());
        for (origin, is_own) in [
            ("https://chat.example.org", true),
            ("http://chat.example.org", false),
            ("https://chat.example.org:8443", false),
            ("https://example.org", false),
        ] {
            let headers =
                [(HOST, "127.0.0.1:1337"), (ORIGIN, origin)].map(|(name, value)| (name, value.parse().unwrap()));
            assert_eq!(is_allowed(&settings, &request(HeaderMap::from_iter(headers))), is_own, "{origin}");
        }
    }
}
