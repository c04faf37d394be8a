//! The sound of the demo: three strokes of a bell, made here rather than kept as a file.

use std::f32::consts::TAU;

const SAMPLES_PER_SECOND: u32 = 16_000;
const SECONDS: f32 = 4.2;
/// When each stroke begins, in seconds, and its tone in hertz.
const STROKES: [(f32, f32); 3] = [(0.05, 659.3), (0.85, 523.3), (1.65, 587.3)];
/// What a bell sounds of: multiples of its tone, how loud, and how fast they fade.
const PARTIALS: [(f32, f32, f32); 4] = [(1.0, 0.5, 1.4), (2.0, 0.26, 2.2), (2.76, 0.16, 3.4), (5.4, 0.08, 6.0)];

/// The sound as WAV, one channel of 16 bits.
pub(super) fn wav() -> Vec<u8> {
    let count = (SAMPLES_PER_SECOND as f32 * SECONDS) as u32;
    let (format, channels, bits) = (1u16, 1u16, 16u16);
    let mut bytes = Vec::with_capacity(44 + 2 * count as usize);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + 2 * count).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16u32.to_le_bytes());
    bytes.extend_from_slice(&format.to_le_bytes());
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&SAMPLES_PER_SECOND.to_le_bytes());
    bytes.extend_from_slice(&(SAMPLES_PER_SECOND * 2).to_le_bytes());
    bytes.extend_from_slice(&2u16.to_le_bytes());
    bytes.extend_from_slice(&bits.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&(2 * count).to_le_bytes());
    for sample in 0..count {
        let level = strike(sample as f32 / SAMPLES_PER_SECOND as f32) * 0.6;
        bytes.extend_from_slice(&((level.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16).to_le_bytes());
    }
    bytes
}

/// How far the air is moved at a time.
fn strike(time: f32) -> f32 {
    let begun = STROKES.iter().filter(|(start, _)| time >= *start);
    begun.map(|(start, tone)| bell(time - start, *tone)).sum()
}

fn bell(time: f32, tone: f32) -> f32 {
    let attack = (time * 200.0).min(1.0);
    PARTIALS.iter().map(|(of, loud, fade)| attack * loud * (-fade * time).exp() * (TAU * tone * of * time).sin()).sum()
}
