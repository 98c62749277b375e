//! Every way a source can fail, against a server that fails so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;

mod history;
mod levels;

use super::*;
use crate::store::{PushedCounter, PushedSeries, StoreError};

/// 2026-01-01T00:00:20Z.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_620_000_000);
/// When the answers below are from.
const DATE: &str = "Thu, 01 Jan 2026 00:00:20 GMT";

/// A server of one answer, and how often it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

/// Answers by the query's selector or the path.
async fn serve<F, R>(answer: F) -> Server
where
    F: Fn(String, HeaderMap) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let handler = move |uri: Uri, headers: HeaderMap| {
        count.fetch_add(1, Ordering::Relaxed);
        answer(uri.to_string(), headers)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server { address, asked }
}

async fn serve_text(status: StatusCode, text: impl Into<String>) -> Server {
    let text = text.into();
    serve(move |_, _| std::future::ready(dated(status, text.clone()))).await
}

fn dated(status: StatusCode, text: String) -> Response {
    (status, [(header::DATE, DATE)], text).into_response()
}

struct Counts(Vec<PushedCount>);

#[async_trait::async_trait]
impl Pushed for Counts {
    async fn pushed(&self, _: &Name, _: &BTreeSet<String>) -> Result<Vec<PushedCount>, StoreError> {
        Ok(self.0.clone())
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn config(prometheus: &str) -> Config {
    let instances: Instances = Arc::new(|_| Vec::new());
    let mut config = Config::new(instances, Arc::new(Counts(Vec::new())));
    let server = PrometheusServer { url: prometheus.to_owned(), token: None };
    config.prometheus.insert(name("default"), server);
    config
}

fn sources(config: Config) -> Sources {
    Sources::new(config).expect("a client")
}

/// Requests and failures of both arms.
fn asks(from: impl Fn(Arm, Counter) -> From) -> Vec<Ask> {
    let mut asks = Vec::new();
    for arm in [Arm::Baseline, Arm::Canary] {
        for counter in [Counter::Requests, Counter::Failures] {
            asks.push(Ask { check: 0, arm, counter, from: from(arm, counter) });
        }
    }
    asks
}

fn label(arm: Arm) -> &'static str {
    if arm == Arm::Baseline { "v1" } else { "v2" }
}

fn selectors(source: &SourceRef) -> Vec<Ask> {
    asks(|arm, counter| {
        let code = if counter == Counter::Failures { ",code=~\"5..\"" } else { "" };
        let selector = format!("n{{arm=\"{}\"{code}}}", label(arm));
        From::Selector { source: source.clone(), selector }
    })
}

fn prometheus() -> Vec<Ask> {
    selectors(&SourceRef::Prometheus(name("default")))
}

fn told(answer: &Answer) -> String {
    let series = answer.series.iter().map(|s| {
        let points: Vec<_> = s.points.iter().map(|p| p.value.to_string()).collect();
        format!("{} {} {}", s.ask, s.key, points.join(","))
    });
    let troubles = answer.troubles.iter();
    let troubles = troubles.map(|t| format!("{:?} {:?} {}", t.kind, t.asks, t.sentence));
    series.chain(troubles).collect::<Vec<_>>().join("\n")
}

/// What reading a Prometheus that answers so gives: the kind, all four asks, and these words.
#[track_caller]
fn blind(answer: &Answer, kind: TroubleKind, words: &str) {
    let told = told(answer);
    assert_eq!(answer.series, [], "{told}");
    let [trouble] = answer.troubles.as_slice() else { panic!("{told}") };
    assert_eq!((trouble.kind, &trouble.asks), (kind, &vec![0, 1, 2, 3]), "{told}");
    assert!(trouble.sentence.contains(words), "{told}");
}

async fn read_prometheus(url: &str) -> Answer {
    let mut config = config(url);
    config.timeout = Duration::from_millis(100);
    sources(config).read(&prometheus(), Some(NOW.minus(Duration::from_secs(10))), NOW).await
}

async fn read_answer(status: StatusCode, text: &str) -> Answer {
    let server = serve_text(status, text).await;
    let url = format!("http://{}/", server.address);
    let mut config = config(&url);
    config.timeout = Duration::from_secs(20);
    sources(config).read(&prometheus(), Some(NOW.minus(Duration::from_secs(10))), NOW).await
}

/// The answer to a selector: a series of that arm, one sample every 5 s up to now.
fn matrix(query: &str) -> String {
    matrix_until(query, 0)
}

/// The same with nothing new for so many seconds.
fn matrix_until(query: &str, gap: i64) -> String {
    // The path has a v1 of its own.
    let arm = if query.contains("v2") { "v2" } else { "v1" };
    let code = if query.contains("5..") { "500" } else { "200" };
    let second = NOW.micros() / 1_000_000 - gap;
    let values = [(15, "3"), (10, "5"), (5, "6"), (1, "9")];
    let values = values.map(|(ago, value)| format!("[{}.25,\"{value}\"]", second - ago)).join(",");
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[
        {{"metric":{{"__name__":"n","code":"{code}","arm":"{arm}","job":"web shop"}},"values":[{values}]}}]}}}}"#
    )
}

