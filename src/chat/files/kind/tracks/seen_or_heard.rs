//! Whether tracks are seen or heard, and what a container is called then. It knows none of the containers.

/// What tracks were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tracks {
    pub seen: bool,
    pub heard: bool,
}

/// The types of a container: with something to be seen, and with sounds alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types {
    pub film: &'static str,
    pub sound: &'static str,
}

impl Types {
    /// The type with these tracks; none without any.
    pub fn of(self, tracks: Tracks) -> Option<&'static str> {
        match tracks {
            Tracks { seen: true, .. } => Some(self.film),
            Tracks { heard: true, .. } => Some(self.sound),
            _ => None,
        }
    }
}
