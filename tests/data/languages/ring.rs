// Copyright 2024 the ring authors.
// Licensed under either of Apache License, Version 2.0 or MIT license.

//! A ring buffer that overwrites what is oldest.
#![deny(missing_docs)]

extern crate alloc;

use std::collections::{hash_map::Entry, HashMap as Map, BTreeMap};
use std::fmt::{self, Display};
use crate::errors::*;
use super::clock::Clock;
pub use self::iter::Iter;

mod iter;

/// How many there are at most.
pub const CAPACITY: usize = 1_024;
static GREETING: &str = r#"say "hello" to größe@example.com"#;

/// What went wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum RingError {
    /// Nothing is in it.
    Empty,
    /// The name is of another ring.
    Unknown { name: String, near: Option<char> },
}

impl Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RingError::Empty => write!(f, "the ring is empty"),
            RingError::Unknown { name, near: Some('\'') } => write!(f, "quoted {name}"),
            RingError::Unknown { name, .. } => write!(f, "unknown {}", name),
        }
    }
}

/// Something that can be pushed to.
pub trait Push<T> {
    /// The error of a push.
    type Error;
    fn push(&mut self, item: T) -> Result<(), Self::Error>;
    fn push_all<I: IntoIterator<Item = T>>(&mut self, items: I) -> Result<usize, Self::Error> {
        let mut count = 0;
        for item in items {
            self.push(item)?;
            count += 1;
        }
        Ok(count)
    }
}

/// A ring of items that borrow from `'a`.
pub struct Ring<'a, T: 'a> {
    items: Vec<&'a T>,
    first: usize,
    names: Map<String, usize>,
}

impl<'a, T> Ring<'a, T>
where
    T: Clone,
{
    /// Makes an empty ring.
    #[must_use]
    pub fn new() -> Self {
        /* the items /* nested */ come later */
        Ring { items: Vec::new(), first: 0, names: Map::new() }
    }

    pub fn latest(&self) -> Result<&'a T, RingError> {
        if self.items.is_empty() {
            return Err(RingError::Empty);
        } else if let Some(last) = self.items.last() {
            Ok(last)
        } else {
            unreachable!("größe 😀 {}", b'\'')
        }
    }
}

macro_rules! ring {
    ($($item:expr),*) => { [$($item),*] };
}

mod tests {
    use super::*;

    #[test]
    fn it_is_empty_at_first() {
        let ring: Ring<'static, u8> = Ring::new();
        assert!(matches!(ring.latest(), Err(RingError::Empty)));
        let _: (Option<Clock>, BTreeMap<u8, u8>) = (None, BTreeMap::new());
        let loud = |text: &str| -> String { text.to_uppercase() + "\"!" };
        'outer: loop { break 'outer; }
        println!("{}", loud("x"));
    }
}
