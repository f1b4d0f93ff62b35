//! Guards git commands: they run no program of the repository, and show no file that packing refuses.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::domain::packed::pairs;
use crate::domain::secret_path::{self, SecretRules};
use crate::domain::verification::policy::Refused;
use crate::host::git::{asking, running_nothing, running_nothing_inside};

/// True if a command is git's.
pub(super) fn is_git(words: &[String]) -> bool {
    words.first().is_some_and(|program| program == "git" || program.ends_with("/git"))
}

/// Refuses a command that names a file which packing refuses, or runs in a directory of such files.
pub(super) fn names_a_secret(
    words: &[String],
    place: &str,
    refuses: impl Fn(&Path) -> Option<String>,
) -> Option<Refused> {
    let named = |word: &str| {
        // `REV:PATH`, `:0:PATH`, `:(magic)PATH` and a path alone: a path may follow any colon. A range has
        // two.
        let parts = std::iter::once(0).chain(word.match_indices([':', ')', '=', ',']).map(|(at, _)| at + 1));
        let rests = parts.chain(word.match_indices("..").map(|(at, _)| at + 2));
        let paths = rests
            .filter_map(|at| word.get(at..))
            .flat_map(|rest| [Some(rest), rest.split_once("..").map(|(path, _)| path)]);
        let paths = paths.flatten().map(|path| path.trim_start_matches(['!', '^', '/']));
        paths.filter(|path| !path.is_empty()).find_map(|path| refuses(Path::new(path)))
    };
    // The name of a directory is judged by a file in it: `.ssh` is refused, `secrets-service` is not.
    let inside = |place: &str| refuses(&Path::new(place).join("a.txt"));
    let judged = words.iter().zip(words.iter().skip(1)).skip(1);
    let mut judged = judged.map(|(option, word)| if option == "-C" { inside(word) } else { named(word) });
    let rule = judged.find_map(|rule| rule).or_else(|| inside(place))?;
    Some(Refused {
        rule: "git_shows_a_secret".to_owned(),
        reason: format!("it would show a file that is {}", secret_path::refusal(&rule)),
    })
}

/// A git command.
struct Line<'a> {
    /// The directory in which it works.
    directory: PathBuf,
    command: &'a str,
    rest: &'a [String],
}

/// The kind of a git object; a tag counts as that to which it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Commit,
    Tree,
    Blob,
}

struct Object {
    id: String,
    kind: Kind,
}

impl<'a> Line<'a> {
    /// Reads the words after the program. The rules permit two options before the sub-command.
    fn of(directory: &Path, mut words: &'a [String]) -> Option<Self> {
        let mut directory = directory.to_owned();
        loop {
            words = match words {
                [option, rest @ ..] if option == "--no-pager" => rest,
                [option, place, rest @ ..] if option == "-C" => {
                    directory.push(place);
                    rest
                }
                [command, rest @ ..] => return Some(Self { directory, command, rest }),
                [] => return None,
            };
        }
    }

