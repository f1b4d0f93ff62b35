//! The angles from which the members of an ensemble look. Models that read the same words in the
//! same order err together; other instructions and another order of the files spread their errors.

/// One for each member, and again from the first where there are more.
const ANGLES: [&str; 4] = [
    "Go forwards: begin with the inputs or premises, and follow them to the result.",
    "Go backwards: begin with the result that is wrong or wanted, and ask at each step what must lead to it.",
    "Doubt the obvious: take the first answer that comes to mind for wrong, and look for what it leaves unexplained.",
    "Begin at the edges: what is empty, first, last, rare or concurrent, and what others rely on without saying so.",
];

/// Returns what the member of this number (from 0) is told.
pub fn instruction(member: usize) -> &'static str {
    ANGLES.get(member % ANGLES.len()).copied().unwrap_or_default()
}
