//! The Prometheus client against a real Prometheus.
#![allow(clippy::unwrap_used)] // what cannot be set up fails the test

mod faults;
pub mod history;

use std::time::Duration;

use crossfade::core::time::Time;
use crossfade::probe::prometheus::{Client, Config, Instant, PATIENCE, POINTS_AT_ONCE, Point};

use crate::stage::mariadb::Tls;
use crate::stage::prometheus::Prometheus;
use history::{BEGIN, HOUR, history};

/// Both databases' attempts per second.
const RATE: &str = "sum(rate(mysql_global_status_connections[1m]))";

fn config(url: &str) -> Config {
    Config { url: url.into(), ca_pem: None, bearer_token: None, timeout: PATIENCE }
}

fn client(prometheus: &Prometheus) -> Client {
    Client::new(&config(&prometheus.url())).unwrap()
}

fn second(second: u64) -> Time {
    Time::from_millis((BEGIN + second) * 1000)
}

#[tokio::test]
async fn an_instant_query_gives_its_value_or_nothing() {
    let prometheus = Prometheus::start(&history(HOUR), None, &[]);
    let client = client(&prometheus);
    let at = Some(second(1800));
    let value = client.instant(RATE, at).await.unwrap();
    assert_eq!(value, Instant { point: Some(Point { at: second(1800), value: 300.0 }), warnings: vec![] });
    assert_eq!(client.instant("2 * 21", at).await.unwrap().point.map(|point| point.value), Some(42.0));
    for unknown in ["no_such_metric", "vector(0) / 0", "vector(1) / 0"] {
        assert_eq!(client.instant(unknown, at).await.unwrap(), Instant::default(), "{unknown}");
    }
    // By its own clock there is no history any more.
    assert_eq!(client.instant(RATE, None).await.unwrap(), Instant::default());
}

#[tokio::test]
async fn an_amount_is_one_finite_number_of_0_or_more_and_else_it_is_told_what_it_is() {
    let prometheus = Prometheus::start(&history(HOUR), None, &[]);
    let client = client(&prometheus);
    for (query, amount) in [("2 * 21", 42.0), ("sum(vector(0.5))", 0.5), ("vector(0)", 0.0)] {
        assert_eq!(client.amount(query).await, Ok(amount), "{query}");
    }
    let mut errors = Vec::new();
    for (query, why) in [
        (
            "no_such_metric",
            "no value, or one that is no finite number: try the query in Prometheus, and check that what it reads is still scraped",
        ),
        (
            "vector(0) / 0",
            "no value, or one that is no finite number: try the query in Prometheus, and check that what it reads is still scraped",
        ),
        ("-vector(3)", "-3, which is no amount: ask for one of 0 or more"),
        (
            "label_replace(vector(1), \"a\", \"b\", \"\", \"\") or vector(1)",
            "2 series, such as {a=\"b\"} and {}: aggregate them to one, as sum(...) or max(...) does, or select one by its labels",
        ),
    ] {
        let error = client.amount(query).await.unwrap_err();
        let told = format!("Prometheus at {} answered `{query}` with {why}", prometheus.url());
        assert_eq!(error.to_string(), told);
        assert!(!error.is_refusal(), "{error}");
        errors.push(error);
    }
    // One that goes on as it was is not told again.
    assert!(errors[0].is_like(&errors[1]) && !errors[1].is_like(&errors[2]), "{errors:?}");
}

#[tokio::test]
async fn a_range_of_two_weeks_comes_in_pieces_without_seam() {
    const DAYS: u64 = 14 * 24 * HOUR;
    let prometheus = Prometheus::start(&history(DAYS), None, &[]);
    let client = client(&prometheus);
    let (start, step) = (second(60), Duration::from_secs(15));
    let range = client.range(RATE, start, second(DAYS - 15), step).await.unwrap();
    assert_eq!(range.warnings, [""; 0]);
    let times: Vec<u64> = range.points.iter().map(|point| point.at.as_millis() / 1000 - BEGIN).collect();
    let missing = |at: &u64| history::is_missing(*at);
    let expected: Vec<u64> = (60..DAYS).step_by(15).filter(|at| !missing(at)).collect();
    assert!(expected.len() as u64 > 7 * POINTS_AT_ONCE);
    assert_eq!(times, expected);
    // A piece as large as Prometheus takes, and one point more.
    let at_once = POINTS_AT_ONCE + 1;
    let exactly =
        client.range("vector(1)", second(0), second(at_once - 2), Duration::from_secs(1)).await.unwrap();
    assert_eq!(exactly.points.len() as u64, POINTS_AT_ONCE);
    let one_more =
        client.range("vector(1)", second(0), second(at_once - 1), Duration::from_secs(1)).await.unwrap();
    assert_eq!(one_more.points.len() as u64, POINTS_AT_ONCE + 1);
}

#[tokio::test]
async fn what_prometheus_refuses_is_told_in_its_own_words() {
    let prometheus = Prometheus::start(&history(HOUR), None, &["--query.max-samples=1000"]);
    let client = client(&prometheus);
    let url = prometheus.url();
    let refusal =
        async |query: &str| client.instant(query, Some(second(1800))).await.unwrap_err().to_string();
    let unclosed = refusal("sum(rate(up[1m])").await;
    let begin = format!("Prometheus at {url} refused `sum(rate(up[1m])`: bad_data: ");
    assert!(unclosed.starts_with(&begin), "{unclosed}");
    assert!(unclosed.ends_with("parse error: unclosed left parenthesis: correct the query"), "{unclosed}");
    assert_eq!(
        refusal("mysql_global_status_connections").await,
        format!(
            "Prometheus at {url} answered `mysql_global_status_connections` with 2 series, such as mysql_global_status_connections{{instance=\"db-1\"}} and mysql_global_status_connections{{instance=\"db-2\"}}: aggregate them to one, as sum(...) or max(...) does, or select one by its labels"
        )
    );
    assert_eq!(
        refusal("\"text\"").await,
        format!("Prometheus at {url} answered `\"text\"` with a text: ask for a number")
    );
    let much = client.range("vector(1)", second(0), second(2000), Duration::from_secs(1)).await;
    assert_eq!(
        much.unwrap_err().to_string(),
        format!(
            "Prometheus at {url} refused `vector(1)`: execution: query processing would load too many samples into memory in query execution: correct the query"
        )
    );
}

#[tokio::test]
async fn its_certificate_is_verified() {
    let tls = Tls::issue(&["127.0.0.1"]);
    let other = Tls::issue(&["127.0.0.1"]);
    let prometheus = Prometheus::start(&history(HOUR), Some(tls.clone()), &[]);
    let with = |ca: Option<&str>| {
        let ca_pem = ca.map(|ca| ca.as_bytes().to_vec());
        Client::new(&Config { ca_pem, ..config(&prometheus.url()) }).unwrap()
    };
    let value = with(Some(&tls.authority)).instant("1", None).await.unwrap();
    assert_eq!(value.point.map(|point| point.value), Some(1.0));
    for wrong in [None, Some(other.authority.as_str())] {
        let error = with(wrong).instant("1", None).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot ask Prometheus at {}: ", prometheus.url())), "{error}");
        assert!(error.contains("invalid peer certificate"), "{error}");
        assert!(with(wrong).amount("1").await.unwrap_err().is_refusal());
    }
}