    /// Words that may name objects.
    fn revisions(&self) -> impl Iterator<Item = &'a String> {
        let mut is_value = false;
        self.rest.iter().take_while(|word| *word != "--").filter(move |word| {
            let was_value = std::mem::replace(&mut is_value, WITH_VALUE.contains(&word.as_str()));
            !was_value && !word.starts_with('-')
        })
    }

    fn ask(&self, program: &Path, arguments: &[&str]) -> String {
        let asked = asking(program, &self.directory).args(arguments).output();
        asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned()).unwrap_or_default()
    }

    /// The objects that a word names: two for a range, none for a path.
    fn objects(&self, program: &Path, word: &str) -> Vec<Object> {
        let object = |id: &str| {
            let kind = match self.ask(program, &["cat-file", "-t", &format!("{id}^{{}}")]).trim() {
                "blob" => Kind::Blob,
                "tree" => Kind::Tree,
                "commit" => Kind::Commit,
                _ => return None,
            };
            Some(Object { id: id.to_owned(), kind })
        };
        let ids = self.ask(program, &["rev-parse", "--revs-only", word]);
        ids.lines().filter_map(|line| object(line.trim_start_matches('^'))).collect()
    }

    fn is_commit(&self, program: &Path, revision: &str) -> bool {
        let objects = self.objects(program, revision);
        !objects.is_empty() && objects.iter().all(|object| object.kind == Kind::Commit)
    }

    /// True if every side of a word is `REV:PATH`, so that its name can be judged. A tree by its id says
    /// nothing about the directory in which a path lies.
    fn names_files(&self, program: &Path, sides: &[&str]) -> bool {
        sides.iter().all(|side| match side.split_once(':') {
            Some((revision, path)) => {
                !path.is_empty() && (revision.is_empty() || self.is_commit(program, revision))
            }
            None => false,
        })
    }

    /// True if every side of a word is all of a commit.
    fn names_commits(&self, program: &Path, sides: &[&str]) -> bool {
        sides.iter().all(|side| {
            let revision = side.strip_suffix(':').or_else(|| side.strip_suffix("^{tree}")).unwrap_or(side);
            !revision.contains(':') && self.is_commit(program, revision)
        })
    }

    /// True if it shows parts of files.
    fn shows_patches(&self) -> bool {
        const SHOWING: [&str; 5] = ["-U", "-p", "--stat", "--name", "--check"];
        match self.command {
            "diff" | "show" => true,
            "log" => self.rest.iter().any(|word| SHOWING.iter().any(|option| word.starts_with(option))),
            _ => false,
        }
    }

    /// The arguments, with `--` before the paths because patterns follow.
    fn arranged(&self, program: &Path) -> Vec<&'a str> {
        if self.rest.iter().any(|word| word == "--") {
            return self.rest.iter().map(String::as_str).collect();
        }
        let is_path = |word: &str| {
            let may_be =
                word.contains(['*', '?', '[']) || [":(", ":!", ":^"].iter().any(|it| word.starts_with(it));
            (may_be || self.directory.join(word).symlink_metadata().is_ok())
                && self.objects(program, word).is_empty()
        };
        let (mut front, mut paths): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut words = self.rest.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word.starts_with('-') {
                front.push(word);
                if WITH_VALUE.contains(&word) {
                    front.extend(words.next());
                }
            } else if paths.is_empty() && !is_path(word) {
                front.push(word);
            } else {
                paths.push(word);
            }
        }
        front.into_iter().chain(["--"]).chain(paths).collect()
    }
}

/// Permitted options whose value may be the next word.
const WITH_VALUE: [&str; 2] = ["-n", "-U"];

/// The tree without files, by its two possible ids. It is a usual side of a comparison.
const EMPTY: [&str; 2] = [
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
];

/// The reason for a refusal of a git command, given by its words after the program: it would show a file
/// without a name that can be judged. Blocks.
pub(super) fn refusal(program: &Path, directory: &Path, args: &[String]) -> Option<&'static str> {
    const BY_ID: &str =
        "it would show a file by its object id, so its name cannot be checked; name it as REV:PATH";
    const BY_TREE: &str = "it would compare a directory by itself, so the names of its files cannot be checked; compare commits, and name the directory after `--`";
    let line = Line::of(directory, args)?;
    if !matches!(line.command, "show" | "diff") {
        return None;
    }
    line.revisions().find_map(|word| {
        let objects = line.objects(program, word);
        let sides: Vec<&str> = if objects.len() > 1 {
            let sides = word.split("..").map(|side| side.trim_start_matches(['.', '^']));
            sides.filter(|side| !side.is_empty()).collect()
        } else {
            vec![word.trim_start_matches('^')]
        };
        objects.iter().find_map(|object| match object.kind {
            Kind::Blob if !line.names_files(program, &sides) => Some(BY_ID),
            // Alone, a tree shows names only.
            Kind::Tree if line.command == "diff" && !EMPTY.contains(&object.id.as_str()) => {
                (!line.names_commits(program, &sides)).then_some(BY_TREE)
            }
            Kind::Commit | Kind::Tree | Kind::Blob => None,
        })
    })
}

