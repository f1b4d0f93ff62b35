//! Templates of prompts, skills and the page.

use minijinja::{Environment, UndefinedBehavior, filters, functions, tests};

/// An environment for templates: unknown values are errors, and only the filters named here exist. All
/// filters of the crate would add 150 KB to the binary.
pub fn environment() -> Environment<'static> {
    let mut templates = Environment::empty();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_filter("default", filters::default);
    templates.add_filter("first", filters::first);
    templates.add_filter("int", filters::int);
    templates.add_filter("items", filters::items);
    templates.add_filter("join", filters::join);
    templates.add_filter("last", filters::last);
    templates.add_filter("length", filters::length);
    templates.add_filter("lower", filters::lower);
    templates.add_filter("replace", filters::replace);
    templates.add_filter("safe", filters::safe);
    templates.add_filter("trim", filters::trim);
    templates.add_filter("upper", filters::upper);
    templates.add_function("range", functions::range);
    templates.add_test("defined", tests::is_defined);
    templates.add_test("undefined", tests::is_undefined);
    templates.add_test("none", tests::is_none);
    templates
}
