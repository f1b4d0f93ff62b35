//! Classes of errors that mean the same in every language.

use super::evidence::Fault;

/// What went wrong, whatever the language calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    MissingKey,
    NoValue,
    NoMember,
    OutOfRange,
    DivideByZero,
    Comparison,
    Arity,
    TypeMismatch,
    MissingModule,
    Undefined,
    NotCallable,
    BadFormat,
    Syntax,
    Ownership,
    Memory,
    Overflow,
    Recursion,
    Io,
    Other,
}

/// Needles that decide by themselves; the first row with a hit wins, so the narrow rows come first.
const RULES: [(Kind, &[&str]); 20] = [
    (
        Kind::Syntax,
        &["SyntaxError", "IndentationError", "TabError", "expected `;`", "expected ‘;’", "expected ‘)’"],
    ),
    (
        Kind::MissingModule,
        &[
            "ModuleNotFoundError",
            "ImportError",
            "Cannot find module",
            "ERR_MODULE_NOT_FOUND",
            "unresolved import",
            "ClassNotFoundException",
            "NoClassDefFoundError",
            "no such file to load",
            "cannot find package",
            "TS2307",
            "fatal error: ",
            "No such file or directory (compile)",
        ],
    ),
    (
        Kind::NoValue,
        &[
            "'NoneType' object",
            "of undefined",
            "of null",
            "NullPointerException",
            "NullReferenceException",
            "nil pointer",
            "for nil",
            "`None` value",
            "is possibly 'null'",
            "is possibly 'undefined'",
            "null pointer",
        ],
    ),
    (Kind::MissingKey, &["KeyError", "KeyNotFoundException", "key not found", "NoSuchElementException"]),
    (
        Kind::OutOfRange,
        &[
            "IndexError",
            "index out of bounds",
            "out of range",
            "OutOfBounds",
            "out of bounds",
            "-buffer-overflow",
            "out_of_range",
        ],
    ),
    (
        Kind::DivideByZero,
        &["ZeroDivisionError", "divide by zero", "division by zero", "by zero", "divided by 0"],
    ),
    (Kind::NotCallable, &["is not a function", "is not callable", "is not a constructor"]),
    (
        Kind::Arity,
        &[
            "positional argument",
            "unexpected keyword argument",
            "wrong number of arguments",
            "E0061",
            "TS2554",
            "too many arguments",
            "too few arguments",
            "not enough arguments",
        ],
    ),
    (
        Kind::NoMember,
        &[
            "has no attribute",
            "NoSuchMethodError",
            "undefined method",
            "NoMethodError",
            "has no member named",
            "TS2339",
            "TS2551",
            "E0599",
            "E0609",
            "TS2561",
            "TS2353",
        ],
    ),
    (
        Kind::Undefined,
        &[
            "NameError",
            "is not defined",
            "E0425",
            "undefined: ",
            "undeclared",
            "cannot find symbol",
            "UnboundLocalError",
            "TS2304",
            "undefined local variable",
        ],
    ),
    (
        Kind::Ownership,
        &["E0382", "E0499", "E0502", "E0505", "E0506", "E0507", "E0596", "E0597", "E0373", "E0716"],
    ),
    (
        Kind::Recursion,
        &["RecursionError", "StackOverflowError", "Maximum call stack", "stack overflow", "stack-overflow"],
    ),
    (
        Kind::Memory,
        &["use-after-free", "double-free", "segmentation fault", "segmentation violation", "SEGV"],
    ),
    (
        Kind::Comparison,
        &[
            "AssertionError",
            "assertion",
            "ComparisonFailure",
            "AssertionFailedError",
            "ExpectationNotMet",
            "test failure",
            "Failed",
        ],
    ),
    (
        Kind::BadFormat,
        &[
            "invalid literal",
            "JSONDecodeError",
            "NumberFormatException",
            "ParseIntError",
            "ParseFloatError",
            "FormatException",
            "in JSON",
            "could not convert",
            "InvalidDigit",
            "Expecting value",
            "JSON",
        ],
    ),
    (Kind::Overflow, &["overflow", "OverflowError", "ArithmeticException"]),
    (
        Kind::Io,
        &[
            "FileNotFoundError",
            "ENOENT",
            "No such file",
            "PermissionError",
            "EACCES",
            "ECONNREFUSED",
            "IOException",
            "ConnectionError",
            "TimeoutError",
            "NotFound",
        ],
    ),
    (
        Kind::TypeMismatch,
        &[
            "TypeError",
            "E0308",
            "E0277",
            "TS2322",
            "TS2345",
            "incompatible types",
            "ClassCastException",
            "InvalidCastException",
            "cannot use",
            "mismatched types",
            "invalid conversion",
            "incompatible type",
        ],
    ),
    (Kind::Syntax, &["expected", "Unexpected token", "unexpected token"]),
    (Kind::BadFormat, &["ValueError", "ArgumentError", "IllegalArgumentException"]),
];

/// The class of a fault.
pub(crate) fn of(fault: &Fault) -> Kind {
    let text = format!("{}: {}", fault.class, fault.message);
    let hit = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let dynamic_only = |kind: Kind| kind == Kind::Comparison && fault.is_static;
    let static_only = |needles: &[&str]| needles.contains(&"expected") && !fault.is_static;
    if fault.class.ends_with("AssertionError") {
        // Its message quotes values, which may spell any other error's name.
        return Kind::Comparison;
    }
    RULES
        .iter()
        .find(|(kind, needles)| hit(needles) && !dynamic_only(*kind) && !static_only(needles))
        .map_or(Kind::Other, |(kind, _)| *kind)
}

/// The schema's word for it (stage 5).
pub(crate) fn category(kind: Kind) -> &'static str {
    match kind {
        Kind::OutOfRange => "off_by_one",
        Kind::NoValue => "null_reference",
        Kind::TypeMismatch | Kind::Arity | Kind::NotCallable | Kind::NoMember => "type_error",
        Kind::MissingKey | Kind::DivideByZero | Kind::BadFormat | Kind::Overflow => "missing_validation",
        Kind::MissingModule => "dependency",
        Kind::Comparison => "logic_error",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::understudy::evidence::Lang;

    fn kind(class: &str, message: &str) -> Kind {
        of(&Fault::new(0, Lang::Unknown, class, message))
    }

    #[test]
    fn one_meaning_in_many_languages() {
        assert_eq!(kind("AttributeError", "'NoneType' object has no attribute 'x'"), Kind::NoValue);
        assert_eq!(kind("TypeError", "Cannot read properties of undefined (reading 'x')"), Kind::NoValue);
        assert_eq!(kind("panic", "called `Option::unwrap()` on a `None` value"), Kind::NoValue);
        assert_eq!(kind("panic", "runtime error: integer divide by zero"), Kind::DivideByZero);
        assert_eq!(kind("panic", "runtime error: index out of range [3] with length 3"), Kind::OutOfRange);
        assert_eq!(kind("TypeError", "f() missing 1 required positional argument: 'x'"), Kind::Arity);
        assert_eq!(kind("TypeError", "x.f is not a function"), Kind::NotCallable);
        assert_eq!(kind("AssertionError", "'KeyError' != 'x'"), Kind::Comparison);
        assert_eq!(kind("panic", "assertion `left == right` failed"), Kind::Comparison);
        assert_eq!(kind("ConfigFault", "no idea"), Kind::Other);
    }
}