/// The arguments of a git command, with options that keep it from running other programs and from showing
/// secret files. Blocks.
pub(in crate::flow) fn guarded(
    program: &Path,
    directory: &Path,
    args: &[String],
    secrets: &SecretRules,
) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["--no-pager".into()];
    let Some(line) = Line::of(directory, args) else { return all };
    all.extend(running_nothing(program, &line.directory));
    if matches!(line.command, "describe" | "status" | "diff") {
        // They look into the repositories inside this one, to tell which have changes.
        all.extend(running_nothing_inside(program, &line.directory));
    }
    let before = all.clone();
    if line.directory != directory {
        all.extend(["-C".into(), line.directory.clone().into_os_string()]);
    }
    all.push(line.command.into());
    all.extend(options_of(line.command));
    let shows_files = |word: &String| line.objects(program, word).iter().any(|it| it.kind == Kind::Blob);
    let mut revisions = line.revisions().peekable();
    let only_files = revisions.peek().is_some()
        && match line.command {
            // Git compares a file with a file, and permits no pattern then.
            "diff" => revisions.any(shows_files),
            _ => revisions.all(shows_files),
        };
    if line.shows_patches() && !only_files {
        let arranged = line.arranged(program);
        all.extend(arranged.iter().map(OsString::from));
        all.extend(hidden(secrets).into_iter().map(OsString::from));
        let named = hidden_by_word(program, &before, &line, &arranged, secrets);
        let patterns = named.unwrap_or_else(|| every_name_with_a_word(secrets));
        all.extend(patterns.into_iter().map(OsString::from));
    } else {
        all.extend(line.rest.iter().map(OsString::from));
    }
    all
}

fn options_of(command: &str) -> impl Iterator<Item = OsString> {
    pairs("git_options").iter().filter(move |(of, _)| *of == command).map(|(_, option)| option.into())
}

/// Pathspecs that exclude every file that packing refuses, except those of [`hidden_by_word`].
fn hidden(secrets: &SecretRules) -> Vec<String> {
    let spec = |pattern: &str| format!(":(top,exclude,icase,glob)**/{pattern}");
    let mut all = Vec::new();
    for rule in &secrets.files.rules {
        all.extend(rule.names.iter().map(|name| spec(name)));
        all.extend(rule.dotted.iter().flat_map(|name| [spec(name), spec(&format!("{name}.*"))]));
        all.extend(rule.prefixes.iter().map(|prefix| spec(&format!("{prefix}*.json"))));
        all.extend(rule.extensions.iter().map(|extension| spec(&format!("*.{extension}"))));
        all.extend(rule.directories.iter().map(|directory| spec(&format!("{}/**", directory.join("/")))));
    }
    all
}

/// Pathspecs that exclude files that packing refuses for a word in their names. No pattern can except the
/// ordinary ones among them, as `secret_santa.py`, so the names are looked up. None if that failed.
fn hidden_by_word(
    program: &Path,
    options: &[OsString],
    line: &Line,
    arranged: &[&str],
    secrets: &SecretRules,
) -> Option<Vec<String>> {
    const MOST: usize = 500;
    let by_word = |name: &&str| {
        let rule = secrets.files.refuse(Path::new(name));
        let rule = rule.and_then(|rule| secrets.files.rules.iter().find(|one| one.name == rule));
        rule.is_some_and(|rule| !rule.contains.is_empty())
    };
    let mut all = Vec::new();
    for listed in listed(program, options, line, arranged)? {
        // The heading of a tag may stand before a name.
        let names =
            listed.split('\0').flat_map(|part| [Some(part), part.rsplit_once('\n').map(|(_, name)| name)]);
        let names = names.flatten().filter(by_word);
        all.extend(names.map(|name| format!(":(top,exclude,literal){name}")));
    }
    all.sort();
    all.dedup();
    (all.len() <= MOST).then_some(all)
}

/// Lists of the files that a command may show. The working tree is not read for it, because that could start
/// a filter.
fn listed(program: &Path, options: &[OsString], line: &Line, arranged: &[&str]) -> Option<Vec<String>> {
    const NAMES: [&str; 8] = [
        "-m", "--name-only", "-z", "--format=", "--no-renames", "--no-relative", "--no-ext-diff",
        "--no-textconv",
    ];
    let list = |arguments: &[&str]| whole_output(program, options, &line.directory, arguments);
    if line.command == "diff" {
        let mut all = vec![list(&["ls-files", "-z", "--full-name", "--", ":/"])?];
        for object in line.revisions().flat_map(|word| line.objects(program, word)) {
            all.push(list(&[
                "diff-index", "--cached", "--name-only", "--no-renames", "-z", &object.id, "--",
            ])?);
        }
        return Some(all);
    }
    let mut arguments = vec![line.command];
    arguments.extend(NAMES);
    let mut words = arranged.iter();
    while let Some(word) = words.next() {
        if *word == "--" {
            arguments.push(word);
            arguments.extend(words.by_ref());
        } else if WITH_VALUE.contains(word) {
            let value = words.next();
            if *word == "-n" {
                arguments.push(word);
                arguments.extend(value);
            }
        } else if !word.starts_with('-') || word.starts_with("-n") {
            arguments.push(word);
        }
    }
    Some(vec![list(&arguments)?])
}

