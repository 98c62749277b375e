//! Plans: sent, checked, listed.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::present;
use crate::api::problem::{Answer, Refusal};
use crate::api::sent::{self, Asked, Named, Raw};
use crate::api::views::{AppliedView, ApplyAnswer, ErrorView, PlanList, PlanView, ProblemView};
use crate::plan::{Body, Document, Route, RouteRef, Severity, SourceFile, lint_with, read};
use crate::store::{Applied, PlanRow};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Sending {
    /// Only check; store nothing.
    #[serde(default)]
    dry_run: bool,
    /// The file's name, for its problems.
    #[serde(default)]
    path: Option<String>,
}

/// Checks a file of plans and routes, and stores what is new in it
///
/// With any error nothing is stored, and the answer lists every problem with line and column.
#[utoipa::path(
    post, path = "/api/v1/plans", tag = "plans", params(Sending),
    request_body(content = String, content_type = "application/yaml"),
    responses(
        (status = 200, body = ApplyAnswer, description = "Nothing was new, or it was only checked"),
        (status = 201, body = ApplyAnswer, description = "Stored"),
        (status = 412, body = ErrorView, description = "`If-Match` names another revision than the newest"),
        (status = 422, body = ErrorView, description = "The file has errors"),
    )
)]
pub async fn apply(
    State(api): State<Api>,
    caller: Caller,
    Asked(sending): Asked<Sending>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Answer<Response> {
    let path: String = sending.path.unwrap_or_else(|| "plan.yaml".to_owned());
    let path: String = path.chars().take(200).collect();
    let found = read(&SourceFile { path: &path, bytes: &body });
    let mut problems = found.problems;
    let known = known_routes(&api, &found.documents).await?;
    problems.extend(lint_with(&found.documents, &known));
    let views: Vec<ProblemView> = problems.iter().map(ProblemView::from).collect();
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(Refusal::invalid_plan(views));
    }
    let dry_run = sending.dry_run;
    let mut applied = Vec::new();
    if !dry_run {
        matches_newest(&api, &found.documents, &headers).await?;
        applied = store(&api, &caller, &found.documents).await?;
    }
    let created = applied.iter().any(|a| a.outcome == "created" || a.outcome == "changed");
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(ApplyAnswer { dry_run, applied, problems: views })).into_response())
}

/// Routes that plans name and the file does not define.
async fn known_routes(api: &Api, documents: &[Document]) -> Answer<Vec<Route>> {
    let mut known = Vec::new();
    for plan in documents.iter().filter_map(Document::plan) {
        if let RouteRef::Named(name) = &plan.route
            && let Some(row) = api.service.store().route(name).await?
        {
            known.push(row.route);
        }
    }
    Ok(known)
}

/// `If-Match` keeps one person from overwriting what another has just stored.
async fn matches_newest(api: &Api, documents: &[Document], headers: &HeaderMap) -> Answer<()> {
    let Some(wanted) = headers.get(header::IF_MATCH) else { return Ok(()) };
    for plan in documents.iter().filter_map(Document::plan) {
        let newest = api.service.store().plan(&plan.name, None).await?;
        if newest.as_ref().map(etag).as_ref() != Some(wanted) {
            let now = newest.map_or(0, |row| row.revision);
            let detail = format!("the newest revision of `{}` is {now} by now", plan.name);
            return Err(Refusal {
                status: StatusCode::PRECONDITION_FAILED,
                ..Refusal::conflict(detail)
            });
        }
    }
    Ok(())
}

/// Routes first: plans in the same file may name them.
async fn store(api: &Api, caller: &Caller, documents: &[Document]) -> Answer<Vec<AppliedView>> {
    let mut applied = Vec::new();
    for route in documents.iter().filter_map(Document::route) {
        let outcome = api.service.apply_route(route).await?;
        applied.push(route_view(route.name.as_str(), &outcome));
    }
    for document in documents {
        let Body::Plan(plan) = &document.body else { continue };
        let (by, at) = (caller.actor.to_string(), api.service.now().wall);
        let text = alone(&document.text);
        let revision = api.service.store().apply_plan(plan, text, &by, at).await?;
        let outcome = if revision.created { "created" } else { "unchanged" };
        let number = revision.number;
        applied.push(AppliedView {
            kind: "plan".to_owned(),
            name: plan.name.to_string(),
            revision: Some(number),
            outcome: outcome.to_owned(),
            text: format!("plan {}: {outcome}, revision {number}", plan.name),
        });
    }
    Ok(applied)
}

