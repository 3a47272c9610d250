//! Queues that hold about as much for hours: one of them per signal and plan, so that room for twice
//! as much would cost.

use std::collections::VecDeque;

/// Adds `value`, making room for an eighth more where none is left. `VecDeque` itself would double.
pub fn push<T>(queue: &mut VecDeque<T>, value: T) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(queue.len() / 8 + 4);
    }
    queue.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_an_eighth_more_at_most_and_it_is_seldom_made() {
        let mut queue = VecDeque::new();
        let mut made = 0;
        for count in 1..=5_000_usize {
            let before = queue.capacity();
            push(&mut queue, count);
            made += u32::from(queue.capacity() != before);
            assert!(queue.capacity() <= count + count / 8 + 4, "{} for {count}", queue.capacity());
        }
        assert!(made < 64, "{made} times");
    }
}