/// The output of a git command; None if it failed or printed too much.
fn whole_output(
    program: &Path,
    options: &[OsString],
    directory: &Path,
    arguments: &[&str],
) -> Option<String> {
    const MOST_BYTES: u64 = 16 * 1024 * 1024;
    let mut child =
        asking(program, directory).args(options).args(arguments).stdout(Stdio::piped()).spawn().ok()?;
    let mut printed = Vec::new();
    let read = child.stdout.take()?.take(MOST_BYTES + 1).read_to_end(&mut printed);
    let is_whole = read.is_ok() && u64::try_from(printed.len()).is_ok_and(|length| length <= MOST_BYTES);
    if !is_whole {
        let _ = child.kill();
    }
    let ended = child.wait().ok()?;
    (is_whole && ended.success()).then(|| String::from_utf8_lossy(&printed).into_owned())
}

/// Pathspecs that exclude every file with such a word in its name.
fn every_name_with_a_word(secrets: &SecretRules) -> Vec<String> {
    let words = secrets.files.rules.iter().flat_map(|rule| &rule.contains);
    words.map(|word| format!(":(top,exclude,icase,glob)**/*{word}*")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::domain::rule::RuleFile as _;

    fn rules() -> SecretRules {
        SecretRules::from_yaml(include_str!("../../../conf/secrets.yaml")).unwrap()
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_path_is_judged_wherever_it_stands() {
        let paths = rules().files;
        let refused = |line: &str, place: &str| {
            names_a_secret(&words(line), place, |path| paths.refuse(path).map(str::to_owned)).is_some()
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
            "git diff HEAD:id_rsa..HEAD:a.py",
            "git -C .ssh show HEAD:./config",
        ] {
            assert!(refused(line, "."), "{line}");
        }
        assert!(refused("git show HEAD:./config", "deploy/.ssh"));
        assert!(!refused("git status", "secrets-service"));
        assert!(!refused("git -C secrets-service log --oneline", "."));
        for line in [
            "git status",
            "git show HEAD:src/main.rs",
            "git log --oneline -n 5",
            "git diff HEAD~2..HEAD",
            "git show :/message",
            "git -C src diff HEAD~1...HEAD",
        ] {
            assert!(!refused(line, "src"), "{line}");
        }
    }

    const GIT: &str = "/usr/bin/git";

    /// A repository with two commits. The second one adds secrets, each with the word SECRET in it.
    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        run(root.path(), &["init", "-q"]);
        write("a.py", "x = 1\n");
        commit(root.path(), "one");
        for name in [".env", "conf/id_rsa", "my-secret.txt", ".ssh/config", "conf/aws_credentials.csv"] {
            write(name, "SECRET\n");
        }
        write("a.py", "x = 2\n");
        write("conf/a.txt", "ordinary\n");
        write("secret_santa.py", "santa\n");
        commit(root.path(), "two");
        root
    }

    fn run(directory: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.email=a@b", "-c", "user.name=n"];
        let done = Command::new(GIT).args(identity).args(arguments).current_dir(directory).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn commit(directory: &Path, message: &str) {
        run(directory, &["add", "-fA"]);
        run(directory, &["commit", "-qm", message]);
    }

    /// The output of a guarded command; None if it is refused.
    fn shown(root: &Path, line: &str) -> Option<String> {
        let (program, words) = (Path::new(GIT), words(line));
        let words = words.get(1..).unwrap();
        if refusal(program, root, words).is_some() {
            return None;
        }
        let done = Command::new(program)
            .args(guarded(program, root, words, &rules()))
            .current_dir(root)
            .envs(crate::host::git::VARIABLES)
            .output()
            .unwrap();
        Some([done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat())
    }

    #[test]
    fn no_form_of_a_command_shows_a_refused_file() {
        let root = repository();
        let root = root.path();
        let id = |name: &str| run(root, &["rev-parse", name]);
        let [blob, tree, conf] = ["HEAD:.env", "HEAD:.ssh", "HEAD:conf"].map(id);
        run(root, &["tag", "-a", "-m", "x", "by-tag", &blob]);
        let empty = EMPTY[0];
        for line in [
            "git show HEAD",
            "git show :/two",
            "git show HEAD HEAD:conf/a.txt",
            "git show HEAD^{/two}",
            "git diff HEAD~1 HEAD",
            "git diff HEAD~1: HEAD:",
            "git diff HEAD~1 HEAD -- :/",
            "git diff HEAD~1",
            "git diff HEAD~1..HEAD:",
            "git diff HEAD~1^{tree} HEAD^{tree}",
            "git diff HEAD~1...HEAD",
            "git log -U3",
            "git log -U1 --oneline HEAD:",
            "git log --check",
            "git --no-pager show HEAD",
            "git -C conf show HEAD",
            "git -C conf --no-pager diff HEAD~1 HEAD",
            "git diff HEAD~1 HEAD -- :(exclude)a.txt",
            "git show HEAD -- conf",
            "git diff -U3 HEAD~1 conf",
        ] {
            let shown = shown(root, line).unwrap();
            assert!(!shown.contains("SECRET") && !shown.contains("fatal"), "{line}: {shown}");
        }
        for line in [
            format!("git show {blob}"),
            format!("git show {}", blob.get(..8).unwrap()),
            "git show by-tag".to_owned(),
            format!("git show{} {blob}", " HEAD".repeat(9)),
            format!("git diff {empty} {tree}"),
            format!("git diff {empty}..HEAD:conf"),
            format!("git diff {empty} {conf}"),
            format!("git show {tree}:config"),
            format!("git diff HEAD:a.py..{blob}"),
            format!("git -C conf show {blob}"),
        ] {
            assert_eq!(shown(root, &line), None, "{line}");
        }
        for (line, text) in [
            ("git show HEAD", "+santa"),
            ("git diff HEAD~1", "+santa"),
            ("git log -U3", "+santa"),
            ("git show HEAD:conf/a.txt", "ordinary"),
            ("git -C conf show HEAD:./a.txt", "ordinary"),
            ("git show HEAD:conf", "a.txt"),
            ("git diff HEAD~1:a.py HEAD:a.py", "+x = 2"),
            ("git diff HEAD:conf/a.txt a.py", "+x = 2"),
            ("git diff HEAD~1 a.py", "+x = 2"),
            ("git diff HEAD~1 a.py --stat", "a.py"),
            ("git log -n 1 -U0 a.py", "+x = 2"),
            ("git show HEAD -- a.py", "+x = 2"),
            ("git blame a.py", "x = 2"),
            ("git diff -U0 HEAD~1 -- conf a.py", "ordinary"),
        ] {
            let shown = shown(root, line).unwrap();
            assert!(shown.contains(text) && !shown.contains("SECRET"), "{line}: {shown}");
        }
        let all = format!("git diff {empty} HEAD");
        assert!(shown(root, &all).unwrap().contains("+santa"));
        run(root, &["config", "blame.ignoreRevsFile", ".env"]);
        assert!(shown(root, "git blame a.py").unwrap().contains("x = 2"));
    }

    #[test]
    fn repositories_inside_run_nothing() {
        let root = repository();
        let root = root.path();
        let (inner, mark) = (root.join("inner/deep"), root.join("it-ran"));
        for place in [root.join("inner"), inner.clone()] {
            fs::create_dir_all(&place).unwrap();
            run(&place, &["init", "-q"]);
            fs::write(place.join("b.py"), "1\n").unwrap();
        }
        commit(&inner, "inner");
        commit(&root.join("inner"), "inner");
        commit(root, "three");
        let touch = format!("touch {}; cat", mark.display());
        for place in [root.join("inner"), inner.clone()] {
            for (key, value) in [("filter.a=b.clean", touch.as_str()), ("filter.a=b.required", "true")] {
                run(&place, &["config", key, value]);
            }
            run(&place, &["config", "filter.evil.clean", &touch]);
            fs::write(place.join(".gitattributes"), "*.py filter=a=b\n*.md filter=evil\n").unwrap();
            fs::write(place.join("b.py"), "2 3\n").unwrap();
        }
        run(root, &["config", "diff.submodule", "diff"]);
        for line in [
            "git status",
            "git diff",
            "git diff --stat HEAD",
            "git describe --always --dirty",
            "git -C inner status",
            "git -C inner diff",
            "git --no-pager -C inner diff --stat",
            "git -C inner/deep status --short",
            "git show HEAD",
        ] {
            let shown = shown(root, line).unwrap();
            assert!(!mark.exists() && !shown.contains("fatal"), "{line}: {shown}");
        }
    }
}
