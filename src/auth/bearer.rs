//! Where a caller writes its token: in an `Authorization` header, in a query string, or bare. Whether the token is valid
//! is not known here.

use crate::http::query;

/// The token of an `Authorization` header: what follows the scheme `Bearer`, in whatever case, if it is one word.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim_matches(' ').split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && is_word(token)).then_some(token)
}

/// The token that a query string names `token`, decoded: all that a browser can set on a socket.
pub fn in_query(query: &str) -> Option<String> {
    let named = query::pairs(query).filter_map(Result::ok).find(|(name, value)| name == "token" && value.is_some());
    named.and_then(|(_, token)| token).filter(|token| !token.is_empty())
}

/// The token of a place that takes it with or without `Bearer` before it, such as the payload of `connection_init`.
pub fn bearer_or_bare(text: &str) -> Option<&str> {
    let bare = text.trim_matches(' ');
    bearer(text).or_else(|| (is_word(bare) && !bare.eq_ignore_ascii_case("Bearer")).then_some(bare))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
