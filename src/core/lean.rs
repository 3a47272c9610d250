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
