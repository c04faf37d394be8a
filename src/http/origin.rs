//! Which web pages may talk to this server: its own, and those of the origins that the settings allow.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use crate::config::Cors;

/// Whether a request may come from where it says it does. A caller that is no browser names no origin and may.
/// `null` is an origin only where all are allowed (contract §12, origins).
pub fn is_allowed(settings: &Cors, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    if settings.any() {
        return true;
    }
    let Ok(origin) = origin.to_str() else { return false };
    settings.allowed_origins.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
        || is_own(origin, headers)
}

/// Whether the page came from this very server, by the host that the request names. The scheme is not looked at: a
/// proxy in front may have taken TLS off.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme, from)) = origin.split_once("://") else { return false };
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    // A browser leaves the port of the scheme out of the origin.
    let usual = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    host.strip_suffix(usual).unwrap_or(host).eq_ignore_ascii_case(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(settings: &[&str], origin: Option<&'static str>) -> bool {
        let settings = Cors { allowed_origins: settings.iter().map(|origin| (*origin).to_owned()).collect() };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "chat.example:1337".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        is_allowed(&settings, &headers)
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
            is_allowed(&Cors::default(), &headers)
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
