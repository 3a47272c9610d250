//! The HAProxy route against a real HAProxy.
#![allow(clippy::unwrap_used)] // helpers of tests

use crate::stage::haproxy::{HaProxy, Options, free_address};
use crossfade::core::route::Reading;
use crossfade::core::weight::Weight;
use crossfade::route::haproxy::{Address, Config, Glob, Instance, TIMEOUT, tls};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod counted;
mod faults;
mod lookout;
mod secured;
mod servers;
mod traffic;

fn percent(percent: f64) -> Weight {
    Weight::from_percent(percent)
}

fn globs(texts: &[&str]) -> Vec<Glob> {
    texts.iter().map(|text| Glob::parse(text).unwrap()).collect()
}

fn config(address: &str) -> Config {
    Config {
        address: Address::parse(address).unwrap(),
        backend: "mail".to_owned(),
        legacy_servers: globs(&["vm-*"]),
        kubernetes_servers: globs(&["ingress-*"]),
        tls: None,
        timeout: TIMEOUT,
    }
}

fn instance(address: &str) -> Instance {
    Instance::new(config(address)).unwrap()
}

/// Addresses where nobody listens: what is not sent traffic needs no server.
fn nobody(count: usize) -> Vec<SocketAddr> {
    vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9)); count]
}

async fn start(legacy: usize, kubernetes: usize) -> HaProxy {
    HaProxy::start(&Options::new(&nobody(legacy), &nobody(kubernetes))).await
}

/// The weights as HAProxy itself tells them: `vm-1 100, ingress-1 0`.
async fn weights(haproxy: &HaProxy) -> String {
    let state = haproxy.command("show servers state mail").await;
    let weight = |line: &str| -> Option<String> {
        let values: Vec<_> = line.split(' ').collect();
        Some(format!("{} {}", values.get(3)?, values.get(7)?))
    };
    state.lines().skip(2).filter_map(weight).collect::<Vec<_>>().join(", ")
}

/// Waits until a reading is as wanted, for 5 s at most.
async fn until(instance: &mut Instance, wanted: impl Fn(&Reading) -> bool) -> Reading {
    let started = Instant::now();
    loop {
        let reading = instance.read().await.unwrap();
        if wanted(&reading) {
            return reading;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "still {reading:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_weight_that_is_written_is_read_back_and_stands_in_haproxy() {
    let haproxy = start(2, 1).await;
    for address in [haproxy.admin_tcp(), haproxy.admin_unix()] {
        let mut instance = instance(&address);
        let written = instance.write(percent(50.0)).await.unwrap();
        assert_eq!((written.weight, written.legacy_up, written.kubernetes_up), (percent(50.0), 2, 1));
        assert_eq!(weights(&haproxy).await, "vm-1 128, vm-2 128, ingress-1 256");
        assert_eq!(instance.read().await.unwrap(), written);
        assert_eq!(instance.write(Weight::FULL).await.unwrap().weight, Weight::FULL);
        assert_eq!(weights(&haproxy).await, "vm-1 0, vm-2 0, ingress-1 256");
        assert_eq!(instance.write(Weight::ZERO).await.unwrap().weight, Weight::ZERO);
        assert_eq!(weights(&haproxy).await, "vm-1 256, vm-2 256, ingress-1 0");
    }
}

#[tokio::test]
async fn what_was_achieved_is_told_where_it_differs_from_what_was_asked() {
    let haproxy = start(1, 10).await;
    let mut instance = instance(&haproxy.admin_unix());
    assert_eq!(instance.write(percent(1.0)).await.unwrap().weight, Weight::ZERO);
    assert_eq!(instance.write(percent(3.0)).await.unwrap().weight, percent(3.76));
}

#[tokio::test]
async fn four_hundred_servers_are_set_in_one_write() {
    let haproxy = start(200, 200).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let written = instance.write(percent(25.0)).await.unwrap();
    assert_eq!((written.weight, written.legacy_up, written.kubernetes_up), (percent(25.0), 200, 200));
    let weights = weights(&haproxy).await;
    assert_eq!((weights.matches(" 255").count(), weights.matches(" 85").count()), (200, 200));
}

#[tokio::test]
async fn the_setting_changes_with_any_weight_and_the_boot_with_none() {
    let haproxy = start(2, 2).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let first = instance.write(percent(50.0)).await.unwrap();
    haproxy.command("set server mail/vm-2 weight 255").await;
    let other = instance.read().await.unwrap();
    assert_ne!(other.setting, first.setting);
    assert_eq!((other.boot, other.weight), (first.boot, percent(50.05)));
    assert_eq!(instance.write(percent(50.0)).await.unwrap(), first);
}

#[tokio::test]
async fn two_instances_are_written_side_by_side() {
    let (one, other) = (start(1, 1).await, start(2, 1).await);
    let (mut first, mut second) = (instance(&one.admin_tcp()), instance(&other.admin_tcp()));
    let (first, second) = tokio::join!(first.write(percent(20.0)), second.write(percent(20.0)));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.weight, second.weight), (percent(20.0), percent(20.0)));
    assert_ne!(first.boot, second.boot);
    assert_eq!(weights(&one).await, "vm-1 256, ingress-1 64");
    assert_eq!(weights(&other).await, "vm-1 256, vm-2 256, ingress-1 128");
}
