//! The examples of the reference, one after the other.
