//! The MySQL and MariaDB source.