#[tokio::test]
async fn a_look_at_prometheus_has_its_raw_samples() {
    let server = serve(|uri, _| std::future::ready(dated(StatusCode::OK, matrix(&uri)))).await;
    let sources = sources(config(&format!("http://{}", server.address)));
    assert_eq!(sources.lag(&prometheus()), Duration::from_secs(15));
    let answer = sources.read(&prometheus(), Some(NOW.minus(Duration::from_secs(9))), NOW).await;
    let newest = NOW.minus(Duration::from_millis(750));
    assert_eq!(answer.until, newest, "a look ends with a sample of every target");
    let rows = [(0, "v1", 200), (1, "v1", 500), (2, "v2", 200), (3, "v2", 500)];
    let rows = rows.map(|(ask, arm, code)| {
        format!("{ask} web_shop/ n{{arm=\"{arm}\",code=\"{code}\",job=\"web shop\"}} 6,9")
    });
    assert_eq!(told(&answer), rows.join("\n"));
    assert_eq!(sources.lag(&prometheus()), Duration::from_secs(5));
    let first = sources.read(&prometheus(), None, NOW).await;
    assert!(first.series.iter().all(|s| s.points.len() == 1 && s.points[0].value == 9.0));
}

/// It was deployed a moment ago: how far apart its samples are is not known, but that they are apart is.
#[tokio::test]
async fn a_young_canary_is_waited_for() {
    let young = |uri: String| {
        let all = matrix(&uri);
        if !uri.contains("v2") {
            return all;
        }
        let all = all.replace("\"job\"", "\"instance\":\"b\",\"job\"");
        let (head, values) = all.split_once("\"values\":[").expect("values");
        let (first, rest) = values.split_once("],[").expect("several");
        let second = rest.split_once("],[").expect("several").0;
        format!("{head}\"values\":[{first}],[{second}]]}}]}}}}")
    };
    let server = serve(move |uri, _| std::future::ready(dated(StatusCode::OK, young(uri)))).await;
    let sources = sources(config(&format!("http://{}", server.address)));
    let answer = sources.read(&prometheus(), Some(NOW.minus(Duration::from_secs(12))), NOW).await;
    assert_eq!(answer.until, NOW.minus(Duration::from_millis(9_750)), "{}", told(&answer));
    assert!(answer.series.iter().all(|series| series.points.len() == 1), "{}", told(&answer));
}

