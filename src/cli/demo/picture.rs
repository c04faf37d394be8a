//! The picture of the demo: mountains at sunset, painted here rather than kept as a file.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;
/// From the top of the sky to where it meets the mountains.
const SKY: [[f32; 3]; 4] = [[44.0, 42.0, 92.0], [128.0, 74.0, 130.0], [236.0, 128.0, 108.0], [255.0, 206.0, 140.0]];
/// The sun: across, down, and half as wide as it is.
const SUN: [f32; 3] = [640.0, 330.0, 46.0];

/// A ridge: how far down it lies, how high its waves are, how long, where they begin, and its colour.
struct Ridge {
    base: f32,
    height: f32,
    length: f32,
    shift: f32,
    colour: [u8; 3],
}

/// From the farthest to the nearest.
const RIDGES: [Ridge; 4] = [
    Ridge { base: 372.0, height: 46.0, length: 190.0, shift: 0.6, colour: [176, 104, 128] },
    Ridge { base: 422.0, height: 58.0, length: 150.0, shift: 2.1, colour: [118, 74, 116] },
    Ridge { base: 478.0, height: 44.0, length: 210.0, shift: 4.4, colour: [70, 52, 96] },
    Ridge { base: 540.0, height: 34.0, length: 120.0, shift: 1.3, colour: [34, 30, 62] },
];

/// The picture as PNG.
pub(super) fn png() -> Vec<u8> {
    let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb(colour(x as f32, y as f32)));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("memory takes what is written");
    bytes.into_inner()
}

fn colour(x: f32, y: f32) -> [u8; 3] {
    let nearest = RIDGES.iter().rev().find(|ridge| y > ridge.top(x));
    nearest.map_or_else(|| sky(x, y), |ridge| ridge.colour)
}

impl Ridge {
    /// Three waves, so that none looks like its neighbour.
    fn top(&self, x: f32) -> f32 {
        let at = x / self.length + self.shift;
        let waves = at.sin() + (at * 2.3 + 1.0).sin().abs() * 0.7 + (at * 5.9).sin() * 0.16;
        self.base - self.height * waves
    }
}

fn sky(x: f32, y: f32) -> [u8; 3] {
    let down = (y / 430.0).min(0.999) * (SKY.len() - 1) as f32;
    let (upper, part) = (down as usize, down.fract());
    let [across, deep, size] = SUN;
    let distance = (x - across).hypot(y - deep);
    let glow = if distance < size { 1.0 } else { (1.0 - (distance - size) / 260.0).max(0.0).powi(3) * 0.55 };
    std::array::from_fn(|channel| {
        let plain = SKY[upper][channel] + (SKY[upper + 1][channel] - SKY[upper][channel]) * part;
        let lit = [255.0, 240.0, 205.0][channel];
        (plain + (lit - plain) * glow) as u8
    })
}
