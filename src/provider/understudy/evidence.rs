//! What was found in the text: faults, their frames, failing tests. Nothing in here is guessed.

/// No more than this is kept; the rest of a log repeats itself.
const MAX_FAULTS: usize = 40;
const MAX_FRAMES: usize = 200;
const MAX_TESTS: usize = 100;
/// Longest message that is kept, in characters.
const MAX_MESSAGE: usize = 400;

/// Where a fault comes from, as far as its shape tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    Python,
    Rust,
    JavaScript,
    TypeScript,
    Go,
    Jvm,
    DotNet,
    Ruby,
    C,
    Unknown,
}

/// What ran a failing test, so that the same can be run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Unittest,
    Pytest,
    Cargo,
    NodeTest,
    Jest,
    Vitest,
    Mocha,
    Go,
    Maven,
    Gradle,
    DotNet,
    Rspec,
    Minitest,
}

/// One line of a stack, or the place that a compiler points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) file: String,
    pub(crate) line: u32,
    /// Empty where the text does not name it.
    pub(crate) function: String,
}

impl Frame {
    pub(crate) fn new(file: &str, line: u32, function: &str) -> Self {
        Self { file: clip(file, 160), line, function: clip(function.trim(), 120) }
    }
}

/// Two values that an assertion compared, with the names that the tool gave them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) first_name: &'static str,
    pub(crate) first: String,
    pub(crate) second_name: &'static str,
    pub(crate) second: String,
}

impl Difference {
    pub(crate) fn new(names: (&'static str, &'static str), first: &str, second: &str) -> Self {
        Self {
            first_name: names.0,
            first: clip(first.trim(), 120),
            second_name: names.1,
            second: clip(second.trim(), 120),
        }
    }
}

/// One error: an exception, a panic, a compiler's complaint, a failed assertion.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Line of the text that names it, to put things in order.
    pub(crate) at: usize,
    pub(crate) lang: Lang,
    pub(crate) class: String,
    pub(crate) message: String,
    /// Innermost first.
    pub(crate) frames: Vec<Frame>,
    /// It led to another fault of the same text (chained exceptions).
    pub(crate) is_cause: bool,
    /// Found by a compiler: the program did not run.
    pub(crate) is_static: bool,
    pub(crate) tests: Vec<String>,
    pub(crate) difference: Option<Difference>,
}

impl Fault {
    pub(crate) fn new(at: usize, lang: Lang, class: &str, message: &str) -> Self {
        Self {
            at,
            lang,
            class: clip(class.trim(), 120),
            message: clip(message.trim(), MAX_MESSAGE),
            frames: Vec::new(),
            is_cause: false,
            is_static: false,
            tests: Vec::new(),
            difference: None,
        }
    }

    pub(crate) fn with_frames(mut self, frames: Vec<Frame>) -> Self {
        self.frames = frames;
        self
    }

    /// `KeyError: 'x'`, or the class alone.
    pub(crate) fn title(&self) -> String {
        let message = self.message.lines().next().unwrap_or("");
        match (self.class.is_empty(), message.is_empty()) {
            (_, true) => self.class.clone(),
            (true, false) => message.to_owned(),
            (false, false) => format!("{}: {message}", self.class),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.class == other.class
            && self.message == other.message
            && self.frames.first() == other.frames.first()
    }
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) runner: Runner,
    pub(crate) name: String,
    /// Empty where the text does not name it.
    pub(crate) file: String,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) faults: Vec<Fault>,
    pub(crate) tests: Vec<Test>,
    /// Names of tests that the text shows as passed.
    pub(crate) passed: Vec<String>,
    /// `path:line` that belongs to no fault.
    pub(crate) mentioned: Vec<Frame>,
    /// The test whose output is being read.
    pub(crate) current_test: Option<String>,
    frames: usize,
}

impl Evidence {
    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.tests.is_empty()
    }

    /// Keeps a fault; one that is already there only gains the test.
    pub(crate) fn fault(&mut self, mut fault: Fault) {
        if fault.tests.is_empty() {
            fault.tests.extend(self.current_test.clone());
        }
        if let Some(known) = self.faults.iter_mut().find(|known| known.is_same(&fault)) {
            let fresh = fault.tests.into_iter().find(|test| !known.tests.contains(test));
            known.tests.extend(fresh);
            return;
        }
        let room = MAX_FRAMES.saturating_sub(self.frames);
        fault.frames.truncate(room);
        if self.faults.len() < MAX_FAULTS {
            self.frames += fault.frames.len();
            self.faults.push(fault);
        }
    }

    pub(crate) fn test(&mut self, runner: Runner, name: &str, file: &str) {
        let test = Test { runner, name: clip(name.trim(), 240), file: clip(file, 160) };
        let has_room = self.tests.len() < MAX_TESTS;
        match self.tests.iter_mut().find(|known| known.name == test.name) {
            Some(known) if known.file.is_empty() => known.file = test.file,
            None if has_room && !test.name.is_empty() => self.tests.push(test),
            Some(_) | None => {}
        }
    }

    pub(crate) fn passed(&mut self, name: &str) {
        if self.passed.len() < MAX_TESTS {
            self.passed.push(clip(name.trim(), 240));
        }
    }

    pub(crate) fn mentioned(&mut self, frame: Frame) {
        if self.mentioned.len() < 20 && !self.mentioned.contains(&frame) {
            self.mentioned.push(frame);
        }
    }

    /// Gives a comparison to the fault that it was printed under.
    pub(crate) fn differ(&mut self, at: usize, difference: &Difference) {
        let owner = self
            .faults
            .iter_mut()
            .filter(|fault| fault.at <= at && at - fault.at <= 15)
            .max_by_key(|fault| fault.at);
        if let Some(fault) = owner {
            fault.difference.get_or_insert_with(|| difference.clone());
        }
    }
}

/// At most `limit` characters of `text`, with a mark where something was cut.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}
