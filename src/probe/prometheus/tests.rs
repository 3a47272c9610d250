//! Addresses, tokens and answers, without a server.

use hyper::Response;
use hyper::http::response::Parts;

use super::{Client, Config, Error, PATIENCE, answer};
use crate::core::time::Time;
use crate::probe::prometheus::Point;

fn config(url: &str, token: Option<&str>) -> Config {
    Config { url: url.into(), ca_pem: None, bearer_token: token.map(Into::into), timeout: PATIENCE }
}

fn refusal(url: &str, token: Option<&str>) -> String {
    Client::new(&config(url, token)).map(drop).unwrap_err().to_string()
}

#[test]
fn an_address_that_cannot_be_asked_is_refused_with_what_to_do() {
    assert!(Client::new(&config("http://prometheus:9090/prefix/", None)).is_ok());
    for wrong in ["", "prometheus:9090", "/var/run", "ftp://prometheus", "http://"] {
        assert_eq!(
            refusal(wrong, None),
            format!(
                "the Prometheus address {wrong} cannot be used: write for example http://prometheus.monitoring:9090"
            )
        );
    }
    assert_eq!(
        refusal("http://prometheus:9090/api/v1/", None),
        "the Prometheus address http://prometheus:9090/api/v1/ cannot be used: leave out /api/v1"
    );
}

#[test]
fn no_secret_of_an_address_or_a_token_stands_in_an_error() {
    for secret in ["http://me:hunter2@prometheus:9090", "https://prometheus/?token=hunter2"] {
        let error = refusal(secret, None);
        assert!(!error.contains("hunter2"), "{error}");
    }
    let shown = format!("{:?}", Client::new(&config("https://prometheus", Some("hunter2"))).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    let shown = format!("{:?}", config("https://prometheus", Some("hunter2")));
    assert!(!shown.contains("hunter2"), "{shown}");
    let error = refusal("https://prometheus", Some("hunter2\n"));
    assert_eq!(
        error,
        "the bearer token cannot be used: it is empty, or holds something else than visible ASCII characters"
    );
}

#[test]
fn a_token_goes_in_the_clear_to_this_machine_only() {
    for here in ["http://127.0.0.1:9090", "http://[::1]:9090", "http://localhost:9090", "https://far.example"]
    {
        assert!(Client::new(&config(here, Some("t"))).is_ok(), "{here}");
    }
    assert_eq!(
        refusal("http://far.example", Some("t")),
        "the bearer token cannot be used: everybody on the way could read it: use an https address"
    );
}

fn head(status: u16) -> Parts {
    Response::builder().status(status).body(()).unwrap().into_parts().0
}

fn points(body: &str) -> Result<(Vec<Point>, Vec<String>), String> {
    let answer = answer::read("http://p", "up", &head(200), body.as_bytes()).map_err(|e| e.to_string())?;
    answer.into_points().map_err(|why| why.to_string())
}

fn at(millis: u64, value: f64) -> Point {
    Point { at: Time::from_millis(millis), value }
}

#[test]
fn values_that_are_no_finite_number_are_gaps() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":
        [[1.5,"1"],[2.5,"NaN"],[3.5,"+Inf"],[4.501,"2.5e3"]]}]},"warnings":["careful"],"infos":["see"]}"#;
    let warned = vec!["careful".to_owned(), "see".to_owned()];
    assert_eq!(points(body), Ok((vec![at(1500, 1.0), at(4501, 2500.0)], warned)));
    let nothing = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    assert_eq!(points(nothing), Ok((vec![], vec![])));
    let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"7"]}}"#;
    assert_eq!(points(scalar), Ok((vec![at(1500, 7.0)], vec![])));
}

#[test]
fn what_is_not_one_series_of_numbers_is_refused_with_advice() {
    let two = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"up","job":"a"},"value":[1,"1"]},{"metric":{"job":"b"},"value":[1,"1"]}]}}"#;
    assert_eq!(
        points(two).unwrap_err(),
        r#"2 series, such as up{job="a"} and {job="b"}: aggregate them to one, as sum(...) or max(...) does, or select one by its labels"#
    );
    let histogram = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{},"histogram":[1,{"count":"1","sum":"1"}]}]}}"#;
    assert_eq!(points(histogram).unwrap_err(), "native histograms: ask for a number");
    let text = r#"{"status":"success","data":{"resultType":"string","result":[1,"text"]}}"#;
    assert_eq!(points(text).unwrap_err(), "a text: ask for a number");
}

#[test]
fn an_answer_that_is_none_says_what_to_look_at() {
    let read = |head: &Parts, body: &str| answer::read("http://p", "up", head, body.as_bytes()).unwrap_err();
    let refused = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    assert_eq!(
        read(&head(400), refused).to_string(),
        "Prometheus at http://p refused `up`: bad_data: parse error: correct the query"
    );
    assert!(matches!(read(&head(200), "<html>"), Error::Strange { .. }));
    let redirect = Response::builder().status(302).header("location", "https://login/api/v1/query?secret=x");
    assert_eq!(
        read(&redirect.body(()).unwrap().into_parts().0, "").to_string(),
        "http://p answered with the HTTP status 302: it redirects to https://login; redirects are not followed: give that address"
    );
    assert_eq!(
        read(&head(401), "").to_string(),
        "http://p answered with the HTTP status 401: it wants to know who asks: give a bearer token that it accepts"
    );
}
