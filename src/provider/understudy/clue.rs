//! What a line of source and a class of error say together. General rules, each over a whole class.

mod comparison;
mod names;
mod values;

use super::case::{Case, Place};
use super::evidence::Fault;
use super::kind::{self, Kind};

/// One reading of a fault.
pub(crate) struct Clue {
    /// A clause that goes after `at path:line: `.
    pub(crate) says: String,
    /// The expression that it is about.
    pub(crate) about: Option<String>,
    /// What to look at to confirm it.
    pub(crate) check: String,
}

impl Clue {
    fn new(says: String, about: Option<&str>, check: String) -> Self {
        Self { says, about: about.map(str::to_owned), check }
    }
}

/// The clue for a fault at a place, where a rule has one.
pub(crate) fn find(case: &Case<'_>, fault: &Fault, place: &Place<'_>) -> Option<Clue> {
    let line = place.source.unwrap_or("").trim();
    if let Some(clue) = values::raised(case, place, line) {
        return Some(clue);
    }
    match kind::of(fault) {
        Kind::MissingKey => values::missing_key(fault, line),
        Kind::NoValue => values::no_value(fault, line),
        Kind::OutOfRange => values::out_of_range(case, fault, place),
        Kind::DivideByZero => values::divide_by_zero(line),
        Kind::BadFormat => values::bad_format(fault, line),
        Kind::NoMember => names::no_member(case, fault),
        Kind::Undefined => names::undefined(case, fault),
        Kind::MissingModule => names::missing_module(case, fault),
        Kind::NotCallable => names::not_callable(case, fault),
        Kind::Arity => names::arity(case, fault, line),
        Kind::TypeMismatch | Kind::Ownership => values::rejected(fault, line),
        Kind::Comparison => comparison::clue(case, fault, line),
        Kind::Syntax | Kind::Memory | Kind::Overflow | Kind::Recursion | Kind::Io | Kind::Other => None,
    }
}

pub(crate) use comparison::{described, note};
pub(crate) use values::same_text;
