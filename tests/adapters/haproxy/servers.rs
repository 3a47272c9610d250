//! Which servers are up, and which belong to a pool.

use super::*;
use crate::stage::haproxy::Server;
use crossfade::route::haproxy::{Error, Fault};
use tokio::net::TcpListener;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn pools_stand_right_given_who_is_up_and_those_down_return_with_their_pools_weight() {
    let (_one, vm) = listener().await;
    let (_two, ingress) = listener().await;
    let down = free_address();
    let options =
        Options { checks: Some(Duration::from_millis(50)), ..Options::new(&[vm, down, down], &[ingress]) };
    let haproxy = HaProxy::start(&options).await;
    let mut instance = instance(&haproxy.admin_tcp());
    until(&mut instance, |reading| (reading.legacy_up, reading.kubernetes_up) == (1, 1)).await;
    let written = instance.write(percent(25.0)).await.unwrap();
    assert_eq!(written.weight, percent(25.0));
    assert_eq!(weights(&haproxy).await, "vm-1 255, vm-2 255, vm-3 255, ingress-1 85");
    let returned = TcpListener::bind(down).await.unwrap();
    let back = until(&mut instance, |reading| reading.legacy_up == 3).await;
    assert_eq!((back.weight, back.setting), (percent(10.0), written.setting));
    assert_eq!(instance.write(percent(25.0)).await.unwrap().weight, percent(25.0));
    drop(returned);
}

#[tokio::test]
async fn a_server_with_weight_0_is_up_and_one_drained_or_in_maintenance_is_not() {
    let (_one, vm) = listener().await;
    let checks = Some(Duration::from_millis(50));
    let haproxy = HaProxy::start(&Options { checks, ..Options::new(&[vm; 3], &[vm; 2]) }).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let up = |reading: &Reading| (reading.legacy_up, reading.kubernetes_up);
    until(&mut instance, |reading| up(reading) == (3, 2)).await;
    haproxy.command("set server mail/vm-1 state drain").await;
    haproxy.command("set server mail/ingress-2 state maint").await;
    let reading = until(&mut instance, |reading| up(reading) == (2, 1)).await;
    assert_eq!(reading.weight, Weight::ZERO);
    assert_eq!(instance.write(percent(50.0)).await.unwrap().weight, percent(50.0));
    assert_eq!(weights(&haproxy).await, "vm-1 128, vm-2 128, vm-3 128, ingress-1 256, ingress-2 256");
    haproxy.command("set server mail/vm-1 state ready").await;
    haproxy.command("set server mail/ingress-2 state ready").await;
    until(&mut instance, |reading| up(reading) == (3, 2)).await;
}

#[tokio::test]
async fn a_server_disabled_in_the_configuration_is_up_once_it_is_enabled() {
    let mut options = Options::new(&nobody(2), &nobody(1));
    options.legacy[1].words = "disabled".to_owned();
    let haproxy = HaProxy::start(&options).await;
    let mut instance = instance(&haproxy.admin_tcp());
    assert_eq!(instance.read().await.unwrap().legacy_up, 1);
    haproxy.command("set server mail/vm-2 state ready").await;
    assert_eq!(instance.read().await.unwrap().legacy_up, 2);
}

#[tokio::test]
async fn with_a_whole_pool_down_weights_go_by_the_configured_servers() {
    let (_one, vm) = listener().await;
    let down = free_address();
    let checks = Some(Duration::from_millis(50));
    let haproxy = HaProxy::start(&Options { checks, ..Options::new(&[vm], &[down; 4]) }).await;
    let mut instance = instance(&haproxy.admin_tcp());
    until(&mut instance, |reading| reading.kubernetes_up == 0).await;
    let written = instance.write(percent(50.0)).await.unwrap();
    assert_eq!((written.weight, written.kubernetes_up), (Weight::ZERO, 0));
    assert_eq!(weights(&haproxy).await, "vm-1 256, ingress-1 64, ingress-2 64, ingress-3 64, ingress-4 64");
}

#[tokio::test]
async fn patterns_choose_the_servers_of_each_pool() {
    let haproxy = start(3, 2).await;
    let config = Config {
        legacy_servers: globs(&["vm-1", "vm-?"]),
        kubernetes_servers: globs(&["*gress-1", "ingress-2*"]),
        ..config(&haproxy.admin_tcp())
    };
    let written = Instance::new(config).unwrap().write(percent(50.0)).await.unwrap();
    assert_eq!((written.legacy_up, written.kubernetes_up, written.weight), (3, 2, percent(50.0)));
}

