use super::*;
use proptest::prelude::*;

fn server(name: &str, weight: u16, up: bool) -> Server {
    Server { name: name.to_owned(), weight, up, withheld: false, backup: false, counted: None }
}

fn globs(texts: &[&str]) -> Vec<Glob> {
    texts.iter().map(|text| Glob::parse(text).unwrap()).collect()
}

fn sort(servers: &[Server]) -> Result<Pools, Fault> {
    Pools::sort(servers.to_vec(), &globs(&["vm-?", "old-*"]), &globs(&["ingress-*"]))
}

fn reading(servers: &[Server]) -> Result<Reading, Fault> {
    sort(servers)?.reading(&Process { pid: 1, started: 2, stopping: false })
}

#[test]
fn a_pattern_of_other_characters_is_refused_with_what_may_be_written() {
    for text in ["vm-[12]", "", "vm 1", "{a,b}", "vm\n"] {
        assert!(Glob::parse(text).is_err(), "{text}");
    }
    assert_eq!(
        Glob::parse("vm-[12]").unwrap_err().to_string(),
        "server pattern `vm-[12]` can match no server: write letters, digits and `-_.:` as in HAProxy's names, \
         `*` for any characters, `?` for one"
    );
}

#[test]
fn all_servers_of_a_pool_get_the_same_weight_and_none_falls_to_zero_before_another_rises() {
    let servers = [server("vm-1", 256, true), server("vm-2", 0, false), server("ingress-1", 0, true)];
    assert_eq!(
        sort(&servers).unwrap().commands("mail", Weight::FULL),
        [
            "set server mail/ingress-1 weight 256",
            "set server mail/vm-1 weight 0",
            "set server mail/vm-2 weight 0"
        ]
    );
    assert_eq!(
        sort(&servers).unwrap().commands("mail", Weight::ZERO),
        [
            "set server mail/vm-2 weight 256",
            "set server mail/ingress-1 weight 0",
            "set server mail/vm-1 weight 256"
        ]
    );
}

#[test]
fn weights_follow_who_is_up_and_the_configured_servers_where_nobody_is() {
    let half = Weight::from_percent(50.0);
    let weights = |servers: &[Server]| sort(servers).unwrap().commands("b", half);
    let up = [server("vm-1", 1, true), server("vm-2", 1, true), server("ingress-1", 1, true)];
    assert_eq!(weights(&up)[0], "set server b/vm-1 weight 128");
    assert_eq!(weights(&up)[2], "set server b/ingress-1 weight 256");
    let one_down = [server("vm-1", 1, true), server("vm-2", 1, false), server("ingress-1", 1, true)];
    assert_eq!(weights(&one_down)[1], "set server b/vm-2 weight 256");
    let pool_down = [server("vm-1", 1, false), server("vm-2", 1, false), server("ingress-1", 1, true)];
    assert_eq!(weights(&pool_down), weights(&up));
}

#[test]
fn the_share_is_of_those_who_are_up_and_of_what_is_set_if_nobody_is() {
    let read = |legacy, kubernetes| {
        reading(&[server("vm-1", 30, true), server("vm-2", 30, legacy), server("ingress-1", 10, kubernetes)])
            .unwrap()
    };
    assert_eq!(read(true, true).weight, Weight::from_percent(14.29));
    assert_eq!(read(false, true).weight, Weight::from_percent(25.0));
    assert_eq!(read(true, false).weight, Weight::ZERO);
    assert_eq!((read(false, true).legacy_up, read(false, true).kubernetes_up), (1, 1));
    assert_eq!(read(true, true).setting, read(false, false).setting);
    let dark = reading(&[server("vm-1", 0, true), server("ingress-1", 256, false)]).unwrap();
    assert_eq!(dark.weight, Weight::FULL);
}

#[test]
fn a_setting_changes_with_any_weight_or_name_and_a_boot_with_the_process() {
    let base = reading(&[server("vm-1", 1, true), server("ingress-1", 2, true)]).unwrap();
    let other = reading(&[server("vm-1", 2, true), server("ingress-1", 1, true)]).unwrap();
    let named = reading(&[server("vm-2", 1, true), server("ingress-1", 2, true)]).unwrap();
    assert!(base.setting != other.setting && base.setting != named.setting);
    let pools = sort(&[server("vm-1", 1, true), server("ingress-1", 2, true)]).unwrap();
    let boot = |pid, started| pools.reading(&Process { pid, started, stopping: false }).unwrap().boot;
    assert!(boot(1, 2) != boot(2, 2) && boot(1, 2) != boot(1, 3));
    assert_eq!(base.boot, boot(1, 2));
}

