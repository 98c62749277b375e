//! Routes, kills and tokens.

use super::follow;
use crate::api::views::{At, InstanceView, KillView, RouteView, TokenView};
use crate::domain::Side;
use crate::store::{InstanceRow, Kill, Role, RouteRow, TokenRow};
use crate::traffic::Confirmation;

pub fn route(
    row: &RouteRow,
    confirmation: Option<&Confirmation>,
    instances: &[InstanceRow],
    standing: Option<&Kill>,
) -> RouteView {
    let instance = |i: &InstanceRow| InstanceView {
        node: i.node.clone(),
        acknowledged: i.acknowledged.0,
        follows: i.acknowledged >= row.generation,
        seen_at: At(i.seen),
    };
    let serving = row.labels[row.serving.index()].clone().or_else(|| row.route.serves.clone());
    RouteView {
        name: row.route.name.to_string(),
        labels: row.route.labels.clone(),
        splitter: row.route.split.word().to_owned(),
        serving_side: match row.serving {
            Side::A => "a".to_owned(),
            Side::B => "b".to_owned(),
        },
        serving,
        idle: row.labels[row.serving.other().index()].clone(),
        idle_weight_ppm: row.idle_weight().ppm(),
        generation: row.generation.0,
        holder: row.holder.as_ref().map(ToString::to_string),
        last_completed: row.last_completed.as_ref().map(ToString::to_string),
        kill: standing.map(kill),
        follow: confirmation.map(follow),
        instances: instances.iter().map(instance).collect(),
        dashboard: row.route.dashboard.clone(),
        changed_at: At(row.changed_at),
    }
}

pub fn kill(kill: &Kill) -> KillView {
    KillView {
        route: kill.route.to_string(),
        by: kill.by.to_string(),
        because: kill.because.clone(),
        at: At(kill.at),
    }
}

pub fn token(row: &TokenRow) -> TokenView {
    TokenView {
        name: row.name.clone(),
        role: role(row.role).to_owned(),
        groups: row.groups.clone(),
        created_at: At(row.created),
        revoked_at: row.revoked.map(At),
    }
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Provider => "provider",
        Role::Operator => "operator",
        Role::Approver => "approver",
        Role::Admin => "admin",
    }
}
