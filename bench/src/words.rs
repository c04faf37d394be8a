//! What people say in a bench: plain words, the same at each run. The server makes of them the words that they are, so that
//! a direct fill of the database knows them, too.

/// How many different words there are.
const VOCABULARY: u64 = 3_000;
/// Words of a message, beside those that a bench looks for.
const WORDS: u64 = 8;

/// Numbers that look like chance and are the same at each run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 to `below` - 1.
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

/// The `number`-th message: every one has `the`, every fourth `meeting`, every third `project`, the 500th `zebra`, and
/// the rest of its words are rarer the further back they stand in the vocabulary. No word stands in it twice.
pub fn message(number: u64) -> String {
    let mut dice = Dice::new(number + 1);
    let mut words = vec!["the".to_owned()];
    if number.is_multiple_of(4) {
        words.push("meeting".to_owned());
    }
    if number.is_multiple_of(3) {
        words.push("project".to_owned());
    }
    if number == 500 {
        words.push("zebra".to_owned());
    }
    for _ in 0..WORDS {
        // The square of an even chance: some words are common and most are rare.
        let chance = dice.roll(VOCABULARY);
        let word = format!("w{}ord", chance * chance / VOCABULARY);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_same_at_each_run_and_have_the_words_that_are_looked_for() {
        assert_eq!(message(12), message(12));
        assert_ne!(message(12), message(13));
        assert!((0..100).all(|number| message(number).starts_with("the ")));
        assert_eq!((0..1_200).filter(|number| message(*number).contains("meeting")).count(), 300);
        assert_eq!((0..1_200).filter(|number| message(*number).contains("zebra")).count(), 1);
    }
}
