//! Sorting with one copy of the sort in the binary. The standard library's sort is compiled anew for every
//! type and every order, about 4 KB each. For thousands of items in a hot place, use the library's sort.

use std::cmp::Ordering;

/// Stable sorts that order as the library's `sort_by` and `sort_by_key` do.
pub(crate) trait Order<T> {
    fn order_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    fn order_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.order_by(|left, right| key(left).cmp(&key(right)));
    }
}

impl<T> Order<T> for [T] {
    fn order_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let sources = sources(self.len(), &mut |left, right| {
            self.get(left).zip(self.get(right)).map_or(Ordering::Equal, |(left, right)| compare(left, right))
        });
        arrange(&sources, &mut |left, right| self.swap(left, right));
    }
}

/// The sorted order: for each place, the index of the item that belongs there.
fn sources(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut sources: Vec<usize> = (0..count).collect();
    sources.sort_by(|left, right| compare(*left, *right));
    sources
}

/// Swaps items until each is in the place that `sources` gives it.
fn arrange(sources: &[usize], swap: &mut dyn FnMut(usize, usize)) {
    let mut places = vec![0; sources.len()];
    for (place, source) in sources.iter().enumerate() {
        if let Some(known) = places.get_mut(*source) {
            *known = place;
        }
    }
    for index in 0..places.len() {
        while let Some(place) = places.get(index).copied().filter(|place| *place != index) {
            swap(index, place);
            places.swap(index, place);
        }
    }
}

/// Collects into a sorted map or set by inserting. The library's `collect` sorts first.
pub(crate) trait Gather: Iterator + Sized {
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Gather for I {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{Gather, Order};

    proptest! {
        #[test]
        fn it_sorts_as_the_library_does(pairs in proptest::collection::vec((0_u8..20, any::<String>()), 0..80)) {
            let (mut ours, mut theirs) = (pairs.clone(), pairs.clone());
            ours.order_by_key(|(key, _)| *key);
            theirs.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(&ours, &theirs);
            ours.order_by(|left, right| right.cmp(left));
            theirs.sort_by(|left, right| right.cmp(left));
            prop_assert_eq!(&ours, &theirs);
            let (ours, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
                (pairs.clone().into_iter().gather(), pairs.into_iter().collect());
            prop_assert_eq!(ours, theirs);
        }
    }
}
