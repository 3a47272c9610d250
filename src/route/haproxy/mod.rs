//! The HAProxy route.
