//! Which web pages may talk to this server: its own, and those of the origins that the settings allow. The rule itself is
//! the one of [`Origins`], on every door.

use axum::http::request::Parts;
use sockjs::Origins;

use crate::config::Cors;

/// The origins that the settings allow. `null` is one only where all are allowed (protocol §12, origins).
pub fn allowed(settings: &Cors) -> Origins {
    match settings.allowed_origins.as_slice() {
        [] => Origins::SameOrigin,
        _ if settings.any() => Origins::Any,
        origins => Origins::List(origins.to_vec()),
    }
}

/// Whether a request may come from where it says it does. A caller that is no browser names no origin and may.
pub fn is_allowed(settings: &Cors, request: &Parts) -> bool {
    allowed(settings).allow(request)
}

#[cfg(test)]
mod tests {
    use axum::http::header::{HOST, ORIGIN};
    use axum::http::{HeaderMap, Request};

    use super::*;

    fn request(headers: HeaderMap) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers = headers;
        parts
    }

    fn allowed(settings: &[&str], origin: Option<&'static str>) -> bool {
        let settings = Cors { allowed_origins: settings.iter().map(|origin| (*origin).to_owned()).collect() };
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
            is_allowed(&Cors::default(), &request(headers))
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
}
