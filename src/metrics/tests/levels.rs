//! Levels: one number at the look's end.

use super::*;

fn levels(source: &SourceRef) -> Vec<Ask> {
    [Arm::Baseline, Arm::Canary]
        .map(|arm| {
            let query = format!("avg(q{{arm=\"{}\"}})", label(arm));
            let from = From::Expression { source: source.clone(), query };
            Ask { check: 0, arm, counter: Counter::Level, from }
        })
        .into()
}

/// The levels of a Prometheus that has these results for the two arms.
async fn read(old: &'static str, new: &'static str) -> Answer {
    let server = serve(move |uri, _| {
        let results = if uri.contains("v2") { new } else { old };
        let rows = results.split_whitespace().map(|value| {
            format!(r#"{{"metric":{{"pod":"{value}"}},"value":[1767225620,"{value}"]}}"#)
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        let data = format!(r#"{{"resultType":"vector","result":[{rows}]}}"#);
        let text = format!(r#"{{"status":"success","data":{data}}}"#);
        std::future::ready(dated(StatusCode::OK, text))
    })
    .await;
    let asks = levels(&SourceRef::Prometheus(name("default")));
    let sources = sources(config(&format!("http://{}", server.address)));
    sources.read(&asks, Some(NOW.minus(Duration::from_secs(10))), NOW).await
}

#[tokio::test]
async fn an_expression_is_a_level_at_the_end_of_the_look() {
    let answer = read("5", "-7.5").await;
    let told = told(&answer);
    assert_eq!(told, "0 = avg(q{arm=\"v1\"}) 5\n1 = avg(q{arm=\"v2\"}) -7.5");
    assert_eq!(answer.until, NOW.minus(SETTLE));
    assert!(answer.series.iter().all(|s| s.points[0].at == answer.until), "{told}");
}

#[tokio::test]
async fn what_is_not_one_number_is_named() {
    let rows = [
        ("", TroubleKind::Stale, "has no data for `avg(q{arm=\"v2\"})`"),
        ("1 2", TroubleKind::Ambiguous, "`avg(q{arm=\"v2\"})` is ambiguous"),
        ("NaN", TroubleKind::NotANumber, "is NaN at 00:00:19.500; a level is a finite number"),
        ("+Inf", TroubleKind::NotANumber, "is inf at"),
    ];
    for (new, kind, words) in rows {
        let answer = read("5", new).await;
        let [trouble] = answer.troubles.as_slice() else { panic!("{}", told(&answer)) };
        assert_eq!((trouble.kind, &trouble.asks), (kind, &vec![1]), "{}", told(&answer));
        assert!(trouble.sentence.contains(words), "{}", trouble.sentence);
    }
}

#[tokio::test]
async fn pages_compute_nothing() {
    let page = SourceRef::Scrape(vec!["http://127.0.0.1:9/".to_owned()]);
    let answer = sources(config("http://127.0.0.1:9")).read(&levels(&page), None, NOW).await;
    assert!(told(&answer).contains("can be computed by a Prometheus alone"), "{}", told(&answer));
}

#[tokio::test]
async fn a_level_on_a_page_is_the_series_itself() {
    let page = "q{arm=\"v1\"} 5\nq{arm=\"v2\"} -7.5\n";
    let server = serve_text(StatusCode::OK, page).await;
    let source = SourceRef::Scrape(vec![format!("http://{}/", server.address)]);
    let ask = |arm| {
        let selector = format!("q{{arm=\"{}\"}}", label(arm));
        let from = From::Selector { source: source.clone(), selector };
        Ask { check: 0, arm, counter: Counter::Level, from }
    };
    let asks = [ask(Arm::Baseline), ask(Arm::Canary)];
    let answer = sources(config("http://127.0.0.1:9")).read(&asks, None, NOW).await;
    let values: Vec<f64> = answer.series.iter().map(|s| s.points[0].value).collect();
    assert_eq!(values, [5.0, -7.5], "{}", told(&answer));
}