/// The same plan is the same revision, whatever file it is sent in.
fn alone(text: &str) -> &str {
    text.strip_prefix("---").unwrap_or(text).trim_start_matches(['\r', '\n']).trim_end()
}

fn route_view(name: &str, outcome: &Applied) -> AppliedView {
    let (word, text) = match outcome {
        Applied::Created => ("created", format!("route {name}: created")),
        Applied::Changed => ("changed", format!("route {name}: changed")),
        Applied::Unchanged => ("unchanged", format!("route {name}: unchanged")),
        Applied::Held(by) => {
            ("held", format!("route {name}: {by} holds it; apply it again when that has ended"))
        }
    };
    AppliedView {
        kind: "route".to_owned(),
        name: name.to_owned(),
        revision: None,
        outcome: word.to_owned(),
        text,
    }
}

/// Every plan's newest revision
#[utoipa::path(get, path = "/api/v1/plans", tag = "plans", responses((status = 200, body = PlanList)))]
pub async fn list(State(api): State<Api>) -> Answer<Json<PlanList>> {
    let rows = api.service.store().plans().await?;
    Ok(Json(PlanList { plans: rows.iter().map(|row| present::plan(row, false)).collect() }))
}

/// A plan's newest revision with its text
#[utoipa::path(
    get, path = "/api/v1/plans/{name}", tag = "plans", params(("name" = String, Path)),
    responses((status = 200, body = PlanView), (status = 304, description = "As in `If-None-Match`"), (status = 404, body = ErrorView))
)]
pub async fn show(
    State(api): State<Api>,
    Named(name): Named<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    tagged(&find(&api, &name, None).await?, &headers)
}

/// All revisions of a plan, newest first
#[utoipa::path(
    get, path = "/api/v1/plans/{name}/revisions", tag = "plans", params(("name" = String, Path)),
    responses((status = 200, body = PlanList), (status = 404, body = ErrorView))
)]
pub async fn revisions(
    State(api): State<Api>,
    Named(name): Named<String>,
) -> Answer<Json<PlanList>> {
    let newest = find(&api, &name, None).await?;
    let mut rows = api.service.store().revisions(&newest.plan.name).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.revision));
    Ok(Json(PlanList { plans: rows.iter().map(|row| present::plan(row, false)).collect() }))
}

/// One revision of a plan with its text
#[utoipa::path(
    get, path = "/api/v1/plans/{name}/revisions/{revision}", tag = "plans",
    params(("name" = String, Path), ("revision" = u32, Path)),
    responses((status = 200, body = PlanView), (status = 304, description = "As in `If-None-Match`"), (status = 404, body = ErrorView))
)]
pub async fn revision(
    State(api): State<Api>,
    Named((name, revision)): Named<(String, u32)>,
    headers: HeaderMap,
) -> Answer<Response> {
    tagged(&find(&api, &name, Some(revision)).await?, &headers)
}

async fn find(api: &Api, name: &str, revision: Option<u32>) -> Answer<PlanRow> {
    let name = sent::name("plan", name)?;
    let row = api.service.store().plan(&name, revision).await?;
    row.ok_or_else(|| {
        Refusal::not_found(match revision {
            Some(revision) => format!("plan `{name}` has no revision {revision}"),
            None => format!("there is no plan `{name}`; `tidegate apply` it first"),
        })
    })
}

fn tagged(row: &PlanRow, headers: &HeaderMap) -> Answer<Response> {
    let tag = etag(row);
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(([(header::ETAG, tag)], Json(present::plan(row, true))).into_response())
}

fn etag(row: &PlanRow) -> HeaderValue {
    let text = format!("\"{}-{}\"", row.plan.name, row.revision);
    // A name has only letters that a header may hold.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"?\""))
}