#[tokio::test]
async fn a_backend_that_is_not_there_and_patterns_that_do_not_fit_are_named() {
    let haproxy = start(2, 1).await;
    let address = haproxy.admin_tcp();
    let message = async |change: fn(&mut Config)| {
        let mut config = config(&address);
        change(&mut config);
        Instance::new(config).unwrap().write(percent(50.0)).await.unwrap_err().to_string()
    };
    assert_eq!(
        message(|config| config.backend = "male".to_owned()).await,
        format!(
            "HAProxy at {address} has no backend `male`: correct the name (`show backend` there lists them)"
        )
    );
    assert_eq!(
        message(|config| config.kubernetes_servers = globs(&["pod-*", "k8s-?"])).await,
        format!(
            "backend `mail` at {address}: no server, backups aside, matches the kubernetes patterns \
             `pod-*`, `k8s-?`: correct kubernetesServers, or add the servers in HAProxy"
        )
    );
    assert_eq!(
        message(|config| config.legacy_servers = globs(&["vm-*", "*-1"])).await,
        format!(
            "backend `mail` at {address}: server `ingress-1` matches legacyServers and kubernetesServers: \
             make the patterns narrower"
        )
    );
    assert_eq!(weights(&haproxy).await, "vm-1 100, vm-2 100, ingress-1 0", "nothing was set");
}

#[tokio::test]
async fn a_server_of_neither_pool_that_takes_traffic_is_named_but_never_stops_a_write() {
    let mut options = Options::new(&nobody(1), &nobody(1));
    options.backend = "server sorry 127.0.0.1:9 backup
  server zero 127.0.0.1:9 weight 0
  server idle 127.0.0.1:9 disabled
  server extra 127.0.0.1:9 weight 5"
        .to_owned();
    let haproxy = HaProxy::start(&options).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let expected = Fault::Strays { servers: "extra".to_owned() };
    assert!(matches!(instance.read().await, Err(Error::Servers { fault, .. }) if fault == expected));
    assert!(
        matches!(instance.write(Weight::FULL).await, Err(Error::Servers { fault, .. }) if fault == expected)
    );
    assert!(weights(&haproxy).await.ends_with("vm-1 0, ingress-1 256"));
    haproxy.command("set server mail/extra state maint").await;
    assert_eq!(instance.read().await.unwrap().weight, Weight::FULL);
}

#[tokio::test]
async fn backup_servers_that_a_pattern_matches_are_left_alone() {
    let mut options = Options::new(&nobody(1), &nobody(1));
    options.legacy.push(Server::new(nobody(1)[0], 7).with("backup"));
    let haproxy = HaProxy::start(&options).await;
    let written = instance(&haproxy.admin_tcp()).write(percent(50.0)).await.unwrap();
    assert_eq!((written.weight, written.legacy_up), (percent(50.0), 1));
    assert_eq!(weights(&haproxy).await, "vm-1 256, vm-2 7, ingress-1 256");
}

#[tokio::test]
async fn a_static_algorithm_and_a_socket_that_may_only_look_are_refusals_that_say_so() {
    let haproxy = start(1, 1).await;
    let mut readonly = instance(&haproxy.admin_readonly());
    assert_eq!(readonly.read().await.unwrap().weight, Weight::ZERO);
    assert_eq!(
        readonly.write(percent(50.0)).await.unwrap_err().to_string(),
        format!(
            "HAProxy at {} refused `set server mail/vm-1 weight 256`: \"Permission denied\"; \
             the socket needs `level admin`, the backend a dynamic algorithm",
            haproxy.admin_readonly()
        )
    );
    let fixed = Options { backend: "balance static-rr".to_owned(), ..Options::new(&nobody(1), &nobody(1)) };
    let haproxy = HaProxy::start(&fixed).await;
    let refused = instance(&haproxy.admin_unix()).write(percent(25.0)).await;
    assert!(
        matches!(&refused, Err(Error::Refused { answer, .. }) if answer.contains("static")),
        "{refused:?}"
    );
}
