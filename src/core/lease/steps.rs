//! The lease step by step, at the very moments at which something changes.

use super::*;

const START: Time = Time::from_millis(1_000_000);

fn at(millis: u64) -> Time {
    START + Duration::from_millis(millis)
}

fn lease() -> Lease {
    Lease::new("me", Times::STANDARD)
}

fn found(holder: Option<&str>, epoch: u64, version: &str) -> Found {
    let record = Record { holder: holder.map(str::to_owned), epoch, duration: Duration::from_secs(10) };
    Found { record, version: version.into() }
}

fn read(lease: &mut Lease, found: Option<Found>, millis: u64) {
    lease.answer(Answer::Read(found), at(millis), at(millis));
}

fn is_write(next: &Next) -> bool {
    matches!(next, Next::Write { .. })
}

#[test]
fn a_claim_of_another_is_looked_at_each_second_and_taken_when_it_has_stood_for_its_duration() {
    let mut lease = lease();
    read(&mut lease, Some(found(Some("other"), 3, "a")), 0);
    assert_eq!(lease.next(at(999)), Next::Wait(at(1_000)));
    assert_eq!(lease.next(at(1_000)), Next::Read);
    read(&mut lease, Some(found(Some("other"), 3, "a")), 9_500);
    assert_eq!(lease.next(at(9_999)), Next::Wait(at(10_000)), "not later than the expiry");
    let Next::Write { record, over } = lease.next(at(10_000)) else { panic!("no write") };
    assert_eq!((record, over), (found(Some("me"), 4, "").record, Some("a".into())));
}

#[test]
fn a_lease_that_is_not_there_is_made_at_once_and_held_one_duration_after_the_answer() {
    let mut lease = lease();
    read(&mut lease, None, 0);
    let Next::Write { record, over } = lease.next(at(0)) else { panic!("no write") };
    assert_eq!((record, over), (found(Some("me"), 1, "").record, None));
    lease.answer(Answer::Written(found(Some("me"), 1, "a")), at(0), at(300));
    assert_eq!((lease.standing(at(300)), lease.changes_at(at(300))), (Standing::None, Some(at(10_300))));
    for renewal in [2_000, 4_000, 6_000, 8_000, 10_000] {
        assert_eq!(lease.next(at(renewal - 1)), Next::Wait(at(renewal)));
        assert!(is_write(&lease.next(at(renewal))));
        lease.answer(Answer::Written(found(Some("me"), 1, "b")), at(renewal), at(renewal));
    }
    assert_eq!(lease.standing(at(10_299)), Standing::None);
    assert_eq!(lease.standing(at(10_300)), Standing::Holder { epoch: 1, until: at(20_000) });
    assert_eq!(lease.changes_at(at(10_300)), Some(at(20_000)));
}

#[test]
fn a_lease_that_was_made_without_an_answer_is_held_one_duration_after_it_is_seen() {
    let mut lease = lease();
    read(&mut lease, None, 0);
    lease.answer(Answer::None, at(0), at(2_000));
    read(&mut lease, Some(found(Some("me"), 1, "a")), 3_000);
    assert!(is_write(&lease.next(at(3_000))));
    lease.answer(Answer::Written(found(Some("me"), 1, "b")), at(3_000), at(3_000));
    assert_eq!(lease.changes_at(at(3_000)), Some(at(13_000)));
    lease.answer(Answer::Written(found(Some("me"), 1, "c")), at(5_000), at(5_000));
    assert_eq!(lease.standing(at(12_999)), Standing::None);
    assert_eq!(lease.standing(at(13_000)), Standing::Holder { epoch: 1, until: at(15_000) });
}

#[test]
fn a_lease_that_was_asked_for_long_ago_and_is_made_now_is_held_one_duration_after_it_is_seen() {
    let mut lease = lease();
    read(&mut lease, None, 0);
    lease.answer(Answer::None, at(0), at(2_000));
    read(&mut lease, None, 3_000);
    lease.answer(Answer::Written(found(Some("me"), 2, "a")), at(3_000), at(3_000));
    lease.answer(Answer::Written(found(Some("me"), 2, "b")), at(12_000), at(12_000));
    assert_eq!(lease.standing(at(13_000)), Standing::Holder { epoch: 2, until: at(22_000) });
    // It was deleted, another made and held it, it was deleted again: and then came the first request.
    lease.answer(Answer::Conflict, at(14_000), at(18_000));
    read(&mut lease, Some(found(Some("me"), 1, "c")), 18_000);
    let Next::Write { record, over } = lease.next(at(18_000)) else { panic!("no write") };
    assert_eq!((record, over), (found(Some("me"), 3, "").record, Some("c".into())));
    for renewal in [18_000, 20_000, 22_000, 24_000, 26_000] {
        lease.answer(Answer::Written(found(Some("me"), 3, "d")), at(renewal), at(renewal));
        assert_eq!(lease.standing(at(renewal)), Standing::None, "{renewal}");
    }
    assert_eq!(lease.changes_at(at(26_000)), Some(at(28_000)));
    assert_eq!(lease.standing(at(28_000)), Standing::Holder { epoch: 3, until: at(36_000) });
}

