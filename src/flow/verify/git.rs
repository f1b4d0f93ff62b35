//! git as a check: it reads, runs nothing that the repository configures, and shows no file that packing
//! refuses.

use std::ffi::OsString;
use std::path::Path;

use crate::domain::secret_path;
use crate::domain::secret_rules::SecretRules;
use crate::domain::verification::policy::Refused;
use crate::host::git::{asking, running_nothing};

/// Commands that show what is in files.
const SHOWING: [&str; 4] = ["diff", "show", "log", "blame"];

/// True if a command is git's.
pub(super) fn is_git(words: &[String]) -> bool {
    words.first().is_some_and(|program| program == "git" || program.ends_with("/git"))
}

/// Refuses a command that names a file which packing refuses.
pub(super) fn names_a_secret(words: &[String], refuses: impl Fn(&Path) -> Option<String>) -> Option<Refused> {
    let named = |word: &str| {
        // `REV:PATH`, `:0:PATH`, `:(magic)PATH` and a path alone: what follows any colon may be one.
        let parts = std::iter::once(0).chain(word.match_indices([':', ')', '=', ',']).map(|(at, _)| at + 1));
        let paths =
            parts.filter_map(|at| word.get(at..)).map(|path| path.trim_start_matches(['!', '^', '/']));
        paths.filter(|path| !path.is_empty()).find_map(|path| refuses(Path::new(path)))
    };
    let rule = words.iter().skip(2).find_map(|word| named(word))?;
    Some(Refused {
        rule: "git_shows_a_secret".to_owned(),
        reason: format!("it would show a file that is {}", secret_path::refusal(&rule)),
    })
}

/// The arguments with what keeps git from running or showing what it should not.
pub(in crate::flow) fn guarded(
    program: &Path,
    directory: &Path,
    args: &[String],
    secrets: &SecretRules,
) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["--no-pager".into()];
    all.extend(running_nothing(program, directory));
    let Some((command, rest)) = args.split_first() else { return all };
    all.push(command.into());
    let shows = SHOWING.contains(&command.as_str());
    if shows && command != "blame" {
        all.extend(["--no-ext-diff".into(), "--no-textconv".into()]);
    } else if shows {
        all.push("--no-textconv".into());
    }
    all.extend(rest.iter().map(OsString::from));
    let shows_patches = match command.as_str() {
        "diff" | "show" => true,
        "log" => rest.iter().any(|word| {
            word.starts_with("-U") || word == "-p" || word.starts_with("--stat") || word.starts_with("--name")
        }),
        _ => false,
    };
    if shows_patches && !rest.iter().any(|word| word.contains(':')) {
        if !rest.iter().any(|word| word == "--") {
            all.push("--".into());
        }
        all.extend(hidden(secrets).into_iter().map(OsString::from));
    }
    all
}

/// True if an argument is the content of a file by its number alone, of which no name can be judged.
pub(super) fn shows_a_blob(program: &Path, directory: &Path, args: &[String]) -> bool {
    let Some((command, rest)) = args.split_first() else { return false };
    if command != "show" && command != "diff" {
        return false;
    }
    let objects = rest
        .iter()
        .take_while(|word| *word != "--")
        .filter(|word| !word.starts_with('-') && !word.contains(':'));
    objects.take(8).any(|object| {
        let asked = asking(program, directory).args(["cat-file", "-t", object]).output();
        asked.is_ok_and(|asked| asked.stdout.starts_with(b"blob"))
    })
}

/// Pathspecs that leave out every file that packing refuses.
fn hidden(secrets: &SecretRules) -> Vec<String> {
    let spec = |pattern: &str| format!(":(top,exclude,icase,glob)**/{pattern}");
    let mut all = Vec::new();
    for rule in &secrets.files.rules {
        all.extend(rule.names.iter().map(|name| spec(name)));
        all.extend(rule.dotted.iter().flat_map(|name| [spec(name), spec(&format!("{name}.*"))]));
        all.extend(rule.prefixes.iter().map(|prefix| spec(&format!("{prefix}*.json"))));
        all.extend(rule.extensions.iter().map(|extension| spec(&format!("*.{extension}"))));
        all.extend(rule.directories.iter().map(|directory| spec(&format!("{directory}/**"))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret_path::SecretPaths;

    fn rules() -> SecretRules {
        SecretRules::from_yaml(include_str!("../../../conf/secrets.yaml")).unwrap()
    }

    #[test]
    fn a_path_is_judged_wherever_it_stands() {
        let paths = SecretPaths::from_rules(&rules().files).unwrap();
        let refused = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            names_a_secret(&words, |path| paths.refuse(path).map(str::to_owned)).is_some()
        };
        for line in [
            "git show HEAD:.env",
            "git show :.env",
            "git show :0:conf/.env",
            "git show HEAD~3:./.env",
            "git blame .env",
            "git diff HEAD -- .env.local",
            "git diff -- :(glob).env",
            "git log -n 3 -- deploy/id_rsa",
            "git show main:a/server.pem",
            "git diff HEAD:.env HEAD~1:.env",
        ] {
            assert!(refused(line), "{line}");
        }
        for line in [
            "git status",
            "git show HEAD:src/main.rs",
            "git log --oneline -n 5",
            "git diff HEAD~2..HEAD",
            "git show :/message",
        ] {
            assert!(!refused(line), "{line}");
        }
    }
}
