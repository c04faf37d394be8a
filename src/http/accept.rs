//! What a caller takes: the ranges of `Accept` with their weights (RFC 9110 §12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Whether the caller names this type, and not only to say that it is the last thing wanted.
pub fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    ranges(headers).any(|(range, weight)| range.eq_ignore_ascii_case(wanted) && weight > 0.0)
}

/// How much a type is wanted: by the range that names it most closely (RFC 9110 §12.5.1).
pub fn weight(headers: &HeaderMap, wanted: &str) -> f32 {
    let family = format!("{}/*", wanted.split('/').next().unwrap_or_default());
    let named = |name: &str| {
        let weights = ranges(headers).filter(|(range, _)| range.eq_ignore_ascii_case(name)).map(|(_, weight)| weight);
        weights.reduce(f32::max)
    };
    named(wanted).or_else(|| named(&family)).or_else(|| named("*/*")).unwrap_or(0.0)
}

/// The ranges of `Accept` with their weights; parameters other than the weight are passed over.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, f32)> {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.and_then(|weight| weight.parse::<f32>().ok()).map_or(1.0, |weight| weight.clamp(0.0, 1.0))))
    })
}
