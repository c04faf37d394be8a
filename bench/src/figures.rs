//! Figures of many measurements: percentiles and medians. It knows no unit.

/// The value below which `share` (0 to 1) of the values lie, by the nearest rank; 0 of none.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values[rank.clamp(1, values.len()) - 1]
}

/// The middle of the values; between two, the lower one.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// How many times the first value the last one is; none where there is nothing to compare with.
pub fn growth(values: &[Option<f64>]) -> Option<f64> {
    let mut known = values.iter().flatten().filter(|value| **value > 0.0);
    let first = known.next()?;
    known.next_back().map(|last| last / first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.5), 50.0);
        assert_eq!(percentile(&mut values, 0.99), 99.0);
        assert_eq!(percentile(&mut values, 1.0), 100.0);
        assert_eq!(percentile(&mut values, 0.0), 1.0);
        assert_eq!(percentile(&mut [7.0], 0.99), 7.0);
        assert_eq!(percentile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn the_middle_is_not_moved_by_what_is_far_out() {
        assert_eq!(median(&mut [3.0, 1.0, 1_000.0]), 3.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.0);
    }

    #[test]
    fn growth_compares_the_last_known_with_the_first_known() {
        assert_eq!(growth(&[Some(2.0), None, Some(3.0), Some(4.0)]), Some(2.0));
        assert_eq!(growth(&[None, Some(2.0)]), None);
        assert_eq!(growth(&[]), None);
    }
}