#[tokio::test]
async fn equal_asks_are_made_once_with_the_token() {
    let server = serve(|uri, headers| {
        let let_in = headers.get("authorization").is_some_and(|t| t == "Bearer s3cret");
        let status = if let_in { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        std::future::ready(dated(status, matrix(&uri)))
    })
    .await;
    let mut config = config(&format!("http://{}", server.address));
    let token: ReadToken = Arc::new(|| Ok("s3cret".to_owned()));
    for server in config.prometheus.values_mut() {
        server.token = Some(token.clone());
    }
    assert!(!format!("{config:?}").contains("s3cret"));
    let mut asks = prometheus();
    asks.extend(prometheus().into_iter().map(|ask| Ask { check: 1, ..ask }));
    let answer = sources(config).read(&asks, None, NOW).await;
    assert_eq!((answer.series.len(), answer.troubles.len()), (8, 0), "{}", told(&answer));
    assert_eq!(server.asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let answer = read_prometheus(&format!("http://user:pw@{address}")).await;
    blind(&answer, TroubleKind::Unreachable, "refused");
    let begin = format!("Prometheus `default` (http://{address}) cannot be reached");
    assert!(answer.troubles[0].sentence.starts_with(&begin), "{}", told(&answer));
}

#[tokio::test]
async fn no_answer_in_time_is_slow() {
    let server = serve(|_, _| std::future::pending()).await;
    let answer = read_prometheus(&format!("http://{}", server.address)).await;
    blind(&answer, TroubleKind::Slow, "did not answer within 100 ms");
}

#[tokio::test]
async fn a_bad_query_is_refused_in_prometheus_own_words() {
    let bad = r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error: oops"}"#;
    let answer = read_answer(StatusCode::BAD_REQUEST, bad).await;
    // One sentence a selector.
    assert_eq!(answer.troubles.len(), 4);
    assert!(answer.troubles.iter().all(|t| t.kind == TroubleKind::Refused));
    assert!(answer.troubles[0].sentence.ends_with("`n{arm=\"v1\"}`: 1:3: parse error: oops"));
}

#[tokio::test]
async fn other_answers_are_named() {
    use TroubleKind::{Malformed, Partial, Refused, Slow, Unreachable};
    let ok = StatusCode::OK;
    let rows = [
        (ok, "<html>", Malformed, "is this really a Prometheus?"),
        (ok, "{}", Malformed, "an answer without data"),
        (
            ok,
            r#"{"warnings":["store gone"],"data":{"resultType":"matrix","result":[]}}"#,
            Partial,
            "store gone",
        ),
        (
            ok,
            r#"{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"n"},"values":[[1,"x"]]}]}}"#,
            Malformed,
            "`x` as a value",
        ),
        (
            ok,
            r#"{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"n"},"histograms":[]}]}}"#,
            Malformed,
            "native histogram",
        ),
        (StatusCode::UNAUTHORIZED, "no", Refused, "401 Unauthorized: no (is its token right?)"),
        (StatusCode::FOUND, "", Refused, "a redirect is not followed"),
        (StatusCode::BAD_GATEWAY, "", Unreachable, "502 Bad Gateway"),
    ];
    for (status, text, kind, words) in rows {
        blind(&read_answer(status, text).await, kind, words);
    }
    let late = r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
    let answer = read_answer(StatusCode::SERVICE_UNAVAILABLE, late).await;
    assert!(answer.troubles.iter().all(|t| t.kind == Slow), "{}", told(&answer));
    let vector = r#"{"data":{"resultType":"vector","result":[]}}"#;
    let answer = read_answer(ok, vector).await;
    assert!(answer.troubles[0].sentence.contains("is no bare selector"), "{}", told(&answer));
}

#[tokio::test]
async fn nothing_found_asks_whether_the_label_is_right() {
    let none = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let answer = read_answer(StatusCode::OK, none).await;
    blind(&answer, TroubleKind::Stale, "is the name right, and the arm's label?");
}

/// Its own outage leaves a gap: no requests were seen, which is not the same as none came.
#[tokio::test]
async fn samples_that_stopped_are_no_quiet_hour() {
    for (gap, kinds) in [(14, vec![]), (15, vec![TroubleKind::Stale])] {
        let answer =
            move |uri: String, _| async move { dated(StatusCode::OK, matrix_until(&uri, gap)) };
        let server = serve(answer).await;
        let sources = sources(config(&format!("http://{}", server.address)));
        let since = NOW.minus(Duration::from_secs(1));
        let answer = sources.read(&prometheus(), Some(since), NOW).await;
        let told: Vec<_> = answer.troubles.iter().map(|trouble| trouble.kind).collect();
        assert_eq!(told, kinds, "after {gap} s: {answer:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_by_more_than_a_look_is_named() {
    let server = serve(|uri, _| std::future::ready(dated(StatusCode::OK, matrix(&uri)))).await;
    let sources = sources(config(&format!("http://{}", server.address)));
    let minute = Duration::from_secs(60);
    let late = NOW.plus(minute);
    let answer = sources.read(&prometheus(), Some(late.minus(minute / 6)), late).await;
    blind(&answer, TroubleKind::ClockSkew, "is 58 s behind ours: set both by NTP");
    let early = NOW.minus(minute);
    let answer = sources.read(&prometheus(), Some(early.minus(minute / 6)), early).await;
    blind(&answer, TroubleKind::ClockSkew, "is 50 s ahead of ours: set both by NTP");
}

#[tokio::test]
async fn an_unknown_server_and_a_broken_token_are_refused() {
    let mut config = config("http://127.0.0.1:9");
    for server in config.prometheus.values_mut() {
        server.token = Some(Arc::new(|| Err("/run/token: permission denied".to_owned())));
    }
    let sources = sources(config);
    let answer = sources.read(&prometheus(), None, NOW).await;
    blind(&answer, TroubleKind::Refused, "cannot be read: /run/token: permission denied");
    let other = selectors(&SourceRef::Prometheus(name("eu")));
    blind(&sources.read(&other, None, NOW).await, TroubleKind::Refused, "is named `eu` here");
}

#[tokio::test]
async fn a_page_is_read_once_for_all_asks() {
    let page = "n{arm=\"v1\",code=\"200\"} 90\nn{arm=\"v1\",code=\"503\"} 10\n\
                n{arm=\"v2\",code=\"200\"} 9\n";
    let server = serve_text(StatusCode::OK, page).await;
    let url = format!("http://{}/metrics", server.address);
    let asks = selectors(&SourceRef::Scrape(vec![url.clone(), url.clone()]));
    let sources = sources(config("http://127.0.0.1:9"));
    let answer = sources.read(&asks, Some(NOW.minus(Duration::from_secs(1))), NOW).await;
    assert_eq!(
        told(&answer).replace(&url, "URL"),
        "0 URL n{arm=\"v1\",code=\"200\"} 90\n0 URL n{arm=\"v1\",code=\"503\"} 10\n\
         1 URL n{arm=\"v1\",code=\"503\"} 10\n2 URL n{arm=\"v2\",code=\"200\"} 9"
    );
    assert_eq!((answer.until, server.asked.load(Ordering::Relaxed)), (NOW, 1));
    assert_eq!(sources.lag(&asks), Duration::ZERO);
}

#[tokio::test]
async fn what_is_no_address_or_selector_is_refused() {
    let sources = sources(config("http://127.0.0.1:9"));
    let asks_of = |url: &str, selector: &str| {
        let source = SourceRef::Scrape(vec![url.to_owned()]);
        asks(|_, _| From::Selector { source: source.clone(), selector: selector.to_owned() })
    };
    let answer = sources.read(&asks_of("shop:8080/metrics", "n"), None, NOW).await;
    blind(&answer, TroubleKind::Refused, "shop:8080/metrics is no address");
    let answer = sources.read(&asks_of("http://shop", "rate(n[5m])"), None, NOW).await;
    blind(
        &answer,
        TroubleKind::Refused,
        "a scrape takes a bare selector: here a selector should end",
    );
    let push = asks(|_, _| From::Selector { source: SourceRef::Push, selector: "n".to_owned() });
    let answer = sources.read(&push, None, NOW).await;
    blind(&answer, TroubleKind::Refused, "`n` cannot be asked of pushed observations");
}

#[tokio::test]
async fn looks_that_wait_for_a_page_share_the_next_reading() {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_server, gate) = (arrived.clone(), release.clone());
    let server = serve(move |_, _| {
        let (at_server, gate) = (at_server.clone(), gate.clone());
        async move {
            at_server.notify_one();
            gate.notified().await;
            dated(StatusCode::OK, "n{arm=\"v1\"} 1\n".to_owned())
        }
    })
    .await;
    let asks = selectors(&SourceRef::Scrape(vec![format!("http://{}/", server.address)]));
    let sources = sources(config("http://127.0.0.1:9"));
    let look = || sources.read(&asks, None, NOW);
    // Three come while the first is being answered. They have begun to wait when the gate opens.
    let first = async {
        arrived.notified().await;
        let open = async {
            release.notify_one();
            arrived.notified().await;
            release.notify_one();
        };
        tokio::join!(look(), look(), look(), open)
    };
    let (alone, (a, b, c, ())) = tokio::join!(look(), first);
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
    assert!([alone, a, b, c].iter().all(|answer| answer.series.len() == 1));
}

#[tokio::test]
async fn a_page_that_is_too_long_is_not_swallowed() {
    let long = format!("# {}\n", "x".repeat(1023)).repeat(33 << 10);
    let server = serve_text(StatusCode::OK, long).await;
    let asks = selectors(&SourceRef::Scrape(vec![format!("http://{}/", server.address)]));
    let answer = sources(config("http://127.0.0.1:9")).read(&asks, None, NOW).await;
    blind(&answer, TroubleKind::Malformed, "sent more than 32 MiB");
}

#[tokio::test]
async fn haproxy_is_read_where_its_instances_say() {
    let page = "haproxy_backend_http_responses_total{proxy=\"be_a\",code=\"2xx\"} 7\n\
                haproxy_backend_http_responses_total{proxy=\"be_a\",code=\"5xx\"} 1\n\
                haproxy_backend_http_responses_total{proxy=\"be_b\",code=\"5xx\"} 0\n";
    let server = serve_text(StatusCode::OK, page).await;
    let url = format!("http://{}/metrics", server.address);
    let mut config = config("http://127.0.0.1:9");
    let gone = "http://127.0.0.1:9/metrics";
    let urls = vec![url.clone(), gone.to_owned()];
    config.instances =
        Arc::new(move |route| if route.as_str() == "shop" { urls.clone() } else { Vec::new() });
    let sources = sources(config);
    let asks_of = |route: &'static str, canary: &'static str| {
        asks(move |arm, _| {
            let backend = if arm == Arm::Baseline { "be_a" } else { canary };
            From::Haproxy { route: name(route), backend: backend.to_owned() }
        })
    };
    let answer = sources.read(&asks_of("shop", "be_b"), None, NOW).await;
    let values: Vec<_> = answer.series.iter().map(|s| (s.ask, s.points[0].value)).collect();
    assert_eq!(values, [(0, 7.0), (0, 1.0), (1, 1.0), (2, 0.0), (3, 0.0)]);
    // One of two is gone: people are told, and no ask is spoiled.
    let [absent] = answer.troubles.as_slice() else { panic!("{}", told(&answer)) };
    assert_eq!((absent.kind, absent.asks.len()), (TroubleKind::Unreachable, 0));
    let answer = sources.read(&asks_of("shop", "be_c"), None, NOW).await;
    let misnamed = answer.troubles.iter().find(|t| t.kind == TroubleKind::Stale);
    let misnamed = misnamed.expect("a backend that is not there");
    assert_eq!(misnamed.asks, [2, 3]);
    let answer = sources.read(&asks_of("other", "be_b"), None, NOW).await;
    blind(&answer, TroubleKind::NoInstance, "no HAProxy that follows `other`");
}

#[tokio::test]
async fn pushed_counts_are_fresh_for_five_minutes() {
    let counts = |arm: &str, ago| {
        let count = |(counter, value)| PushedCount {
            arm: arm.to_owned(),
            series: PushedSeries::of(counter, None),
            value,
            updated: NOW.minus(Duration::from_secs(ago)),
        };
        [(PushedCounter::Requests, 9.0), (PushedCounter::Failures, 1.0)].map(count)
    };
    let asks = asks(|arm, _| From::Pushed {
        route: name("shop"),
        arm: label(arm).to_owned(),
        what: crate::engine::Pushed::Requests,
        segment: None,
    });
    let read = async |counts: Vec<PushedCount>| {
        let mut config = config("http://127.0.0.1:9");
        config.pushed = Arc::new(Counts(counts));
        sources(config).read(&asks, Some(NOW.minus(Duration::from_secs(10))), NOW).await
    };
    let answer = read([counts("v1", 2), counts("v2", 20)].concat()).await;
    assert_eq!(told(&answer), "0 pushed/shop v1 9\n1 pushed/shop v1 1");
    let answer = read(counts("v1", 400).to_vec()).await;
    blind(&answer, TroubleKind::Stale, "since 23:53:40.000 (6m40s ago): is it still being fed?");
}

#[tokio::test]
async fn reading_may_move_between_threads() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let sources = sources(config("http://127.0.0.1:9"));
    assert_eq!(is_send(sources.read(&[], None, NOW)).await.series, []);
}
