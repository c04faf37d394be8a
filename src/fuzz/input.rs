//! How a target reads its bytes: a first one that chooses, and pieces of the rest.

/// The first byte, which chooses, and all others.
pub(super) fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// All before the first line break, and all behind it.
pub(super) fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

/// The bytes in pieces of 1 to 32, whose lengths follow from `seed`.
pub(super) fn pieces(seed: u8, bytes: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut rest, mut state) = (Vec::new(), bytes, seed);
    while !rest.is_empty() {
        state = state.wrapping_mul(73).wrapping_add(41);
        let length = 1 + usize::from(state >> 2) % (1 << (seed % 6));
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
