//! The looks of the time before, as a Prometheus remembers it.

use super::*;

/// Of each arm a sample every 15 s for twenty minutes, one request each; the canary's target is scraped 5 s later, and
/// stopped five minutes ago.
async fn server() -> Server {
    serve(|uri, _| {
        let canary = uri.contains("v2");
        let second = NOW.micros() / 1_000_000 + if canary { 0 } else { -5 };
        let samples = (if canary { 20 } else { 0 })..80;
        let samples = samples.map(|ago| format!("[{},\"{}\"]", second - ago * 15, 80 - ago));
        let values = samples.rev().collect::<Vec<_>>().join(",");
        let metric = format!(r#"{{"__name__":"n","instance":"{canary}"}}"#);
        let rows = format!(r#"{{"metric":{metric},"values":[{values}]}}"#);
        let data = format!(r#"{{"resultType":"matrix","result":[{rows}]}}"#);
        let text = format!(r#"{{"status":"success","data":{data}}}"#);
        std::future::ready(dated(StatusCode::OK, text))
    })
    .await
}

fn requests(arm: Arm) -> Ask {
    prometheus().into_iter().find(|ask| ask.arm == arm).expect("an ask")
}

async fn history(asks: &[Ask], looks: u32, each: u64) -> (Vec<Answer>, usize) {
    let server = server().await;
    let sources = sources(config(&format!("http://{}", server.address)));
    let answers = sources.history(asks, NOW, looks, Duration::from_secs(each)).await;
    (answers, server.asked.load(Ordering::Relaxed))
}

/// What all the looks' points of an ask rise by.
fn rise(answers: &[Answer], ask: usize) -> f64 {
    let series = answers.iter().flat_map(|answer| &answer.series).filter(|s| s.ask == ask);
    let points: Vec<f64> = series.flat_map(|s| &s.points).map(|p| p.value).collect();
    assert!(points.is_sorted(), "{points:?}");
    points.last().unwrap_or(&0.0) - points.first().unwrap_or(&0.0)
}

#[tokio::test]
async fn an_hour_is_told_look_by_look() {
    let (answers, asked) = history(&[requests(Arm::Baseline)], 10, 60).await;
    assert_eq!((answers.len(), asked), (11, 1), "one starting point and ten looks by one query");
    let points = answers.iter().map(|answer| answer.series[0].points.len());
    assert_eq!(points.collect::<Vec<_>>(), [1, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
    assert_eq!(rise(&answers, 0), 40.0);
    assert!(answers.windows(2).all(|pair| pair[0].until < pair[1].until));
    assert!(answers.iter().all(|answer| answer.troubles.is_empty()));
}

#[tokio::test]
async fn looks_are_no_shorter_than_the_samples_are_apart() {
    let (answers, _) = history(&[requests(Arm::Baseline)], 60, 10).await;
    assert_eq!(answers.len(), 41, "ten minutes of 15 s each");
    assert!(answers.iter().all(|answer| answer.series[0].points.len() == 1));
}

#[tokio::test]
async fn what_is_not_recorded_is_left_out() {
    // Twenty minutes are there, of the hour that is asked at most.
    let (answers, _) = history(&[requests(Arm::Baseline)], 1000, 60).await;
    assert_eq!(answers.iter().filter(|answer| !answer.series.is_empty()).count(), 20);
    assert_eq!(rise(&answers, 0), 79.0);
    // Both arms of a route; one of them was silent in the end.
    let (answers, _) = history(&[requests(Arm::Baseline), requests(Arm::Canary)], 10, 60).await;
    assert_eq!((rise(&answers, 0), rise(&answers, 1)), (40.0, 20.0));
}

#[tokio::test]
async fn other_sources_have_no_history() {
    let pushed = Ask {
        from: From::Pushed {
            route: name("shop"),
            arm: "v1".to_owned(),
            what: crate::engine::Pushed::Requests,
            segment: None,
        },
        ..requests(Arm::Baseline)
    };
    let (answers, asked) = history(std::slice::from_ref(&pushed), 10, 60).await;
    assert_eq!((answers, asked), (vec![], 0));
    let beside = Ask { check: 1, ..pushed };
    let (answers, _) = history(&[requests(Arm::Baseline), beside], 10, 60).await;
    assert_eq!(answers.len(), 11);
    assert!(answers.iter().all(|answer| answer.troubles[0].asks == [1]), "{:?}", answers[1]);
    assert_eq!(rise(&answers, 0), 40.0);
}
