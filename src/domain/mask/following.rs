//! Finds secrets that stand on another line than their name: block scalars, values after an anchor or a tag,
//! triple quotes, continued and joined strings, the data of a Kubernetes secret, columns of a table. It works
//! line by line, so that a file masked by lines and a text masked as a whole give the same result.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, BuildError};

use super::letters::spellings;
use super::redact::{Span, line_around};
use crate::domain::pattern::Patterns;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::read("src/domain/mask/following.yaml"));

/// Minimum characters of a value that is masked.
const SHORTEST: usize = 6;

/// The state after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LineState {
    follows: Follows,
    /// True inside a Kubernetes secret.
    is_secret: bool,
    /// Indentation of the open section with data of a secret.
    data: Option<usize>,
    /// The open table with a column of secrets: separator, index of the column, and number of columns.
    column: Option<(char, usize, usize)>,
    /// Number of lines in which a generated password may still follow.
    generated: u8,
}

impl LineState {
    /// True if the next line may contain a secret that this or an earlier line announced.
    pub(super) fn is_open(self) -> bool {
        self != Self { generated: self.generated, ..Self::default() } || self.generated > 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Follows {
    #[default]
    Nothing,
    /// All lines that are indented deeper than this.
    Block(usize),
    /// One line that is indented deeper than this.
    Line(usize),
    Quoted(&'static str),
    /// Further pieces of a joined string.
    Pieces,
    /// The rest of a continued line, with or without quotes.
    Continued,
    /// The text of the element on the next line.
    Element,
}

/// Finds secrets that follow their names on later lines.
#[derive(Debug)]
pub(super) struct Following {
    words: AhoCorasick,
    replacement: String,
}

/// A line without any of these words announces no secret.
const WORDS: [&str; 61] = [
    "pass", "pwd", "pw", "secret", "token", "key", "credential", "contrase", "clave", "mot", "mdp",
    "kennwort", "senha", "wachtwoord", "haslo", "hasło", "losenord", "lösenord", "parola", "adgangskode",
    "kodeord", "salasana", "heslo", "jelszo", "jelszó", "lozinka", "sandi", "khau", "khẩu", "sifre", "şifre",
    "비밀번호", "암호", "비번", "пароль", "パスワード", "密码", "密碼", "口令", "kind", "data",
    "random_password", "random_id", "패스워드", "暗証番号", "كلمة", "סיסמ", "पासवर्ड", "รหัสผ่าน", "κωδικ",
    "키", "토큰", "시크릿", "キー", "鍵", "シークレット", "トークン", "钥", "鑰", "令牌", "токен",
];

/// Every spelling of [`WORDS`] in which only the case of ASCII letters may differ.
pub(super) fn words() -> impl Iterator<Item = String> {
    WORDS.into_iter().flat_map(spellings)
}

impl Following {
    pub(super) fn new(replacement: &str) -> Result<Self, BuildError> {
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(words());
        Ok(Self { words: words?, replacement: replacement.to_owned() })
    }

    /// Adds the secrets of a whole text to `found`.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Span>) {
        let mut after = LineState::default();
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            if after == LineState::default() {
                let Some(word) = self.words.find(rest) else { return };
                at = line_around(text, at + word.start()).start;
            }
            let line = line_around(text, at);
            after = self.scan_line(text.get(line.clone()).unwrap_or_default(), at, after, found);
            at = line.end + 1;
        }
    }

    /// Adds the secrets of one line, which starts at `offset`, and returns the state after it.
    pub(super) fn scan_line(
        &self,
        line: &str,
        offset: usize,
        before: LineState,
        found: &mut Vec<Span>,
    ) -> LineState {
        if before == LineState::default() && !self.words.is_match(line) {
            return before;
        }
        let mut after = before;
        let trimmed = line.trim();
        let mut add = |span: Span| found.push(offset + span.start..offset + span.end);
        if before.generated > 0 {
            after.generated -= 1;
            if let Some(value) = PATTERNS.captures("result", line).and_then(|found| found.name("value")) {
                // A default may also be an ordinary word.
                if !trimmed.starts_with("default") || self.is_value(value.as_str()) {
                    add(value.range());
                }
            }
            if line.starts_with('}') {
                after.generated = 0;
            }
        }
        if trimmed.starts_with("---") {
            after.is_secret = false;
        } else if trimmed.len() < 40 && trimmed.contains("kind") && PATTERNS.is_in("kind", line) {
            after.is_secret = true;
        } else if trimmed.contains("\"random_password\"")
            || trimmed.contains("\"random_id\"")
            || trimmed.starts_with("variable") && PATTERNS.is_in("variable", line)
        {
            after.generated = 40;
        }
        after.follows = self.follow(line, before, &mut add);
        if after.follows != Follows::Nothing {
            return after;
        }
        after.data = before.data.filter(|indent| trimmed.is_empty() || indentation(line) > *indent);
        if let Some(indent) = after.data {
            match PATTERNS.captures("entry", line).and_then(|found| found.name("value")) {
                Some(value) if matches!(value.as_str().chars().next(), Some('|' | '>')) => {
                    after.follows = Follows::Block(indentation(line).max(indent));
                }
                Some(value)
                    if self.is_value(value.as_str())
                        || value.len() >= SHORTEST && is_plain(value.as_str()) =>
                {
                    if value.as_str() != self.replacement {
                        add(value.range());
                    }
                }
                Some(_) | None => {}
            }
            return after;
        }
        if let Some(section) = PATTERNS.captures("section", line).filter(|_| trimmed.contains("ata")) {
            let is_string = section.name("name").is_some_and(|name| name.as_str() == "stringData");
            after.data = (is_string || after.is_secret).then(|| indentation(line));
            return after;
        }
        after.column = self.table(line, before.column, &mut add);
        after.follows = self.opens(line, &mut add);
        after
    }

    /// Adds the secret on a line that an earlier line announced. Returns what may follow next.
    fn follow(&self, line: &str, before: LineState, add: &mut impl FnMut(Span)) -> Follows {
        match before.follows {
            Follows::Nothing => Follows::Nothing,
            Follows::Block(indent) | Follows::Line(indent) => {
                if line.trim().is_empty() {
                    return before.follows;
                }
                if indentation(line) <= indent {
                    return Follows::Nothing;
                }
                self.offer(line, line.trim(), add);
                if matches!(before.follows, Follows::Line(_)) { Follows::Nothing } else { before.follows }
            }
            Follows::Quoted(quote) => {
                let (text, next) = match line.split_once(quote) {
                    Some((text, _)) => (text, Follows::Nothing),
                    None => (line, before.follows),
                };
                self.offer(line, text.trim(), add);
                next
            }
            Follows::Element => {
                if let Some(value) = PATTERNS.captures("element", line).and_then(|found| found.name("value"))
                {
                    self.offer(line, value.as_str(), add);
                }
                Follows::Nothing
            }
            Follows::Pieces | Follows::Continued => match PATTERNS.captures("piece", line) {
                None => Follows::Nothing,
                Some(piece) => {
                    let names = if before.follows == Follows::Continued { "abcd" } else { "abc" };
                    let value =
                        names.split("").filter(|name| !name.is_empty()).find_map(|name| piece.name(name));
                    if let Some(value) = value.filter(|value| self.is_value(value.as_str())) {
                        add(value.range());
                    }
                    let closes = line.trim_end().ends_with([')', ';']);
                    if closes { Follows::Nothing } else { before.follows }
                }
            },
        }
    }

    /// Returns what a line announces for the next lines. Adds a secret that it already contains.
    fn opens(&self, line: &str, add: &mut impl FnMut(Span)) -> Follows {
        let end = line.trim_end();
        let last = end.rsplit(char::is_whitespace).next().unwrap_or_default();
        let may_open = last.ends_with(['|', '>', '\\', '(', '+', '"', '\'', '-', '1', '2', '4', '.', '`'])
            || last.starts_with(['&', '!'])
            || end.contains(": &")
            || end.contains(": !")
            || end.contains(" #")
            || end.contains("\"\"\"")
            || end.contains("'''");
        if !may_open {
            return Follows::Nothing;
        }
        if end.ends_with('>') && PATTERNS.is_in("named", end) {
            return Follows::Element;
        }
        let Some(rest) = PATTERNS.captures("name", end).and_then(|found| found.name("rest")) else {
            return Follows::Nothing;
        };
        let text = rest.as_str();
        if PATTERNS.is_in("block", text) {
            return Follows::Block(indentation(line));
        }
        if PATTERNS.is_in("marks", text) {
            return Follows::Line(indentation(line));
        }
        if let Some(value) = PATTERNS.captures("marked", text).and_then(|found| found.name("value")) {
            self.offer(line, value.as_str(), add);
        }
        if let Some(triple) = PATTERNS.captures("triple", text) {
            let quote = if triple.name("quote").is_some_and(|quote| quote.as_str() == "'''") {
                "'''"
            } else {
                "\"\"\""
            };
            let inside = triple.name("inner").map_or("", |inside| inside.as_str());
            let (value, is_closed) = match inside.split_once(quote) {
                Some((value, _)) => (value, true),
                None => (inside, false),
            };
            self.offer(line, value.trim(), add);
            return if is_closed { Follows::Nothing } else { Follows::Quoted(quote) };
        }
        if text.ends_with('\\') {
            return Follows::Continued;
        }
        if text.ends_with(['+', '(', '.']) || text.starts_with('(') && text.ends_with(['"', '\'']) {
            return Follows::Pieces;
        }
        Follows::Nothing
    }

    /// Adds the secret in a row of an open table. Returns the table that is open after this line: the same
    /// one, or one whose head this line is.
    fn table(
        &self,
        line: &str,
        before: Option<(char, usize, usize)>,
        add: &mut impl FnMut(Span),
    ) -> Option<(char, usize, usize)> {
        if let Some((mark, at, count)) = before {
            let cells: Vec<&str> = line.split(mark).collect();
            if cells.len() == count {
                let cell = cells.get(at)?.trim();
                let cell = cell.trim_matches(['"', '\'', '`']);
                self.offer(line, cell, add);
                return before;
            }
        }
        let mark = ['|', '\t', ',', ';'].into_iter().find(|mark| line.contains(*mark))?;
        let cells: Vec<&str> =
            line.split(mark).map(|cell| cell.trim().trim_matches(['"', '\'', '`'])).collect();
        let is_head = cells.len() > 1
            && line.len() < 300
            && cells.iter().enumerate().all(|(at, cell)| {
                let at_the_edge = mark == '|' && (at == 0 || at + 1 == cells.len());
                (!cell.is_empty() || at_the_edge)
                    && cell.chars().all(|letter| letter.is_alphanumeric() || " _-".contains(letter))
            });
        let at = is_head.then(|| cells.iter().position(|cell| PATTERNS.is_in("column", cell)))??;
        Some((mark, at, cells.len()))
    }

    /// Adds a part of a line if it looks like a secret.
    fn offer(&self, line: &str, part: &str, add: &mut impl FnMut(Span)) {
        if self.is_value(part) {
            let at = line.find(part).unwrap_or_default();
            add(at..at + part.len());
        }
    }

    /// True if a text looks more like a secret than like a word, a reference or a path.
    fn is_value(&self, text: &str) -> bool {
        let has = |fits: fn(char) -> bool| text.chars().any(fits);
        let mixed = has(|letter| letter.is_ascii_digit())
            || has(|letter| letter.is_ascii_punctuation() && !"-_.,:/".contains(letter));
        text.chars().count() >= SHORTEST
            && text != self.replacement
            && !has(char::is_whitespace)
            && !text.starts_with(['$', '{', '<', '%', '(', '/', '[', '~', '#', '*', '&', '@'])
            && !["${", "{{", "://", "()", "...", "***", "xxxx"].iter().any(|part| text.contains(part))
            && mixed
            && has(char::is_alphanumeric)
            && !text.ends_with([':', '{', '(', ',', ';'])
    }
}

/// True if a secret may follow after a line, judged by its end alone.
pub(super) fn may_open(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.ends_with(b"Secret") || line.last().is_some_and(|last| b"|>\\(+\"'`:{-".contains(last))
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || "+/=_-.".contains(letter))
        && !["true", "false"].contains(&text)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str) -> String {
        let following = Following::new("[M]").unwrap();
        let mut found = Vec::new();
        following.find(text, &mut found);
        found.sort_by_key(|span| std::cmp::Reverse(span.start));
        let mut out = text.to_owned();
        for span in found {
            out.replace_range(span, "[M]");
        }
        out
    }

    #[test]
    fn what_stands_on_the_next_lines_is_found() {
        for text in [
            "password: |\n  q9ZtLr4vXw\nuser: me",
            "  db_password: >-  # folded\n    q9ZtLr4vXw\n  user: me",
            "api_key: &key\n  q9ZtLr4vXw\n",
            "token: !!str\n  q9ZtLr4vXw\n",
            "password: &pw q9ZtLr4vXw\nother: *pw",
            "db_password: !!str \"q9ZtLr4vXw\"",
            "token = (\"q9ZtLr4vXw\"\n         \"q9ZtLr4vXw\")",
            "SECRET = \"\"\"\nq9ZtLr4vXw\n\"\"\"\n",
            "SECRET = '''q9ZtLr4vXw'''",
            "password = ( \n    \"q9ZtLr4vXw\"\n)",
            "const secret = \"\" +\n  \"q9ZtLr4vXw\";\n",
            "export TOKEN=\\\n  q9ZtLr4vXw\n",
            "apiVersion: v1\nkind: Secret\ndata:\n  anything: q9ZtLr4vXw\nother: x",
            "stringData:\n  anything: \"q9ZtLr4vXw\"\n",
            "Пароль: |\n  q9ZtLr4vXw\n",
            "ПАРОЛЬ=\\\n  q9ZtLr4vXw\n",
            "CONTRASEÑA: |\n  q9ZtLr4vXw\n",
            "| user | password |\n|--|--|\n| me | q9ZtLr4vXw |\n",
            "user,password\nme,q9ZtLr4vXw\n",
            "variable \"db_password\" {\n  type = string\n  default = \"q9ZtLr4vXw\"\n}\n",
            "<key>ApiSecret</key>\n<string>q9ZtLr4vXw</string>\n",
            "<data name=\"ApiKey\" xml:space=\"preserve\">\n  <value>q9ZtLr4vXw</value>\n</data>",
            "관리자 패스워드: |\n  q9ZtLr4vXw\n",
            "API 키: >-\n  q9ZtLr4vXw\n",
            "\"type\": \"random_password\",\n\"x\": 1,\n\"result\": \"q9ZtLr4vXw\"",
        ] {
            assert_eq!(mask(text), text.replace("q9ZtLr4vXw", "[M]"), "{text}");
            assert_eq!(mask(&mask(text)), mask(text));
        }
    }

    #[test]
    fn a_name_in_another_language_announces_one_too() {
        for name in [
            "contraseña", "Kennwort", "Wachtwoord", "hasło", "HASŁO", "lösenord", "Parola", "adgangskode",
            "Kodeord", "passord", "salasana", "heslo", "Jelszó", "JELSZÓ", "lozinka", "kata_sandi",
            "Mật khẩu", "şifre", "Şifre", "mot de passe", "비밀번호", "비번", "密碼", "口令", "패스워드",
            "토큰", "비밀키", "인증 키", "시크릿 키", "暗証番号", "密钥", "كلمة المرور", "סיסמה", "पासवर्ड",
            "รหัสผ่าน", "Κωδικός", "トークン",
        ] {
            let text = format!("{name}: |\n  q9ZtLr4vXw\n");
            assert_eq!(mask(&text), text.replace("q9ZtLr4vXw", "[M]"), "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "token: |\n  The token of the user, at least 8 letters\n",
            "password: &anchor\nuser: q9ZtLr4vXw\n",
            "data:\n  anything: q9ZtLr4vXw\n",
            "variable \"db_password\" {\n  default = \"\"\n}\nvariable \"zone\" {\n  default = \"q9ZtLr4vXw\"\n}\n",
            "variable \"password_policy\" {\n  default = \"q9ZtLr4vXw\"\n}\n",
            "<key>ApiVersion</key>\n<string>q9ZtLr4vXw</string>\n",
            "<key>ApiSecret</key>\n<true/>\n<string>q9ZtLr4vXw</string>\n",
            "secret = \"\"\"\nhello there\n\"\"\"\n",
            "def login(user, password):\n    return a1b2c3d4(user, password)\n",
            "x = foo(user, password,\n        q9ZtLr4vXw)\n",
            "| token | meaning |\n|--|--|\n| IDENT | a name1 of things |\n",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
