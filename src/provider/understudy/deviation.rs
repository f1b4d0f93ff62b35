//! A function that treats a parameter unlike its neighbours.
//!
//! Code that agrees with itself is a specification that nobody wrote down: where most functions of a
//! file pass a parameter through the same function and one does not, that one is worth a look.

use super::case::Case;
use super::functions::Function;
use super::pattern::Pattern;
use std::collections::BTreeMap;

/// `sku`, `mut sku: &str`, `String sku`, `sku=None`: the name is the last word before a type or a default.
static PARAMETER: Pattern = Pattern::new(r"([A-Za-z_]\w*)\s*(?:[:=].*)?$");
static PASSED: Pattern = Pattern::new(r"\b([A-Za-z_]\w*)\(\s*&?([A-Za-z_]\w*)\s*[,)]");

/// One sentence about the function, if its neighbours agree on something that it does not do.
pub(crate) fn of(case: &Case<'_>, function: &Function<'_>) -> Option<String> {
    let own = passed(case, function);
    parameters(function.head).into_iter().find_map(|parameter| agreed(case, function, parameter, &own))
}

fn parameters(head: &str) -> Vec<&str> {
    let list = head.split_once('(').map_or("", |(_, rest)| rest);
    let list = list.rsplit_once(')').map_or(list, |(list, _)| list);
    let names = list.split(',').filter_map(|part| PARAMETER.find(part.trim())).map(|found| found.text(1));
    names.filter(|name| !matches!(*name, "self" | "cls" | "this")).take(6).collect()
}

fn agreed(case: &Case<'_>, function: &Function<'_>, parameter: &str, own: &[(&str, &str)]) -> Option<String> {
    let mut votes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for other in neighbours(case, function, parameter).take(12) {
        let mut through: Vec<&str> = passed(case, other)
            .into_iter()
            .filter(|(_, what)| *what == parameter)
            .map(|(callee, _)| callee)
            .collect();
        through.sort_unstable();
        through.dedup();
        for callee in through {
            votes.entry(callee).or_default().push(other.name);
        }
    }
    let total = neighbours(case, function, parameter).count();
    let is_known = |name: &str| case.functions.iter().any(|known| known.name == name);
    let is_missing =
        |callee: &str| callee != function.name && !own.contains(&(callee, parameter)) && is_known(callee);
    let mut agreed = votes
        .into_iter()
        .filter(|(callee, who)| who.len() >= 2 && who.len() * 2 >= total && is_missing(callee));
    let (callee, who) = agreed.next()?;
    let who = who.iter().take(4).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Some(format!("{who} of the same file pass `{parameter}` to `{callee}`; `{}` does not", function.name))
}

/// Other functions of the file that take a parameter of the same name.
fn neighbours<'c, 'a>(
    case: &'c Case<'a>,
    function: &'c Function<'_>,
    parameter: &'c str,
) -> impl Iterator<Item = &'c Function<'a>> {
    case.functions.iter().filter(move |other| {
        let is_other = other.file == function.file && other.start != function.start && !other.is_test;
        is_other && parameters(other.head).contains(&parameter)
    })
}

/// Pairs of (callee, first argument) in the body of a function.
fn passed<'a>(case: &Case<'a>, function: &Function<'_>) -> Vec<(&'a str, &'a str)> {
    let file = case.files().iter().find(|file| file.path == function.file);
    let body = file.map(|file| file.span(function.start.saturating_add(1), function.end)).unwrap_or_default();
    let lines = body.iter().take(200).map(|(_, line)| *line);
    lines.flat_map(|line| PASSED.all(line).map(|found| (found.text(1), found.text(2)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_differs_is_named() {
        let text = "## Files\n### a.js\n```\nfunction clean(path) {\n  return path.trim();\n}\nfunction load(path) {\n  return read(clean(path));\n}\nfunction drop(path) {\n  remove(clean(path));\n}\nfunction save(path, text) {\n  write(path, text);\n}\n```\n";
        let case = Case::read(text, false);
        let of_name =
            |name: &str| of(&case, case.functions.iter().find(|function| function.name == name).unwrap());
        assert_eq!(
            of_name("save").as_deref(),
            Some("`load`, `drop` of the same file pass `path` to `clean`; `save` does not")
        );
        assert_eq!(of_name("load"), None);
        assert_eq!(parameters("fn f(&self, mut a: &str, b: (u8, u8)) -> X {"), ["a", "b"]);
    }
}