#[test]
fn a_pool_has_counted_what_all_of_its_servers_have_and_a_backup_nothing() {
    let counts = |all, failed| Some(Requests { all, failed });
    let with = |one, other, name: &str| {
        reading(&[
            Server { counted: one, ..server("vm-1", 1, true) },
            Server { counted: other, ..server("vm-2", 1, false) },
            Server { counted: counts(50, 0), ..server("ingress-1", 1, true) },
            Server { counted: counts(1, 1), backup: true, ..server(name, 1, true) },
        ])
        .unwrap()
        .counted
    };
    let counted = with(counts(5, 2), counts(70, 0), "vm-3").unwrap();
    assert_eq!(
        (counted.legacy, counted.kubernetes),
        (Requests { all: 75, failed: 2 }, counts(50, 0).unwrap())
    );
    assert_eq!(with(counts(5, 2), None, "extra"), None);
}

#[test]
fn a_server_of_neither_pool_may_only_be_there_without_traffic() {
    let with = |stray: Server| {
        reading(&[server("vm-1", 1, true), server("ingress-1", 1, true), stray]).map(|reading| reading.weight)
    };
    let strays = |name: &str| Err(Fault::Strays { servers: name.to_owned() });
    assert_eq!(with(server("extra", 1, true)), strays("extra"));
    assert_eq!(with(server("extra", 1, false)), strays("extra"), "it may come up at any moment");
    let half = Ok(Weight::from_percent(50.0));
    assert_eq!(with(server("extra", 0, true)), half);
    assert_eq!(with(Server { withheld: true, ..server("extra", 1, false) }), half);
    assert_eq!(with(Server { backup: true, ..server("extra", 1, true) }), half);
    assert_eq!(with(Server { backup: true, ..server("vm-9", 1, true) }), half, "not of the pool either");
}

#[test]
fn an_empty_pool_and_a_server_in_both_are_refused_by_name() {
    let kubernetes = server("ingress-1", 1, true);
    assert_eq!(
        sort(std::slice::from_ref(&kubernetes)).unwrap_err().to_string(),
        "no server, backups aside, matches the legacy patterns `vm-?`, `old-*`: correct legacyServers, \
         or add the servers in HAProxy"
    );
    let both = Pools::sort(vec![kubernetes], &globs(&["*"]), &globs(&["ingress-*"]));
    assert_eq!(both, Err(Fault::Overlap { server: "ingress-1".to_owned() }));
}

proptest! {
    #[test]
    fn no_moment_between_two_weights_has_more_of_kubernetes_than_both_or_nothing_at_all(
        before in 0u16..=10_000, after in 0u16..=10_000, legacy in 1usize..5, kubernetes in 1usize..5,
        // One whose weight somebody else set.
        odd in 0u16..=256,
    ) {
        let pool = |name: &'static str, count: usize| (1..=count).map(move |number| format!("{name}-{number}"));
        let names: Vec<String> = pool("vm", legacy).chain(pool("ingress", kubernetes)).collect();
        let mut servers: Vec<Server> = names.iter().map(|name| server(name, 0, true)).collect();
        let share = |servers: &[Server]| {
            let sum = |prefix: &str| -> u64 {
                let of_pool = servers.iter().filter(|server| server.name.starts_with(prefix));
                of_pool.map(|server| u64::from(server.weight)).sum()
            };
            share::achieved(sum("vm"), sum("ingress"))
        };
        let carry_out = |servers: &mut Vec<Server>, asked| {
            let commands = sort(servers).unwrap().commands("mail", Weight::from_hundredths(asked));
            let mut shares = Vec::new();
            for command in commands {
                let words: Vec<&str> = command.split(' ').collect();
                let name = words[2].strip_prefix("mail/").unwrap();
                let server = servers.iter_mut().find(|server| server.name == name).unwrap();
                server.weight = words[4].parse().unwrap();
                shares.push(share(servers));
            }
            shares
        };
        carry_out(&mut servers, before);
        servers[0].weight = odd;
        let Some(start) = share(&servers) else { return Ok(()) };
        let shares = carry_out(&mut servers, after);
        let highest = start.max(share(&servers).unwrap());
        prop_assert!(shares.iter().all(|share| share.is_some_and(|share| share <= highest)), "{shares:?}");
    }
}
