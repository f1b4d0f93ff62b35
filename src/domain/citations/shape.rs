//! The shape of a word with a number behind it: a file with a line, or something else.

use super::Form;

/// Extensions of files that hold lines worth naming.
const EXTENSIONS: &str = " adb ads asm astro awk bash bat bzl c cc cfg cjs clj cljs cmake cmd conf cpp cr cs csproj css csv cu cxx d dart diff edn ejs el elm env erb erl ex exs f90 fish fs fsx gd glsl go gradle graphql groovy h haml hbs hcl hh hpp hrl hs htm html hxx inc ini ino ipynb java jinja jl js json json5 jsonc jsx kt kts less lhs liquid lisp lock log lua m make md mdx mjs mk ml mli mm mod mts nim nix nu pas patch php pl plist pm prisma properties proto ps1 psm1 pug py pyi pyx r rake rb rkt rs rst s sass sbt scala scm scss sh snap sol sql sum sv svelte svg swift tcl tex tf tfvars thrift toml ts tsv tsx txt v vb vert vhd vim vue wgsl xhtml xml xsl yaml yml zig zsh ";

/// Files that have no extension.
const NAMES: &str = " brewfile build changelog codeowners containerfile copying dockerfile gemfile gnumakefile jenkinsfile justfile license makefile notice podfile procfile rakefile readme vagrantfile workspace ";

/// Products whose names look like files.
const PRODUCTS: &str = " alpine.js angular.js asp.net backbone.js bun.sh chart.js d3.js docs.rs ember.js express.js knockout.js moment.js nest.js next.js node.js nuxt.js react.js socket.io three.js vue.js ";

/// Ports of services: `docs.rs:443` is no line.
const PORTS: [usize; 24] = [
    22, 25, 53, 80, 110, 143, 443, 465, 587, 993, 1433, 1521, 3000, 3306, 5000, 5432, 5672, 6379, 8000, 8080,
    8443, 9000, 9090, 9200,
];

/// Returns what a word with a number behind it can be; none where it is no place at all.
pub(super) fn form(path: &str, line: usize) -> Option<Form> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_lowercase();
    let has_directory = path.contains('/');
    // `user@host`; a scope such as `@types/` stands at the beginning of its part.
    if path.split('/').any(|part| part.find('@').is_some_and(|at| at > 0)) {
        return None;
    }
    if !name.chars().any(char::is_alphabetic) || is_in(PRODUCTS, &lower) && !has_directory {
        return None;
    }
    let Some((stem, extension)) = lower.rsplit_once('.') else {
        return Some(if is_in(NAMES, &lower) { Form::Place } else { Form::Perhaps });
    };
    let is_source = is_in(EXTENSIONS, extension);
    let is_port = !has_directory && PORTS.contains(&line);
    // `example.com/team/app.web:3`: a host in front makes it an address.
    let has_host = path.split_once('/').is_some_and(|(first, _)| is_host(first));
    Some(if is_source && !is_port && !has_host && !stem.is_empty() { Form::Place } else { Form::Perhaps })
}

/// True if a part of a path is a host's name by its ending.
fn is_host(part: &str) -> bool {
    const DOMAINS: &str = " ai app cloud co com dev edu eu gov io local net org uk us ";
    part.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && is_in(DOMAINS, &end.to_lowercase()))
}

fn is_in(words: &str, word: &str) -> bool {
    !word.is_empty() && !word.contains(' ') && words.contains(&format!(" {word} "))
}
