//! Counts how often facts are computed, in tests alone: each is to be computed once an event.

#[cfg(test)]
std::thread_local! {
    static FACTS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The facts of one record are computed.
pub(super) fn facts() {
    #[cfg(test)]
    FACTS.with(|count| count.set(count.get() + 1));
}

/// How often that was so on this thread, since the last time of asking.
#[cfg(test)]
pub(crate) fn take() -> usize {
    FACTS.with(|count| count.replace(0))
}