#[test]
fn a_renewal_whose_answer_was_lost_is_no_other_claim_even_after_a_making_without_an_answer() {
    let mut lease = lease();
    read(&mut lease, None, 0);
    lease.answer(Answer::None, at(0), at(2_000));
    read(&mut lease, Some(found(Some("me"), 1, "a")), 3_000);
    lease.answer(Answer::Written(found(Some("me"), 1, "b")), at(12_000), at(12_000));
    lease.answer(Answer::None, at(14_000), at(16_000));
    read(&mut lease, Some(found(Some("me"), 1, "c")), 17_000);
    assert_eq!(lease.standing(at(17_000)), Standing::Holder { epoch: 1, until: at(22_000) });
}

#[test]
fn a_lease_that_was_only_made_is_neither_braked_with_nor_given_up_as_held() {
    let mut lease = lease();
    read(&mut lease, None, 0);
    lease.answer(Answer::Written(found(Some("me"), 1, "a")), at(0), at(0));
    for seconds in [9, 10, 11, 3_000] {
        assert_eq!(lease.standing(at(seconds * 1_000)), Standing::None, "{seconds} s");
    }
    assert_eq!(lease.changes_at(at(10_000)), None);
    assert_eq!(lease.clone().release(at(9_999)), None);
    assert!(lease.release(at(10_000)).is_some());
}

#[test]
fn the_holder_renews_two_seconds_after_it_sent_the_last_renewal() {
    let mut lease = lease();
    read(&mut lease, Some(found(None, 0, "a")), 0);
    assert!(is_write(&lease.next(at(0))));
    lease.answer(Answer::Written(found(Some("me"), 1, "b")), at(0), at(300));
    assert_eq!(lease.next(at(1_999)), Next::Wait(at(2_000)));
    assert!(is_write(&lease.next(at(2_000))));
    assert_eq!(lease.standing(at(9_999)), Standing::Holder { epoch: 1, until: at(10_000) });
    assert_eq!(lease.changes_at(at(9_999)), Some(at(10_000)));
    assert_eq!(lease.standing(at(10_000)), Standing::LastHolder { until: at(10_000 + 3_600_000) });
    assert_eq!(lease.standing(at(10_000 + 3_600_000)), Standing::None);
}

#[test]
fn after_a_refusal_and_after_no_answer_it_waits_before_it_asks_again() {
    for (answer, wait) in [(Answer::Refused, 2_000), (Answer::None, 1_000)] {
        let mut lease = lease();
        lease.answer(answer.clone(), at(0), at(0));
        assert_eq!(lease.next(at(wait - 1)), Next::Wait(at(wait)), "{answer:?}");
        assert_eq!(lease.next(at(wait)), Next::Read, "{answer:?}");
        assert_eq!(lease.next(at(wait + 1)), Next::Read, "{answer:?}");
    }
}

#[test]
fn a_lease_that_was_given_up_is_never_asked_for_again() {
    let mut lease = lease();
    read(&mut lease, Some(found(None, 0, "a")), 0);
    lease.answer(Answer::Written(found(Some("me"), 1, "b")), at(0), at(0));
    let Some(Next::Write { record, over }) = lease.release(at(1)) else { panic!("nothing to give up") };
    assert_eq!((record, over), (found(None, 1, "").record, Some("b".into())));
    assert_eq!(lease.next(at(5_000)), Next::Wait(at(5_000) + Duration::from_hours(1)));
    assert_eq!(lease.standing(at(1)), Standing::None);
    assert_eq!(lease.holder(), Some("me"));
    lease.answer(Answer::Written(found(Some("me"), 1, "c")), at(1), at(2));
    assert_eq!(lease.standing(at(3)), Standing::None);
    assert_eq!(lease.release(at(3)), None);
}

#[test]
fn a_claim_is_believed_for_a_minute_at_most() {
    let mut lease = lease();
    let mut endless = found(Some("other"), 3, "a");
    endless.record.duration = Duration::from_hours(9);
    read(&mut lease, Some(endless.clone()), 0);
    read(&mut lease, Some(endless), 59_500);
    assert_eq!(lease.next(at(59_999)), Next::Wait(at(60_000)));
    assert!(is_write(&lease.next(at(60_000))));
}

#[test]
fn a_short_claim_that_a_hand_wrote_is_waited_for_as_long_as_a_true_one() {
    let mut lease = lease();
    let mut short = found(Some("other"), 3, "a");
    short.record.duration = Duration::from_secs(1);
    read(&mut lease, Some(short.clone()), 0);
    read(&mut lease, Some(short), 9_500);
    assert_eq!(lease.next(at(9_999)), Next::Wait(at(10_000)));
    assert!(is_write(&lease.next(at(10_000))));
}

#[test]
fn the_epoch_goes_on_from_the_highest_that_was_seen() {
    let mut lease = lease();
    read(&mut lease, Some(found(Some("other"), 7, "a")), 0);
    read(&mut lease, None, 1_000);
    let Next::Write { record, .. } = lease.next(at(11_000)) else { panic!("no write") };
    assert_eq!(record.epoch, 8);
}
